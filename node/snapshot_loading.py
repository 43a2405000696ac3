"""Going on from a file of coins: what the kernel and the coin index do together (Core: loadtxoutset)."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING, Final

from node import kernel_snapshots
from node.indexes.index import IndexFailedError
from node.kernel_snapshots import SnapshotError
from node.snapshot_reader import HEADER_SIZE, SnapshotFormatError, read_coins, read_header
from node.store import StoreError
from node.utxo_snapshot import message_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.indexes.indexes import Indexes
    from node.snapshot_reader import SnapshotHeader

log: Final = logging.getLogger()
_CHECK_INTERVAL: Final = 5000
_SPACE: Final = 3
"""How many times the file's size has to be free: the kernel cannot say that the disk is full, it ends the program."""
_HAVE_NO_INDEX: Final = "The coin index could not be made of the snapshot's coins"


def load_snapshot(
    chainstate: Chainstate, indexes: Indexes, path: Path, check: Callable[[], None], is_pool_empty: Callable[[], bool]
) -> tuple[BlockEntry, int]:
    """Return the block the chain stands on now and how many coins it has.

    `check` is called often and may raise. Raises SnapshotFormatError before the kernel was asked, SnapshotError when
    it refused, OSError, and as `Chainstate.load_snapshot`. What came to nothing leaves nothing.
    """
    with chainstate.symbols() as symbols:
        start = message_start(chainstate.chain.name, symbols.signet_challenge())
    with path.open("rb") as file:
        header = read_header(file, start)
        if shutil.disk_usage(chainstate.network_dir).free < _SPACE * path.stat().st_size:
            raise SnapshotError("Disk space is too low!")
        prepared = _is_worth_it(chainstate, header) and _prepare(indexes, header, file, check)
    try:
        with indexes.coins.paused(), chainstate.processing:
            if not is_pool_empty():
                raise SnapshotError("Can't activate a snapshot when mempool not empty")
            entry = chainstate.load_snapshot(path, HEADER_SIZE, header.base, header.count)
            if prepared:
                indexes.use_prepared_coins()
            else:
                indexes.coins.disable(_HAVE_NO_INDEX)
    finally:
        indexes.forget_prepared_coins()
    return entry, header.count


def _is_worth_it(chainstate: Chainstate, header: SnapshotHeader) -> bool:
    """Whether the kernel may take it, so that reading the coins is not in vain."""
    entry = chainstate.entry(header.base)
    with chainstate.symbols() as symbols:
        known = header.base in kernel_snapshots.known_snapshots(symbols)
        current, _ = kernel_snapshots.chains(symbols)
    return (
        known
        and current.snapshot_base is None
        and entry is not None
        and not entry.status.failed
        and entry.chain_work > chainstate.tip().chain_work
    )


def _prepare(indexes: Indexes, header: SnapshotHeader, file: BinaryIO, check: Callable[[], None]) -> bool:
    """Make a coin index of a snapshot's coins; False if the file is damaged, of which the kernel has more to say."""

    def coins() -> Iterator[tuple[bytes, bytes]]:
        for number, item in enumerate(read_coins(file, header.count)):
            if number % _CHECK_INTERVAL == 0:
                check()
            yield item

    try:
        indexes.prepare_coins(header.base, coins())
    except (SnapshotFormatError, StoreError, IndexFailedError) as error:
        log.warning("%s: %s", _HAVE_NO_INDEX, error)
        return False
    return True
