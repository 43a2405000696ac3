"""The first object of every connection, which makes the others (Core: src/interfaces/init.h)."""

from __future__ import annotations

from abc import abstractmethod

from interfaces.chain import Chain
from interfaces.echo import Echo
from interfaces.events import Events
from interfaces.interface import Interface
from interfaces.mining import Mining
from interfaces.node import Node
from interfaces.process import Process
from interfaces.rpc import Rpc
from interfaces.wallet import ChainSource, WalletLoader


class Init(Interface, schema="init.capnp"):
    """Core's Init: makes the interfaces a Core process offers.

    A process that does not offer an interface answers None.
    """

    @abstractmethod
    def make_echo(self) -> Echo | None:
        """Make an `Echo`."""

    @abstractmethod
    def make_mining(self) -> Mining | None:
        """Make a `Mining`."""

    @abstractmethod
    def make_rpc(self) -> Rpc | None:
        """Make an `Rpc` (v32)."""

    @abstractmethod
    def make_mining_old2(self) -> None:
        """Refuse: the old Mining interface is gone."""


class PynodeInit(Init, schema="pynode.capnp"):
    """What our processes offer beyond Core's Init, under an interface id of its own."""

    @abstractmethod
    def configure(self, arguments: list[str]) -> None:
        """Start a spawned process with the options of its parent ("-name=value" each)."""

    @abstractmethod
    def make_process(self) -> Process | None:
        """Make a `Process`."""

    @abstractmethod
    def make_events(self) -> Events | None:
        """Make an `Events`."""

    @abstractmethod
    def make_node(self) -> Node | None:
        """Make a `Node`, at once, though the chain may not be loaded yet."""

    @abstractmethod
    def make_chain(self) -> Chain | None:
        """Make a `Chain`."""

    @abstractmethod
    def make_wallet_loader(self, node: ChainSource) -> WalletLoader | None:
        """Make what has the wallets, which are about the chain of `node`. Once."""
