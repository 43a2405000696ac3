"""A program for tests: grows a chain with spends and forks under all indexes, which commit at once, until killed."""

import sys
from pathlib import Path
from random import Random

from block_factory import block_hash, build_block, spend

from common.chains import REGTEST
from node.block_scanner import scan_block, script_of
from node.chainstate import Chainstate
from node.indexes import thread
from node.indexes.indexes import Indexes, IndexOptions

ALL = IndexOptions(transactions=True, filters=True, coin_stats=True, spenders=True)
MATURE = 100


class Grower:
    """Makes valid blocks on any block of a chain."""

    def __init__(self, chainstate: Chainstate, random: Random) -> None:
        self.chainstate = chainstate
        self.random = random

    def grow(self, parent: bytes, height: int) -> bytes:
        """Add a block that spends a few coins on a parent; return its hash."""
        transactions = []
        coins = self.coins_at(parent, height)
        for prevout in self.random.sample(sorted(coins), min(3, len(coins))):
            value = coins[prevout]
            transactions.append(spend(prevout, value // 2, value // 3, 7))
        block = build_block(parent, height, extra=self.random.randrange(2**40), transactions=transactions)
        self.chainstate.process_block(block)
        return block_hash(block)

    def coins_at(self, block: bytes, height: int) -> dict[bytes, int]:
        """Return coins anybody can spend in a child of a block: coinbases that are mature there."""
        entry = self.chainstate.entry(block)
        if entry is None or height <= MATURE:
            return {}
        coins = {}
        spent: set[bytes] = set()
        while entry is not None and height - entry.height < MATURE + 12:
            scanned = scan_block(self.chainstate.read_block(entry))
            spent.update(prevout for tx in scanned for prevout in tx.prevouts)
            if height - entry.height >= MATURE and entry.height:
                coinbase = scanned[0]
                output = coinbase.outputs[0]
                if script_of(output) == b"\x51":
                    coins[coinbase.txid + bytes(4)] = int.from_bytes(output[:8], "little")
            entry = entry.previous
        return {prevout: value for prevout, value in coins.items() if prevout not in spent}


def main(folder: str, seed: str) -> None:
    """Run until killed."""
    random = Random(seed)
    thread._COMMIT_INTERVAL = 0.005  # type: ignore[misc]
    chainstate = Chainstate(Path(folder), REGTEST)
    indexes = Indexes(Path(folder) / "indexes", "regtest", chainstate, ALL, print)
    indexes.start()
    grower = Grower(chainstate, random)
    while True:
        tip = chainstate.tip()
        depth = random.choice((0, 0, 0, 1, 3)) if tip.height > 10 else 0
        base = tip.ancestor(tip.height - depth)
        block = base.hash
        for number in range(depth + random.randrange(1, 4)):
            block = grower.grow(block, base.height + 1 + number)
        sys.stdout.write(f"{chainstate.tip().height}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
