"""A wallet's transaction as lines of a list (Core: src/qt/transactionrecord.cpp, with its words)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from primitives.transaction import Transaction

if TYPE_CHECKING:
    from interfaces.wallet_transactions import WalletTx, WalletTxDetails

CONFIRMED: Final = 6
"""From how many confirmations on a transaction counts as done."""
_MATURITY: Final = 100


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """One line."""

    txid: bytes
    index: int
    time: int
    kind: str
    address: str
    amount: int
    """Negative for what was paid; the first payment of a transaction bears its fee."""


def rows_of(told: WalletTx) -> list[TransactionRow]:
    """Return what a transaction paid or received, by output; one line if others took part in it."""
    outputs = Transaction.parse(told.tx).outputs
    from_me = not told.is_coinbase and all(told.txin_is_mine)
    if not from_me and any(told.txin_is_mine):
        return [TransactionRow(told.txid, 0, told.time, "", "", told.credit - told.debit)]
    fee = told.debit - sum(output.value for output in outputs) if from_me else 0
    rows = []
    for index, output in enumerate(outputs):
        address = told.txout_address[index]
        if from_me:
            if told.txout_is_change[index]:
                continue
            payee = address or told.comment_to or ""
            rows.append(TransactionRow(told.txid, index, told.time, "Sent to", payee, -output.value - fee))
            fee = 0
        if told.txout_is_mine[index]:
            kind = "Mined" if told.is_coinbase else "Received with" if address else "Received from"
            rows.append(TransactionRow(told.txid, index, told.time, kind, address, output.value))
    return rows


def status_text(told: WalletTxDetails, height: int) -> str:
    """Say how far a transaction is when the chain has a height."""
    status = told.status
    depth = max(1, height - status.block_height + 1) if status.is_in_main_chain else 0
    if status.is_coinbase:
        if not status.is_in_main_chain:
            return "Generated but not accepted"
        if depth <= _MATURITY:
            return f"Immature ({depth} confirmations, will be available after {_MATURITY + 1})"
    if status.depth_in_main_chain < 0:
        return "Conflicted"
    if depth == 0:
        return "Abandoned" if status.is_abandoned else "Unconfirmed"
    if depth < CONFIRMED:
        return f"Confirming ({depth} of {CONFIRMED} recommended confirmations)"
    return f"Confirmed ({depth} confirmations)"
