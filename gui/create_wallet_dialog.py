"""Asks what wallet to make (Core: src/qt/createwalletdialog.cpp)."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QWidget


class CreateWalletDialog(QDialog):
    """Emits `wanted` with what `Wallets.create` takes, as a tuple."""

    wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Create Wallet")
        self.name = QLineEdit()
        self.encrypt = QCheckBox("Encrypt Wallet")
        self.passphrase, self.repeated = QLineEdit(), QLineEdit()
        for field in (self.passphrase, self.repeated):
            field.setEchoMode(QLineEdit.EchoMode.Password)
            field.setEnabled(False)
        self.watch_only = QCheckBox("Disable Private Keys")
        self.blank = QCheckBox("Make Blank Wallet")
        self.error_label = QLabel()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.create_button = buttons.addButton("Create", QDialogButtonBox.ButtonRole.AcceptRole)
        self.create_button.setEnabled(False)
        form = QFormLayout(self)
        form.addRow("Wallet Name", self.name)
        form.addRow(self.encrypt)
        form.addRow("New passphrase", self.passphrase)
        form.addRow("Repeat new passphrase", self.repeated)
        for widget in (self.watch_only, self.blank, self.error_label, buttons):
            form.addRow(widget)
        self.name.textChanged.connect(lambda text: self.create_button.setEnabled(bool(text)))
        self.encrypt.toggled.connect(self._encrypts)
        self.watch_only.toggled.connect(lambda wanted: self.encrypt.setEnabled(not wanted))
        buttons.accepted.connect(self._try)
        buttons.rejected.connect(self.reject)

    def _encrypts(self, wanted: bool) -> None:
        self.watch_only.setEnabled(not wanted)
        for field in (self.passphrase, self.repeated):
            field.setEnabled(wanted)
            field.clear()

    def _try(self) -> None:
        passphrase = self.passphrase.text()
        if self.encrypt.isChecked() and not passphrase:
            self.error_label.setText("The passphrase cannot be empty.")
        elif passphrase != self.repeated.text():
            self.error_label.setText("The supplied passphrases do not match.")
        else:
            self.wanted.emit((self.name.text(), passphrase, self.watch_only.isChecked(), self.blank.isChecked()))
            self.accept()

    def done(self, result: int) -> None:
        """Forget what was typed."""
        self.passphrase.clear()
        self.repeated.clear()
        super().done(result)
