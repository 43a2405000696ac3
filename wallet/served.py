"""The Wallet and WalletLoader interfaces on the wallets of this process (Core: src/wallet/interfaces.cpp)."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from interfaces.wallet import (
    ChainSource,
    WalletAddress,
    WalletBalances,
    WalletFailedError,
    WalletFile,
    WalletLoader,
    WalletMigration,
)
from interfaces.wallet import (
    Wallet as WalletInterface,
)
from primitives.address import decode, encode
from primitives.descriptor import OutputType
from primitives.errors import AddressError
from rpc.server import MethodServer, RpcOverIpc
from wallet import flags, loader
from wallet.address_book import Purpose
from wallet.database_files import list_databases
from wallet.errors import WalletError
from wallet.resubmitting import Resender
from wallet.rpc.context import RpcContext
from wallet.rpc.table import full_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interfaces.rpc import Rpc
    from rpc.server import RpcOptions
    from wallet.context import WalletContext
    from wallet.wallet import Wallet


_PATIENCE: Final = 5.0
"""Seconds to let a wallet take what its node told, before it is closed."""


@contextmanager
def _told() -> Iterator[None]:
    """Tell the other process what went wrong."""
    try:
        yield
    except WalletError as error:
        raise WalletFailedError(str(error)) from error


class LocalWallet(WalletInterface):
    """One wallet."""

    def __init__(self, wallet: Wallet) -> None:
        """Answer from `wallet`."""
        self._wallet = wallet

    def get_wallet_name(self) -> str:
        """Return its name."""
        return self._wallet.name

    def is_crypted(self) -> bool:
        """Ask the wallet."""
        return self._wallet.encryption.is_encrypted

    def is_locked(self) -> bool:
        """Ask the wallet."""
        return self._wallet.encryption.is_locked

    def encrypt_wallet(self, passphrase: str) -> None:
        """Encrypt it."""
        with _told():
            self._wallet.encryption.encrypt(passphrase)

    def lock(self) -> None:
        """Forget the key."""
        with _told():
            self._wallet.encryption.lock_keys()

    def unlock(self, passphrase: str) -> bool:
        """Keep the key."""
        with _told():
            return self._wallet.encryption.unlock(passphrase)

    def change_wallet_passphrase(self, old_passphrase: str, new_passphrase: str) -> bool:
        """Encrypt the key anew."""
        with _told():
            return self._wallet.encryption.change_passphrase(old_passphrase, new_passphrase)

    def private_keys_disabled(self) -> bool:
        """Ask the flags."""
        return bool(self._wallet.flags & flags.DISABLE_PRIVATE_KEYS)

    def get_balances(self) -> WalletBalances:
        """Add up."""
        with self._wallet.lock:
            found = self._wallet.ledger.balances()
        return WalletBalances(found.trusted, found.untrusted_pending, found.immature)

    def get_new_destination(self, output_type: str, label: str) -> str:
        """Take the next address."""
        with _told():
            return encode(self._wallet.keypool.new_address(OutputType(output_type), label), self._wallet.params) or ""

    def get_addresses(self) -> list[WalletAddress]:
        """Return the address book."""
        wallet = self._wallet
        with wallet.lock:
            return [
                WalletAddress(text, wallet.is_mine(script), str(entry.purpose or "unknown"), entry.label)
                for script, entry in wallet.book.entries()
                if entry.label is not None and (text := encode(script, wallet.params)) is not None
            ]

    def set_address_book(self, address: str, label: str) -> None:
        """Label an address."""
        wallet = self._wallet
        try:
            script = decode(address, wallet.params)
        except AddressError as error:
            raise WalletFailedError(str(error)) from error
        with _told(), wallet.lock:
            wallet.book.set(script, label, Purpose.RECEIVE if wallet.is_mine(script) else Purpose.SEND)

    def backup_wallet(self, path: str) -> None:
        """Copy the database."""
        with _told():
            self._wallet.backup(Path(path))

    def abort_rescan(self) -> None:
        """End a scan."""
        self._wallet.rescan.abort()


class LocalWalletLoader(WalletLoader):
    """The wallets of a context, which end with it."""

    def __init__(
        self,
        context: WalletContext,
        names: list[str],
        options: RpcOptions | None = None,
        *,
        skip_failing: bool = False,
    ) -> None:
        """Own the wallets of `context`; `names` are those to load at start, as `load_at_start` has it."""
        self._skip_failing = skip_failing
        self._context = context
        self._names = names
        self._resender = Resender(context)
        self.rpc = MethodServer(full_table(), RpcContext, options)
        self.rpc.finish_warmup(context)

    @property
    def context(self) -> WalletContext:
        """What the wallets share."""
        return self._context

    def connect(self, node: ChainSource) -> None:
        """Have all wallets follow the chain of another node, or of the same that was started again."""
        self._context.chain = node.make_chain()
        self._context.make_events = node.make_events
        for wallet in self._context.wallets():
            wallet.start()

    def load_wallets(self) -> list[str]:
        """Load those that the settings name."""
        with _told():
            return loader.load_at_start(self._context, self._names, skip_failing=self._skip_failing)

    def make_rpc(self) -> Rpc:
        """Make an `Rpc` of the table of wallets."""
        return RpcOverIpc(self.rpc)

    def get_wallet_dir(self) -> str:
        """Return the directory."""
        return str(self._context.wallet_dir)

    def list_wallet_dir(self) -> list[WalletFile]:
        """Look into the directory."""
        found = list_databases(self._context.wallet_dir, self._context.params)
        return [WalletFile(name, kind) for name, kind in found]

    def get_wallets(self) -> list[str]:
        """Return the names."""
        return [wallet.name for wallet in self._context.wallets()]

    def get_wallet(self, name: str) -> WalletInterface | None:
        """Find it."""
        wallet = self._context.find(name)
        return None if wallet is None else LocalWallet(wallet)

    def create_wallet(
        self, name: str, passphrase: str, disable_private_keys: bool = False, blank: bool = False
    ) -> list[str]:
        """Make one."""
        wanted = (flags.DISABLE_PRIVATE_KEYS if disable_private_keys else 0) | (flags.BLANK if blank else 0)
        with _told():
            return loader.create_wallet(self._context, name, wanted, passphrase)[1]

    def load_wallet(self, name: str) -> list[str]:
        """Load one."""
        with _told():
            return loader.load_wallet(self._context, name)[1]

    def restore_wallet(self, backup_file: str, name: str) -> list[str]:
        """Make one of a copy."""
        with _told():
            return loader.restore_wallet(self._context, Path(backup_file), name)[1]

    def unload_wallet(self, name: str) -> None:
        """Close one."""
        wallet = self._context.find(name)
        if wallet is None or loader.unload_wallet(self._context, wallet) is None:
            raise WalletFailedError("Requested wallet does not exist or is not loaded")

    def interrupt(self) -> None:
        """Have what takes long end soon, and begin no more of it."""
        self.rpc.interrupt()
        self._context.signers.close()
        for wallet in self._context.wallets():
            wallet.rescan.abort()

    def unload_wallets(self) -> None:
        """Close all, each once it has seen what the node has."""
        self.interrupt()
        for wallet in self._context.wallets():
            wallet.wait_until_synced(_PATIENCE)
        loader.unload_all(self._context)

    def set_mock_time(self, seconds: int) -> None:
        """Stop the clock."""
        self._context.set_mock_time(seconds)

    def bring_forward(self, seconds: int) -> None:
        """Look sooner what to send again."""
        self._resender.bring_forward(seconds)

    def migrate_wallet(self, name: str, passphrase: str, load_wallet: bool = True) -> WalletMigration:
        """Migrate it, and load what it became."""
        from wallet.legacy.migrating import migrate_wallet

        with _told():
            done = migrate_wallet(self._context, name, passphrase, load=load_wallet)
        return WalletMigration(done.wallet_name, done.watching_name or "", done.solving_name or "", str(done.backup))

    def is_encrypted(self, name: str) -> bool:
        """Ask the wallet, or look into its file."""
        return loader.is_encrypted(self._context, name)

    def close(self) -> None:
        """Close all wallets. Idempotent."""
        self.interrupt()
        self._resender.close()
        loader.unload_all(self._context)
