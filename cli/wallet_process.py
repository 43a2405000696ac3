"""The process that has a node's wallets: spawned, watched, and spawned again when it is asked for after its end."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from cli.chain_source import NodeChainSource
from cli.errors import StartError
from cli.loaded_wallets import LoadedWallets
from interfaces.init import PynodeInit
from interfaces.wallet import WalletFailedError
from ipc.errors import DisconnectedError, IpcError
from rpc.errors import RPC_CLIENT_NOT_CONNECTED, RPC_WALLET_ERROR, RpcError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.processes import Siblings
    from interfaces.process import Process
    from interfaces.rpc import Rpc
    from interfaces.wallet import WalletLoader
    from ipc import Ipc

log: Final = logging.getLogger()
_ENDED: Final = (
    "The wallet process ended meanwhile. What it was asked may have been done or not; ask again to start it."
)
_UNLOAD_SECONDS: Final = 15.0
"""How long wallets may take to be closed before their process is ended without, which loses nothing on the disk."""
_END_SECONDS: Final = 5.0
"""How long the process may take to end, once nobody speaks with it, before it is killed."""


class WalletProcess:
    """One process at a time. Thread-safe."""

    def __init__(
        self,
        ipc: Ipc,
        siblings: Siblings,
        options: Callable[[], list[str]],
        node: PynodeInit,
    ) -> None:
        """Know how to start it: `options` returns its options, `node` makes what it works with."""
        self._ipc = ipc
        self._siblings = siblings
        self._options = options
        self._node = node
        self._lock = threading.Lock()
        self._loaded = LoadedWallets()
        self._ended: threading.Event | None = None
        """Set once the last process has ended, so that it holds no wallet any more."""
        self._starting: PynodeInit | None = None
        self._init: PynodeInit | None = None
        self._process: Process | None = None
        self._loader: WalletLoader | None = None
        self._rpc: Rpc | None = None
        self._mock_time = 0
        self._started = threading.Event()
        """Set once it was tried to start it, or it will not be."""
        self._closed = False

    def start(self) -> list[str]:
        """Spawn it, have it load the wallets that the settings name, and return warnings. Raises StartError."""
        with self._lock:
            try:
                return self._start(again=False)
            except WalletFailedError as error:
                raise StartError(str(error)) from error
            except IpcError as error:
                raise StartError(f"The wallet cannot be started. {error}") from error
            finally:
                self._started.set()

    def _start(self, *, again: bool) -> list[str]:
        if self._ended is not None:
            self._ended.wait(2 * _END_SECONDS)
        self._ended = threading.Event()
        init = self._ipc.spawn_process("pywallet", PynodeInit, patience=_END_SECONDS, ended=self._ended)
        self._starting = init
        try:
            init.configure(self._options())
            process = init.make_process()
            loader = init.make_wallet_loader(NodeChainSource(self._node, partial(self._loaded.hear, init)))
            if loader is None:
                raise StartError("The program pywallet offers no wallets")
            if self._mock_time:
                loader.set_mock_time(self._mock_time)
            self._loaded.listen_to(None if again else init)
            warnings = self._loaded.load_again(loader) if again else loader.load_wallets()
            self._loaded.listen_to(init)
            self._rpc = loader.make_rpc()
        except BaseException:
            init.close()
            raise
        finally:
            self._starting = None
        self._init, self._process, self._loader = init, process, loader
        self._siblings.add(process, spawned=True)
        self._ipc.add_cleanup(init, lambda: self._lost(init))
        return warnings

    def _lost(self, init: PynodeInit | None) -> None:
        with self._lock:
            if init is None or self._init is not init or self._closed:
                return
            self._siblings.remove(self._process)
            self._init = self._process = self._loader = self._rpc = None
        log.error("The wallet process ended; the node goes on without it until it is asked for")

    def execute_rpc(self, request: str, uri: str, user: str) -> str:
        """Have it run a request, starting it if it has ended. Raises RpcError."""
        with self._lock:
            rpc = self._rpc
            if rpc is None:
                rpc = self._start_again()
            init = self._init
        try:
            return rpc.execute_rpc(request, uri, user)
        except DisconnectedError as error:
            if self._closed:
                raise RpcError(RPC_CLIENT_NOT_CONNECTED, "Shutting down") from error
            self._lost(init)
            raise RpcError(RPC_WALLET_ERROR, _ENDED) from error

    def _start_again(self) -> Rpc:
        if self._closed:
            raise RpcError(RPC_CLIENT_NOT_CONNECTED, "Shutting down")
        log.info("Starting the wallet process again")
        try:
            for warning in self._start(again=True):
                log.warning("%s", warning)
        except (IpcError, WalletFailedError, StartError) as error:
            raise RpcError(RPC_WALLET_ERROR, f"The wallet process cannot be started again: {error}") from error
        if self._rpc is None:
            raise RpcError(RPC_WALLET_ERROR, _ENDED)
        return self._rpc

    def loader(self) -> WalletLoader:
        """Return what has the wallets, once it is started, or started again if it ended. Raises WalletFailedError."""
        self._started.wait()
        with self._lock:
            if self._loader is None:
                try:
                    self._start_again()
                except RpcError as error:
                    raise WalletFailedError(error.message) from error
            if self._loader is None:
                raise WalletFailedError(_ENDED)
            return self._loader

    def set_mock_time(self, seconds: int) -> None:
        """Stop the wallets' clock; 0 lets it run again."""
        with self._lock:
            self._mock_time = seconds
            loader = self._loader
        if loader is not None:
            try:
                loader.set_mock_time(seconds)
            except DisconnectedError:
                log.debug("The wallet process ended before it heard of the time")

    def bring_forward(self, seconds: int) -> None:
        """Bring forward what the wallets do from time to time."""
        with self._lock:
            loader = self._loader
        if loader is not None:
            try:
                loader.bring_forward(seconds)
            except DisconnectedError:
                log.debug("The wallet process ended before it heard of the time")

    def unload(self) -> None:
        """Have it close its wallets while the node still answers it; if it takes too long, end it without."""
        self._closed = True
        self._started.set()
        closing = threading.Thread(target=self._unload, name="wallet-unload", daemon=True)
        closing.start()
        closing.join(_UNLOAD_SECONDS)
        if closing.is_alive():
            log.warning("The wallet process does not close its wallets and is ended without")
            for init in (self._starting, self._init):
                if init is not None:
                    init.close()
            closing.join(_END_SECONDS)

    def _unload(self) -> None:
        with self._lock:
            loader, self._loader = self._loader, None
        if loader is not None:
            try:
                loader.unload_wallets()
            except IpcError as error:
                log.warning("The wallet process ended before it closed its wallets: %s", error)

    def close(self) -> None:
        """Have it end. Idempotent."""
        self._closed = True
        with self._lock:
            init, self._init = self._init, None
        if init is not None:
            init.close()
