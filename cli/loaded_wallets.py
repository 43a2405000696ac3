"""Which wallets are to be there again after the process that had them ended."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from interfaces.wallet import WalletFailedError
from ipc.errors import DisconnectedError

if TYPE_CHECKING:
    from interfaces.init import PynodeInit
    from interfaces.wallet import WalletLoader

log: Final = logging.getLogger()


class LoadedWallets:
    """Names, as the process last told. Thread-safe; `load_again` by one thread at a time."""

    def __init__(self) -> None:
        """Know of none."""
        self._lock = threading.Lock()
        self._names: list[str] = []
        self._teller: PynodeInit | None = None
        self._suspect: str | None = None
        """The wallet during whose loading the process ended last time."""

    def hear(self, teller: PynodeInit, names: list[str]) -> None:
        """Replace the names, unless `teller` is not the one that is listened to."""
        with self._lock:
            if teller is self._teller:
                self._names = names

    def listen_to(self, teller: PynodeInit | None) -> None:
        """Hear a process, and none before it; nobody while a new one loads what is remembered."""
        with self._lock:
            self._teller = teller

    def load_again(self, loader: WalletLoader) -> list[str]:
        """Load all in a new process; return warnings. What cannot be loaded is left out from then on, and logged.

        Raises DisconnectedError if the process ends meanwhile; the wallet that ends it twice is left out as well.
        """
        warnings = []
        for name in list(self._names):
            try:
                warnings += loader.load_wallet(name)
                self._log_locked(loader, name)
            except WalletFailedError as error:
                log.error("Wallet '%s' stays unloaded: %s", name, error)  # noqa: TRY400 - for the user
                self._names.remove(name)
            except DisconnectedError:
                if name == self._suspect:
                    log.error("Wallet '%s' stays unloaded: loading it ended the process twice", name)  # noqa: TRY400
                    self._names.remove(name)
                self._suspect = name
                raise
        self._suspect = None
        return warnings

    @staticmethod
    def _log_locked(loader: WalletLoader, name: str) -> None:
        wallet = loader.get_wallet(name)
        if wallet is not None:
            with wallet:
                if wallet.is_locked():
                    log.info("Wallet '%s' is loaded again, and locked until it is given its passphrase", name)
