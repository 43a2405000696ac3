"""Taking a transaction that was made into the wallet, and sending it (Core: CWallet::CommitTransaction)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wallet.transaction import INACTIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.transaction import Transaction
    from wallet.spending.node_view import NodeView
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet


def commit(
    wallet: Wallet,
    node: NodeView,
    transaction: Transaction,
    *,
    comment: str | None = None,
    comment_to: str | None = None,
    messages: Sequence[str] = (),
    replaces: WalletTx | None = None,
) -> None:
    """Store a transaction of the wallet, then send it unless the settings say not to.

    What cannot be sent now stays: the wallet tries again. With `replaces` the notes on that transaction are copied.
    Nobody gives the transaction up while it is sent.
    """

    def note(wtx: WalletTx, is_new: bool) -> bool:
        if is_new:
            if replaces is not None:
                wtx.copy_notes(replaces)
                wtx.time_smart, wtx.replaced_by, wtx.replaces = 0, None, replaces.txid
            else:
                wtx.comment, wtx.comment_to, wtx.messages = comment, comment_to, list(messages)
        return True

    wallet.log("CommitTransaction: %s", transaction.txid[::-1].hex())
    with wallet.spending:
        removals = wallet.add_transaction(transaction, INACTIVE, note).removals
        if not wallet.settings.broadcast:
            return
        error = node.broadcast(transaction, wallet.settings.max_fee)
        if error:
            wallet.log("CommitTransaction(): Transaction cannot be broadcast immediately, %s", error)
        else:
            # Heard of later, too; but then its change could not be spent at once.
            wallet.tracker.set_in_mempool(transaction.txid, removals)
