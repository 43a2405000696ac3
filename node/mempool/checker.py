"""Works the mempool out anew from its transactions and ends the node if that is not what it says of itself.

(Core: CTxMemPool::check, -checkmempool.) A thread of its own looks, so that nobody waits for it; changes that come
while it looks are looked at together.
"""

from __future__ import annotations

import logging
import random
import threading
from typing import TYPE_CHECKING, Final, cast

from node.coin import Coin
from node.mempool.next_block import NextBlock
from node.policy.consensus import MEMPOOL_HEIGHT, check_inputs
from node.use_gate import ClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node.chainstate import Chainstate
    from node.mempool.entry import MempoolEntry
    from node.mempool.mempool import Addition, Mempool, RemovalReason

log: Final = logging.getLogger("mempool")


class MempoolFaultError(Exception):
    """The mempool is not what its transactions make of it; one line for a person."""


class MempoolChecker:
    """From `start` to `stop`."""

    def __init__(self, pool: Mempool, chainstate: Chainstate, fatal: Callable[[str], None]) -> None:
        """Look after one change in `pool.options.check_ratio`; `fatal` is told what is wrong."""
        self._pool = pool
        self._chainstate = chainstate
        self._fatal = fatal
        self._due = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="mempool-check", daemon=True)
        self._unfollow = pool.add_listener(self)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Idempotent."""
        self._unfollow()
        self._stopping = True
        self._due.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._stopping:
                return
            try:
                with self._chainstate.processing, self._pool.lock:
                    check_mempool(self._pool, NextBlock(self._chainstate))
            except ClosedError:
                return
            except MempoolFaultError as error:
                self._fatal(f"The mempool is inconsistent: {error}")
                return

    def _changed(self) -> None:
        if not random.randrange(self._pool.options.check_ratio):  # noqa: S311 - chance, no secret
            self._due.set()

    # --- the mempool's listener ------------------------------------------------------------------------------------

    def transaction_added(self, entry: MempoolEntry, sequence: int, addition: Addition) -> None:
        """Hear of a change."""
        del entry, sequence, addition
        self._changed()

    def transaction_removed(self, entry: MempoolEntry, reason: RemovalReason, sequence: int) -> None:
        """Hear of a change."""
        del entry, reason, sequence
        self._changed()

    def removed_for_block(self, entries: Sequence[MempoolEntry], height: int) -> None:
        """Hear of a change."""
        del entries, height
        self._changed()


def check_mempool(pool: Mempool, block: NextBlock) -> None:
    """Check a mempool that is held, as is the chain. Raises MempoolFaultError, ClosedError."""
    entries = list(pool.in_mining_order())
    log.debug("Checking mempool with %d transactions and %d inputs", len(entries), len(pool.spent_outpoints()))
    made: dict[bytes, Coin | None] = {}
    spent = 0
    for entry in entries:
        _check_relations(pool, entry)
        transaction = entry.transaction()
        for prevout in entry.prevouts:
            _require(pool.spender_of(prevout) is entry, entry, "is not known to spend what it spends")
        coins = [made.pop(prevout) if prevout in made else block.coins.get(prevout) for prevout in entry.prevouts]
        fee = check_inputs(transaction, coins, block.next_height)
        _require(fee == entry.base_fee, entry, f"pays {fee}, not {entry.base_fee}")
        _require(entry.delta == pool.deltas.get(entry.txid, 0), entry, "does not have the operator's delta")
        for index, (value, script) in enumerate(transaction.outputs):
            key = entry.txid + index.to_bytes(4, "little")
            made[key] = Coin(value, script, MEMPOOL_HEIGHT, is_coinbase=False)
        spent += len(entry.prevouts)
    _equal("transactions", len(entries), len(pool))
    _equal("outpoints spent", spent, len(pool.spent_outpoints()))
    _equal("bytes", sum(entry.vsize for entry in entries), pool.total_vsize)
    _equal("satoshis", sum(entry.base_fee for entry in entries), pool.total_fee)
    _equal("clusters beyond the limits", 0, int(pool.graph.oversized()))
    for nodes, fee, size in pool.graph.mining_order():
        _equal("satoshis of a chunk", sum(node.fee for node in nodes), fee)
        _equal("weight of a chunk", sum(node.size for node in nodes), size)


def _check_relations(pool: Mempool, entry: MempoolEntry) -> None:
    _require(pool.get(entry.txid) is entry, entry, "is not found by its id")
    _require(pool.by_wtxid(entry.wtxid) is entry, entry, "is not found by the id of its witnesses")
    parents = {pool.get(prevout[:32]) for prevout in entry.prevouts} - {None}
    _require(set(entry.parents) == parents, entry, "does not know its parents")
    for child in cast("Sequence[MempoolEntry]", entry.children):
        spends = any(prevout[:32] == entry.txid for prevout in child.prevouts)
        _require(spends and pool.get(child.txid) is child, entry, "has a child that is none")
    for parent in entry.parents:
        _require(entry in parent.children, entry, "is not known to its parents")


def _require(agrees: bool, entry: MempoolEntry, what: str) -> None:
    if not agrees:
        raise MempoolFaultError(f"Transaction {entry.txid[::-1].hex()} {what}")


def _equal(what: str, found: int, told: int) -> None:
    if found != told:
        raise MempoolFaultError(f"There are {found} {what}, not {told}")
