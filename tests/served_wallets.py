"""Wallets beside a node on regtest, asked directly and over a real connection."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from regtest_node import RegtestInit, RegtestNode, regtest_node
from signing_device import command

from cli.chain_source import NodeChainSource
from cli.program_init import ProgramInit
from common.chains import REGTEST
from interfaces.init import PynodeInit
from interfaces.wallet import ChainSource, Wallet, WalletLoader
from ipc import Ipc
from wallet.context import WalletContext
from wallet.served import LocalWalletLoader
from wallet.settings import WalletSettings


def load(folder: Path, node: ChainSource, engines: list[LocalWalletLoader]) -> LocalWalletLoader:
    remembered: dict[str, bool] = {}

    def remember(name: str, wanted: bool) -> bool:
        remembered[name] = wanted
        return True

    context = WalletContext(
        REGTEST,
        folder,
        WalletSettings(keypool=3, signer=command(folder.parent / "device")),
        chain=node.make_chain(),
        make_events=node.make_events,
        remember=remember,
        tell_loaded=node.hear_loaded,
    )
    engines.append(LocalWalletLoader(context, []))
    return engines[-1]


class WalletProgram(ProgramInit):
    """A process that has wallets."""

    def __init__(self, folder: Path, engines: list[LocalWalletLoader]) -> None:
        super().__init__()
        self.folder = folder
        self.engines = engines

    def make_wallet_loader(self, node: ChainSource) -> WalletLoader:
        return load(self.folder, node, self.engines)


@pytest.fixture
def local(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        yield node


@pytest.fixture
def heard() -> list[list[str]]:
    """What the node heard of which wallets are loaded."""
    return []


@pytest.fixture
def engines() -> list[LocalWalletLoader]:
    """What has the wallets, in this process also where it is asked over a connection."""
    return []


@pytest.fixture(params=["direct", "ipc"])
def loader(
    request: pytest.FixtureRequest,
    local: RegtestNode,
    heard: list[list[str]],
    engines: list[LocalWalletLoader],
    tmp_path: Path,
) -> Iterator[WalletLoader]:
    folder = tmp_path / "wallets"
    folder.mkdir()
    source = NodeChainSource(RegtestInit(local), heard.append)
    if request.param == "direct":
        with load(folder, source, engines) as made:
            assert made.load_wallets() == []
            yield made
        local.services.interrupt()
        return
    with (
        Ipc("pywallet", sys.argv[0], WalletProgram(folder, engines), data_dir=tmp_path) as program,
        Ipc("pynode", sys.argv[0], RegtestInit(local)) as node,
    ):
        init = node.connect_address(program.listen_address("unix"), PynodeInit)
        assert init is not None
        with init, init.make_wallet_loader(source) or pytest.fail("no wallets") as there:
            assert there.load_wallets() == []
            yield there
        local.services.interrupt()


def made(loader: WalletLoader, name: str = "w", passphrase: str = "", **options: bool) -> Wallet:
    assert loader.create_wallet(name, passphrase, **options) == []
    wallet = loader.get_wallet(name)
    assert wallet is not None
    return wallet


def call(loader: WalletLoader, method: str, *params: Any, uri: str = "/") -> Any:
    reply = loader.make_rpc().execute_rpc(json.dumps({"method": method, "params": params}), uri, "me")
    return json.loads(reply)
