"""A process that follows a node's chain (Core: ChainClient in src/interfaces/chain.h)."""

from __future__ import annotations

from abc import abstractmethod

from interfaces.interface import Interface
from interfaces.mining import BlockRef


class ChainClient(Interface, schema="pynode.capnp"):
    """A follower of a chain, such as a wallet."""

    @abstractmethod
    def get_tip(self) -> BlockRef | None:
        """Return the last tip it has seen, None before the first."""
