"""The transactions that wait for a block: what is there, what comes and goes (Core: src/txmempool.cpp).

Whether a transaction may come in is decided elsewhere (node.mempool.acceptance). All that changes wants `lock` held,
and so does looking at more than one thing. The chain's processing lock, where it is needed too, is taken first.
"""

from __future__ import annotations

import logging
import threading
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from node.clock import Clock
from node.mempool import memory
from node.mempool.entry import within_int64
from node.mempool.expiry import Ages
from node.mempool.graph import TxGraph
from node.mempool.minimum_fee import RollingFee
from primitives.fee_rate import FeeRate
from primitives.money import format_money
from primitives.transaction import WITNESS_SCALE_FACTOR

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from node.block_scanner import ScannedTransaction
    from node.mempool.entry import MempoolEntry
    from node.policy.options import MempoolOptions

log: Final = logging.getLogger()
mempool_log: Final = logging.getLogger("mempool")
_ROUGH: Final = 16
"""Which part of the limit may be unsure."""


class RemovalReason(Enum):
    """Why a transaction left; the values are Core's texts."""

    EXPIRY = "expiry"
    SIZELIMIT = "sizelimit"
    REORG = "reorg"
    BLOCK = "block"
    CONFLICT = "conflict"
    REPLACED = "replaced"


class Addition(NamedTuple):
    """How a transaction came in (Core: NewMempoolTransactionInfo)."""

    limits_bypassed: bool
    """It came back from a block, so nobody asked what it pays."""
    in_package: bool
    chain_is_current: bool
    """The tip was recent, and no better header was known."""
    no_parents: bool
    """Nothing that it spends was made in the mempool."""


class MempoolListener(Protocol):
    """Hears of changes in their order, under the mempool's lock, so it must be quick."""

    def transaction_added(self, entry: MempoolEntry, sequence: int, addition: Addition) -> None:
        """Hear that a transaction came in."""

    def transaction_removed(self, entry: MempoolEntry, reason: RemovalReason, sequence: int) -> None:
        """Hear that a transaction left, though no block holds it."""

    def removed_for_block(self, entries: Sequence[MempoolEntry], height: int) -> None:
        """Hear which transactions left for the block at a height that joined the chain, perhaps none."""


