"""How much memory many payments take in the mempool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.mempool.admitting import AS_ON_MAIN, load_chain
from benchmarks.mempool.caller import Caller
from benchmarks.mempool.payments import RecentChain, payments
from benchmarks.node.figures import tell
from benchmarks.node.programs import core_node, pynode, running

if TYPE_CHECKING:
    from benchmarks.node.programs import Program

_COUNT: Final = 50_000


def measure(rounds: int) -> None:
    """Print the figures, of one round whatever `rounds` says: memory varies little."""
    del rounds
    chain = RecentChain(_COUNT)
    raw = [each.serialize().hex() for each in payments(chain.coins)]
    print(f"{_COUNT} payments from one output to two in the mempool")
    ours = _one([*pynode(), "-server"], chain.blocks, raw, "pynode")
    core = core_node()
    if core is None:
        print("  Bitcoin Core's node is not measured: set BITCOIN_NODE_V32")
        return
    theirs = _one([core, *AS_ON_MAIN], chain.blocks, raw, "bitcoin-node")
    tell("grown memory of pynode to bitcoin-node's reported usage", [ours[0] / theirs[1]], "times")


def _one(command: list[str], blocks: list[bytes], raw: list[str], name: str) -> tuple[float, float]:
    with running(command) as program:
        load_chain(program, blocks)
        with Caller(program) as caller:
            before = _memory(program)
            for each in raw:
                caller.call("sendrawtransaction", each)
            grown = _memory(program) - before
            usage = caller.call("getmempoolinfo")["usage"]
    tell(f"grown memory of {name}", [grown / len(raw)], "bytes each")
    tell(f"usage that {name} reports", [usage / len(raw)], "bytes each")
    return grown, usage


def _memory(program: Program) -> float:
    return float(psutil.Process(program.pid).memory_info().rss)
