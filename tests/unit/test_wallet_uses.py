"""A wallet stays loaded until the calls that work with it have ended."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from common.chains import REGTEST
from primitives.descriptor import OutputType
from rpc.errors import RPC_WALLET_NOT_FOUND, RpcError
from rpc.request import Caller, Request
from rpc.server import MethodServer
from wallet.context import WalletContext
from wallet.keypool import Keypool
from wallet.loader import create_wallet, unload_all
from wallet.rpc.context import RpcContext
from wallet.rpc.table import full_table
from wallet.settings import WalletSettings
from wallet.uses import UnloadedError, Uses

if TYPE_CHECKING:
    from pathlib import Path


def test_the_end_waits_for_all_and_lets_nobody_in() -> None:
    uses = Uses()
    with uses.one(), uses.one():
        assert not uses.end(0.01)
        with pytest.raises(UnloadedError), uses.one():
            pytest.fail("too late")
    assert uses.end(0)


def test_a_wallet_is_unloaded_after_the_calls_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = WalletContext(REGTEST, tmp_path, WalletSettings(keypool=1))
    wallet, _ = create_wallet(context, "w")
    server = MethodServer(full_table(), RpcContext)
    server.finish_warmup(context)
    inside, go_on = threading.Event(), threading.Event()
    new_address = Keypool.new_address

    def slow(keypool: Keypool, kind: OutputType, label: str) -> bytes:
        inside.set()
        assert go_on.wait(10)
        return new_address(keypool, kind, label)

    monkeypatch.setattr(Keypool, "new_address", slow)
    with ThreadPoolExecutor(2) as threads:
        address = threads.submit(server.call, "getnewaddress")
        assert inside.wait(10)
        unloading = threads.submit(server.call, "unloadwallet", "w")
        while context.wallets():
            pass
        caller = Caller("/wallet/w")
        for method in ("getbalances", "unloadwallet"):
            with pytest.raises(RpcError) as info:
                server.execute(Request(caller, method=method, params=[]))
            assert info.value.code == RPC_WALLET_NOT_FOUND
        assert not unloading.done()
        with pytest.raises(UnloadedError), wallet.uses.one():
            pytest.fail("too late")
        go_on.set()
        assert address.result(10).startswith("bcrt1q")
        assert unloading.result(10) == {}
    unload_all(context)
