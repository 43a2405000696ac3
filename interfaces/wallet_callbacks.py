"""What a desktop program hears of wallets (Core: the handlers of src/interfaces/wallet.h).

Each registration hears one thing after the other. Who is slow hears less: of what changed several times meanwhile only
how it ended, so that a wallet never waits, and keeps no more for a client than one entry for each thing there is.

A callback that another process holds is closed when its registration has ended, be it that the wallet's process died,
also where a process in between had passed it on.
"""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum

from interfaces.interface import Interface


class ChangeType(Enum):
    """What happened to something."""

    NEW = 0
    UPDATED = 1
    DELETED = 2


class UnloadCallback(Interface, schema="wallet.capnp"):
    """Hears that a wallet is unloaded."""

    @abstractmethod
    def call(self) -> None:
        """Let go of it; its methods fail from now on."""


class ShowProgressCallback(Interface, schema="wallet.capnp"):
    """Hears how far long work is."""

    @abstractmethod
    def call(self, title: str, progress: int) -> None:
        """Take a percentage; 100 is the end."""


class StatusChangedCallback(Interface, schema="wallet.capnp"):
    """Hears that a wallet was encrypted, locked or unlocked."""

    @abstractmethod
    def call(self) -> None:
        """Ask `Wallet.is_crypted` and `Wallet.is_locked`."""


class AddressBookChangedCallback(Interface, schema="wallet.capnp"):
    """Hears of addresses that are new, have another label, or are gone."""

    @abstractmethod
    def call(self, address: str, label: str, is_mine: bool, purpose: str, status: ChangeType) -> None:
        """Take one entry as it is now; see `WalletAddress`."""


class TransactionChangedCallback(Interface, schema="wallet.capnp"):
    """Hears of transactions that are new, are in another state, or are gone."""

    @abstractmethod
    def call(self, txid: bytes, status: ChangeType) -> None:
        """Ask `Wallet.get_wallet_tx_details`. One that was told of as new may be known already."""


class CanGetAddressesChangedCallback(Interface, schema="wallet.capnp"):
    """Hears that a wallet may have addresses now, or none any more."""

    @abstractmethod
    def call(self) -> None:
        """Ask `Wallet.can_get_addresses`."""


class BlockProcessedCallback(Interface, schema="wallet.capnp"):
    """Hears how far a wallet has followed the chain, by which depths and balances may be others. Not in Core."""

    @abstractmethod
    def call(self, block_hash: bytes, height: int) -> None:
        """Take the last block that the wallet knows."""


class LoadWalletCallback(Interface, schema="wallet.capnp"):
    """Hears that a wallet was loaded or made, by whomever."""

    @abstractmethod
    def call(self, name: str) -> None:
        """Ask `WalletLoader.get_wallet`."""
