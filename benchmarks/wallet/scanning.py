"""What `rescanblockchain` takes of a wallet that has nothing in the chain: ours, and Bitcoin Core's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from benchmarks.mempool.caller import Caller
from benchmarks.node.chain_of_blocks import empty_blocks, full_blocks
from benchmarks.node.figures import tell
from benchmarks.node.programs import core_node, pynode, running

if TYPE_CHECKING:
    from collections.abc import Iterator

_EMPTY: Final = 10_000
_FULL: Final = 50
_DEFAULT: Final = "default"
_WATCH: Final = "watch"
_INDEX: Final = "basic block filter index"


def measure(rounds: int) -> None:
    """Print the figures of both programs."""
    leading, full = full_blocks(_FULL)
    chains = (
        (f"{_EMPTY} empty blocks", empty_blocks(_EMPTY), 0),
        (f"{_FULL} blocks of 2,600 payments", leading + full, len(leading) + 1),
    )
    print(f"Scanning the chain again by JSON-RPC (min/median/max of {rounds} rounds)")
    for words, blocks, start in chains:
        for who, command in _programs():
            for index in ("0", "1"):
                with running([*command, f"-blockfilterindex={index}"]) as program, Caller(program) as caller:
                    for block in blocks:
                        assert caller.call("submitblock", block.hex()) is None
                    while index == "1" and not caller.call("getindexinfo")[_INDEX]["synced"]:
                        time.sleep(0.1)
                    with_filters = " with filters" if index == "1" else ""
                    for name, times in _scans(caller, start, rounds):
                        tell(f"{who}: {words}, {name}{with_filters}", times, "s")


def _programs() -> Iterator[tuple[str, list[str]]]:
    yield "ours", pynode(wallet=True)
    core = core_node()
    if core is not None:
        yield "Core", [core]


def _scans(caller: Caller, start: int, rounds: int) -> Iterator[tuple[str, list[float]]]:
    """Scan with a wallet of 8,000 scripts, and with a wallet of one."""
    caller.call("createwallet", _DEFAULT)
    yield "8,000 scripts", _times(caller, start, rounds)
    caller.call("unloadwallet", _DEFAULT)
    caller.call("createwallet", _WATCH, True, True)
    described = caller.call("getdescriptorinfo", "addr(bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202)")["descriptor"]
    caller.call("importdescriptors", [{"desc": described, "timestamp": "now"}])
    yield "one script", _times(caller, start, rounds)


def _times(caller: Caller, start: int, rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        caller.call("rescanblockchain", start)
        times.append(time.perf_counter() - begun)
    return times
