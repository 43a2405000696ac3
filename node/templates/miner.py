"""What a node has for its miners: the templates, and the thread that answers those who wait for them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from node.templates.rpc_template import RpcTemplate
from node.templates.source import TemplateSource
from node.templates.waits import MinerWaits

if TYPE_CHECKING:
    from interfaces.deferral import Deferral
    from node.block_tree import BlockEntry
    from node.context import NodeContext
    from node.templates.options import MiningPolicy
    from node.templates.waits import Wait


class Miner:
    """Serves all miners of a node. Thread-safe."""

    def __init__(self, node: NodeContext, policy: MiningPolicy) -> None:
        """Serve the chain, clock and mempool of `node`."""
        self.node = node
        self.templates = TemplateSource(node, policy)
        self.rpc_template = RpcTemplate(self.templates, node)
        self._waits = MinerWaits()
        self._lock = threading.Lock()
        self._follows = False

    def follow(self) -> None:
        """Hear of the chain, the clock and the mempool from now on; they are all there. Idempotent."""
        with self._lock:
            follows, self._follows = self._follows, True
        if follows:
            return
        node = self.node
        node.chainstate.add_listener(_ChainListener(self))
        node.clock.watch(self._waits.wake)
        if node.mempool is not None:
            node.mempool.add_listener(_MempoolListener(self))

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waits)

    def wait(self, wait: Wait, deferred: Deferral | None = None) -> Any:
        """Return the answer of a wait. With `deferred` it may come there later: then LATER is returned."""
        self.follow()
        return self._waits.run(wait, deferred)

    def tip_changed(self) -> None:
        """Look at those who wait, and forget what builds on another block."""
        self.templates.forget()
        self.rpc_template.forget()
        self._waits.wake()

    def mempool_changed(self) -> None:
        """Look at those who wait for more fees."""
        self._waits.mempool_changed()

    def interrupt(self) -> None:
        """End all waits, now and later."""
        self._waits.interrupt()

    def close(self) -> None:
        """Do so and wait for it. Idempotent."""
        self._waits.close()


class _ChainListener:
    """Hears of each block on the thread that connects it."""

    def __init__(self, miner: Miner) -> None:
        self._miner = miner

    def block_connected(self, entry: BlockEntry, block: object) -> None:
        """Wait for the tip that follows."""

    def block_disconnected(self, entry: BlockEntry, block: object) -> None:
        """Wait for the tip that follows."""

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """Tell."""
        del entry, initial_download
        self._miner.tip_changed()

    def header_tip(self, entry: BlockEntry) -> None:
        """Not care: who waits for blocks waits for blocks."""


class _MempoolListener:
    """Hears of transactions on the thread that brings them."""

    def __init__(self, miner: Miner) -> None:
        self._miner = miner

    def transaction_added(self, *_: object) -> None:
        """Tell."""
        self._miner.mempool_changed()

    def transaction_removed(self, *_: object) -> None:
        """Tell: what paid less may come into a block now."""
        self._miner.mempool_changed()

    def removed_for_block(self, *_: object) -> None:
        """Wait for the tip that follows."""
