"""A listener that writes down what it hears, and short ways to make chains."""

from pathlib import Path

from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block

from common.chains import REGTEST
from node.block_tree import BlockEntry
from node.chainstate import BlockSource, Chainstate
from node.chainstate_options import ChainstateOptions


class Recorder:
    """Holds each event as a word and a hash, and that blocks are what they claim to be."""

    def __init__(self) -> None:
        self.events: list[tuple[str, bytes]] = []

    def block_connected(self, entry: BlockEntry, block: BlockSource) -> None:
        assert block_hash(block.bytes()) == entry.hash
        self.events.append(("connected", entry.hash))

    def block_disconnected(self, entry: BlockEntry, block: BlockSource) -> None:
        assert block_hash(block.bytes()) == entry.hash
        self.events.append(("disconnected", entry.hash))

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        assert isinstance(initial_download, bool)
        self.events.append(("tip", entry.hash))

    def header_tip(self, entry: BlockEntry) -> None:
        self.events.append(("header", entry.hash))

    def take(self, *words: str) -> list[tuple[str, bytes]]:
        """Return what was heard since the last time, of `words` only if there are any."""
        taken = [event for event in self.events if not words or event[0] in words]
        self.events.clear()
        return taken


def branch(count: int, parent: bytes = REGTEST_GENESIS_HASH, height: int = 0, extra: int = 0) -> list[bytes]:
    """Return `count` blocks on `parent`, which is at `height`."""
    blocks: list[bytes] = []
    for number in range(1, count + 1):
        blocks.append(build_block(parent, height + number, extra=extra))
        parent = block_hash(blocks[-1])
    return blocks


def open_chain(folder: Path, **options: object) -> Chainstate:
    """Open a regtest chain."""
    return Chainstate(folder, REGTEST, ChainstateOptions(**options))  # type: ignore[arg-type]


def feed(chain: Chainstate, blocks: list[bytes]) -> list[bytes]:
    """Process blocks that are all good and return their hashes."""
    for block in blocks:
        assert chain.process_block(block).accepted
    return [block_hash(block) for block in blocks]
