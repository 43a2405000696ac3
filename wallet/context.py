"""What the wallets of one process share (Core: src/wallet/context.h)."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from interfaces.wallet_callbacks import ChangeType
from wallet.external_signer import ExternalSigners
from wallet.notices import Topic
from wallet.settings import WalletSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from common.chains import ChainParams
    from interfaces.chain import Chain
    from interfaces.events import Events
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet

log: Final = logging.getLogger("wallet")


def _remember_nothing(name: str, load: bool) -> bool:
    del name, load
    return False


def _ignore(error: Exception) -> None:
    del error


def _nothing() -> None:
    pass


def _never() -> bool:
    return False


def _tell_nobody(names: list[str]) -> None:
    del names


class WalletContext:
    """The chain, the place, the settings, and the wallets that are loaded. Thread-safe."""

    def __init__(
        self,
        params: ChainParams,
        wallet_dir: Path,
        settings: WalletSettings | None = None,
        *,
        chain: Chain | None = None,
        make_events: Callable[[], Events] | None = None,
        remember: Callable[[str, bool], bool] = _remember_nothing,
        shutdown: Callable[[], None] = _nothing,
        shutdown_requested: Callable[[], bool] = _never,
        tell_loaded: Callable[[list[str]], None] = _tell_nobody,
    ) -> None:
        """Begin without wallets.

        Without `chain` and `make_events` the wallets are offline. `remember` makes a wallet one of those to load at
        start, or not, and says whether it could. `shutdown` asks the program to end,
        `shutdown_requested` tells whether it was asked, by whomever.
        `tell_loaded` hears the names of the wallets that are loaded, whenever they changed on request.
        """
        self.params = params
        self.wallet_dir = wallet_dir
        self.settings = settings or WalletSettings()
        self.chain = chain
        self.make_events = make_events
        self.lost: Callable[[Exception], None] = _ignore
        """Hears, once for each wallet, that the connection to the node is lost."""
        self.remember = remember
        self.notify: Callable[[Wallet, WalletTx], None] | None = None
        """Hears of each transaction that a wallet took, or that a block took (-walletnotify)."""
        self.shutdown = shutdown
        self.shutdown_requested = shutdown_requested
        self.loaded: Topic[str] = Topic()
        """Tells the names of wallets that were loaded or made, and are in step with the node."""
        self._tell_loaded = tell_loaded
        self._telling = threading.Lock()
        self.loading: set[str] = set()
        """Names of wallets that are about to be loaded; hold `lock`."""
        self.lock = threading.Lock()
        self._wallets: list[Wallet] = []
        self._unloading: list[threading.Thread] = []
        self._mock_time = 0
        self.signers = ExternalSigners(self.settings.signer, params)
        """The devices that sign."""

    def now(self) -> int:
        """Return the time in seconds since 1970, which is the mocked one if there is one."""
        return self._mock_time or int(time.time())

    def set_mock_time(self, seconds: int) -> None:
        """Stop the clock; 0 lets it run again."""
        self._mock_time = seconds

    def wallets(self) -> list[Wallet]:
        """Return those that are loaded, in the order in which they were."""
        with self.lock:
            return list(self._wallets)

    def find(self, name: str) -> Wallet | None:
        """Return the wallet that has this name."""
        return next((wallet for wallet in self.wallets() if wallet.name == name), None)

    def add(self, wallet: Wallet) -> None:
        """Take a wallet that was loaded."""
        if self.notify is not None:
            wallet.listeners.append(partial(self._tell, wallet))
        with self.lock:
            self._wallets.append(wallet)

    def _tell(self, wallet: Wallet, wtx: WalletTx, change: ChangeType) -> None:
        # What the user gave up or replaced himself is no news to him; a coinbase is given up when its block goes.
        matters = wtx.is_confirmed or wtx.tx.is_coinbase or not (wtx.is_abandoned or wtx.replaced_by)
        if self.notify is not None and (change is ChangeType.NEW or (change is ChangeType.UPDATED and matters)):
            self.notify(wallet, wtx)

    def remove(self, wallet: Wallet) -> bool:
        """Let go of a wallet; whether it was there."""
        with self.lock:
            if wallet not in self._wallets:
                return False
            self._wallets.remove(wallet)
            return True

    def give_up(self, wallet: Wallet, error: Exception, *, is_bug: bool = False) -> None:
        """Unload a wallet that could not be written, or by a bug cannot follow its node, soon.

        What it has in memory is not what is true. May be called with its lock, and by its own threads.
        """
        if self.remove(wallet):
            log.error(
                "Wallet '%s' is unloaded, as it cannot %s. Nothing is lost; load it again later. %s",
                wallet.name,
                "follow the node" if is_bug else "be written",
                error,
                exc_info=error if is_bug else None,
            )
            thread = threading.Thread(target=self._unload, args=(wallet,), name="wallet-give-up", daemon=True)
            with self.lock:
                self._unloading.append(thread)
                thread.start()

    def _unload(self, wallet: Wallet) -> None:
        try:
            wallet.close()
        except Exception as error:  # noqa: BLE001 - of whatever kind, there is nothing to do about it
            log.warning("[%s] closing: %s", wallet.name, error)
        self.tell_loaded()
        with self.lock:
            self._unloading.remove(threading.current_thread())

    def wait_until_given_up(self) -> None:
        """Wait until all that were given up are closed."""
        with self.lock:
            threads = list(self._unloading)
        for thread in threads:
            thread.join()

    def tell_loaded(self) -> None:
        """Tell whoever would load the wallets again which ones there are. Not to be called with a wallet's lock."""
        with self._telling:  # So that what is told last is how it is.
            try:
                self._tell_loaded([wallet.name for wallet in self.wallets()])
            except Exception as error:  # noqa: BLE001 - of whatever kind: it is no reason to fail
                log.warning("The node could not be told which wallets are loaded: %s", error)
