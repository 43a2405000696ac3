"""The tab that pays (Core: src/qt/sendcoinsdialog.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.amounts import read, shown
from gui.fee_choice import FeeChoice
from gui.unlocking import Unlocking
from interfaces.wallet_spending import CoinControl, Recipient
from rpc.json import Amount

if TYPE_CHECKING:
    from gui.wallet_model import WalletModel
    from interfaces.wallet import WalletBalances
    from interfaces.wallet_spending import CreatedTransaction


class SendPage(QWidget):
    """Asks what to pay, shows what that takes, and sends it when the user agrees."""

    sent = Signal()

    def __init__(self, model: WalletModel) -> None:
        super().__init__()
        self._model = model
        self.unlocking = Unlocking(model, self)
        self.question: QMessageBox | None = None
        self.address, self.label, self.amount = QLineEdit(), QLineEdit(), QLineEdit()
        self.address.setPlaceholderText("Enter a Bitcoin address")
        self.amount.setPlaceholderText("0.00000000")
        self.subtract = QCheckBox("Subtract fee from amount")
        self.use_all = QPushButton("Use available balance")
        self.fee = FeeChoice()
        self.send_button, self.clear_button = QPushButton("S&end"), QPushButton("Clear &All")
        self.balance_label = QLabel("Balance: …")
        self.error_label = QLabel()
        self.error_label.setWordWrap(True)
        self._lay_out()
        self.send_button.clicked.connect(self._prepare)
        self.clear_button.clicked.connect(self.clear)
        self.use_all.clicked.connect(self._use_all)
        model.balances.connect(self._show_balance)
        model.started.connect(self._start)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        for widget in (self.amount, QLabel("BTC"), self.subtract, self.use_all):
            row.addWidget(widget)
        payment = QFormLayout()
        payment.addRow("Pay To:", self.address)
        payment.addRow("Label:", self.label)
        payment.addRow("Amount:", row)
        last = QHBoxLayout()
        last.addWidget(self.send_button)
        last.addWidget(self.clear_button)
        last.addStretch()
        last.addWidget(self.balance_label)
        layout = QVBoxLayout(self)
        layout.addLayout(payment)
        layout.addWidget(self.fee)
        layout.addWidget(self.error_label)
        layout.addStretch()
        layout.addLayout(last)

    def _start(self) -> None:
        self.fee.set_target(self._model.confirm_target)
        if self._model.watches_only:
            self.send_button.setEnabled(False)
            self.send_button.setToolTip("This wallet has no private keys.")

    def _show_balance(self, balances: WalletBalances) -> None:
        self.balance_label.setText(f"Balance: {shown(balances.balance)}")

    def _use_all(self) -> None:
        def fill(amount: int) -> None:
            self.subtract.setChecked(True)
            self.amount.setText(Amount(amount).text())

        wallet = self._model.wallet
        self._model.worker.run(lambda: wallet.get_available_balance(CoinControl()), fill, self._refuse)

    def _prepare(self) -> None:
        amount = read(self.amount.text())
        if not amount:
            self.error_label.setText("The amount to pay must be larger than 0.")
            return
        recipient = Recipient(self.address.text().strip(), amount, self.subtract.isChecked())
        self.error_label.clear()
        self.unlocking.begin(lambda: self._create(recipient))

    def _create(self, recipient: Recipient) -> None:
        self.send_button.setEnabled(False)
        wallet, control, label = self._model.wallet, self.fee.control(), self.label.text()
        self._model.worker.run(
            lambda: wallet.create_transaction([recipient], control),
            lambda made: self._ask(recipient, label, made),
            self._refuse,
        )

    def _ask(self, recipient: Recipient, label: str, made: CreatedTransaction) -> None:
        """Show what would be paid to whom; nothing is sent before the user agrees."""
        paid = recipient.amount - made.fee if recipient.subtract_fee_from_amount else recipient.amount
        whom = f"'{label}' ({recipient.dest})" if label else recipient.dest
        question = self.question = QMessageBox(self)
        question.setWindowTitle("Confirm send coins")
        question.setIcon(QMessageBox.Icon.Question)
        question.setText("Do you want to create this transaction?")
        question.setInformativeText(
            f"{shown(paid)} from wallet '{self._model.name}' to {whom}\n\n"
            f"Transaction fee: {shown(made.fee)} ({made.fee_rate / 1000:g} sat/vB)\n"
            f"Total Amount: {shown(paid + made.fee)}"
        )
        send = question.addButton("Send", QMessageBox.ButtonRole.AcceptRole)
        question.addButton(QMessageBox.StandardButton.Cancel)
        question.buttonClicked.connect(
            lambda button: self._send(recipient, label, made) if button is send else self._finish()
        )
        question.open()

    def _send(self, recipient: Recipient, label: str, made: CreatedTransaction) -> None:
        wallet = self._model.wallet

        def commit() -> None:
            wallet.commit_transaction(made.tx, [])
            if label:
                wallet.set_address_book(recipient.dest, label, "send")

        def done(_: None) -> None:
            self._finish()
            self.clear()
            self.sent.emit()

        self._model.worker.run(commit, done, self._refuse)

    def _refuse(self, text: str) -> None:
        self.error_label.setText(text)
        self._finish()

    def _finish(self) -> None:
        self.unlocking.end()
        self.send_button.setEnabled(not self._model.watches_only)

    def clear(self) -> None:
        """Empty the form."""
        for field in (self.address, self.label, self.amount):
            field.clear()
        self.subtract.setChecked(False)
        self.error_label.clear()
