"""A running process as others see it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from interfaces.interface import Interface


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process of the tree: who it is and what goes through its sockets.

    `parent` is the index in the tree of the process it was reached from, -1 for the
    root; `connections` counts open connections, `calls` the calls served since start.
    """

    name: str
    pid: int
    parent: int
    spawned: bool
    connections: int
    calls: int
    uptime: float
    """Seconds since the process started."""


class Process(Interface, schema="pynode.capnp"):
    """Describes a process and those it spawned or is connected to."""

    @abstractmethod
    def get_tree(self) -> list[ProcessInfo]:
        """Return the process first, then those below it in depth-first order."""
