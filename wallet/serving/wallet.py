"""One wallet as another process has it."""

from __future__ import annotations

from pathlib import Path

from interfaces.wallet import WalletFailedError
from wallet import flags, loader
from wallet.export import export_watch_only
from wallet.rpc.context import NOT_FOUND
from wallet.serving.addresses import WalletAddresses
from wallet.serving.coins import WalletCoins
from wallet.serving.news import WalletNews
from wallet.serving.part import told
from wallet.serving.payments import WalletPayments
from wallet.serving.transactions import WalletTransactions


class LocalWallet(WalletAddresses, WalletCoins, WalletTransactions, WalletPayments, WalletNews):
    """All parts, and the wallet as a whole: its name, its passphrase, its file."""

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
        with told():
            self._wallet.encryption.encrypt(passphrase)

    def lock(self) -> None:
        """Forget the key."""
        with told():
            self._wallet.encryption.lock_keys()

    def unlock(self, passphrase: str) -> bool:
        """Keep the key."""
        with told():
            return self._wallet.encryption.unlock(passphrase)

    def change_wallet_passphrase(self, old_passphrase: str, new_passphrase: str) -> bool:
        """Encrypt the key anew."""
        with told():
            return self._wallet.encryption.change_passphrase(old_passphrase, new_passphrase)

    def private_keys_disabled(self) -> bool:
        """Ask the flags."""
        return self._wallet.has_flag(flags.DISABLE_PRIVATE_KEYS)

    def backup_wallet(self, path: str) -> None:
        """Copy the database."""
        with told():
            self._wallet.backup(Path(path))

    def export_watch_only_wallet(self, destination: str) -> None:
        """Write the copy."""
        wallet = self._wallet
        with told(), wallet.lock:
            export_watch_only(wallet, Path(destination))

    def abort_rescan(self) -> None:
        """End a scan."""
        self._wallet.rescan.abort()

    def remove(self) -> None:
        """Unload it, and forget to load it at start."""
        wallet = self._wallet
        with told():
            if loader.unload_wallet(wallet.context, wallet, load_on_startup=False) is None:
                raise WalletFailedError(NOT_FOUND)
