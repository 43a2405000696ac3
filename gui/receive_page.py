"""The tab that makes addresses and lists them (Core: src/qt/receivecoinsdialog.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from gui.wallet_model import WalletModel

_KINDS: Final = {
    "legacy": "Base58 (Legacy)",
    "p2sh-segwit": "Base58 (P2SH-SegWit)",
    "bech32": "Bech32 (SegWit)",
    "bech32m": "Bech32m (Taproot)",
}


class ReceivePage(QWidget):
    """Makes an address on request, and shows it."""

    def __init__(self, model: WalletModel) -> None:
        super().__init__()
        self._model = model
        self.label = QLineEdit()
        self.kind = QComboBox()
        for kind, name in _KINDS.items():
            self.kind.addItem(name, kind)
        self.create_button = QPushButton("&Create new receiving address")
        self.new_address = QLineEdit()
        self.new_address.setReadOnly(True)
        self.copy_button = QPushButton("Copy &address")
        self.copy_button.setEnabled(False)
        self.error_label = QLabel()
        self.error_label.setWordWrap(True)
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels(["Label", "Address"])
        self.table.setColumnWidth(0, 200)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        row = QHBoxLayout()
        row.addWidget(self.new_address)
        row.addWidget(self.copy_button)
        form = QFormLayout()
        form.addRow("Label:", self.label)
        form.addRow("Address type:", self.kind)
        form.addRow(self.create_button)
        form.addRow("Address:", row)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.error_label)
        layout.addWidget(self.table)
        self.create_button.clicked.connect(self._create)
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.new_address.text()))
        model.started.connect(self._start)
        model.addresses_changed.connect(self._list)

    def _start(self) -> None:
        self.kind.setCurrentIndex(self.kind.findData(self._model.address_type))

    def _create(self) -> None:
        self.create_button.setEnabled(False)
        self.error_label.clear()
        wallet, kind, label = self._model.wallet, str(self.kind.currentData()), self.label.text()
        self._model.worker.run(lambda: wallet.get_new_destination(kind, label), self._show, self._refuse)

    def _show(self, address: str) -> None:
        self.create_button.setEnabled(True)
        self.copy_button.setEnabled(True)
        self.new_address.setText(address)
        self.label.clear()

    def _refuse(self, text: str) -> None:
        self.create_button.setEnabled(True)
        self.error_label.setText(text)

    def _list(self) -> None:
        """List the wallet's own addresses."""
        own = [each for each in self._model.addresses.values() if each.is_mine and each.purpose == "receive"]
        self.table.setRowCount(len(own))
        for place, each in enumerate(own):
            self.table.setItem(place, 0, QTableWidgetItem(each.label or "(no label)"))
            self.table.setItem(place, 1, QTableWidgetItem(each.address))
