"""The coin index: every unspent output of the best chain.

Key: the outpoint as inputs have it, 36 bytes; other keys are shorter. Value: `node.coin.encode_coin`; together they
are what UTXO set hashes take of a coin. What blocks change is kept in memory until a commit, so a coin that comes
and goes in between never reaches the disk, and what is on disk is exactly the coins at its best block.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from node.block_scanner import is_unspendable
from node.coin import Coin, decode_coin, encode_coin
from node.indexes.index import BEST, Index

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from node.block_scanner import ScannedTransaction
    from node.indexes.blocks import IndexedBlock
    from node.indexes.chain import Entry
    from node.store import Snapshot, Store

COUNT: Final = b"N"
"""The key of the number of coins."""
_KEY_SIZE: Final = 36
_INDEXES: Final = tuple(number.to_bytes(4, "little") for number in range(4096))
_RETURN: Final = b"\x6a"
_SHORT: Final = 9 + 0xFC
_MOST_OUTPUTS: Final = 4_000_000 // (4 * 9)
_MADE_SIZE: Final = 250
_SPENT_SIZE: Final = 130
_DUPLICATED: Final = frozenset((91842, 91880))
"""Heights of main's two coinbases whose id an earlier one had; its outputs are overwritten (BIP30)."""

FORMAT: Final = b"pynode coins 1"


class CoinIndex(Index):
    """See above."""

    name = "coin index"
    thread_name = "coinidx"
    needs_undo = False
    allows_pruning = True

    def __init__(self, store: Store) -> None:
        """Keep everything in `store`."""
        super().__init__(store)
        self._made: dict[bytes, bytes] = {}
        # Outpoints that the store may hold and that are gone, unless `_made` has them.
        self._spent: set[bytes] = set()
        self._block_bytes = 0
        self._count = 0

    def load(self, best: Entry | None) -> None:
        """Read how many coins there are. Raises StoreError."""
        del best
        self._count = int.from_bytes(self.store.get(COUNT) or b"", "little")

    def append(self, block: IndexedBlock) -> None:
        """Spend and make what the block does."""
        height = block.entry.height
        if not height:
            return  # The first block's output cannot be spent.
        transactions = block.transactions()
        if height in _DUPLICATED:
            self._overwrite(transactions[0])
        made = self._made
        pop, spend = made.pop, self._spent.add
        before, spends = len(made), 0
        self._make(transactions[0], (height << 1 | 1).to_bytes(4, "little"))
        code = (height << 1).to_bytes(4, "little")
        for transaction in transactions[1:]:
            for prevout in transaction.prevouts:
                if pop(prevout, None) is None:
                    spend(prevout)
                    spends += 1
            self._make(transaction, code)
        # Every change of `made` is a coin, and every coin spent that was not there is in the store.
        self._count += len(made) - before - spends
        self._block_bytes += len(block.data())

    def _make(self, transaction: ScannedTransaction, code: bytes) -> None:
        txid, outputs, made = transaction.txid, transaction.outputs, self._made
        for index, output in zip(_indexes(len(outputs)), outputs, strict=False):
            if (output[9:10] == _RETURN or len(output) > _SHORT) and is_unspendable(output):
                continue
            made[txid + index] = code + output

    def _overwrite(self, transaction: ScannedTransaction) -> None:
        for index in _indexes(len(transaction.outputs)):
            key = transaction.txid + index
            self._made.pop(key, None)
            self._spent.add(key)
            self._count -= 1

    def remove(self, block: IndexedBlock) -> None:
        """Take back what the block made and give back what it spent."""
        if not block.entry.height:
            return
        made, spent = self._made, self._spent
        transactions = block.transactions()
        undo = [(), *block.undo()]
        for transaction, coins in zip(reversed(transactions), reversed(undo), strict=True):
            for index, output in zip(_indexes(len(transaction.outputs)), transaction.outputs, strict=False):
                if is_unspendable(output):
                    continue
                key = transaction.txid + index
                if made.pop(key, None) is None:
                    spent.add(key)
                self._count -= 1
            if coins:
                made.update(zip(transaction.prevouts, map(encode_coin, coins), strict=True))
                self._count += len(coins)
        self._block_bytes += len(block.data())

    @property
    def pending_bytes(self) -> int:
        """About how much memory a commit would free."""
        return len(self._made) * _MADE_SIZE + len(self._spent) * _SPENT_SIZE + self._block_bytes

    def commit(self, best: Entry) -> None:
        """Write the coins that changed. Raises StoreError."""
        made = self._made
        puts = {key: made[key] for key in sorted(made)}
        puts[BEST] = best.hash
        puts[COUNT] = self._count.to_bytes(8, "little")
        self.store.write(puts, sorted(self._spent.difference(made)), sync=True)
        made.clear()
        self._spent.clear()
        self._block_bytes = 0

    @property
    def count(self) -> int:
        """How many coins there are."""
        return self._count

    def get_raw(self, outpoint: bytes) -> bytes | None:
        """Return the coin at an outpoint, 36 bytes, in its stored form. Raises StoreError."""
        found = self._made.get(outpoint)
        if found is None and outpoint not in self._spent:
            found = self.store.get(outpoint)
        return found

    def get(self, outpoint: bytes) -> Coin | None:
        """Return the coin at an outpoint, 36 bytes. Raises StoreError."""
        found = self.get_raw(outpoint)
        return None if found is None else decode_coin(found)

    def height_of(self, txid: bytes) -> int | None:
        """Return the height of a transaction that has a coin. Raises StoreError."""
        for index in _indexes(_MOST_OUTPUTS) if self._made else ():
            found = self._made.get(txid + index)
            if found is not None:
                return decode_coin(found).height
        for key, value in self.store.items(txid):
            if len(key) == _KEY_SIZE and key not in self._spent:
                return decode_coin(value).height
        return None

    @contextmanager
    def committed(self) -> Iterator[CoinSet]:
        """Give all coins as of the last commit. Raises StoreError."""
        with self.store.snapshot() as snapshot:
            yield CoinSet(snapshot, self._count, self.store.approximate_size())


class CoinSet:
    """All coins at one block."""

    def __init__(self, snapshot: Snapshot, count: int, disk_size: int) -> None:
        """Wrap a snapshot of the index's store."""
        self.count = count
        self.disk_size = disk_size
        self._snapshot = snapshot

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Give outpoint and coin, in stored form, sorted by outpoint as bytes. Raises StoreError."""
        for item in self._snapshot.items(b""):
            if len(item[0]) == _KEY_SIZE:
                yield item


def _indexes(count: int) -> Iterable[bytes]:
    return _INDEXES if count <= len(_INDEXES) else (number.to_bytes(4, "little") for number in range(count))
