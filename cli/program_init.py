"""The first object of every program: what it offers by default, which is Echo and Process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.processes import LocalProcess, Siblings
from interfaces.echo import Echo
from interfaces.init import PynodeInit

if TYPE_CHECKING:
    from interfaces.chain import Chain
    from interfaces.events import Events
    from interfaces.mining import Mining
    from interfaces.node import Node
    from interfaces.process import Process
    from interfaces.rpc import Rpc
    from interfaces.wallet import ChainSource, WalletLoader
    from ipc import Ipc


class LocalEcho(Echo):
    """Says back what it was told."""

    def echo(self, echo: str) -> str:
        """Return `echo`."""
        return echo


class ProgramInit(PynodeInit):
    """A program overrides what it has an engine for."""

    ipc: Ipc
    """Set by the program right after it made its `Ipc` of this object."""

    def __init__(self) -> None:
        """Know no other process yet."""
        self.siblings = Siblings()

    def make_echo(self) -> Echo | None:
        """Make an `Echo`."""
        return LocalEcho()

    def make_mining(self) -> Mining | None:
        """Offer none."""
        return None

    def make_rpc(self) -> Rpc | None:
        """Offer none."""
        return None

    def make_mining_old2(self) -> None:
        """Refuse as Core does."""
        raise RuntimeError("Old mining interface (@2) not supported. Please update your client!")

    def make_process(self) -> Process | None:
        """Describe this process."""
        return LocalProcess(self.ipc, self.siblings)

    def make_events(self) -> Events | None:
        """Offer none."""
        return None

    def make_node(self) -> Node | None:
        """Offer none."""
        return None

    def make_chain(self) -> Chain | None:
        """Offer none."""
        return None

    def make_wallet_loader(self, node: ChainSource) -> WalletLoader | None:
        """Offer none."""
        node.close()
        return None

    def configure(self, arguments: list[str]) -> None:
        """Start with the options of the parent. Runs once, in a spawned process."""
        raise NotImplementedError
