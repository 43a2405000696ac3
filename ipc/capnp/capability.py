"""References to objects: ours, the peer's, and those an unfinished call will bring.

State only; `rpc` moves it. A capability belongs to one connection, except `LocalCap`
before it is exported. Dropping the last reference gives a peer's object back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipc.capnp.calls import IncomingCall, Question
    from ipc.capnp.messages import Transform
    from ipc.capnp.tables import Tables


class Server(Protocol):
    """What stands behind a `LocalCap`."""

    def dispatch(self, call: IncomingCall) -> None:
        """Run a call and answer it, now or later. Must not block."""

    def released(self) -> None:
        """Nobody refers to the object any more. Runs on any thread; must not block or lock."""


class LocalCap:
    """An object of this process."""

    __slots__ = ("__weakref__", "server")

    def __init__(self, server: Server) -> None:
        """Refer to `server`, which hears `released` when the reference is gone."""
        self.server = server

    def __del__(self) -> None:
        self.server.released()


class ImportCap:
    """An object, or promise of one, in the peer. The import table counts what the peer has sent us of it."""

    __slots__ = ("__weakref__", "id", "promise", "resolution", "rpc", "used")

    def __init__(self, rpc: Tables, id_: int, *, promise: bool) -> None:
        """Stand for import `id_`."""
        self.rpc = rpc
        self.id = id_
        self.promise = promise
        self.resolution: Capability | None = None
        self.used = False


class PipelineCap:
    """An object among the results of a question that has not been answered."""

    __slots__ = ("__weakref__", "question", "resolution", "rpc", "transform", "used")

    def __init__(self, rpc: Tables, question: Question, transform: Transform) -> None:
        """Promise what `transform` finds in the results of `question`."""
        self.rpc = rpc
        self.question = question
        self.transform = transform
        self.resolution: Capability | None = None
        self.used = False


class PromiseCap:
    """An object known later: what a call brings to us, or one whose calls an embargo holds back."""

    __slots__ = ("__weakref__", "resolution", "rpc", "waiting")

    def __init__(self, rpc: Tables) -> None:
        """Start unresolved; `waiting` runs in order on resolution."""
        self.rpc = rpc
        self.resolution: Capability | None = None
        self.waiting: list[Callable[[Capability], None]] = []


class BrokenCap:
    """An object that will never be: every call fails with `error`."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        """Hold why."""
        self.error = error


Capability = LocalCap | ImportCap | PipelineCap | PromiseCap | BrokenCap


def resolved(cap: Capability) -> Capability:
    """Follow what promises have become so far."""
    while True:
        following = getattr(cap, "resolution", None)
        if following is None:
            return cap
        cap = following