class Mempool:
    """See above."""

    def __init__(self, options: MempoolOptions, clock: Clock | None = None) -> None:
        """Start empty."""
        self.options = options
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.graph: TxGraph[MempoolEntry] = TxGraph(
            options.cluster_count, options.cluster_size_vbytes * WITNESS_SCALE_FACTOR
        )
        self.deltas: dict[bytes, int] = {}
        """What the operator added to fees, by txid, whether or not the transaction is here."""
        self.unbroadcast: set[bytes] = set()
        """The ids of what was given to us locally and no peer was told of."""
        self.sequence = 1
        """Grows with each change; what comes next has this number."""
        self.transactions_updated = 0
        """Grows with each change that templates may be interested in."""
        self.loaded = False
        """Whether what was kept over the restart was loaded, or tried to be."""
        self.total_vsize = 0
        self.total_fee = 0
        """In satoshis, without deltas."""
        self._entries: dict[bytes, MempoolEntry] = {}
        self._by_wtxid: dict[bytes, MempoolEntry] = {}
        self._spenders: dict[bytes, MempoolEntry] = {}
        self._inner_usage = 0
        self._places = memory.VectorCapacity()
        self._ages = Ages(self._entries.values)
        self._rolling_fee = RollingFee(options.incremental, self.clock.now())
        self._listeners: tuple[MempoolListener, ...] = ()

    # --- what is there -------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, txid: bytes) -> bool:
        return txid in self._entries

    def get(self, txid: bytes) -> MempoolEntry | None:
        """Return a transaction by its id."""
        return self._entries.get(txid)

    def by_wtxid(self, wtxid: bytes) -> MempoolEntry | None:
        """Return a transaction by the id that covers its witnesses."""
        return self._by_wtxid.get(wtxid)

    def spender_of(self, outpoint: bytes) -> MempoolEntry | None:
        """Return what spends an outpoint of 36 bytes."""
        return self._spenders.get(outpoint)

    def entries(self) -> Collection[MempoolEntry]:
        """Return all, in the order in which they came."""
        return self._entries.values()

    def in_mining_order(self) -> Iterator[MempoolEntry]:
        """Return all, best first, parents before children."""
        for nodes, _, _ in self.graph.mining_order():
            yield from nodes

    def spent_outpoints(self) -> Collection[bytes]:
        """Return all outpoints that are spent here."""
        return self._spenders.keys()

    @property
    def follows_blocks(self) -> bool:
        """Whether anything here could be in a block, or conflict with one."""
        return bool(self._entries or self.deltas)

    @property
    def usage(self) -> int:
        """The memory it counts for, in bytes, as Core counts (see node.mempool.memory)."""
        with self.lock:
            self.graph.settle()
            return self._rough_usage()

    def _rough_usage(self) -> int:
        """Return `usage`, a bit off while clusters are not in order again after they changed."""
        return (
            memory.ENTRY * len(self._entries)
            + memory.SPENT * len(self._spenders)
            + memory.DELTA * len(self.deltas)
            + memory.allocated(memory.IN_RANDOM_ORDER * self._places.places)
            + self.graph.usage
            + self._inner_usage
        )

    def min_fee(self) -> FeeRate:
        """Return the fee rate that one needs to get in, besides -minrelaytxfee."""
        return self._rolling_fee.current(self.clock.now(), self.options.max_bytes, lambda: self.usage)

    # --- what changes it -----------------------------------------------------------------------------------------

    def replace(self, removed: Iterable[MempoolEntry], added: Iterable[MempoolEntry]) -> None:
        """Let transactions in, parents first, in place of others; the graph was changed already."""
        for entry in removed:
            self._forget(entry, RemovalReason.REPLACED)
        for entry in added:
            self._entries[entry.txid] = entry
            self._by_wtxid[entry.wtxid] = entry
            for prevout in entry.prevouts:
                self._spenders[prevout] = entry
            self._ages.add(entry)
            self._places.add()
            self._inner_usage += entry.usage
            self.total_vsize += entry.vsize
            self.total_fee += entry.base_fee
            self.transactions_updated += 1

    def announce(self, entry: MempoolEntry, addition: Addition) -> None:
        """Tell listeners of a transaction that came in and stayed."""
        sequence = self.sequence
        self.sequence += 1
        for listener in self._listeners:
            listener.transaction_added(entry, sequence, addition)

    def _forget(self, entry: MempoolEntry, reason: RemovalReason) -> None:
        sequence = self.sequence
        self.sequence += 1
        for listener in self._listeners:
            listener.transaction_removed(entry, reason, sequence)
        for prevout in entry.prevouts:
            del self._spenders[prevout]
        del self._entries[entry.txid]
        del self._by_wtxid[entry.wtxid]
        self.forget_unbroadcast(entry.txid, unchecked=True)
        self._places.remove()
        self._inner_usage -= entry.usage
        self.total_vsize -= entry.vsize
        self.total_fee -= entry.base_fee
        self.transactions_updated += 1

    def remove(self, entries: Iterable[MempoolEntry], reason: RemovalReason) -> None:
        """Drop transactions, none of which may leave a child behind unless a block has it."""
        entries = list(entries)
        self.graph.remove_all(entries)
        self._forget_all(entries, reason)

    def remove_with_descendants(self, entries: Iterable[MempoolEntry], reason: RemovalReason) -> int:
        """Drop transactions and all that spends from them; return how many that were."""
        dropped: dict[MempoolEntry, None] = {}
        for entry in entries:
            if entry not in dropped:
                dropped.update(dict.fromkeys(self.graph.descendants(entry)))
        self.remove(dropped, reason)
        return len(dropped)

    def remove_spenders(self, txid: bytes, outputs: int, reason: RemovalReason) -> None:
        """Drop all that spends from a transaction of so many outputs that is not here."""
        found = (self._spenders.get(txid + index.to_bytes(4, "little")) for index in range(outputs))
        self.remove_with_descendants([entry for entry in found if entry is not None], reason)

    def remove_for_block(self, transactions: Iterable[ScannedTransaction], height: int) -> None:
        """Drop what a block holds and what conflicts with it."""
        confirmed: list[MempoolEntry] = []
        if self._entries or self.deltas:
            entries, spenders, deltas = self._entries, self._spenders, self.deltas
            run: list[MempoolEntry] = []
            for transaction in transactions:
                txid = transaction.txid
                entry = entries.get(txid)
                if entry is not None:
                    run.append(entry)
                else:
                    for prevout in transaction.prevouts:
                        conflict = spenders.get(prevout)
                        if conflict is not None:
                            self._remove_confirmed(run)
                            confirmed += run
                            run.clear()
                            deltas.pop(conflict.txid, None)
                            self.remove_with_descendants([conflict], RemovalReason.CONFLICT)
                if deltas:
                    deltas.pop(txid, None)
            self._remove_confirmed(run)
            confirmed += run
        for listener in self._listeners:
            listener.removed_for_block(confirmed, height)
        self._rolling_fee.block(self.clock.now())

    def _remove_confirmed(self, confirmed: list[MempoolEntry]) -> None:
        """Drop many at once that a block holds: what `_forget` does, without telling of each."""
        self.graph.remove_all(confirmed)
        entries, by_wtxid, spenders = self._entries, self._by_wtxid, self._spenders
        for entry in confirmed:
            for prevout in entry.prevouts:
                del spenders[prevout]
            del entries[entry.txid]
            del by_wtxid[entry.wtxid]
        if self.unbroadcast:
            for entry in confirmed:
                self.forget_unbroadcast(entry.txid, unchecked=True)
        count = len(confirmed)
        self._places.remove(count)
        self._inner_usage -= sum([entry.usage for entry in confirmed])
        self.total_vsize -= sum([entry.vsize for entry in confirmed])
        self.total_fee -= sum([entry.base_fee for entry in confirmed])
        self.sequence += count
        self.transactions_updated += count

    def expire(self, before: int) -> int:
        """Drop what came before a time, and all that spends from it; return how many that were."""
        old = self._ages.before(before)
        if not old:
            return 0
        found = (self._entries.get(txid) for txid in old)
        # One may have gone and come back since.
        gone = [entry for entry in found if entry is not None and entry.time < before]
        return self.remove_with_descendants(gone, RemovalReason.EXPIRY)

    def trim(self, limit: int) -> list[bytes]:
        """Drop what pays least until at most `limit` bytes are used, and ask for more than that paid from now on.

        Return the outpoints, not of the mempool, that are spent no more.
        """
        count = 0
        unspent: list[bytes] = []
        highest = FeeRate(0)
        if self._rough_usage() <= limit - limit // _ROUGH:
            return unspent
        while self._entries and self.usage > limit:
            worst = self.graph.worst_chunk()
            if worst is None:
                break
            chunk, fee, size = worst
            vsize = (size + WITNESS_SCALE_FACTOR - 1) // WITNESS_SCALE_FACTOR
            rate = FeeRate.of(fee, vsize) + self.options.incremental
            self._rolling_fee.removed(rate)
            highest = max(highest, rate)
            count += len(chunk)
            self.remove(chunk, RemovalReason.SIZELIMIT)
            unspent += [prevout for entry in chunk for prevout in entry.prevouts if prevout[:32] not in self._entries]
        if highest > FeeRate(0):
            mempool_log.debug("Removed %d txn, rolling minimum fee bumped to %s", count, highest)
        return unspent

    def link_children(self, entries: Iterable[MempoolEntry]) -> None:
        """Find what spends from transactions that came after their children; drop what hangs together too much."""
        for entry in reversed(list(entries)):
            outputs = len(entry.transaction().outputs)
            for index in range(outputs):
                child = self._spenders.get(entry.txid + index.to_bytes(4, "little"))
                if child is not None:
                    self.graph.add_dependency(entry, child)
        dropped = self.graph.trim()
        self._forget_all(dropped, RemovalReason.SIZELIMIT)

    def _forget_all(self, entries: Iterable[MempoolEntry], reason: RemovalReason) -> None:
        for entry in entries:
            self._forget(entry, reason)

    # --- what the operator and peers do --------------------------------------------------------------------------

    def prioritise(self, txid: bytes, delta: int) -> None:
        """Add satoshis to what a transaction seems to pay, also if it comes later."""
        with self.lock:
            total = within_int64(self.deltas.get(txid, 0) + delta)
            entry = self._entries.get(txid)
            if entry is not None:
                self.graph.set_fee(entry, within_int64(entry.fee + delta))
                self.transactions_updated += 1
            where = "" if entry is not None else "not "
            name = txid[::-1].hex()
            if total:
                self.deltas[txid] = total
                log.info(
                    "PrioritiseTransaction: %s (%sin mempool) fee += %s, new delta=%s",
                    name, where, format_money(delta), format_money(total),
                )  # fmt: skip
            else:
                self.deltas.pop(txid, None)
                log.info("PrioritiseTransaction: %s (%sin mempool) delta cleared", name, where)

    def add_unbroadcast(self, txid: bytes) -> None:
        """Remember to tell peers of a transaction, if it is here."""
        with self.lock:
            if txid in self._entries:
                self.unbroadcast.add(txid)

    def forget_unbroadcast(self, txid: bytes, *, unchecked: bool = False) -> None:
        """Peers know of a transaction, or, if `unchecked`, it is gone."""
        with self.lock:
            if txid in self.unbroadcast:
                self.unbroadcast.remove(txid)
                text = "Removed %s from set of unbroadcast txns%s"
                told = " before confirmation that txn was sent out" if unchecked else ""
                mempool_log.debug(text, txid[::-1].hex(), told)

    def add_transactions_updated(self, count: int) -> None:
        """Let templates know of changes of another kind."""
        with self.lock:
            self.transactions_updated += count

    # --- telling -------------------------------------------------------------------------------------------------

    def add_listener(self, listener: MempoolListener) -> Callable[[], None]:
        """Tell `listener` of every change from now on; the function returned ends that."""
        with self.lock:
            self._listeners = (*self._listeners, listener)

        def remove() -> None:
            with self.lock:
                self._listeners = tuple(known for known in self._listeners if known is not listener)

        return remove
