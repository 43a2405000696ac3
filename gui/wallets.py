"""The wallets of a node: which are loaded, loading, making and unloading them, and finding them again when lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal

from gui.wallet_model import WalletModel
from gui.worker import Worker
from interfaces.wallet_callbacks import LoadWalletCallback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from interfaces.handler import Handler
    from interfaces.wallet import Wallet, WalletLoader

LOST: Final = "The wallet process ended; what it was asked last may be done or not. Starting it again…"
_FIRST_SECONDS: Final = 1
_MOST_SECONDS: Final = 64
"""Between attempts to start it again: twice as long after each that did not last as long as the most."""


class Wallets(QObject):
    """Owns the loader, a thread and the models of all loaded wallets, until `close`."""

    opened = Signal(object)
    """A WalletModel."""
    closed = Signal(object)
    failed = Signal(str)
    said = Signal(str)
    """A warning, or that there are no wallets."""
    lost = Signal(str)
    """Why no wallets are there; empty once they are there again."""
    _loaded = Signal(str)
    _ended = Signal(object)

    def __init__(self, find: Callable[[], WalletLoader | None]) -> None:
        """Ask `find` for the loader, on a thread, which may take until the node is ready."""
        super().__init__()
        self.models: dict[str, WalletModel] = {}
        self._leaving: list[Worker] = []
        """Those of wallets that are gone, which may still give back what they had."""
        self._find = find
        self._loader: WalletLoader | None = None
        self._handler: Handler | None = None
        self._listener: _Loaded | None = None
        """What hears of wallets; None when nobody tells it any more."""
        self.shown_name: str | None = None
        """Of the wallet that is opened after all others, and closed after them, when all are."""
        self._starting = False
        self._stopped = False
        self._wait_seconds = _FIRST_SECONDS
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._begin)
        self._lasting = QTimer(self)
        self._lasting.setSingleShot(True)
        self._lasting.setInterval(_MOST_SECONDS * 1000)
        self._lasting.timeout.connect(self._forget_attempts)
        self._worker = Worker("gui-wallets")
        self._worker.failed.connect(self.failed)
        self._loaded.connect(self._open)
        self._ended.connect(self._lose)
        self._begin()

    # On the worker's thread.

    def _start(self) -> list[str] | None:
        if self._handler is not None:
            self._handler.close()
            self._handler = None
        if self._loader is None:
            self._loader = self._find()
        if self._loader is None:
            return None
        self._listener = listener = _Loaded(self)
        self._handler = self._loader.handle_load_wallet(listener)
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

    def _begin(self) -> None:
        self._starting = True
        self._worker.run(self._start, self._open_all, self._start_failed)

    def _open_all(self, names: list[str] | None) -> None:
        self._starting = False
        if names is None:
            return
        if self._listener is None:
            self._begin_later()
            return
        self._lasting.start()
        self.lost.emit("")
        for name in self._shown_last(names):
            self._open(name)

    def _start_failed(self, line: str) -> None:
        self._starting = False
        self._listener = None
        if not self._stopped:
            self.failed.emit(line)
            self._begin_later()

    def _lose(self, listener: _Loaded) -> None:
        if listener is not self._listener:
            return
        self._listener = None
        if not self._stopped:
            self.lost.emit(LOST)
        for name in self._shown_last(self.models):
            self._forget(self.models[name])
        if not self._starting:
            self._begin_later()

    def _begin_later(self) -> None:
        self._lasting.stop()
        if not self._stopped:
            self._again.start(self._wait_seconds * 1000)
            self._wait_seconds = min(2 * self._wait_seconds, _MOST_SECONDS)

    def _forget_attempts(self) -> None:
        self._wait_seconds = _FIRST_SECONDS

    def _shown_last(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: name == self.shown_name)

    def stop(self) -> None:
        """Try no more to have the wallets again, as the node is gone."""
        self._stopped = True
        self._again.stop()
        self._lasting.stop()
        self.lost.emit("")

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
        model.unloaded.connect(self._forget)
        self.opened.emit(model)

    def _forget(self, model: WalletModel) -> None:
        if self.models.get(model.name) is model:
            del self.models[model.name]
            self.closed.emit(model)
            model.end()
            self._leaving = [worker for worker in self._leaving if worker.is_running] + [model.worker]

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
        self.stop()
        for model in self.models.values():
            model.end()
            self._leaving.append(model.worker)
        self.models.clear()
        self._worker.end(self._give_back)
        for worker in (*self._leaving, self._worker):
            worker.wait()
        self._leaving.clear()

    def _give_back(self) -> None:
        if self._handler is not None:
            self._handler.close()
        if self._loader is not None:
            self._loader.close()


class _Loaded(LoadWalletCallback):
    def __init__(self, wallets: Wallets) -> None:
        self._wallets = wallets

    def call(self, name: str) -> None:
        self._wallets._loaded.emit(name)  # noqa: SLF001 - our own

    def close(self) -> None:
        self._wallets._ended.emit(self)  # noqa: SLF001 - our own
