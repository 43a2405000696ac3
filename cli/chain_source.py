"""What a node gives to the process that has its wallets, and what a node of another process gives to ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.errors import StartError
from interfaces.wallet import ChainSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.chain import Chain
    from interfaces.events import Events
    from interfaces.init import PynodeInit


def _ignore(names: list[str]) -> None:
    del names


class NodeChainSource(ChainSource):
    """Makes objects of a node, ours or one that we are connected to."""

    def __init__(self, node: PynodeInit, on_loaded: Callable[[list[str]], None] = _ignore) -> None:
        """Ask `node`, which lives on when this is closed; `on_loaded` hears what wallets are loaded."""
        self._node = node
        self._on_loaded = on_loaded

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

    def hear_loaded(self, names: list[str]) -> None:
        """Pass it on."""
        self._on_loaded(names)
