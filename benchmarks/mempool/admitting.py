"""How fast signed payments get into the mempool, and how fast a block connects that holds all of them."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.mempool.caller import Caller
from benchmarks.mempool.payments import RecentChain, payments
from benchmarks.node.figures import ratios, tell
from benchmarks.node.programs import core_node, pynode, reach, running

if TYPE_CHECKING:
    from benchmarks.node.programs import Program

_COUNT: Final = 5000
AS_ON_MAIN: Final = ("-server", "-checkmempool=0", "-checkblockindex=0")
"""Regtest's nodes check their whole mempool after each admission; those of users do not."""


@dataclass(frozen=True, slots=True)
class _Taken:
    rate: float
    """Admissions a second."""
    block: float
    """Seconds until a block with all of them was connected."""


def measure(rounds: int) -> None:
    """Print the figures."""
    chain = RecentChain(_COUNT)
    made = list(payments(chain.coins))
    raw = [each.serialize().hex() for each in made]
    leading = list(chain.blocks)
    fees = sum(
        coin.value - sum(out.value for out in each.outputs) for coin, each in zip(chain.coins, made, strict=True)
    )
    block = chain.add(made, fees).serialize()
    core = core_node()
    commands = {"pynode": [*pynode(), "-server"]}
    if core is None:
        print("  Bitcoin Core's node is not measured: set BITCOIN_NODE_V32")
    else:
        commands["bitcoin-node"] = [core, *AS_ON_MAIN]
    taken: dict[str, list[_Taken]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            with running(command) as program:
                taken[name].append(_one(program, leading, raw, block))
    print(f"{_COUNT} payments from one output to two, signed (min/median/max of {rounds} rounds)")
    for name in commands:
        tell(f"sendrawtransaction, one client, {name}", [each.rate for each in taken[name]], "calls/s")
        tell(f"a block with all of them connects, {name}", [each.block * 1e3 for each in taken[name]], "ms")
    if core is not None:
        ours, theirs = taken["pynode"], taken["bitcoin-node"]
        tell("admissions, rate to bitcoin-node's", ratios([x.rate for x in ours], [x.rate for x in theirs]), "times")
        tell("block, time to bitcoin-node's", ratios([x.block for x in ours], [x.block for x in theirs]), "times")


def load_chain(program: Program, blocks: list[bytes]) -> None:
    """Give a node these blocks."""
    with reach(program) as init:
        mining = init.make_mining()
        assert mining is not None
        for block in blocks:
            verdict = mining.submit_block(block)
            assert verdict.result, verdict


def _one(program: Program, leading: list[bytes], raw: list[str], block: bytes) -> _Taken:
    load_chain(program, leading)
    with ExitStack() as stack:
        caller = stack.enter_context(Caller(program))
        requests = [caller.request("sendrawtransaction", each) for each in raw]
        started = time.perf_counter()
        for request in requests:
            caller.send(request)
        admitted = time.perf_counter()
        assert caller.call("getmempoolinfo")["size"] == len(raw)
        init = stack.enter_context(reach(program))
        mining = init.make_mining()
        assert mining is not None
        sent = time.perf_counter()
        verdict = mining.submit_block(block)
        connected = time.perf_counter()
        assert verdict.result, verdict
        assert caller.call("getmempoolinfo")["size"] == 0
    return _Taken(len(raw) / (admitted - started), connected - sent)
