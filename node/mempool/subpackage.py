"""Checks of transactions that come in together, one or several, in Core's order (Core: MemPoolAccept).

Made for one use, under the chain's processing lock and the mempool's.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, cast

from node.coin import Coin
from node.mempool.change import Change
from node.mempool.entry import MempoolEntry
from node.mempool.mempool import Addition, RemovalReason
from node.policy import ephemeral, rbf, truc
from node.policy.consensus import MEMPOOL_HEIGHT, check_inputs, check_transaction, is_final, sequence_locks
from node.policy.reject import Rejection, TxResult
from node.policy.standard import (
    MAX_STANDARD_SIGOP_COST,
    MIN_STRIPPED_SIZE,
    dust_outputs,
    inputs_debug,
    sigop_cost,
    standard_reason,
    witness_reason,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from node.input_scripts import InputScripts
    from node.mempool.candidate import Candidate, Terms
    from node.mempool.mempool import Mempool
    from node.mempool.next_block import NextBlock
    from primitives.transaction import OutPoint, Transaction

log: Final = logging.getLogger("mempool")


class Subpackage:
    """See above. After `apply` or `abandon` it is used up."""

    def __init__(self, pool: Mempool, view: NextBlock, terms: Terms, scripts: InputScripts) -> None:
        """Look at transactions as the next ones of `view`."""
        self.pool = pool
        self.view = view
        self.terms = terms
        self.change = Change(pool)
        self.replaces = False
        """Whether anything has to go, so that the rules of replacement hold."""
        self.total_fee = 0
        """Of all, with deltas."""
        self.total_vsize = 0
        self.replaced_fee = 0
        self.replaced_vsize = 0
        self._scripts = scripts
        self._options = pool.options
        self._made: dict[bytes, tuple[Transaction, MempoolEntry]] = {}
        self._fetched: list[bytes] = []

    # --- one transaction -----------------------------------------------------------------------------------------

    def check(self, candidate: Candidate) -> Rejection | None:
        """Check all that is quick, and stage the transaction (Core: PreChecks)."""
        tx, options = candidate.tx, self._options
        rejection = self._check_alone(tx) or self._find_conflicts(candidate) or self._find_coins(candidate)
        if rejection is not None:
            return rejection
        view, coins = self.view, candidate.coins
        locks = sequence_locks(tx, coins, view.tip)
        if not locks.allow(view.next_height, view.median_time_past):
            return Rejection(TxResult.PREMATURE_SPEND, "non-BIP68-final")
        fee = check_inputs(tx, coins, view.next_height)
        if isinstance(fee, Rejection):
            return fee
        if options.require_standard:
            if debug := inputs_debug(tx, coins):
                return Rejection(TxResult.INPUTS_NOT_STANDARD, "bad-txns-nonstandard-inputs", debug)
            if tx.has_witness and (reason := witness_reason(tx, coins)):
                return Rejection(TxResult.WITNESS_MUTATED, reason)
        sigops = sigop_cost(tx, coins)
        entry = MempoolEntry(
            tx,
            fee,
            time=self.terms.time,
            height=view.height,
            sequence=0 if self.terms.bypass_limits else self.pool.sequence,
            spends_coinbase=any(coin.is_coinbase for coin in coins),
            sigop_cost=sigops,
            lock_points=locks,
            bytes_per_sigop=options.bytes_per_sigop,
            delta=self.pool.deltas.get(tx.txid, 0),
            dust=dust_outputs(tx, options.dust_relay) if options.require_standard else (),
        )
        candidate.entry = entry
        candidate.base_fee, candidate.fee, candidate.vsize = fee, entry.fee, entry.vsize
        self._stage(candidate, entry)
        if entry.dust and (rejection := ephemeral.check_dust_fee(entry.dust, fee, entry.fee)):
            return rejection
        if sigops > MAX_STANDARD_SIGOP_COST:
            return Rejection(TxResult.NOT_STANDARD, "bad-txns-too-many-sigops", str(sigops))
        if not self.terms.bypass_limits:
            if not self.terms.package_feerates and (rejection := self.check_fee(candidate.fee, candidate.vsize)):
                return rejection
            if rejection := self._check_truc(candidate):
                return rejection
        self.replaces = self.replaces or bool(candidate.conflicts)
        return None

    def _check_alone(self, tx: Transaction) -> Rejection | None:
        if rejection := check_transaction(tx):
            return rejection
        if tx.is_coinbase:
            return Rejection(TxResult.CONSENSUS, "coinbase")
        if self._options.require_standard and (reason := standard_reason(tx, self._options)):
            return Rejection(TxResult.NOT_STANDARD, reason)
        if tx.stripped_size < MIN_STRIPPED_SIZE:
            return Rejection(TxResult.NOT_STANDARD, "tx-size-small")
        if not is_final(tx, self.view.next_height, self.view.median_time_past):
            return Rejection(TxResult.PREMATURE_SPEND, "non-final")
        if self.pool.by_wtxid(tx.wtxid) is not None:
            return Rejection(TxResult.CONFLICT, "txn-already-in-mempool")
        if tx.txid in self.pool:
            return Rejection(TxResult.CONFLICT, "txn-same-nonwitness-data-in-mempool")
        return None

    def _find_conflicts(self, candidate: Candidate) -> Rejection | None:
        for prevout, *_ in candidate.tx.inputs:
            conflict = self.pool.spender_of(_key(prevout))
            if conflict is not None:
                if not self.terms.may_replace:
                    return Rejection(TxResult.MEMPOOL_POLICY, "bip125-replacement-disallowed")
                candidate.conflicts[conflict.txid] = conflict
        return None

    def _find_coins(self, candidate: Candidate) -> Rejection | None:
        """Find what is spent and the parents in the mempool."""
        coins: list[Coin] = []
        parents: dict[bytes, MempoolEntry] = {}
        parsed: dict[bytes, Transaction] = {}  # Large ones, of which many outputs are spent, are parsed once.
        for prevout, *_ in candidate.tx.inputs:
            txid = prevout.txid
            if txid in self._made:
                coin = _output(self._made[txid][0], prevout.index)
            elif (known := parsed.get(txid)) is not None:
                coin = _output(known, prevout.index)
            elif (parent := self.pool.get(txid)) is not None:
                parsed[txid] = known = parent.transaction()
                coin = _output(known, prevout.index)
                parents[txid] = parent
            else:
                coin = self._confirmed(_key(prevout))
            if coin is None:
                return self._missing(candidate.tx)
            coins.append(coin)
        candidate.coins = coins
        candidate.parents = [parents[txid] for txid in sorted(parents)] if len(parents) > 1 else [*parents.values()]
        return None

    def _confirmed(self, outpoint: bytes) -> Coin | None:
        coins = self.view.coins
        if not coins.is_cached(outpoint):
            self._fetched.append(outpoint)
        return coins.get(outpoint)

    def _missing(self, tx: Transaction) -> Rejection:
        is_cached, txid = self.view.coins.is_cached, tx.txid
        if any(is_cached(txid + index.to_bytes(4, "little")) for index in range(len(tx.outputs))):
            return Rejection(TxResult.CONFLICT, "txn-already-known")
        return Rejection(TxResult.MISSING_INPUTS, "bad-txns-inputs-missingorspent")

    def _stage(self, candidate: Candidate, entry: MempoolEntry) -> None:
        parents = candidate.parents
        if self._made:
            made = {prevout.txid: None for prevout, *_ in candidate.tx.inputs if prevout.txid in self._made}
            parents = [*parents, *(self._made[txid][1] for txid in made)]
        self.change.add(entry, parents)

    def check_fee(self, fee: int, vsize: int) -> Rejection | None:
        """Check that a transaction or package pays enough to come in (Core: CheckFeeRate)."""
        least = self.pool.min_fee().fee_for(vsize)
        if 0 < least > fee:
            return Rejection(TxResult.RECONSIDERABLE, "mempool min fee not met", f"{fee} < {least}")
        least = self._options.min_relay.fee_for(vsize)
        if fee < least:
            return Rejection(TxResult.RECONSIDERABLE, "min relay fee not met", f"{fee} < {least}")
        return None

    def _check_truc(self, candidate: Candidate) -> Rejection | None:
        if candidate.tx.version != truc.VERSION and not candidate.parents:
            return None
        wrong = truc.check_single(
            candidate.tx,
            candidate.vsize,
            candidate.parents,
            candidate.conflicts.keys(),
            self.ancestors,
            self.descendants,
        )
        if wrong is None:
            return None
        sibling = wrong.sibling
        if sibling is None or not self.terms.may_evict_sibling:
            return Rejection(TxResult.MEMPOOL_POLICY, "TRUC-violation", wrong.debug)
        candidate.conflicts[sibling.txid] = sibling
        candidate.evicts_sibling = True
        return None

    def ancestors(self, entry: MempoolEntry) -> Collection[MempoolEntry]:
        """Return what one of the mempool spends from, and itself."""
        return cast("Collection[MempoolEntry]", self.pool.graph.ancestors(entry))

    def descendants(self, entry: MempoolEntry) -> Collection[MempoolEntry]:
        """Return what spends from one of the mempool, and itself."""
        return cast("Collection[MempoolEntry]", self.pool.graph.descendants(entry))

    def make_available(self, candidate: Candidate) -> None:
        """Let later transactions of the package spend what this one makes."""
        assert candidate.entry is not None  # noqa: S101 - it was checked
        self._made[candidate.tx.txid] = candidate.tx, candidate.entry

    # --- what it replaces ----------------------------------------------------------------------------------------

    def check_replacement(self, candidate: Candidate) -> Rejection | None:
        """Check that one transaction may drive out what it conflicts with, and stage that (Core: ReplacementChecks)."""
        also = " (including sibling eviction)" if candidate.evicts_sibling else ""
        txid = candidate.tx.txid
        if debug := rbf.clusters_debug(txid, self.pool.graph.cluster_count(candidate.conflicts.values())):
            return Rejection(TxResult.MEMPOOL_POLICY, f"too many potential replacements{also}", debug)
        gone = self.find_replaced(candidate.conflicts.values())
        if debug := rbf.fee_debug(txid, self.replaced_fee, candidate.fee, candidate.vsize, self._options.incremental):
            return Rejection(TxResult.RECONSIDERABLE, f"insufficient fee{also}", debug)
        for entry in gone:
            self.change.remove(entry)
        if not self.change.within_limits():
            return Rejection(TxResult.MEMPOOL_POLICY, "too-large-cluster")
        if not self.change.improves():
            return Rejection(TxResult.RECONSIDERABLE, "replacement-failed", rbf.NO_BETTER_DIAGRAM)
        return None

    def find_replaced(self, conflicts: Iterable[MempoolEntry]) -> Sequence[MempoolEntry]:
        """Return all that would go with `conflicts`, and count what it pays."""
        gone = self._descendants_of(conflicts)
        for entry in gone:
            self.replaced_fee += entry.fee
            self.replaced_vsize += entry.vsize
        return gone

    def _descendants_of(self, entries: Iterable[MempoolEntry]) -> list[MempoolEntry]:
        found = cast("Iterable[MempoolEntry]", self.pool.graph.descendants(*entries))
        return sorted(found, key=_txid)

    def check_spends_no_conflict(self, candidate: Candidate) -> Rejection | None:
        """Check that a transaction does not spend from what it replaces."""
        if not candidate.conflicts or not candidate.parents:
            return None
        ancestors = self.pool.graph.ancestors(*candidate.parents)
        debug = rbf.conflicting_ancestor_debug(
            candidate.tx.txid, sorted(entry.txid for entry in ancestors), candidate.conflicts.keys()
        )
        return Rejection(TxResult.CONSENSUS, "bad-txns-spends-conflicting-tx", debug) if debug else None

    # --- the rest ------------------------------------------------------------------------------------------------

    def check_dust_spends(self, package: Sequence[Transaction]) -> tuple[Rejection, Transaction] | None:
        """Check that nobody leaves dust of a parent behind."""
        return ephemeral.check_spends(package, self._options.dust_relay, self._pool_dust)

    def _pool_dust(self, txid: bytes) -> tuple[int, ...]:
        entry = self.pool.get(txid)
        return () if entry is None else entry.dust

    def check_scripts(self, candidate: Candidate, *, policy: bool = True, consensus: bool = True) -> Rejection | None:
        """Check signatures by the rules of policy, and by those of the next block, which remembers them."""
        return self._scripts.check(candidate.tx, candidate.coins, policy=policy, consensus=consensus)

    def apply(self, candidates: Sequence[Candidate]) -> None:
        """Let all in (Core: FinalizeSubpackage)."""
        change = self.change
        for entry in change.removed if log.isEnabledFor(logging.DEBUG) else ():
            self._log_replaced(entry, candidates)
        change.apply()
        self._fetched.clear()

    def _log_replaced(self, entry: MempoolEntry, candidates: Sequence[Candidate]) -> None:
        from node.policy.packages import package_hash

        if len(candidates) == 1:
            tx = candidates[0].tx
            name = f"New tx {tx.txid[::-1].hex()} (wtxid={tx.wtxid[::-1].hex()}, fees={self.total_fee}, vsize="
            name += f"{self.total_vsize})"
        else:
            hash_ = package_hash([candidate.tx.wtxid for candidate in candidates])[::-1].hex()
            name = f"New package {hash_} with {len(candidates)} txs, fees={self.total_fee}, vsize={self.total_vsize}"
        log.debug(
            "replacing mempool tx %s (wtxid=%s, fees=%s, vsize=%s). %s",
            entry.txid[::-1].hex(), entry.wtxid[::-1].hex(), entry.base_fee, entry.vsize, name,
        )  # fmt: skip

    def announce(self, candidates: Sequence[Candidate]) -> None:
        """Tell listeners what came in, and the log what went."""
        pool, terms = self.pool, self.terms
        for candidate in candidates:
            entry = candidate.entry
            assert entry is not None  # noqa: S101 - it was checked
            current = self.view.is_current_at(pool.clock.now())
            no_parents = not any(prevout[:32] in pool for prevout in entry.prevouts)
            pool.announce(entry, Addition(terms.bypass_limits, terms.in_package, current, no_parents))
        if self.change.removed and log.isEnabledFor(logging.DEBUG):
            new = "1 new transaction" if len(candidates) == 1 else f"{len(candidates)} new one(s)"
            log.debug(
                "replaced %u mempool transactions with %s for %s additional fees, %d delta bytes",
                len(self.change.removed), new, self.total_fee - self.replaced_fee,
                self.total_vsize - self.replaced_vsize,
            )  # fmt: skip

    def take_back(self, candidates: Sequence[Candidate]) -> None:
        """Drop again what was let in; what it replaced stays out."""
        entries = [candidate.entry for candidate in candidates if candidate.entry is not None]
        self.pool.remove_with_descendants(entries, RemovalReason.REPLACED)

    def abandon(self) -> None:
        """Leave all as it is, if nothing was applied: also what the kernel has in its cache of coins."""
        self.change.abandon()
        for outpoint in self._fetched:
            self.view.coins.uncache(outpoint)
        self._fetched.clear()


def _txid(entry: MempoolEntry) -> bytes:
    return entry.txid


def _key(prevout: OutPoint) -> bytes:
    return prevout.txid + prevout.index.to_bytes(4, "little")


def _output(tx: Transaction, index: int) -> Coin | None:
    if index >= len(tx.outputs):
        return None
    value, script = tx.outputs[index]
    return Coin(value, script, MEMPOOL_HEIGHT, is_coinbase=False)
