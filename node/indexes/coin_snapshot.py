"""A coin index that begins with the coins of a snapshot instead of the first block.

It is written beside the one in use, in the folder `coins_snapshot`, before the kernel takes the snapshot, and takes its
place afterwards. Whatever a crash leaves of it is taken at the next start if the kernel stands on that snapshot
and the index in use does not reach it, and else removed.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from node.indexes.coins import COUNT, FORMAT
from node.indexes.index import BEST
from node.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BATCH: Final = 100_000
_NAME: Final = "coins_snapshot"


def write(coins_folder: Path, base: bytes, coins: Iterable[tuple[bytes, bytes]]) -> None:
    """Write an index whose best block is `base` and whose coins are these. Raises StoreError and what `coins` does."""
    store = Store(coins_folder.with_name(_NAME), FORMAT, wipe=True)
    try:
        count = 0
        batch: dict[bytes, bytes] = {}
        for key, value in coins:
            batch[key] = value
            count += 1
            if len(batch) >= _BATCH:
                store.write(batch)
                batch.clear()
        store.write(batch)
        store.write({BEST: base, COUNT: count.to_bytes(8, "little")}, sync=True)
    finally:
        store.close()


def is_complete(coins_folder: Path, base: bytes) -> bool:
    """Whether there is one, all of it, with `base` as best block. Raises StoreError."""
    return best_of(coins_folder.with_name(_NAME)) == base


def best_of(folder: Path) -> bytes | None:
    """Return the best block of a coin index, None if it has none or is not there. Raises StoreError."""
    if not folder.exists():
        return None
    store = Store(folder, FORMAT)
    try:
        return store.get(BEST)
    finally:
        store.close()


def adopt(coins_folder: Path) -> None:
    """Put it in the place of the index in use, which must be closed. Raises OSError."""
    shutil.rmtree(coins_folder, ignore_errors=True)
    coins_folder.with_name(_NAME).rename(coins_folder)


def remove(coins_folder: Path) -> None:
    """Remove it, if there is one."""
    shutil.rmtree(coins_folder.with_name(_NAME), ignore_errors=True)
