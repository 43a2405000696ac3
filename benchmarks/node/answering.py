"""How fast a node answers: getTip beside Echo, and JSON-RPC beside Bitcoin Core's node."""

from __future__ import annotations

import json
import selectors
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.node.figures import ratios, tell
from benchmarks.node.programs import Program, core_node, pynode, reach, running

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLS: Final = 2000
_CLIENTS: Final = 8
_SECONDS: Final = 1.0


def measure_tip(rounds: int) -> None:
    """Print how getTip compares with Echo over one connection."""
    print(f"getTip and Echo over IPC (min/median/max of {rounds} rounds of {_CALLS} calls)")
    with running(pynode()) as program, reach(program) as init:
        mining, echo = init.make_mining(), init.make_echo()
        assert mining is not None
        assert echo is not None
        echoes: list[float] = []
        tips: list[float] = []
        for _ in range(rounds + 1):
            echoes.append(_per_call(lambda: echo.echo("hello")))
            tips.append(_per_call(mining.get_tip))
        # The first round is for warming up.
        tell("Echo", [taken * 1e6 for taken in echoes[1:]], "µs")
        tell("getTip", [taken * 1e6 for taken in tips[1:]], "µs")
        tell("getTip to Echo", ratios(tips[1:], echoes[1:]), "times")


def _per_call(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(_CALLS):
        call()
    return (time.perf_counter() - started) / _CALLS


def measure_rpc(blocks: list[bytes], rounds: int) -> None:
    """Print rates and times of JSON-RPC over HTTP on the same chain."""
    core = core_node()
    with ExitStack() as stack:
        programs = {"pynode": stack.enter_context(running([*pynode(), "-server"]))}
        if core is None:
            print("  Bitcoin Core's node is not measured: set BITCOIN_NODE_V32")
        else:
            programs["bitcoin-node"] = stack.enter_context(running([core, "-server"]))
        for program in programs.values():
            with reach(program) as init:
                mining = init.make_mining()
                assert mining is not None
                for block in blocks:
                    assert mining.submit_block(block).result
        rates: dict[str, list[float]] = {name: [] for name in programs}
        times: dict[tuple[str, int], list[float]] = {(name, verbosity): [] for name in programs for verbosity in (1, 2)}
        for _ in range(rounds):
            for name, program in programs.items():
                rates[name].append(_rate(program))
                for verbosity in (1, 2):
                    times[name, verbosity].append(_block_time(program, verbosity))
    print(f"JSON-RPC over HTTP (min/median/max of {rounds} rounds)")
    for name in programs:
        tell(f"getblockcount, {_CLIENTS} keep-alive clients, {name}", rates[name], "calls/s")
    if core is not None:
        tell("getblockcount, rate to bitcoin-node's", ratios(rates["pynode"], rates["bitcoin-node"]), "times")
    for verbosity in (1, 2):
        what = f"getblock of a full block, verbosity {verbosity}"
        for name in programs:
            tell(f"{what}, {name}", [taken * 1e3 for taken in times[name, verbosity]], "ms")
        if core is not None:
            both = times["pynode", verbosity], times["bitcoin-node", verbosity]
            tell(f"{what}, time to bitcoin-node's", ratios(*both), "times")


def _request(program: Program, method: str, *params: object) -> bytes:
    body = json.dumps({"method": method, "params": params, "id": 1}).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: {program.authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _rate(program: Program) -> float:
    """Return calls per second of clients that each ask again as soon as they are answered, all in this thread."""
    request = _request(program, "getblockcount")
    with selectors.EpollSelector() as selector, ExitStack() as stack:
        for _ in range(_CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", program.rpc_port)))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(request)
            selector.register(client, selectors.EVENT_READ, client)
        count = 0
        end = time.perf_counter() + _SECONDS
        while time.perf_counter() < end:
            for key, _ in selector.select():
                answer = key.data.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200"), answer
                assert answer.rstrip().endswith(b"}")  # The whole answer fits in one read.
                key.data.sendall(request)
                count += 1
    return count / _SECONDS


def _block_time(program: Program, verbosity: int) -> float:
    """Return seconds until the last block has come as JSON."""
    with socket.create_connection(("127.0.0.1", program.rpc_port)) as client, client.makefile("rb") as stream:

        def ask(method: str, *params: object) -> bytes:
            client.sendall(_request(program, method, *params))
            length = 0
            while (line := stream.readline()) not in {b"\r\n", b""}:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            return stream.read(length)

        name = json.loads(ask("getbestblockhash"))["result"]
        started = time.perf_counter()
        answer = ask("getblock", name, verbosity)
        taken = time.perf_counter() - started
        assert len(json.loads(answer)["result"]["tx"]) > 1000
        return taken
