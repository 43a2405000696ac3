"""The WalletLoader interface on the wallets of this process (Core: src/wallet/interfaces.cpp)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from interfaces.deliveries import Deliveries
from interfaces.wallet import (
    ChainSource,
    WalletFailedError,
    WalletFile,
    WalletLoader,
    WalletMigration,
)
from rpc.server import MethodServer, RpcOverIpc
from wallet import flags, loader
from wallet.database_files import list_databases
from wallet.errors import WalletError
from wallet.resubmitting import Resender
from wallet.rpc.context import RpcContext
from wallet.rpc.table import full_table
from wallet.serving.part import told
from wallet.serving.wallet import LocalWallet

if TYPE_CHECKING:
    from interfaces.handler import Handler
    from interfaces.rpc import Rpc
    from interfaces.wallet import ExternalSigner, Wallet
    from interfaces.wallet_callbacks import LoadWalletCallback
    from rpc.server import RpcOptions
    from wallet.context import WalletContext

_FAREWELL: Final = 1.0
"""Seconds to wait for clients that were called, each, before they are left."""
_PATIENCE: Final = 5.0
"""Seconds to let a wallet take what its node told, before it is closed."""


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
        self._deliveries = Deliveries("wallet")
        self.rpc = MethodServer(full_table(), RpcContext, options, (WalletError,))
        self.rpc.finish_warmup(context)

    @property
    def context(self) -> WalletContext:
        """What the wallets share."""
        return self._context

    def connect(self, node: ChainSource) -> list[str]:
        """Have all wallets follow the chain of another node, or of the same that was started again.

        Return why some cannot; those stay as they are.
        """
        self._context.chain = node.make_chain()
        self._context.make_events = node.make_events
        failures = []
        for wallet in self._context.wallets():
            try:
                wallet.start()
            except WalletError as error:
                failures.append(f"[{wallet.name}] {error}")
        return failures

    def load_wallets(self) -> list[str]:
        """Load those that the settings name."""
        with told():
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

    def get_wallet(self, name: str) -> Wallet | None:
        """Find it."""
        wallet = self._context.find(name)
        return None if wallet is None else LocalWallet(wallet, self._deliveries)

    def create_wallet(
        self,
        name: str,
        passphrase: str,
        disable_private_keys: bool = False,
        blank: bool = False,
        external_signer: bool = False,
    ) -> list[str]:
        """Make one."""
        wanted = (
            (flags.DISABLE_PRIVATE_KEYS if disable_private_keys else 0)
            | (flags.BLANK if blank else 0)
            | (flags.EXTERNAL_SIGNER if external_signer else 0)
        )
        with told():
            return loader.create_wallet(self._context, name, wanted, passphrase)[1]

    def load_wallet(self, name: str) -> list[str]:
        """Load one."""
        with told():
            return loader.load_wallet(self._context, name)[1]

    def restore_wallet(self, backup_file: str, name: str) -> list[str]:
        """Make one of a copy."""
        with told():
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

    def handle_load_wallet(self, callback: LoadWalletCallback) -> Handler:
        """Tell the names."""
        mailbox, give_back = self._context.loaded.follow()
        return self._deliveries.deliver(mailbox.take, callback.call, give_back)

    def set_mock_time(self, seconds: int) -> None:
        """Stop the clock."""
        self._context.set_mock_time(seconds)

    def bring_forward(self, seconds: int) -> None:
        """Look sooner what to send again."""
        self._resender.bring_forward(seconds)

    def migrate_wallet(self, name: str, passphrase: str, load_wallet: bool = True) -> WalletMigration:
        """Migrate it, and load what it became."""
        from wallet.legacy.migrating import migrate_wallet

        with told():
            done = migrate_wallet(self._context, name, passphrase, load=load_wallet)
        return WalletMigration(done.wallet_name, done.watching_name or "", done.solving_name or "", str(done.backup))

    def is_encrypted(self, name: str) -> bool:
        """Ask the wallet, or look into its file."""
        return loader.is_encrypted(self._context, name)

    def list_external_signers(self) -> list[ExternalSigner]:
        """Ask the program, if there is one."""
        signers = self._context.signers
        with told():
            return signers.enumerate() if signers.command else []

    def close(self) -> None:
        """Close all wallets. Idempotent."""
        self.interrupt()
        self._resender.close()
        loader.unload_all(self._context)
        self._deliveries.close(_FAREWELL)
