"""What a node and a desktop program ask of the process that has the wallets (Core: src/interfaces/wallet.h).

No private key ever crosses, unless the caller of an RPC method asks for it. Amounts are satoshis, times seconds since
1970, txids 32 bytes in internal order; addresses and descriptors are text.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from interfaces.chain import Chain
from interfaces.events import Events
from interfaces.interface import Interface
from interfaces.raises import raises
from interfaces.rpc import Rpc


@dataclass
class WalletFailedError(Exception):
    """What was asked of a wallet, or of the wallets, could not be done; the text is for the user."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class WalletFile:
    """A wallet of the wallet directory."""

    name: str
    format: str
    """ "sqlite", or "bdb" for a legacy wallet, which must be migrated first."""


@dataclass(frozen=True, slots=True)
class WalletMigration:
    """What a legacy wallet became (Core: WalletMigrationResult)."""

    wallet_name: str
    """The main wallet, or the first of the others where nothing was left for it."""
    watchonly_name: str
    """The wallet with what was only watched; empty if there is none, and so is the next."""
    solvables_name: str
    """The wallet with scripts that were not even watched."""
    backup_path: str
    """The copy of the legacy wallet."""


@dataclass(frozen=True, slots=True)
class WalletBalances:
    """What a wallet has."""

    balance: int
    """In blocks, or ours and in the mempool."""
    unconfirmed_balance: int
    immature_balance: int
    """Mined, but not to be spent yet."""


@dataclass(frozen=True, slots=True)
class WalletAddress:
    """An entry of the address book."""

    address: str
    is_mine: bool
    purpose: str
    """ "receive" or "send"."""
    label: str


class ChainSource(Interface, schema="wallet.capnp"):
    """What a node gives to wallets."""

    @abstractmethod
    def make_chain(self) -> Chain:
        """Make a `Chain`."""

    @abstractmethod
    def make_events(self) -> Events:
        """Make an `Events`. Each wallet has one of its own."""

    @abstractmethod
    def hear_loaded(self, names: list[str]) -> None:
        """Hear which wallets are loaded, in order: after the start, and before who loaded or unloaded one is answered.

        Wallets that are closed because their process ends count as loaded.
        """


class Wallet(Interface, schema="wallet.capnp"):
    """One wallet that is loaded. After it was unloaded every call fails."""

    @abstractmethod
    def get_wallet_name(self) -> str:
        """Return its name, which may be empty."""

    @abstractmethod
    def is_crypted(self) -> bool:
        """Whether its keys are encrypted."""

    @abstractmethod
    def is_locked(self) -> bool:
        """Whether its keys cannot be used before `unlock`."""

    @abstractmethod
    @raises(WalletFailedError)
    def encrypt_wallet(self, passphrase: str) -> None:
        """Encrypt its keys."""

    @abstractmethod
    @raises(WalletFailedError)
    def lock(self) -> None:
        """Forget the key that decrypts."""

    @abstractmethod
    @raises(WalletFailedError)
    def unlock(self, passphrase: str) -> bool:
        """Keep the key that decrypts until `lock`; whether the passphrase is right."""

    @abstractmethod
    @raises(WalletFailedError)
    def change_wallet_passphrase(self, old_passphrase: str, new_passphrase: str) -> bool:
        """Encrypt with another passphrase; whether the old one is right."""

    @abstractmethod
    def private_keys_disabled(self) -> bool:
        """Whether it only watches."""

    @abstractmethod
    def get_balances(self) -> WalletBalances:
        """Return what it has."""

    @abstractmethod
    @raises(WalletFailedError)
    def get_new_destination(self, output_type: str, label: str) -> str:
        """Return a fresh address of a type: "legacy", "p2sh-segwit", "bech32" or "bech32m"."""

    @abstractmethod
    def get_addresses(self) -> list[WalletAddress]:
        """Return the address book."""

    @abstractmethod
    @raises(WalletFailedError)
    def set_address_book(self, address: str, label: str) -> None:
        """Put an address into the address book, or give it another label."""

    @abstractmethod
    @raises(WalletFailedError)
    def backup_wallet(self, path: str) -> None:
        """Copy its file, as it is now."""

    @abstractmethod
    def abort_rescan(self) -> None:
        """End a scan that runs."""


class WalletLoader(Interface, schema="wallet.capnp"):
    """The wallets of a process."""

    @abstractmethod
    @raises(WalletFailedError)
    def load_wallets(self) -> list[str]:
        """Load the wallets that the settings name, and follow the chain. Returns warnings. Called once, first."""

    @abstractmethod
    def make_rpc(self) -> Rpc:
        """Make what answers the RPC methods of wallets."""

    @abstractmethod
    def get_wallet_dir(self) -> str:
        """Return the directory of the wallets."""

    @abstractmethod
    def list_wallet_dir(self) -> list[WalletFile]:
        """Return the wallets of the directory, loaded or not."""

    @abstractmethod
    def get_wallets(self) -> list[str]:
        """Return the names of the wallets that are loaded."""

    @abstractmethod
    def get_wallet(self, name: str) -> Wallet | None:
        """Return a wallet that is loaded."""

    @abstractmethod
    @raises(WalletFailedError)
    def create_wallet(
        self, name: str, passphrase: str, disable_private_keys: bool = False, blank: bool = False
    ) -> list[str]:
        """Make a wallet, with an encrypted key unless the passphrase is empty, and load it. Returns warnings."""

    @abstractmethod
    @raises(WalletFailedError)
    def load_wallet(self, name: str) -> list[str]:
        """Load a wallet of the directory. Returns warnings."""

    @abstractmethod
    @raises(WalletFailedError)
    def restore_wallet(self, backup_file: str, name: str) -> list[str]:
        """Make a wallet of a copy, and load it. Returns warnings."""

    @abstractmethod
    @raises(WalletFailedError)
    def unload_wallet(self, name: str) -> None:
        """Write what is due and close a wallet."""

    @abstractmethod
    def unload_wallets(self) -> None:
        """Take what the node told until now, write what is due and close all wallets."""

    @abstractmethod
    def set_mock_time(self, seconds: int) -> None:
        """Stop the wallets' clock; 0 lets it run again."""

    @abstractmethod
    def bring_forward(self, seconds: int) -> None:
        """Bring forward what wallets do from time to time (Core: schedulerMockForward)."""

    @abstractmethod
    @raises(WalletFailedError)
    def migrate_wallet(self, name: str, passphrase: str, load_wallet: bool = True) -> WalletMigration:
        """Make descriptor wallets of a legacy one; encrypted ones need their passphrase. May take minutes."""

    @abstractmethod
    def is_encrypted(self, name: str) -> bool:
        """Whether a wallet of the directory, loaded or not, legacy or not, has a passphrase."""
