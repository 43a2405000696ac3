"""Indexes of a real chain in a process that is killed at any moment."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from block_factory import block_hash
from conftest import wait_until
from index_writer import ALL

from common.chains import REGTEST
from node.block_scanner import is_unspendable, scan_block, script_of
from node.chainstate import Chainstate
from node.indexes.indexes import Indexes
from primitives import gcs
from primitives.muhash import MuHash3072

WRITER = Path(__file__).parent.parent / "index_writer.py"


def check_all(folder: Path) -> int:
    """Compare every index with what the blocks of the best chain say; return the height."""
    chainstate = Chainstate(folder, REGTEST)
    failures: list[str] = []
    indexes = Indexes(folder / "indexes", "regtest", chainstate, ALL, failures.append)
    indexes.start()
    try:
        for thread in (indexes.coins, *indexes.optional):
            wait_until(lambda thread=thread: thread.synced, "the index has caught up")  # type: ignore[misc]
            assert thread.wait_until_synced()
            thread.commit()
        assert failures == []
        assert indexes.filters is not None
        assert indexes.transactions is not None
        assert indexes.coin_stats is not None
        coins: dict[bytes, bytes] = {}
        header = bytes(32)
        for height in range(chainstate.tip().height + 1):
            entry = chainstate.at(height)
            assert entry is not None
            data = chainstate.read_block(entry)
            assert block_hash(data) == entry.hash
            scripts, spent = [], []
            for number, tx in enumerate(scan_block(data)):
                if number:
                    spent += [script_of(coins.pop(prevout)[4:]) for prevout in tx.prevouts]
                for index, output in enumerate(tx.outputs):
                    scripts.append(script_of(output))
                    if height and not is_unspendable(output):
                        code = (height << 1 | (not number)).to_bytes(4, "little")
                        coins[tx.txid + index.to_bytes(4, "little")] = code + output
                if height:
                    found = indexes.transactions.index.find(tx.txid, chainstate)
                    assert found is not None
                    assert found.entry == entry
            encoded = gcs.encode(gcs.basic_elements(scripts, spent), entry.hash)
            assert indexes.filters.index.filter_of(entry) == encoded
            header = gcs.filter_header(gcs.filter_hash(encoded), header)
            assert indexes.filters.index.header_of(entry) == header
        with indexes.coins.index.committed() as committed:
            assert dict(committed) == coins
        muhash = MuHash3072()
        for key, value in coins.items():
            muhash.insert(key + value)
        stats = indexes.coin_stats.index.stats_of(chainstate.tip())
        assert stats is not None
        assert stats.muhash == muhash.digest()
        assert indexes.coins.committed == chainstate.tip()
        return chainstate.tip().height
    finally:
        indexes.stop()
        chainstate.close()


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    reached = 0
    for round_ in range(4):
        writer = subprocess.Popen(
            [sys.executable, str(WRITER), str(tmp_path), str(random.random())], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        target = (130 if not round_ else reached) + random.randrange(5, 40)
        while int(writer.stdout.readline()) < target:
            assert writer.poll() is None
        writer.kill()
        writer.wait()
        writer.stdout.close()
        reached = check_all(tmp_path)
    assert reached > 100
