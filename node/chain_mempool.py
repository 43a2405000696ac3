"""The part of the Chain interface that is about the mempool and fees (Core: ChainImpl in src/node/interfaces.cpp).

Where there is no mempool or no estimator, the answers are Core's for that case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interfaces.chain import (
    Chain,
    ChainNotifications,
    Outpoint,
    PackageLimits,
    Replaceability,
    SmartFee,
    TransactionAncestry,
)
from node.fees.estimate import Horizon
from node.mempool import questions
from node.mempool.broadcast import BroadcastError, BroadcastFailure, broadcast
from node.mempool.bump_fees import combined_bump_fee, individual_bump_fees
from node.policy.options import MempoolOptions
from primitives.fee_rate import FeeRate
from primitives.transaction import OutPoint, Transaction

if TYPE_CHECKING:
    from node.context import NodeContext

_DEFAULTS: Final = MempoolOptions()


def broadcast_transaction(node: NodeContext, data: bytes, max_fee: int, *, relay: bool = True) -> str:
    """Put a transaction into the mempool and return Core's error text, empty if there was none."""
    if node.acceptance is None:
        return BroadcastFailure.MEMPOOL_ERROR.value
    try:
        broadcast(node.chainstate, node.acceptance, Transaction.parse(data), max_fee, relay=relay)
    except BroadcastError as error:
        return str(error)
    return ""


class ChainMempool(Chain):
    """Answers from a node."""

    _node: NodeContext

    def _options(self) -> MempoolOptions:
        mempool = self._node.mempool
        return _DEFAULTS if mempool is None else mempool.options

    def is_rbf_opt_in(self, tx: bytes) -> Replaceability:
        """Look at it, then at what it hangs on."""
        mempool, parsed = self._node.mempool, Transaction.parse(tx)
        if mempool is not None:
            return questions.replaceability(mempool, parsed)
        return Replaceability.REPLACEABLE if questions.signals_replacement(parsed) else Replaceability.UNKNOWN

    def is_in_mempool(self, txid: bytes) -> bool:
        """Look it up."""
        return self._node.mempool is not None and txid in self._node.mempool

    def has_descendants_in_mempool(self, txid: bytes) -> bool:
        """Ask the graph."""
        return self._node.mempool is not None and questions.has_descendants(self._node.mempool, txid)

    def broadcast_transaction(self, tx: bytes, max_tx_fee: int, relay: bool = True) -> str:
        """Send it as sendrawtransaction does."""
        return broadcast_transaction(self._node, tx, max_tx_fee, relay=relay)

    def get_transaction_ancestry(self, txid: bytes) -> TransactionAncestry:
        """Ask the graph."""
        mempool = self._node.mempool
        return TransactionAncestry() if mempool is None else questions.ancestry(mempool, txid)

    def calculate_individual_bump_fees(self, outpoints: list[Outpoint], fee_rate: int) -> list[int]:
        """Fill a block at this rate and see what is left."""
        mempool = self._node.mempool
        if mempool is None:
            return [0] * len(outpoints)
        return individual_bump_fees(mempool, [OutPoint(each.txid, each.index) for each in outpoints], FeeRate(fee_rate))

    def calculate_combined_bump_fee(self, outpoints: list[Outpoint], fee_rate: int) -> int | None:
        """Fill a block at this rate and see what is left."""
        mempool = self._node.mempool
        if mempool is None:
            return 0
        return combined_bump_fee(mempool, [OutPoint(each.txid, each.index) for each in outpoints], FeeRate(fee_rate))

    def get_package_limits(self) -> PackageLimits:
        """Look at the options."""
        options = self._options()
        return PackageLimits(options.ancestor_count, options.descendant_count)

    def check_chain_limits(self, tx: bytes) -> str:
        """Try it in the graph."""
        mempool = self._node.mempool
        return "" if mempool is None else questions.check_chain_limits(mempool, Transaction.parse(tx))

    def estimate_smart_fee(self, num_blocks: int, conservative: bool) -> SmartFee:
        """Ask the estimator."""
        fees = self._node.fees
        if fees is None:
            return SmartFee(0, 0, "")
        found = fees.estimator.smart(num_blocks, conservative=conservative)
        return SmartFee(found.feerate, found.target, found.reason.value)

    def estimate_max_blocks(self) -> int:
        """Ask the estimator."""
        fees = self._node.fees
        return 0 if fees is None else fees.estimator.longest_target(Horizon.LONG)

    def mempool_min_fee(self) -> int:
        """Ask the mempool."""
        mempool = self._node.mempool
        if mempool is None:
            return 0
        with mempool.lock:
            return mempool.min_fee().per_kvb

    def relay_min_fee(self) -> int:
        """Look at the options."""
        return self._options().min_relay.per_kvb

    def relay_incremental_fee(self) -> int:
        """Look at the options."""
        return self._options().incremental.per_kvb

    def relay_dust_fee(self) -> int:
        """Look at the options."""
        return self._options().dust_relay.per_kvb

    def is_ready_to_broadcast(self) -> bool:
        """Whether nothing is imported and the tip is recent."""
        chainstate = self._node.chainstate
        return not chainstate.is_loading_blocks and not chainstate.is_initial_block_download()

    def request_mempool_transactions(self, notifications: ChainNotifications) -> None:
        """Tell of each that is there now, parents first, holding nothing meanwhile."""
        mempool = self._node.mempool
        if mempool is not None:
            with mempool.lock:
                found = [entry.data for entry in mempool.in_mining_order()]
            for data in found:
                notifications.transaction_added_to_mempool(data)

    def has_assumed_valid_chain(self) -> bool:
        """Ask the kernel."""
        return self._node.chainstate.stands_on_snapshot()
