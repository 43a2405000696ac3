"""What a node gives to the process that has its wallets, and what a node of another process gives to ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.errors import StartError
from interfaces.wallet import ChainSource

if TYPE_CHECKING:
    from interfaces.chain import Chain
    from interfaces.events import Events
    from interfaces.init import PynodeInit


class NodeChainSource(ChainSource):
    """Makes objects of a node, ours or one that we are connected to."""

    def __init__(self, node: PynodeInit) -> None:
        """Ask `node`, which lives on when this is closed."""
        self._node = node

    def make_chain(self) -> Chain:
        """Make a `Chain`. Raises StartError if the node has none."""
        chain = self._node.make_chain()
        if chain is None:
            raise StartError("The node offers no Chain interface")
        return chain

    def make_events(self) -> Events:
        """Make an `Events`. Raises StartError if the node has none."""
        events = self._node.make_events()
        if events is None:
            raise StartError("The node offers no Events interface")
        return events
