"""Wallets of a program of their own and the node that they follow, which may be started again meanwhile."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Final

from cli.chain_source import NodeChainSource
from cli.errors import StartError
from cli.running import FAILURE, process_of, tips_of
from interfaces.init import PynodeInit
from ipc.errors import IpcError, UnimplementedError
from primitives.money import format_money
from wallet.follower import ChainFollower

if TYPE_CHECKING:
    from cli.processes import Siblings
    from cli.running import Shutdown
    from interfaces.mining import BlockRef
    from interfaces.process import Process
    from ipc import Ipc
    from wallet.served import LocalWalletLoader
    from wallet.wallet import Wallet

log: Final = logging.getLogger()
_PAUSE: Final = 1.0
"""Seconds between attempts to reach the node again."""
_PROGRESS_SECONDS: Final = 2.0
"""Seconds between two lines about a scan."""


class WalletConnection:
    """Prints what it reached, each tip, balances that changed, and how far scans are."""

    def __init__(
        self, ipc: Ipc, siblings: Siblings, loader: LocalWalletLoader, address: str, shutdown: Shutdown
    ) -> None:
        """Serve the wallets of `loader`; `address` is where a node that was lost may come back."""
        self._ipc = ipc
        self._siblings = siblings
        self._loader = loader
        self._address = address
        self._shutdown = shutdown
        self._spawned = False
        self._node: PynodeInit | None = None
        self._process: Process | None = None
        self._follower: ChainFollower | None = None
        self._closing = threading.Event()
        self._again: threading.Thread | None = None
        self._progress = threading.Thread(target=self._tell_progress, name="wallet-progress", daemon=True)
        self._shown: dict[str, str] = {}

    def follow(self, node: PynodeInit, *, spawned: bool) -> None:
        """Own `node`, and follow its chain. Raises StartError if a wallet cannot, the first time."""
        self._node, self._spawned = node, spawned
        self._process = process_of(node)
        self._siblings.add(self._process, spawned=spawned)
        self._tell_node()
        is_first = self._progress.ident is None
        if is_first:
            self._progress.start()
        try:
            failures = self._loader.connect(NodeChainSource(node))
        except UnimplementedError:
            failures = []
            _print("This node offers wallets no chain; they stay as they are")
        if self._shutdown.requested:
            return
        if failures and is_first:
            raise StartError("; ".join(failures))
        for failure in failures:
            _complain(failure)
        self._show_wallets()
        self._follower = ChainFollower(tips_of(node), self._on_tip, self._on_lost, self._on_end)

    def _tell_node(self) -> None:
        how = "started" if self._spawned else "connected to"
        tree = self._process.get_tree() if self._process is not None else []
        name = f"{tree[0].name} (process {tree[0].pid})" if tree else "a node"
        _print(f"{how} {name}")

    def _on_tip(self, tip: BlockRef) -> None:
        text = f"tip {tip.hash[::-1].hex()} height {tip.height}"
        _print(text)
        log.info("Following tip %s height=%d", tip.hash[::-1].hex(), tip.height)
        for wallet in self._loader.context.wallets():
            wallet.wait_until_synced()
        self._show_wallets()

    def _tell_progress(self) -> None:
        while not self._closing.wait(_PROGRESS_SECONDS):
            for wallet in self._loader.context.wallets():
                if wallet.rescan.is_running:
                    _print(f"wallet '{wallet.name}' scanned {wallet.rescan.progress:.0%}")

    def _show_wallets(self) -> None:
        for wallet in self._loader.context.wallets():
            text = _describe(wallet)
            if self._shown.get(wallet.name) != text:
                self._shown[wallet.name] = text
                _print(text)

    def _on_end(self) -> None:
        self._on_lost(IpcError("The node is shutting down."))

    def _on_lost(self, error: Exception) -> None:
        if self._closing.is_set():
            return
        _complain(f"Lost the connection to the node: {error}")
        if self._spawned or not self._address:
            self._shutdown.request(FAILURE)
            return
        self._again = threading.Thread(target=self._reach_again, name="wallet-reconnect", daemon=True)
        self._again.start()

    def _reach_again(self) -> None:
        self._let_go()
        while not self._closing.wait(_PAUSE):
            try:
                node = self._ipc.connect_address(self._address, PynodeInit)
            except IpcError as error:
                log.debug("The node is not there yet: %s", error)
                continue
            if node is not None:
                try:
                    self.follow(node, spawned=False)
                except IpcError as error:
                    log.debug("The node went again: %s", error)
                    self._let_go()
                else:
                    return

    def _let_go(self) -> None:
        self._siblings.remove(self._process)
        self._process = None
        if self._follower is not None:
            self._follower.close()
            self._follower = None
        if self._node is not None:
            self._node.close()
            self._node = None

    def close(self) -> None:
        """Stop following. Idempotent."""
        self._closing.set()
        if self._progress.ident is not None:
            self._progress.join()
        if self._again is not None:
            self._again.join()
        self._let_go()


def _describe(wallet: Wallet) -> str:
    with wallet.lock:
        found = wallet.ledger.balances()
    parts = f"wallet '{wallet.name}' balance {format_money(found.trusted)}"
    if found.untrusted_pending:
        parts += f" unconfirmed {format_money(found.untrusted_pending)}"
    if found.immature:
        parts += f" immature {format_money(found.immature)}"
    return parts


def _complain(text: str) -> None:
    sys.stderr.write(f"Error: {text}\n")
    sys.stderr.flush()


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
