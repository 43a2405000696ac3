"""The index of UTXO set statistics: what gettxoutsetinfo tells, for every block (Core: src/index/coinstatsindex.h).

Key: `s`, height, block hash; value: the MuHash of all coins and running sums. The state of the MuHash is kept once,
for the best block, and written with it.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Final

from node.block_scanner import is_unspendable, script_of
from node.coin import encode_coin
from node.indexes.index import BEST, Index, IndexFailedError
from primitives.muhash import MuHash3072

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.indexes.blocks import IndexedBlock
    from node.indexes.chain import Entry
    from node.store import Store

_STATS: Final = b"s"
_STATE: Final = b"M"
_SIZES: Final = (8, 8, 8, 8, 32, 32, 32, 8, 8, 8, 8)
_BOGO_SIZE: Final = 32 + 4 + 4 + 8 + 2
_SUBSIDY: Final = 50 * 100_000_000
_LAST_HALVING: Final = 64
_OVERWRITTEN: Final = {
    91722: "00000000000271a2dc26e7667f8419f2e15416dc6955e5a6c6cdf3f2574dd08e",
    91812: "00000000000af0aed4792b1acee3d966af36cf5def14935db8de83d6f9306f2f",
}
"""Blocks of main whose coinbase a later one of the same id overwrote (BIP30)."""

FORMAT: Final = b"pynode coin statistics 1"


@dataclass(frozen=True, slots=True)
class CoinStats:
    """Sums over the coins after a block, and over all that blocks up to it did; in satoshis and bytes."""

    output_count: int = 0
    bogo_size: int = 0
    total_amount: int = 0
    total_subsidy: int = 0
    spent: int = 0
    """Value of all outputs spent."""
    made: int = 0
    """Value of all outputs made outside of coinbases that can be spent."""
    coinbase: int = 0
    """Value of all outputs of coinbases that can be spent."""
    unspendable_genesis: int = 0
    unspendable_bip30: int = 0
    unspendable_scripts: int = 0
    unclaimed: int = 0
    """Rewards that miners did not take."""

    @property
    def unspendable(self) -> int:
        """Everything that is lost."""
        return self.unspendable_genesis + self.unspendable_bip30 + self.unspendable_scripts + self.unclaimed


@dataclass(frozen=True, slots=True)
class BlockStats:
    """The statistics after one block."""

    muhash: bytes
    stats: CoinStats


class CoinStatsIndex(Index):
    """See above."""

    name = "coinstatsindex"
    thread_name = "coinstatsidx"
    needs_undo = True
    allows_pruning = True

    def __init__(self, store: Store, halving_interval: int) -> None:
        """Keep everything in `store`, for a chain whose subsidy halves every so many blocks."""
        super().__init__(store)
        self._halving_interval = halving_interval
        self._muhash = MuHash3072()
        self._stats = CoinStats()

    def load(self, best: Entry | None) -> None:
        """Take up where the store ends. Raises StoreError, IndexFailedError."""
        if best is None:
            return
        state, found = self.store.get(_STATE), self.stats_of(best)
        if state is not None and found is not None:
            self._muhash = MuHash3072.from_bytes(state)
            self._stats = found.stats
        if state is None or found is None or self._muhash.digest() != found.muhash:
            raise IndexFailedError(f"Cannot read current {self.name} state; index may be corrupted")

    def append(self, block: IndexedBlock) -> None:
        """Add what the block does. Raises StoreError."""
        height = block.entry.height
        subsidy = self._subsidy(height)
        old = replace(self._stats, total_subsidy=self._stats.total_subsidy + subsidy)
        if not height:
            new = replace(old, unspendable_genesis=old.unspendable_genesis + subsidy)
        elif _is_overwritten(block.entry):
            new = self._add(block, replace(old, unspendable_bip30=old.unspendable_bip30 + subsidy))
        else:
            new = self._add(block, old)
        # What came in and did not go out again, nobody claimed.
        unclaimed = new.spent + new.total_subsidy - new.made - new.coinbase - new.unspendable
        self._stats = replace(new, unclaimed=new.unclaimed + unclaimed)
        value = self._muhash.digest() + _pack(self._stats)
        self.store.write({_key(block.entry): value})

    def _add(self, block: IndexedBlock, old: CoinStats) -> CoinStats:
        count = bogo = made = spent = coinbase = lost = 0
        for is_coinbase, key, value in _outputs(block):
            amount = int.from_bytes(value[4:12], "little")
            if is_unspendable(value[4:]):
                lost += amount
                continue
            self._muhash.insert(key + value)
            if is_coinbase:
                coinbase += amount
            else:
                made += amount
            count += 1
            bogo += _BOGO_SIZE + len(script_of(value[4:]))
        for key, value in _spends(block):
            self._muhash.remove(key + value)
            spent += int.from_bytes(value[4:12], "little")
            count -= 1
            bogo -= _BOGO_SIZE + len(script_of(value[4:]))
        return replace(
            old,
            output_count=old.output_count + count,
            bogo_size=old.bogo_size + bogo,
            total_amount=old.total_amount + made + coinbase - spent,
            spent=old.spent + spent,
            made=old.made + made,
            coinbase=old.coinbase + coinbase,
            unspendable_scripts=old.unspendable_scripts + lost,
        )

    def remove(self, block: IndexedBlock) -> None:
        """Go back to what was before. Raises StoreError, IndexFailedError."""
        previous = block.entry.previous
        found = None if previous is None else self.stats_of(previous)
        if found is None:
            raise IndexFailedError(f"Cannot read current {self.name} state; index may be corrupted")
        for _, key, value in _outputs(block):
            if not is_unspendable(value[4:]):
                self._muhash.remove(key + value)
        for key, value in _spends(block):
            self._muhash.insert(key + value)
        if self._muhash.digest() != found.muhash:
            raise IndexFailedError(f"Cannot read current {self.name} state; index may be corrupted")
        self._stats = found.stats

    def holds(self, entry: Entry) -> bool:
        """Whether the statistics are there. Raises StoreError."""
        return self.store.get(_key(entry)) is not None

    def commit(self, best: Entry) -> None:
        """Write the state with the best block. Raises StoreError."""
        self.store.write({_STATE: self._muhash.to_bytes(), BEST: best.hash}, sync=True)

    def stats_of(self, entry: Entry) -> BlockStats | None:
        """Return the statistics after a block that was indexed. Raises StoreError."""
        value = self.store.get(_key(entry))
        return None if value is None else BlockStats(value[:32], _unpack(value[32:]))

    def _subsidy(self, height: int) -> int:
        halvings = height // self._halving_interval
        return 0 if halvings >= _LAST_HALVING else _SUBSIDY >> halvings


def _outputs(block: IndexedBlock) -> Iterator[tuple[bool, bytes, bytes]]:
    """Give whether the coinbase made it, outpoint and coin of every output, but of coinbases that were overwritten."""
    height = block.entry.height
    for number, transaction in enumerate(block.transactions()):
        if not number and _is_overwritten(block.entry):
            continue
        code = (height << 1 | (not number)).to_bytes(4, "little")
        for index, output in enumerate(transaction.outputs):
            yield not number, transaction.txid + index.to_bytes(4, "little"), code + output


def _spends(block: IndexedBlock) -> Iterator[tuple[bytes, bytes]]:
    """Give outpoint and coin of everything spent."""
    for transaction, coins in zip(block.transactions()[1:], block.undo(), strict=True):
        yield from zip(transaction.prevouts, map(encode_coin, coins), strict=True)


def _is_overwritten(entry: Entry) -> bool:
    return _OVERWRITTEN.get(entry.height) == entry.hash[::-1].hex()


def _key(entry: Entry) -> bytes:
    return _STATS + entry.height.to_bytes(4, "big") + entry.hash


def _pack(stats: CoinStats) -> bytes:
    return b"".join(value.to_bytes(size, "little") for value, size in zip(astuple(stats), _SIZES, strict=True))


def _unpack(data: bytes) -> CoinStats:
    values, position = [], 0
    for size in _SIZES:
        values.append(int.from_bytes(data[position : position + size], "little"))
        position += size
    return CoinStats(*values)
