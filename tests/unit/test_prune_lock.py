"""Blocks that an index or a client still needs are not pruned."""

import time
from pathlib import Path

from chain_recorder import branch, feed, open_chain

from node.chainstate_options import PRUNE_MANUALLY
from node.prune_lock import PruneLock
from node.prune_lock import first_needed as first_needed_by


def test_the_lowest_need_counts() -> None:
    assert first_needed_by(50, None) == 50
    assert first_needed_by(50, 40) == 40
    assert first_needed_by(50, 60) == 50
    assert first_needed_by(None, 40) is None


def test_lock_moves_with_the_index(tmp_path: Path) -> None:
    chain = open_chain(tmp_path, prune_target=PRUNE_MANUALLY, fast_prune=True)
    needed: int | None = 50
    asked: list[int] = []

    def first_needed() -> int | None:
        asked.append(chain.tip().height)
        return needed

    lock = PruneLock(chain, first_needed)
    feed(chain, branch(1000))
    deadline = time.monotonic() + 10
    while asked[-1] < 900 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert asked[-1] >= 900
    chain.prune(700)
    assert chain.prune_height() is None
    needed = None
    lock.refresh()
    chain.prune(700)
    assert chain.prune_height() is None
    needed = 600
    lock.refresh()
    chain.prune(700)
    assert 0 < (chain.prune_height() or 0) < 600
    lock.close()
    lock.close()
    chain.close()
