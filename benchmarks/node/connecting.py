"""How long blocks take to connect: the kernel alone, our chain with the indexes of the default, and with each index."""

from __future__ import annotations

import ctypes
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.node.figures import ratios, tell
from common.chains import REGTEST
from node import kernel
from node.chainstate import Chainstate
from node.chainstate_options import ChainstateOptions
from node.event_source import EventSource
from node.indexes.indexes import Indexes, IndexOptions
from node.kernel_session import KernelSession

if TYPE_CHECKING:
    from collections.abc import Callable

_CASES: Final = {
    "default options (coin index)": IndexOptions(),
    "with -txindex": IndexOptions(transactions=True),
    "with -blockfilterindex": IndexOptions(filters=True),
    "with -coinstatsindex": IndexOptions(coin_stats=True),
}


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds for all blocks: until the last is connected, until it is indexed too, and of processors' time."""

    connected: float
    indexed: float
    processor: float


def kernel_alone(leading: list[bytes], blocks: list[bytes]) -> Taken:
    """Give the kernel the same blocks with nothing of ours around it."""
    with tempfile.TemporaryDirectory() as folder:
        session = KernelSession(Path(folder), REGTEST, ChainstateOptions(), None)
        new = ctypes.c_int()

        def process(data: bytes) -> None:
            block = kernel.block_create(data, len(data))
            kernel.manager_process_block(session.manager, block, new)
            kernel.block_destroy(block)

        for data in leading:
            process(data)
        taken = _time(process, blocks, lambda: None)
        assert kernel.chain_get_height(session.chain) == len(leading) + len(blocks)
        session.close()
    return taken


def ours(leading: list[bytes], blocks: list[bytes], options: IndexOptions) -> Taken:
    """Connect them as a node does."""
    with tempfile.TemporaryDirectory() as folder:
        chainstate = Chainstate(Path(folder), REGTEST)
        indexes = Indexes(Path(folder) / "indexes", REGTEST.name, chainstate, options, logging.error)
        indexes.start()
        events = EventSource(chainstate)
        for data in leading:
            chainstate.process_block(data)
        everything = [indexes.coins, *indexes.optional]

        def wait() -> None:
            while not all(index.synced and index.wait_until_synced() for index in everything):
                time.sleep(0.001)

        wait()
        taken = _time(chainstate.process_block, blocks, wait)
        assert chainstate.tip().height == len(leading) + len(blocks)
        events.close()
        indexes.stop()
        chainstate.close()
    return taken


def _time(process: Callable[[bytes], object], blocks: list[bytes], finish: Callable[[], None]) -> Taken:
    started, processor = time.perf_counter(), time.process_time()
    for data in blocks:
        process(data)
    connected = time.perf_counter()
    finish()
    return Taken(connected - started, time.perf_counter() - started, time.process_time() - processor)


def measure(name: str, leading: list[bytes], blocks: list[bytes], rounds: int) -> None:
    """Print the figures of some blocks."""
    print(f"Connecting {len(blocks)} {name} blocks, to the kernel alone (min/median/max of {rounds} rounds)")
    alone: list[Taken] = []
    taken: dict[str, list[Taken]] = {case: [] for case in _CASES}
    for _ in range(rounds):
        alone.append(kernel_alone(leading, blocks))
        for case, options in _CASES.items():
            taken[case].append(ours(leading, blocks, options))
    tell("kernel alone", [one.connected / len(blocks) * 1e3 for one in alone], "ms a block")
    base = [one.connected for one in alone]
    work = [one.processor for one in alone]
    for case, found in taken.items():
        tell(f"{case}, connected", ratios([one.connected for one in found], base), "times")
        tell(f"{case}, indexed too", ratios([one.indexed for one in found], base), "times")
        tell(f"{case}, processor time", ratios([one.processor for one in found], work), "times")
