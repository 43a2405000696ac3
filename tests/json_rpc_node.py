"""A node's program, Core's or ours, on regtest in a folder of its own, asked over HTTP."""

import base64
import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from running_programs import BIN, free_port, wait_for

WHO = "Basic " + base64.b64encode(b"me:secret").decode()
CORE = [version for version in ("31", "32") if os.environ.get(f"BITCOIN_NODE_V{version}")]


def core(version: str) -> Path:
    """Return the program of a release of Core."""
    return Path(os.environ[f"BITCOIN_NODE_V{version}"])


PYNODE = BIN / "pynode"


class AnswerError(Exception):
    """An RPC error: code and text."""


@dataclass
class JsonRpcNode:
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    connection: http.client.HTTPConnection | None = None
    batch_size: int = field(default=100, repr=False)

    @property
    def network_dir(self) -> Path:
        return self.folder / "regtest"

    @property
    def log(self) -> str:
        return (self.network_dir / "debug.log").read_text()

    def post(self, body: bytes, path: str = "/") -> Any:
        """Return the reply; numbers with a point stay texts."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            self.connection.request("POST", path, body, {"Authorization": WHO})
            return json.loads(self.connection.getresponse().read(), parse_float=str)
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise

    def get(self, target: str) -> tuple[int, bytes]:
        """Ask by REST."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", target)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, data

    def rpc(self, method: str, *params: Any, wallet: str | None = None) -> Any:
        result, error = self.reply(method, *params, wallet=wallet)
        if error is not None:
            raise AnswerError(error["code"], error["message"])
        return result

    def reply(self, method: str, *params: Any, wallet: str | None = None) -> Any:
        """Return result and error."""
        body = json.dumps({"method": method, "params": list(params), "id": 1}).encode()
        reply = self.post(body, "/" if wallet is None else f"/wallet/{wallet}")
        return reply["result"], reply["error"]

    def wallet(self, name: str, method: str, *params: Any) -> Any:
        """Ask a wallet."""
        result, error = self.wallet_reply(name, method, *params)
        if error is not None:
            raise AnswerError(error["code"], error["message"])
        return result

    def wallet_reply(self, name: str, method: str, *params: Any) -> Any:
        """Ask a wallet; return result and error."""
        reply = self.post(json.dumps({"method": method, "params": list(params), "id": 1}).encode(), f"/wallet/{name}")
        return reply["result"], reply["error"]

    def batch(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        """Return the results of many calls, none of which may fail."""
        body = [{"method": method, "params": params, "id": 1} for method, params in calls]
        replies = self.post(json.dumps(body).encode())
        assert [reply for reply in replies if reply["error"] is not None] == []
        return [reply["result"] for reply in replies]

    def blocks_above(self, height: int) -> Iterator[bytes]:
        """Return the blocks of the chain above a height."""
        for each in range(height + 1, self.rpc("getblockcount") + 1):
            yield bytes.fromhex(self.rpc("getblock", self.rpc("getblockhash", each), 0))

    def ready(self) -> bool:
        assert self.process.poll() is None, "the node ended"
        try:
            self.rpc("getblockcount")
        except (OSError, http.client.HTTPException, AnswerError):
            return False
        return True

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(30) == 0


@contextmanager
def json_rpc_node(program: Path, folder: Path, *options: str) -> Iterator[JsonRpcNode]:
    """Run a node until the end of the block."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [
            program, "-regtest", f"-datadir={folder}", f"-rpcport={port}", "-rpcuser=me", "-rpcpassword=secret",
            "-listen=0", "-server", "-rest", "-disablewallet", "-printtoconsole=0", *options,
        ]
    )  # fmt: skip
    node = JsonRpcNode(port, folder, process)
    try:
        wait_for(node.ready, "the node answers")
        yield node
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
        if node.connection is not None:
            node.connection.close()
