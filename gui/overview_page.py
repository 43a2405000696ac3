"""The tab that shows what a wallet has, and what happened last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QWidget,
)

from gui.amounts import shown
from gui.recent_transactions import RecentTransactions

if TYPE_CHECKING:
    from gui.wallet_model import WalletModel
    from interfaces.wallet import WalletBalances

_NAMES: Final = ("Available:", "Pending:", "Immature:", "Total:")


class OverviewPage(QWidget):
    """Balances at the left, recent transactions at the right."""

    def __init__(self, model: WalletModel) -> None:
        super().__init__()
        self.amounts = [QLabel("…") for _ in _NAMES]
        form = QFormLayout()
        for name, label in zip(_NAMES, self.amounts, strict=True):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setAlignment(Qt.AlignmentFlag.AlignRight)
            form.addRow(name, label)
        balances = QGroupBox("Balances")
        balances.setLayout(form)
        self.recent = RecentTransactions(model.table)
        right = QGroupBox("Recent transactions")
        inner = QHBoxLayout(right)
        inner.addWidget(self.recent)
        layout = QHBoxLayout(self)
        layout.addWidget(balances, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(right, 1)
        model.balances.connect(self.show_balances)

    def show_balances(self, found: WalletBalances) -> None:
        """Show what the wallet has."""
        total = found.balance + found.unconfirmed_balance + found.immature_balance
        amounts = (found.balance, found.unconfirmed_balance, found.immature_balance, total)
        for label, amount in zip(self.amounts, amounts, strict=True):
            label.setText(shown(amount))
