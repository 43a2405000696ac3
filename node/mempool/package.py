"""Packages: a child and its parents, of which some may be let in only for what the child pays.

Core: AcceptPackage and AcceptMultipleTransactionsInternal in src/validation.cpp.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from node.mempool.candidate import Candidate
from node.mempool.results import AcceptResult, PackageFailure, PackageRejection, PackageResult, ResultKind
from node.policy import rbf, truc
from node.policy.packages import is_child_with_parents, package_hash, package_reason
from node.policy.reject import Rejection, TxResult
from primitives.fee_rate import FeeRate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.mempool.candidate import Terms
    from node.mempool.mempool import Mempool
    from node.mempool.subpackage import Subpackage
    from primitives.transaction import Transaction

log: Final = logging.getLogger("txpackages")
_FAILED: Final = PackageRejection(PackageFailure.TX, "transaction failed")
_RETRIED: Final = (TxResult.RECONSIDERABLE, TxResult.MISSING_INPUTS)


class Acceptor(Protocol):
    """What lets in what a package is made of; both locks are held."""

    @property
    def pool(self) -> Mempool:
        """The mempool."""

    def begin(self, terms: Terms) -> Subpackage:
        """Begin to check transactions that come together."""

    def accept_one(self, tx: Transaction, terms: Terms) -> AcceptResult:
        """Let one transaction in."""

    def limit_size(self) -> None:
        """Drop what is too old and what is too much."""


def accept_package(acceptor: Acceptor, txs: Sequence[Transaction], terms: Terms) -> PackageResult:
    """Let in what may come in of a child with its parents: each alone if it can, else together."""
    rejection = _shape_rejection(txs)
    if rejection is None and len(txs) > 1 and not is_child_with_parents(txs):
        rejection = PackageRejection(PackageFailure.POLICY, "package-not-child-with-parents")
    if rejection is not None:
        return PackageResult(rejection)
    pool = acceptor.pool
    done: dict[bytes, AcceptResult] = {}
    alone: dict[bytes, AcceptResult] = {}
    together: list[Transaction] = []
    hopeless = False
    single = terms._replace(may_evict_sibling=True, package_feerates=False)
    for tx in txs:
        entry = pool.get(tx.txid)
        if entry is not None and entry.wtxid == tx.wtxid:
            done[tx.wtxid] = AcceptResult(ResultKind.MEMPOOL_ENTRY, vsize=entry.vsize, base_fee=entry.base_fee)
        elif entry is not None:
            done[tx.wtxid] = AcceptResult(ResultKind.DIFFERENT_WITNESS, other_wtxid=entry.wtxid)
        else:
            result = acceptor.accept_one(tx, single)
            if result.kind is ResultKind.VALID:
                done[tx.wtxid] = result
                continue
            alone[tx.wtxid] = result
            if len(txs) == 1 or result.rejection is None or result.rejection.kind not in _RETRIED:
                hopeless = True
            else:
                together.append(tx)
    if hopeless or not together:
        whole = PackageResult(_FAILED if hopeless else None)
    elif len(together) == 1:
        result = acceptor.accept_one(together[0], single)
        whole = PackageResult(None if result.kind is ResultKind.VALID else _FAILED, {together[0].wtxid: result})
    else:
        whole = _accept_together(acceptor, together, terms)
    acceptor.limit_size()
    return _conclude(pool, txs, whole, done, alone)


def _conclude(
    pool: Mempool,
    txs: Sequence[Transaction],
    whole: PackageResult,
    done: dict[bytes, AcceptResult],
    alone: dict[bytes, AcceptResult],
) -> PackageResult:
    """Put results together; what was let in may have been dropped again."""
    rejection = whole.rejection
    full = AcceptResult(ResultKind.INVALID, Rejection(TxResult.MEMPOOL_POLICY, "mempool full"))
    results: dict[bytes, AcceptResult] = {}
    for tx in txs:
        wtxid = tx.wtxid
        result = whole.results.get(wtxid)
        if result is not None:
            gone = result.kind is ResultKind.VALID and pool.by_wtxid(wtxid) is None
        elif wtxid in done:
            result = done[wtxid]
            gone = tx.txid not in pool
        else:
            result = alone[wtxid]
            gone = False
        if gone:
            rejection = _FAILED
            result = full
        results[wtxid] = result
    return PackageResult(rejection, results)


def test_package(acceptor: Acceptor, txs: Sequence[Transaction], terms: Terms) -> PackageResult:
    """Say whether transactions would be let in one after the other."""
    return _accept_together(acceptor, txs, terms)


def _shape_rejection(txs: Sequence[Transaction]) -> PackageRejection | None:
    reason = package_reason(txs)
    return PackageRejection(PackageFailure.POLICY, reason) if reason else None


def _accept_together(acceptor: Acceptor, txs: Sequence[Transaction], terms: Terms) -> PackageResult:
    rejection = _shape_rejection(txs)
    if rejection is not None:
        return PackageResult(rejection)
    candidates = [Candidate(tx) for tx in txs]
    package = acceptor.begin(terms)
    try:
        failed = _check_each(package, candidates) or _check_all(acceptor.pool, package, candidates)
        if failed is not None:
            return failed
        results: dict[bytes, AcceptResult] = {}
        for candidate in candidates:
            if wrong := package.check_scripts(candidate, consensus=False):
                return _failure(candidate, wrong, results=results)
            if terms.test:
                results[candidate.tx.wtxid] = _success(package, candidate, candidates)
        if terms.test:
            return PackageResult(None, results)
        return _submit(package, candidates)
    finally:
        package.abandon()


def _check_each(package: Subpackage, candidates: Sequence[Candidate]) -> PackageResult | None:
    most = package.terms.max_feerate
    for candidate in candidates:
        wrong = package.check(candidate)
        if wrong is None and most is not None and FeeRate.of(candidate.fee, candidate.vsize) > most:
            wrong = Rejection(TxResult.MEMPOOL_POLICY, "max feerate exceeded")
        if wrong is not None:
            return _failure(candidate, wrong)
        package.make_available(candidate)
    return None


def _check_all(pool: Mempool, package: Subpackage, candidates: Sequence[Candidate]) -> PackageResult | None:
    txs = [candidate.tx for candidate in candidates]
    for candidate in candidates:
        debug = truc.check_in_package(
            candidate.tx, candidate.vsize, txs, candidate.parents, package.ancestors, package.descendants
        )
        if debug is not None:
            return PackageResult(PackageRejection(PackageFailure.POLICY, "TRUC-violation", debug))
    package.total_vsize = sum(candidate.vsize for candidate in candidates)
    package.total_fee = sum(candidate.fee for candidate in candidates)
    if package.terms.package_feerates and (wrong := package.check_fee(package.total_fee, package.total_vsize)):
        rate = FeeRate.of(package.total_fee, package.total_vsize)
        result = AcceptResult(
            ResultKind.INVALID, wrong, effective_feerate=rate, wtxids_fee=tuple(tx.wtxid for tx in txs)
        )
        return PackageResult(_FAILED, {txs[-1].wtxid: result})
    rejection = _check_replacement(pool, package, candidates) if package.replaces else None
    if rejection is None and not package.change.within_limits():
        rejection = PackageRejection(PackageFailure.POLICY, "too-large-cluster")
    if rejection is not None:
        return PackageResult(rejection)
    if pool.options.require_standard and (dust := package.check_dust_spends(txs)):
        result = AcceptResult(ResultKind.INVALID, dust[0])
        return PackageResult(PackageRejection(PackageFailure.TX, "unspent-dust"), {dust[1].wtxid: result})
    return None


def _check_replacement(pool: Mempool, package: Subpackage, candidates: Sequence[Candidate]) -> PackageRejection | None:
    """Check that a package may drive out what it conflicts with, and stage that (Core: PackageRBFChecks)."""

    def refuse(reason: str, debug: str = "") -> PackageRejection:
        return PackageRejection(PackageFailure.POLICY, f"package RBF failed: {reason}", debug)

    if len(candidates) != 2 or not is_child_with_parents([candidate.tx for candidate in candidates]):
        return refuse("package must be 1-parent-1-child")
    if any(candidate.parents for candidate in candidates):
        return refuse("new transaction cannot have mempool ancestors")
    parent, child = candidates
    conflicts = {**parent.conflicts, **child.conflicts}
    txid = child.tx.txid
    if debug := rbf.clusters_debug(txid, pool.graph.cluster_count(conflicts.values())):
        return refuse("too many potential replacements", debug)
    gone = package.find_replaced(conflicts.values())
    for entry in gone:
        package.change.remove(entry)
    if debug := rbf.fee_debug(
        txid, package.replaced_fee, package.total_fee, package.total_vsize, pool.options.incremental
    ):
        return refuse("insufficient anti-DoS fees", debug)
    parent_rate = FeeRate.of(parent.fee, parent.vsize)
    rate = FeeRate.of(package.total_fee, package.total_vsize)
    if rate <= parent_rate:
        debug = f"package feerate {rate} <= parent feerate is {parent_rate}"
        return refuse("package feerate is less than or equal to parent feerate", debug)
    if not package.change.within_limits():
        return PackageRejection(PackageFailure.POLICY, "too-large-cluster")
    if not package.change.improves():
        return refuse(rbf.NO_BETTER_DIAGRAM)
    if log.isEnabledFor(logging.DEBUG):
        log.debug(
            "package RBF checks passed: parent %s (wtxid=%s), child %s (wtxid=%s), package hash (%s)",
            parent.tx.txid[::-1].hex(), parent.tx.wtxid[::-1].hex(), txid[::-1].hex(), child.tx.wtxid[::-1].hex(),
            package_hash([parent.tx.wtxid, child.tx.wtxid])[::-1].hex(),
        )  # fmt: skip
    return None


def _submit(package: Subpackage, candidates: Sequence[Candidate]) -> PackageResult:
    package.apply(candidates)
    for candidate in candidates:
        wrong = package.check_scripts(candidate, policy=False)
        if wrong is not None:  # It passed by stricter rules just now.
            name = candidate.tx.txid[::-1].hex()
            package.take_back(candidates)
            text = f"BUG! PolicyScriptChecks succeeded but ConsensusScriptChecks failed: {name}"
            return _failure(candidate, wrong, PackageRejection(PackageFailure.MEMPOOL_ERROR, text))
    results = {candidate.tx.wtxid: _success(package, candidate, candidates) for candidate in candidates}
    package.announce(candidates)
    return PackageResult(None, results)


def _success(package: Subpackage, candidate: Candidate, candidates: Sequence[Candidate]) -> AcceptResult:
    replaced = tuple(package.change.removed) if candidate is candidates[0] else ()
    if package.terms.package_feerates:
        rate = FeeRate.of(package.total_fee, package.total_vsize)
        wtxids = tuple(each.tx.wtxid for each in candidates)
    else:
        rate = FeeRate.of(candidate.fee, candidate.vsize)
        wtxids = (candidate.tx.wtxid,)
    return AcceptResult(ResultKind.VALID, None, replaced, candidate.vsize, candidate.base_fee, rate, wtxids)


def _failure(
    candidate: Candidate,
    wrong: Rejection,
    rejection: PackageRejection = _FAILED,
    *,
    results: dict[bytes, AcceptResult] | None = None,
) -> PackageResult:
    result = AcceptResult(ResultKind.INVALID, wrong)
    return PackageResult(rejection, {**(results or {}), candidate.tx.wtxid: result})
