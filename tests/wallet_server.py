"""Wallets of this process asked by JSON-RPC, on a node of this process or without one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from json_rpc_node import AnswerError
from regtest_node import RegtestNode

from common.chains import REGTEST
from interfaces.rpc import Rpc
from node.chain import LocalChain
from node.events import LocalEvents
from rpc.server import RpcOptions
from wallet.context import WalletContext
from wallet.served import LocalWalletLoader
from wallet.settings import WalletSettings


@dataclass
class WalletServer:
    """All wallets of a folder."""

    loader: LocalWalletLoader
    server: Rpc

    @property
    def context(self) -> WalletContext:
        return self.loader.context

    def reply(self, method: str, *params: Any, wallet: str | None = None) -> Any:
        """Return result and error; numbers with a point stay texts."""
        request = {"jsonrpc": "1.0", "method": method, "params": list(params), "id": 1}
        uri = "/" if wallet is None else f"/wallet/{wallet}"
        reply = json.loads(self.server.execute_rpc(json.dumps(request), uri, "me"), parse_float=str)
        return reply["result"], reply["error"]

    def rpc(self, method: str, *params: Any, wallet: str | None = None) -> Any:
        result, error = self.reply(method, *params, wallet=wallet)
        if error is not None:
            raise AnswerError(error["code"], error["message"])
        return result


@contextmanager
def wallet_server(
    folder: Path, node: RegtestNode | None = None, *deprecated: str, keypool: int = 20, signer: str = ""
) -> Iterator[WalletServer]:
    """Serve the wallets of a folder until the end of the block."""
    folder.mkdir(exist_ok=True)
    settings = WalletSettings(keypool=keypool, signer=signer)
    if node is None:
        context = WalletContext(REGTEST, folder, settings)
    else:
        services = node.services
        context = WalletContext(
            REGTEST,
            folder,
            settings,
            chain=LocalChain(services),
            make_events=lambda: LocalEvents(services.events(), services.deliveries),
        )
    loader = LocalWalletLoader(context, [], RpcOptions(deprecated=frozenset(deprecated), doc_check=True))
    server = loader.make_rpc()
    try:
        yield WalletServer(loader, server)
    finally:
        server.close()
        loader.close()
