"""How long our own code takes per connected block, on top of the kernel's process_block.

    python -m benchmarks.connect_blocks [blocks]

Empty regtest blocks, the shortest there are, so the worst case. The kernel alone gets the same blocks through the
C API with its log going nowhere. Processor time is taken, as other programs may run; rounds alternate, and the best
of each counts. All work in temporary folders.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block

from common.chains import REGTEST
from common.log import LogOptions, start_logging
from node import kernel
from node.chainstate import BlockSource, Chainstate
from node.chainstate_options import ChainstateOptions
from node.kernel_session import KernelSession

_ROUNDS: Final = 5


class _Listener:
    """What an index does at least."""

    def __init__(self) -> None:
        self.blocks = 0

    def block_connected(self, entry: object, block: BlockSource) -> None:
        """Count."""
        del entry, block
        self.blocks += 1

    def block_disconnected(self, entry: object, block: BlockSource) -> None:
        """Ignore."""

    def tip_changed(self, entry: object, initial_download: bool) -> None:
        """Ignore."""

    def header_tip(self, entry: object) -> None:
        """Ignore."""


def make_blocks(count: int) -> list[bytes]:
    """Return a chain of empty blocks."""
    blocks: list[bytes] = []
    previous = REGTEST_GENESIS_HASH
    for height in range(1, count + 1):
        blocks.append(build_block(previous, height))
        previous = block_hash(blocks[-1])
    return blocks


def kernel_alone(blocks: list[bytes]) -> float:
    """Return the seconds the kernel takes for one block, with no callbacks of ours."""
    import ctypes

    with tempfile.TemporaryDirectory() as folder:
        session = KernelSession(Path(folder), REGTEST, ChainstateOptions(workers=1), None)
        new = ctypes.c_int()
        started = time.process_time()
        for data in blocks:
            block = kernel.block_create(data, len(data))
            kernel.manager_process_block(session.manager, block, new)
            kernel.block_destroy(block)
        taken = time.process_time() - started
        assert kernel.chain_get_height(session.chain) == len(blocks)
        session.close()
    return taken / len(blocks)


def with_ours(blocks: list[bytes], listeners: int) -> float:
    """Return the seconds we take for one block."""
    with tempfile.TemporaryDirectory() as folder:
        chainstate = Chainstate(Path(folder), REGTEST, ChainstateOptions(workers=1))
        for _ in range(listeners):
            chainstate.add_listener(_Listener())
        started = time.process_time()
        for data in blocks:
            chainstate.process_block(data)
        taken = time.process_time() - started
        assert chainstate.tip().height == len(blocks)
        chainstate.close()
    return taken / len(blocks)


def main() -> None:
    """Measure and print."""
    blocks = make_blocks(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    alone: list[float] = []
    ours: dict[str, list[float]] = {"Chainstate": [], "with two listeners": [], "and debug.log": []}
    for _ in range(_ROUNDS):
        alone.append(kernel_alone(blocks))
        ours["Chainstate"].append(with_ours(blocks, 0))
        ours["with two listeners"].append(with_ours(blocks, 2))
        with tempfile.NamedTemporaryFile() as file, start_logging(LogOptions(path=Path(file.name))):
            ours["and debug.log"].append(with_ours(blocks, 2))
    base = min(alone)
    print(f"{'kernel alone':20} {base * 1e6:7.1f} us a block")
    for name, taken in ours.items():
        print(f"{name:20} {min(taken) * 1e6:7.1f} us a block, {(min(taken) / base - 1) * 100:+.1f} %")


if __name__ == "__main__":
    main()
