"""The part of the main window that chooses a wallet, and makes, opens, closes and encrypts wallets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QComboBox, QLabel

from gui.create_wallet_dialog import CreateWalletDialog
from gui.passphrase_dialog import PassphraseDialog, Purpose
from gui.wallet_tabs import WalletTabs

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog, QMainWindow, QTabWidget

    from gui.wallet_model import WalletModel
    from gui.wallets import Wallets


class WalletControls(QObject):
    """Puts menus and a choice of wallets into a window, and the tabs of the chosen one before its others."""

    def __init__(self, window: QMainWindow, tabs: QTabWidget, wallets: Wallets) -> None:
        super().__init__(window)
        self._window = window
        self._tabs = tabs
        self._wallets = wallets
        self._all: list[WalletTabs] = []
        self.shown: WalletTabs | None = None
        self.dialog: QDialog | None = None
        file = window.menuBar().addMenu("&File")
        self.create_action = file.addAction("Create Wallet…", self._create)
        self.open_menu = file.addMenu("Open Wallet")
        self.close_action = file.addAction("Close Wallet…", self._close)
        file.addSeparator()
        file.addAction("E&xit", window.close)
        settings = window.menuBar().addMenu("&Settings")
        self.encrypt_action = settings.addAction("&Encrypt Wallet…", lambda: self._ask(Purpose.ENCRYPT))
        self.change_action = settings.addAction("&Change Passphrase…", lambda: self._ask(Purpose.CHANGE))
        self.choice = QComboBox()
        bar = window.addToolBar("Wallet")
        bar.setMovable(False)
        bar.addWidget(QLabel(" Wallet: "))
        bar.addWidget(self.choice)
        self.lock_label = QLabel()
        window.statusBar().addPermanentWidget(self.lock_label)
        self.open_menu.aboutToShow.connect(self.fill_open_menu)
        self.choice.currentIndexChanged.connect(self._choose)
        wallets.opened.connect(self._opened)
        wallets.closed.connect(self._closed)
        wallets.failed.connect(window.statusBar().showMessage)
        wallets.said.connect(window.statusBar().showMessage)
        wallets.lost.connect(self._show_lost)
        self._lost = ""
        self._show_status()

    def _opened(self, model: WalletModel) -> None:
        self._all.append(WalletTabs(model))
        model.status.connect(self._show_status)
        model.progress.connect(self._show_progress)
        self.choice.addItem(model.name or "[default wallet]")
        self.choice.setCurrentIndex(len(self._all) - 1)

    def _closed(self, model: WalletModel) -> None:
        place = next(place for place, tabs in enumerate(self._all) if tabs.model is model)
        tabs = self._all.pop(place)
        if isinstance(self.dialog, PassphraseDialog) and self.dialog.model is model:
            self.dialog.done(PassphraseDialog.DialogCode.Rejected)
        self.choice.blockSignals(True)
        self.choice.removeItem(place)
        self.choice.blockSignals(False)
        self._choose(self.choice.currentIndex())
        tabs.end()

    def _choose(self, place: int) -> None:
        chosen = self._all[place] if 0 <= place < len(self._all) else None
        if chosen is not self.shown:
            if self.shown is not None:
                self.shown.leave(self._tabs)
            self.shown = chosen
            if chosen is not None:
                chosen.show_in(self._tabs)
                self._wallets.shown_name = chosen.model.name
        self._show_status()

    def _show_status(self) -> None:
        model = None if self.shown is None else self.shown.model
        self.close_action.setEnabled(model is not None)
        self.encrypt_action.setEnabled(model is not None and not model.is_crypted and not model.watches_only)
        self.change_action.setEnabled(model is not None and model.is_crypted)
        text = self._lost
        if model is not None and model.is_crypted:
            state = "locked" if model.is_locked else "unlocked"
            text = f"Wallet is encrypted and currently {state}"
        self.lock_label.setText(text)

    def _show_lost(self, why: str) -> None:
        self._lost = why
        self._show_status()

    def _show_progress(self, title: str, percent: int) -> None:
        self._window.statusBar().showMessage(f"{title} {percent}%" if percent < 100 else "")

    def fill_open_menu(self) -> None:
        """Ask for the wallets that may be opened; they come into the menu when they are known."""
        self._list([])
        self._wallets.list_unloaded(self._list)

    def _list(self, names: list[str]) -> None:
        self.open_menu.clear()
        for name in names:
            self.open_menu.addAction(name or "[default wallet]", partial(self._wallets.load, name))
        if not names:
            self.open_menu.addAction("No wallets available").setEnabled(False)

    def _create(self) -> None:
        dialog = CreateWalletDialog(self._window)
        dialog.wanted.connect(lambda wanted: self._wallets.create(*wanted))
        self._open_dialog(dialog)

    def _close(self) -> None:
        if self.shown is not None:
            self._wallets.unload(self.shown.model.name)

    def _ask(self, purpose: Purpose) -> None:
        if self.shown is not None:
            self._open_dialog(PassphraseDialog(purpose, self.shown.model, self._window))

    def _open_dialog(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.finished.connect(self._forget_dialog)
        dialog.open()

    def _forget_dialog(self) -> None:
        self.dialog = None
