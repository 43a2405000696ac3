"""The way into the mempool for transactions and packages (Core: MemPoolAccept in src/validation.cpp)."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from node.input_scripts import InputScripts
from node.mempool.candidate import Candidate, Terms
from node.mempool.next_block import NextBlock
from node.mempool.package import accept_package, test_package
from node.mempool.results import AcceptResult, PackageResult, ResultKind
from node.mempool.subpackage import Subpackage
from node.policy.reject import Rejection, TxResult
from primitives.fee_rate import FeeRate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from node.chainstate import Chainstate
    from node.mempool.mempool import Mempool
    from primitives.transaction import Transaction

log: Final = logging.getLogger("mempool")


class NotReadyError(Exception):
    """The chain is not followed yet."""

    def __init__(self) -> None:
        super().__init__("Transactions are taken once all blocks were read from files.")


class MaxFeeExceededError(Exception):
    """A transaction pays more than its user wants to."""


class Acceptance:
    """Lets into `pool` what could be in the next block of `chainstate`. Thread-safe."""

    def __init__(self, chainstate: Chainstate, pool: Mempool) -> None:
        """Begin."""
        self._chainstate = chainstate
        self.pool = pool
        self._scripts = InputScripts(chainstate)
        self._view: NextBlock | None = None

    def accept(
        self,
        tx: Transaction,
        *,
        test: bool = False,
        bypass_limits: bool = False,
        accept_time: int | None = None,
        max_fee: int | None = None,
    ) -> AcceptResult:
        """Let a transaction in, or with `test` say whether that would do.

        With `bypass_limits`, for what was in a block before, it may pay less than others do. One that could come in
        but pays more than `max_fee` raises MaxFeeExceededError. Raises NotReadyError, ClosedError, KernelSymbolsError.
        """
        time = self.pool.clock.now() if accept_time is None else accept_time
        with self._locked():
            return self.accept_one(tx, Terms(time, bypass_limits=bypass_limits, test=test, max_fee=max_fee))

    def accept_package(
        self, txs: Sequence[Transaction], *, test: bool = False, client_max_feerate: FeeRate | None = None
    ) -> PackageResult:
        """Let a child with parents in, or with `test` say whether several transactions would do. Raises as `accept`.

        None may pay more than `client_max_feerate`.
        """
        with self._locked():
            time = self.pool.clock.now()
            if test:
                terms = Terms(time, test=True, may_replace=False, may_evict_sibling=False)
                return test_package(self, txs, terms)
            terms = Terms(
                time, may_evict_sibling=False, in_package=True, package_feerates=True, max_feerate=client_max_feerate
            )
            return accept_package(self, txs, terms)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._chainstate.processing:
            if self._chainstate.is_loading_blocks:
                raise NotReadyError
            with self.pool.lock:
                yield

    # --- with both locks held ------------------------------------------------------------------------------------

    def next_block(self) -> NextBlock:
        """Return what is asked of the chain, with its tip of now."""
        view = self._view
        if view is None or view.tip is not self._chainstate.tip():
            view = self._view = NextBlock(self._chainstate)
        return view

    def begin(self, terms: Terms) -> Subpackage:
        """Begin to check transactions that come together."""
        return Subpackage(self.pool, self.next_block(), terms, self._scripts)

    def limit_size(self) -> None:
        """Drop what is too old and what is too much (Core: LimitMempoolSize)."""
        pool = self.pool
        expired = pool.expire(pool.clock.now() - pool.options.expiry)
        if expired:
            log.debug("Expired %i transactions from the memory pool", expired)
        for outpoint in pool.trim(pool.options.max_bytes):
            self.next_block().coins.uncache(outpoint)

    def accept_one(self, tx: Transaction, terms: Terms) -> AcceptResult:
        """Let one transaction in on `terms` (Core: AcceptSingleTransactionInternal)."""
        candidate = Candidate(tx)
        package = self.begin(terms)
        try:
            rejection = self._check(package, candidate)
            if rejection is not None:
                return _invalid(candidate, rejection)
            replaced = tuple(package.change.removed)
            rate = FeeRate.of(candidate.fee, candidate.vsize)
            result = AcceptResult(
                ResultKind.VALID, None, replaced, candidate.vsize, candidate.base_fee, rate, (tx.wtxid,)
            )
            if terms.max_fee is not None and candidate.base_fee > terms.max_fee:
                raise MaxFeeExceededError
            if terms.test:
                return result
            package.apply((candidate,))
        finally:
            package.abandon()
        if not terms.in_package and not terms.bypass_limits:
            self.limit_size()
            if tx.txid not in self.pool:
                return _invalid(candidate, Rejection(TxResult.RECONSIDERABLE, "mempool full"))
        package.announce((candidate,))
        return result

    def _check(self, package: Subpackage, candidate: Candidate) -> Rejection | None:
        rejection = package.check(candidate)
        if rejection is None and package.replaces:
            rejection = package.check_replacement(candidate)
        if rejection is not None:
            return rejection
        if not package.change.within_limits():
            return Rejection(TxResult.MEMPOOL_POLICY, "too-large-cluster")
        if rejection := package.check_spends_no_conflict(candidate):
            return rejection
        package.total_fee, package.total_vsize = candidate.fee, candidate.vsize
        terms = package.terms
        if terms.max_feerate is not None and FeeRate.of(candidate.fee, candidate.vsize) > terms.max_feerate:
            return Rejection(TxResult.MEMPOOL_POLICY, "max feerate exceeded")
        if not terms.bypass_limits and self.pool.options.require_standard:
            dust = package.check_dust_spends((candidate.tx,))
            if dust is not None:
                return dust[0]
        return package.check_scripts(candidate)


def _invalid(candidate: Candidate, rejection: Rejection) -> AcceptResult:
    if rejection.kind is not TxResult.RECONSIDERABLE:
        return AcceptResult(ResultKind.INVALID, rejection)
    rate = FeeRate.of(candidate.fee, candidate.vsize)
    return AcceptResult(ResultKind.INVALID, rejection, effective_feerate=rate, wtxids_fee=(candidate.tx.wtxid,))
