"""Does what needs a wallet's keys: asks for the passphrase first, and locks again afterwards what was locked before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui.passphrase_dialog import PassphraseDialog, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from gui.wallet_model import WalletModel


class Unlocking:
    """One thing at a time."""

    def __init__(self, model: WalletModel, parent: QWidget) -> None:
        self._model = model
        self._parent = parent
        self._must_lock = False
        self.dialog: PassphraseDialog | None = None

    def begin(self, act: Callable[[], object]) -> None:
        """Call `act` once the keys can be used; not at all if the user gives up."""
        if not self._model.is_locked:
            act()
            return

        def unlocked() -> None:
            self._must_lock = True
            act()

        dialog = self.dialog = PassphraseDialog(Purpose.UNLOCK, self._model, self._parent)
        dialog.succeeded.connect(unlocked)
        dialog.open()

    def end(self) -> None:
        """Lock again, if it was locked."""
        if self._must_lock:
            self._must_lock = False
            self._model.worker.run(self._model.wallet.lock)
