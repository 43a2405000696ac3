"""The tab that lists a wallet's transactions, gives them up, and replaces them by some that pay more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QMenu,
    QMessageBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from gui.amounts import shown
from gui.transaction_table import LABEL
from gui.unlocking import Unlocking
from interfaces.wallet import WalletFailedError
from interfaces.wallet_spending import CoinControl

if TYPE_CHECKING:
    from gui.wallet_model import WalletModel
    from interfaces.wallet_spending import BumpTransaction


class TransactionsPage(QWidget):
    """Shows the table; a right click on a line offers what can be done about it."""

    def __init__(self, model: WalletModel) -> None:
        super().__init__()
        self._model = model
        self._unlocking = Unlocking(model, self)
        self.question: QMessageBox | None = None
        self.view = QTableView()
        self.view.setModel(model.table)
        self.view.verticalHeader().hide()
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        for column, width in enumerate((330, 130, 110)):
            self.view.setColumnWidth(column, width)
        self.view.horizontalHeader().setSectionResizeMode(LABEL, QHeaderView.ResizeMode.Stretch)
        self.error_label = QLabel()
        self.error_label.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(self.view)
        layout.addWidget(self.error_label)
        self.menu = QMenu(self)
        self._txid, self._address = b"", ""
        copy = QGuiApplication.clipboard().setText
        self.copy_address = self.menu.addAction("&Copy address", lambda: copy(self._address))
        self.menu.addAction("Copy transaction &ID", lambda: copy(self._txid[::-1].hex()))
        self.menu.addSeparator()
        self.bump = self.menu.addAction("Increase transaction &fee", self._bump)
        self.abandon = self.menu.addAction("A&bandon transaction", self._abandon)
        self.view.customContextMenuRequested.connect(self._show_menu)

    def _show_menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        if index.isValid():
            self.choose(index.row())
            self.menu.popup(self.view.viewport().mapToGlobal(place))

    def choose(self, place: int) -> None:
        """Let the menu be about a line; what the wallet must be asked about can be chosen once it said so."""
        row = self._model.table.row(place)
        self._txid, self._address = row.txid, row.address
        self.copy_address.setEnabled(bool(row.address))
        self.bump.setEnabled(False)
        self.abandon.setEnabled(False)
        wallet, txid = self._model.wallet, row.txid

        def enable(can: tuple[bool, bool]) -> None:
            if self._txid == txid:
                self.abandon.setEnabled(can[0])
                self.bump.setEnabled(can[1])

        self._model.worker.run(
            lambda: (wallet.transaction_can_be_abandoned(txid), wallet.transaction_can_be_bumped(txid)),
            enable,
            self._refuse,
        )

    def _abandon(self) -> None:
        def done(good: bool) -> None:
            self.error_label.setText("" if good else "Transaction not eligible for abandonment")

        wallet, txid = self._model.wallet, self._txid
        self._model.worker.run(lambda: wallet.abandon_transaction(txid), done, self._refuse)

    def _bump(self) -> None:
        self.error_label.clear()
        wallet, txid = self._model.wallet, self._txid
        self._unlocking.begin(
            lambda: self._model.worker.run(
                lambda: wallet.create_bump_transaction(txid, CoinControl()),
                lambda made: self._ask(txid, made),
                self._refuse,
            )
        )

    def _ask(self, txid: bytes, made: BumpTransaction) -> None:
        question = self.question = QMessageBox(self)
        question.setWindowTitle("Confirm fee bump")
        question.setIcon(QMessageBox.Icon.Question)
        question.setText("Do you want to increase the fee?")
        question.setInformativeText(
            f"Current fee: {shown(made.old_fee)}\n"
            f"Increase: {shown(made.new_fee - made.old_fee)}\n"
            f"New fee: {shown(made.new_fee)}"
        )
        question.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel)
        yes = question.button(QMessageBox.StandardButton.Yes)
        question.buttonClicked.connect(
            lambda button: self._send(txid, made) if button is yes else self._unlocking.end()
        )
        question.open()

    def _send(self, txid: bytes, made: BumpTransaction) -> None:
        wallet = self._model.wallet

        def commit() -> bytes:
            signed = wallet.sign_bump_transaction(made.tx)
            if signed is None:
                raise WalletFailedError("Can't sign transaction.")
            return wallet.commit_bump_transaction(txid, signed)

        self._model.worker.run(commit, lambda _: self._unlocking.end(), self._refuse)

    def _refuse(self, text: str) -> None:
        self.error_label.setText(text)
        self._unlocking.end()
