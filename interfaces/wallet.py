"""What a node and a desktop program ask of the process that has the wallets (Core: src/interfaces/wallet.h).

No private key ever crosses, unless the caller of an RPC method asks for it. Amounts are satoshis, times seconds since
1970, txids 32 bytes in internal order; addresses and descriptors are text.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from interfaces.chain import Chain, Outpoint
from interfaces.events import Events
from interfaces.handler import Handler
from interfaces.interface import Interface
from interfaces.raises import raises
from interfaces.rpc import Rpc
from interfaces.wallet_callbacks import (
    AddressBookChangedCallback,
    BlockProcessedCallback,
    CanGetAddressesChangedCallback,
    LoadWalletCallback,
    ShowProgressCallback,
    StatusChangedCallback,
    TransactionChangedCallback,
    UnloadCallback,
)
from interfaces.wallet_spending import (
    BumpTransaction,
    CoinControl,
    CreatedTransaction,
    FilledPsbt,
    MinimumFee,
    Recipient,
)
from interfaces.wallet_transactions import (
    AddressCoins,
    TxOut,
    WalletTx,
    WalletTxDetails,
    WalletTxOut,
    WalletTxUpdate,
)


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
class ExternalSigner:
    """A device that signs."""

    name: str
    """The model, may be empty."""
    fingerprint: str
    """Of its master key, 8 digits of hex."""


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
    used_balance: int = 0
    """On addresses that were spent from, where the wallet avoids reuse."""
    nonmempool_balance: int = 0
    """What transactions spend that are not in the mempool, negative."""


@dataclass(frozen=True, slots=True)
class BalancesAtBlock:
    """What a wallet has after a block."""

    balances: WalletBalances
    block_hash: bytes


@dataclass(frozen=True, slots=True)
class WalletAddress:
    """An entry of the address book."""

    address: str
    is_mine: bool
    purpose: str
    """ "receive", "send" or "refund"."""
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
    @raises(WalletFailedError)
    def get_pub_key(self, address: str) -> bytes | None:
        """Return the public key behind an address of the wallet's that has one."""

    @abstractmethod
    @raises(WalletFailedError)
    def sign_message(self, message: str, address: str) -> str:
        """Return a signature in base64, by the key of a legacy address of one key."""

    @abstractmethod
    @raises(WalletFailedError)
    def is_spendable(self, address: str) -> bool:
        """Whether an address is the wallet's."""

    # The address book.

    @abstractmethod
    def get_addresses(self) -> list[WalletAddress]:
        """Return the address book, all at once: some 100 bytes an address."""

    @abstractmethod
    @raises(WalletFailedError)
    def get_address(self, address: str) -> WalletAddress | None:
        """Return an entry of the address book."""

    @abstractmethod
    @raises(WalletFailedError)
    def set_address_book(self, address: str, label: str, purpose: str = "") -> None:
        """Put an address into the address book, or give it another label; without a purpose as it is whose it is."""

    @abstractmethod
    @raises(WalletFailedError)
    def del_address_book(self, address: str) -> bool:
        """Take an address out of the address book; False, and nothing is done, if it is the wallet's own."""

    @abstractmethod
    def get_address_receive_requests(self) -> list[str]:
        """Return all payment requests, as they were stored."""

    @abstractmethod
    @raises(WalletFailedError)
    def set_address_receive_request(self, address: str, request_id: str, value: str) -> bool:
        """Store a payment request for an address, or forget it if `value` is empty."""

    @abstractmethod
    @raises(WalletFailedError)
    def display_address(self, address: str) -> None:
        """Have the device that signs show an address."""

    # Coins.

    @abstractmethod
    @raises(WalletFailedError)
    def lock_coin(self, output: Outpoint, write_to_db: bool = False) -> bool:
        """Keep an output from being chosen, until it is unlocked or, unless that is written, the wallet is unloaded."""

    @abstractmethod
    @raises(WalletFailedError)
    def unlock_coin(self, output: Outpoint) -> bool:
        """Let an output be chosen again."""

    @abstractmethod
    def is_locked_coin(self, output: Outpoint) -> bool:
        """Whether an output is locked."""

    @abstractmethod
    def list_locked_coins(self) -> list[Outpoint]:
        """Return what is locked."""

    @abstractmethod
    def list_coins(self) -> list[AddressCoins]:
        """Return what may be spent, locked or not, by address; all at once, some 150 bytes a coin."""

    @abstractmethod
    def get_coins(self, outputs: list[Outpoint]) -> list[WalletTxOut]:
        """Return outputs of the wallet's transactions, spent or not, in the order asked for."""

    @abstractmethod
    def txin_is_mine(self, output: Outpoint) -> bool:
        """Whether an input that spends this output spends of the wallet's."""

    @abstractmethod
    def txout_is_mine(self, output: TxOut) -> bool:
        """Whether an output pays the wallet."""

    @abstractmethod
    def get_debit(self, output: Outpoint) -> int:
        """Return what an input that spends this output takes from the wallet."""

    @abstractmethod
    def get_credit(self, output: TxOut) -> int:
        """Return what an output gives the wallet."""

    # Transactions.

    @abstractmethod
    def get_tx(self, txid: bytes) -> bytes | None:
        """Return a transaction as on the wire; None if the wallet has none."""

    @abstractmethod
    def get_wallet_tx(self, txid: bytes) -> WalletTx | None:
        """Return a transaction and what of it is the wallet's."""

    @abstractmethod
    @raises(WalletFailedError)
    def get_wallet_txs(self, before: bytes = b"", count: int = 1000) -> list[WalletTx]:
        """Return transactions, the newest first, of those that came before one, at first of all.

        A page has at most `count` and 1,000 of them, and about 1 MB; the last page is empty, and `before` is the txid
        of the last one received. Register with `handle_transaction_changed` first, and nothing is missed between.
        """

    @abstractmethod
    def try_get_tx_status(self, txid: bytes) -> WalletTxUpdate | None:
        """Return how far a transaction is; None if it is not there, or the wallet is busy."""

    @abstractmethod
    def get_wallet_tx_details(self, txid: bytes) -> WalletTxDetails | None:
        """Return all of a transaction."""

    @abstractmethod
    def transaction_can_be_abandoned(self, txid: bytes) -> bool:
        """Whether a transaction is in no block and not in the mempool, and was not given up before."""

    @abstractmethod
    @raises(WalletFailedError)
    def abandon_transaction(self, txid: bytes) -> bool:
        """Give up a transaction, so that its inputs may be spent again; whether that was done."""

    @abstractmethod
    def transaction_can_be_bumped(self, txid: bytes) -> bool:
        """Whether a transaction may be replaced by one that pays more."""

    @abstractmethod
    @raises(WalletFailedError)
    def create_bump_transaction(self, txid: bytes, coin_control: CoinControl) -> BumpTransaction:
        """Make a replacement that pays more, for the fee that `coin_control` says or an estimate."""

    @abstractmethod
    @raises(WalletFailedError)
    def sign_bump_transaction(self, tx: bytes) -> bytes | None:
        """Sign a replacement; None if a signature is missing."""

    @abstractmethod
    @raises(WalletFailedError)
    def commit_bump_transaction(self, txid: bytes, tx: bytes) -> bytes:
        """Store and send a replacement that is signed, if the old one still may be replaced; return its txid."""

    # Payments.

    @abstractmethod
    @raises(WalletFailedError)
    def create_transaction(
        self, recipients: list[Recipient], coin_control: CoinControl, sign: bool = True, change_pos: int | None = None
    ) -> CreatedTransaction:
        """Make a transaction, which is not stored, nor are its coins kept: commit it, or forget it.

        The outputs are in the order given, with the change at `change_pos` or anywhere.
        """

    @abstractmethod
    @raises(WalletFailedError)
    def commit_transaction(self, tx: bytes, messages: list[str]) -> None:
        """Store a transaction that is signed, and send it; it is sent again while it is not confirmed.

        Fails if another transaction of the wallet's spends the same by now.
        """

    @abstractmethod
    @raises(WalletFailedError)
    def fill_psbt(
        self,
        psbt: bytes,
        sign: bool = True,
        finalize: bool = True,
        bip32_derivs: bool = True,
        sighash: int | None = None,
    ) -> FilledPsbt:
        """Add to a PSBT what the wallet knows, and sign what it can."""

    # Amounts and fees.

    @abstractmethod
    def get_balance(self) -> int:
        """Return what can be spent."""

    @abstractmethod
    def try_get_balances(self) -> BalancesAtBlock | None:
        """Return what it has, and after which block; None if the wallet is busy."""

    @abstractmethod
    @raises(WalletFailedError)
    def get_available_balance(self, coin_control: CoinControl) -> int:
        """Return what a payment could spend: the selected coins, and others if they are allowed."""

    @abstractmethod
    def get_required_fee(self, tx_bytes: int) -> int:
        """Return the least that wallet and node ask for a transaction of so many virtual bytes."""

    @abstractmethod
    @raises(WalletFailedError)
    def get_minimum_fee(self, tx_bytes: int, coin_control: CoinControl) -> MinimumFee:
        """Return the fee that a transaction of so many virtual bytes would pay."""

    @abstractmethod
    def get_confirm_target(self) -> int:
        """Return within how many blocks payments should confirm, unless it is said otherwise."""

    @abstractmethod
    def get_default_max_tx_fee(self) -> int:
        """Return the most that a transaction may pay (-maxtxfee)."""

    # What it is.

    @abstractmethod
    def hd_enabled(self) -> bool:
        """Whether a key makes its addresses."""

    @abstractmethod
    def can_get_addresses(self) -> bool:
        """Whether it has new addresses to give."""

    @abstractmethod
    def has_external_signer(self) -> bool:
        """Whether a device signs for it."""

    @abstractmethod
    def taproot_enabled(self) -> bool:
        """Whether it has addresses of type "bech32m"."""

    @abstractmethod
    def get_default_address_type(self) -> str:
        """Return the type of addresses that is given unless another is asked for."""

    @abstractmethod
    @raises(WalletFailedError)
    def export_watch_only_wallet(self, destination: str) -> None:
        """Write a wallet that has no private keys to a new file."""

    @abstractmethod
    @raises(WalletFailedError)
    def remove(self) -> None:
        """Unload it, and load it no more at start."""

    # News; all end with their handler.

    @abstractmethod
    def handle_unload(self, callback: UnloadCallback) -> Handler:
        """Tell that the wallet is unloaded."""

    @abstractmethod
    def handle_show_progress(self, callback: ShowProgressCallback) -> Handler:
        """Tell how far a scan of the chain is."""

    @abstractmethod
    def handle_status_changed(self, callback: StatusChangedCallback) -> Handler:
        """Tell that the wallet was encrypted, locked or unlocked."""

    @abstractmethod
    def handle_address_book_changed(self, callback: AddressBookChangedCallback) -> Handler:
        """Tell of changes of the address book."""

    @abstractmethod
    def handle_transaction_changed(self, callback: TransactionChangedCallback) -> Handler:
        """Tell of changes of transactions; that a block makes them deeper is told of blocks only."""

    @abstractmethod
    def handle_can_get_addresses_changed(self, callback: CanGetAddressesChangedCallback) -> Handler:
        """Tell that there may be new addresses, or none."""

    @abstractmethod
    def handle_block_processed(self, callback: BlockProcessedCallback) -> Handler:
        """Tell how far the wallet follows the chain."""

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
        self,
        name: str,
        passphrase: str,
        disable_private_keys: bool = False,
        blank: bool = False,
        external_signer: bool = False,
    ) -> list[str]:
        """Make a wallet, with an encrypted key unless the passphrase is empty, and load it. Returns warnings.

        With `external_signer` its keys are in the one device that is connected, and private keys must be disabled.
        """

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

    @abstractmethod
    def handle_load_wallet(self, callback: LoadWalletCallback) -> Handler:
        """Tell of wallets that are loaded or made from now on."""

    @abstractmethod
    @raises(WalletFailedError)
    def list_external_signers(self) -> list[ExternalSigner]:
        """Return the devices that the program of -signer finds; none without that option (Core: interfaces/node.h)."""
