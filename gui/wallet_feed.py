"""Brings what a wallet tells from other threads to the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from interfaces.wallet import WalletAddress
from interfaces.wallet_callbacks import (
    AddressBookChangedCallback,
    BlockProcessedCallback,
    ChangeType,
    ShowProgressCallback,
    StatusChangedCallback,
    TransactionChangedCallback,
    UnloadCallback,
)

if TYPE_CHECKING:
    from interfaces.handler import Handler
    from interfaces.wallet import Wallet


class WalletFeed(QObject):
    """Who connects hears all on its own thread, from `register` on."""

    unloaded = Signal()
    progress = Signal(str, int)
    status = Signal()
    address = Signal(object)
    """A WalletAddress and a ChangeType."""
    transaction = Signal(object, object)
    """A txid and a ChangeType."""
    block = Signal(int)
    """The height up to which the wallet is."""

    def register(self, wallet: Wallet) -> list[Handler]:
        """Ask a wallet to tell its news; return what ends that."""
        return [
            wallet.handle_unload(_Unload(self)),
            wallet.handle_show_progress(_Progress(self)),
            wallet.handle_status_changed(_Status(self)),
            wallet.handle_address_book_changed(_Addresses(self)),
            wallet.handle_transaction_changed(_Transactions(self)),
            wallet.handle_block_processed(_Blocks(self)),
        ]


class _Unload(UnloadCallback):
    def __init__(self, feed: WalletFeed) -> None:
        self._feed = feed

    def call(self) -> None:
        self._feed.unloaded.emit()


class _Progress(ShowProgressCallback):
    def __init__(self, feed: WalletFeed) -> None:
        self._feed = feed

    def call(self, title: str, progress: int) -> None:
        self._feed.progress.emit(title, progress)


class _Status(StatusChangedCallback):
    def __init__(self, feed: WalletFeed) -> None:
        self._feed = feed

    def call(self) -> None:
        self._feed.status.emit()


class _Addresses(AddressBookChangedCallback):
    def __init__(self, feed: WalletFeed) -> None:
        self._feed = feed

    def call(self, address: str, label: str, is_mine: bool, purpose: str, status: ChangeType) -> None:
        self._feed.address.emit((WalletAddress(address, is_mine, purpose, label), status))


class _Transactions(TransactionChangedCallback):
    def __init__(self, feed: WalletFeed) -> None:
        self._feed = feed

    def call(self, txid: bytes, status: ChangeType) -> None:
        self._feed.transaction.emit(txid, status)


class _Blocks(BlockProcessedCallback):
    def __init__(self, feed: WalletFeed) -> None:
        self._feed = feed

    def call(self, block_hash: bytes, height: int) -> None:
        del block_hash
        self._feed.block.emit(height)
