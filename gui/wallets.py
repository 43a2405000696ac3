"""The wallets of a node: which are loaded, and loading, making and unloading them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from gui.wallet_model import WalletModel
from gui.worker import Worker
from interfaces.wallet_callbacks import LoadWalletCallback

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.handler import Handler
    from interfaces.wallet import Wallet, WalletLoader


class Wallets(QObject):
    """Owns the loader, a thread and the models of all loaded wallets, until `close`."""

    opened = Signal(object)
    """A WalletModel."""
    closed = Signal(object)
    failed = Signal(str)
    said = Signal(str)
    """A warning, or that there are no wallets."""
    _loaded = Signal(str)

    def __init__(self, find: Callable[[], WalletLoader | None]) -> None:
        """Ask `find` for the loader, on a thread, which may take until the node is ready."""
        super().__init__()
        self.models: dict[str, WalletModel] = {}
        self._find = find
        self._loader: WalletLoader | None = None
        self._handler: Handler | None = None
        self._worker = Worker("gui-wallets")
        self._worker.failed.connect(self.failed)
        self._loaded.connect(self._open)
        self._worker.run(self._start, self._open_all)

    # On the worker's thread.

    def _start(self) -> list[str]:
        self._loader = self._find()
        if self._loader is None:
            return []
        self._handler = self._loader.handle_load_wallet(_Loaded(self._loaded.emit))
        return self._loader.get_wallets()

    def _wallets(self) -> WalletLoader:
        if self._loader is None:
            raise RuntimeError("This node has no wallets.")
        return self._loader

    def _unloaded_names(self) -> list[str]:
        loader = self._wallets()
        loaded = set(loader.get_wallets())
        return sorted(file.name for file in loader.list_wallet_dir() if file.name not in loaded)

    # On the Qt thread.

    def _open_all(self, names: list[str]) -> None:
        for name in names:
            self._open(name)

    def _open(self, name: str) -> None:
        self._worker.run(lambda: self._wallets().get_wallet(name), lambda wallet: self._take(name, wallet))

    def _take(self, name: str, wallet: Wallet | None) -> None:
        if wallet is None:
            return
        if name in self.models:
            self._worker.run(wallet.close)
            return
        model = self.models[name] = WalletModel(name, wallet)
        model.worker.failed.connect(self.failed)
        model.unloaded.connect(lambda: self._forget(name))
        self.opened.emit(model)

    def _forget(self, name: str) -> None:
        model = self.models.pop(name, None)
        if model is not None:
            self.closed.emit(model)
            model.close()

    def list_unloaded(self, then: Callable[[list[str]], object]) -> None:
        """Find the wallets of the directory that are not loaded."""
        self._worker.run(self._unloaded_names, then)

    def load(self, name: str) -> None:
        """Load a wallet; `opened` follows."""
        self._worker.run(lambda: self._wallets().load_wallet(name), self._say)

    def create(self, name: str, passphrase: str, watch_only: bool, blank: bool) -> None:
        """Make a wallet; `opened` follows."""
        self._worker.run(lambda: self._wallets().create_wallet(name, passphrase, watch_only, blank), self._say)

    def unload(self, name: str) -> None:
        """Unload a wallet; `closed` follows."""
        self._worker.run(lambda: self._wallets().unload_wallet(name))

    def _say(self, warnings: list[str]) -> None:
        if warnings:
            self.said.emit(" ".join(warnings))

    def close(self) -> None:
        """Give all back. Idempotent."""
        for model in self.models.values():
            model.close()
        self.models.clear()
        self._worker.close(self._give_back)

    def _give_back(self) -> None:
        if self._handler is not None:
            self._handler.close()
        if self._loader is not None:
            self._loader.close()


class _Loaded(LoadWalletCallback):
    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def call(self, name: str) -> None:
        self._tell(name)
