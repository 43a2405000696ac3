"""Asks for a passphrase: to unlock a wallet, to encrypt it, or to change it (Core: src/qt/askpassphrasedialog.cpp)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QWidget

if TYPE_CHECKING:
    from gui.wallet_model import WalletModel


class Purpose(Enum):
    """What a passphrase is asked for; the value is the window's title."""

    UNLOCK = "Unlock wallet"
    ENCRYPT = "Encrypt wallet"
    CHANGE = "Change passphrase"


class PassphraseDialog(QDialog):
    """Stays open until it was done, or the user gives up."""

    succeeded = Signal()

    def __init__(self, purpose: Purpose, model: WalletModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(purpose.value)
        self._purpose = purpose
        self.model = model
        self.old, self.new, self.repeated = QLineEdit(), QLineEdit(), QLineEdit()
        form = QFormLayout(self)
        fields = []
        if purpose is Purpose.ENCRYPT:
            warning = QLabel("If you lose the passphrase of an encrypted wallet, all of its bitcoins are lost.")
            warning.setWordWrap(True)
            form.addRow(warning)
        if purpose is not Purpose.ENCRYPT:
            fields.append(("Enter passphrase", self.old))
        if purpose is not Purpose.UNLOCK:
            fields += [("New passphrase", self.new), ("Repeat new passphrase", self.repeated)]
        for name, field in fields:
            field.setEchoMode(QLineEdit.EchoMode.Password)
            form.addRow(name, field)
        self.error_label = QLabel()
        self.error_label.setWordWrap(True)
        form.addRow(self.error_label)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.attempt)
        self.buttons.rejected.connect(self.reject)
        form.addRow(self.buttons)

    def attempt(self) -> None:
        """Do it with what was typed."""
        old, new = self.old.text(), self.new.text()
        if self._purpose is not Purpose.UNLOCK and not new:
            self._refuse("The passphrase cannot be empty.")
        elif self._purpose is not Purpose.UNLOCK and new != self.repeated.text():
            self._refuse("The supplied passphrases do not match.")
        else:
            self.buttons.setEnabled(False)
            self.model.worker.run(lambda: self._ask_wallet(old, new), self._finish, self._refuse)

    def _ask_wallet(self, old: str, new: str) -> bool:
        """Run on the worker's thread; whether the old passphrase is right."""
        wallet = self.model.wallet
        match self._purpose:
            case Purpose.UNLOCK:
                return wallet.unlock(old)
            case Purpose.ENCRYPT:
                wallet.encrypt_wallet(new)
                return True
            case Purpose.CHANGE:
                return wallet.change_wallet_passphrase(old, new)

    def _finish(self, good: bool) -> None:
        if good:
            self.accept()
            self.succeeded.emit()
        else:
            self._refuse("The passphrase entered for the wallet decryption was incorrect.")

    def _refuse(self, text: str) -> None:
        self.buttons.setEnabled(True)
        self.error_label.setText(text)

    def reject(self) -> None:
        """Give up, unless the wallet has been asked and will answer."""
        if self.buttons.isEnabled():
            super().reject()

    def done(self, result: int) -> None:
        """Forget what was typed, and be gone soon."""
        for field in (self.old, self.new, self.repeated):
            field.clear()
        super().done(result)
        self.deleteLater()
