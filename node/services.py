"""What the interfaces of a node work with: there from its start, though the chain is loaded later."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from interfaces.deliveries import Deliveries
from node.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.wallet import WalletLoader
    from node.context import NodeContext
    from node.event_source import EventSource
    from node.rpc.server import RpcServer


class NodeServices:
    """One node's parts. Thread-safe."""

    def __init__(
        self, rpc: Callable[[], RpcServer], shutdown: Callable[[], None], shutdown_requested: Callable[[], bool]
    ) -> None:
        """Begin without a chain."""
        self.notices = Notices()
        self.deliveries = Deliveries("node")
        self.rpc = rpc
        self.shutdown = shutdown
        self.shutdown_requested = shutdown_requested
        self.make_wallet_loader: Callable[[], WalletLoader] | None = None
        """Makes one for each who asks, if there are wallets; set before the chain is loaded."""
        self._ready = threading.Event()
        self._node: NodeContext | None = None
        self._events: EventSource | None = None

    def loaded(self, node: NodeContext) -> None:
        """Work with the chain of `node` from now on."""
        from node.event_source import EventSource

        self._node = node
        self._events = EventSource(node.chainstate, node.mempool)
        node.miner.follow()
        self._ready.set()

    def is_loaded(self) -> bool:
        """Whether there is a chain."""
        return self._node is not None

    def node(self) -> NodeContext:
        """Return the node, waiting until its chain is loaded. Raises RuntimeError if it will not be."""
        self._ready.wait()
        if self._node is None:
            raise RuntimeError("The node is shutting down.")
        return self._node

    def events(self) -> EventSource:
        """Return the events of the chain, waiting until it is loaded. Raises RuntimeError if it will not be."""
        self._ready.wait()
        if self._events is None:
            raise RuntimeError("The node is shutting down.")
        return self._events

    def first_held(self) -> int | None:
        """Return the height of the first block that a client still reads, None if there is none."""
        return None if self._events is None else self._events.first_held()

    def interrupt(self) -> None:
        """End all waits, now and later."""
        self._ready.set()
        if self._node is not None:
            self._node.miner.interrupt()
        if self._events is not None:
            self._events.close()

    def close(self) -> None:
        """End what calls back, once clients are gone. Idempotent."""
        self.interrupt()
        if self._node is not None:
            self._node.miner.close()
        self.deliveries.close()
