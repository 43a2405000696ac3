"""One wallet as the window knows it: asked on a thread of its own, kept up to date by what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal

from gui.transaction_table import TransactionTable
from gui.wallet_feed import WalletFeed
from gui.worker import Worker
from interfaces.wallet_callbacks import ChangeType

if TYPE_CHECKING:
    from interfaces.handler import Handler
    from interfaces.wallet import Wallet, WalletAddress, WalletBalances
    from interfaces.wallet_transactions import WalletTxDetails

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class _Facts:
    crypted: bool
    locked: bool


@dataclass(frozen=True, slots=True)
class _Start:
    facts: _Facts
    watches_only: bool
    address_type: str
    confirm_target: int
    addresses: list[WalletAddress]


class WalletModel(QObject):
    """Owns a wallet's object, a thread and registrations, until `end`. All here runs on the Qt thread."""

    started = Signal()
    balances = Signal(object)
    status = Signal()
    """Whether it is encrypted or locked may have changed."""
    addresses_changed = Signal()
    progress = Signal(str, int)
    unloaded = Signal(object)
    """Itself."""

    def __init__(self, name: str, wallet: Wallet) -> None:
        """Begin to ask; all else follows with `started`."""
        super().__init__()
        self.name: Final = name
        self.wallet: Final = wallet
        self.table: Final = TransactionTable()
        self.addresses: Final[dict[str, WalletAddress]] = {}
        self.is_crypted = self.is_locked = self.watches_only = False
        self.address_type = "bech32"
        self.confirm_target = 6
        self.worker: Final = Worker(f"gui-{name}")
        self._handlers: list[Handler] = []
        self._balances_due = False
        self._feed = feed = WalletFeed()
        feed.unloaded.connect(self._tell_unloaded)
        feed.progress.connect(self.progress)
        feed.status.connect(self._ask_status)
        feed.address.connect(self._take_address)
        feed.transaction.connect(self._transaction_changed)
        feed.block.connect(self._take_block)
        # A wallet that was unloaded meanwhile tells nobody any more.
        self.worker.run(self._register, failed=lambda _: self._tell_unloaded())
        self.worker.run(self._begin, self._take_start)
        self._ask_balances()
        self._ask_page(b"")

    # On the worker's thread.

    def _register(self) -> None:
        self._handlers += self._feed.register(self.wallet)

    def _begin(self) -> _Start:
        wallet = self.wallet
        return _Start(
            self._facts(),
            wallet.private_keys_disabled(),
            wallet.get_default_address_type(),
            wallet.get_confirm_target(),
            wallet.get_addresses(),
        )

    def _facts(self) -> _Facts:
        return _Facts(self.wallet.is_crypted(), self.wallet.is_locked())

    def _page(self, before: bytes) -> list[WalletTxDetails]:
        found = (self.wallet.get_wallet_tx_details(tx.txid) for tx in self.wallet.get_wallet_txs(before, _PAGE))
        return [told for told in found if told is not None]

    # On the Qt thread.

    def _tell_unloaded(self) -> None:
        self.unloaded.emit(self)

    def _take_start(self, start: _Start) -> None:
        self._take_status(start.facts)
        self.watches_only = start.watches_only
        self.address_type = start.address_type
        self.confirm_target = start.confirm_target
        for each in start.addresses:
            self._take_address((each, ChangeType.NEW))
        self.started.emit()

    def _ask_status(self) -> None:
        self.worker.run(self._facts, self._take_status)

    def _take_status(self, facts: _Facts) -> None:
        self.is_crypted, self.is_locked = facts.crypted, facts.locked
        self.status.emit()

    def _ask_balances(self) -> None:
        """Ask, unless it is about to be asked."""
        if not self._balances_due:
            self._balances_due = True
            self.worker.run(self._balances, self.balances.emit)

    def _balances(self) -> WalletBalances:
        self._balances_due = False
        return self.wallet.get_balances()

    def _ask_page(self, before: bytes) -> None:
        self.worker.run(lambda: self._page(before), self._take_page)

    def _take_page(self, page: list[WalletTxDetails]) -> None:
        for told in page:
            self.table.put(told)
        if page:
            self._ask_page(page[-1].wallet_tx.txid)

    def _transaction_changed(self, txid: bytes, change: ChangeType) -> None:
        if change is ChangeType.DELETED:
            self.table.remove(txid)
        else:
            self.worker.run(lambda: self.wallet.get_wallet_tx_details(txid), self._take_transaction)
        self._ask_balances()

    def _take_transaction(self, told: WalletTxDetails | None) -> None:
        if told is not None:
            self.table.put(told)

    def _take_block(self, height: int) -> None:
        self.table.set_height(height)
        self._ask_balances()

    def _take_address(self, news: tuple[WalletAddress, ChangeType]) -> None:
        entry, change = news
        if change is ChangeType.DELETED:
            self.addresses.pop(entry.address, None)
            self.table.set_label(entry.address, None)
        else:
            self.addresses[entry.address] = entry
            self.table.set_label(entry.address, entry.label)
        self.addresses_changed.emit()

    def end(self) -> None:
        """Ask no more, have the wallet given back, which `Worker.wait` waits for, and be gone."""
        self.worker.end(self._give_back)
        # Else what is connected to them would keep them, and they it.
        self.table.deleteLater()
        self.deleteLater()

    def _give_back(self) -> None:
        for handler in self._handlers:
            handler.close()
        self.wallet.close()
