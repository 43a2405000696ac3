"""One call, seen from either end: `Question` where it was asked, `IncomingCall` where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipc.errors import RemoteProtocolError

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable, Sequence

    from ipc.capnp.capability import Capability, PipelineCap, PromiseCap, Server
    from ipc.capnp.messages import Payload, Transform
    from ipc.capnp.rpc import Rpc
    from ipc.capnp.wire import Message


class Question:
    """A call we made. `done` turns true once, then `error` or `message` and `payload` are set."""

    __slots__ = (
        "abandoned",
        "caps",
        "done",
        "error",
        "exports",
        "id",
        "message",
        "needs_finish",
        "notify",
        "payload",
        "pipelines",
        "promises",
        "source",
    )

    def __init__(self, notify: Callable[[], None]) -> None:
        """Call `notify` (on the reading thread, must not block) when the answer has come."""
        self.id = -1
        self.notify = notify
        self.done = False
        self.abandoned = False
        self.error: Exception | None = None
        self.message: Message | None = None
        self.payload: Payload | None = None
        self.caps: Sequence[Capability | None] = ()
        self.exports: list[int] = []
        self.pipelines: list[weakref.ref[PipelineCap]] = []
        self.promises: list[tuple[PromiseCap, Transform]] = []
        """The same for a question that is not at the peer."""
        self.source: IncomingCall | None = None
        """A call of the peer's to us whose results are the answer."""
        self.needs_finish = True

    def capability(self, index: int) -> Capability | None:
        """Return entry `index` of the answer's capability table. Raises RemoteProtocolError."""
        if index >= len(self.caps):
            raise RemoteProtocolError(f"capability {index} is not in the table")
        return self.caps[index]


class IncomingCall:
    """A call made to us. Answer it exactly once with `Rpc.send_results` or `Rpc.send_error`.

    `server` is None for a bootstrap and while the call waits for its target.
    """

    server: Server | None = None
    question: Question | None = None
    """For a call from this process to itself: who asked."""
    caps: list[Capability | None] | None = None
    kept = False
    canceled = False
    """The caller no longer wants the answer."""
    finished = False
    returned = False
    elsewhere = False
    """The results are kept here, to be the answer to a question of ours: the peer made a tail call."""
    taken = False
    taker: Question | None = None
    on_cancel: Callable[[], None] | None = None
    waiting: list[Callable[[], None]] | None = None
    held = 0
    """Bytes of a large request, until it is answered."""
    dependents = 0
    """How many calls, or parameters of calls, wait for its results."""
    origin: IncomingCall | None = None
    """The call whose results this one waits for."""
    result_message: Message | None = None
    result_caps: Sequence[Capability | None] = ()

    def __init__(self, rpc: Rpc, id_: int, interface: int, method: int, message: Message, payload: Payload) -> None:
        """Hold what the Call message said."""
        self.rpc = rpc
        self.id = id_
        self.interface = interface
        self.method = method
        self.message = message
        self.payload = payload
        self.result_exports: list[int] = []

    def capability(self, index: int) -> Capability | None:
        """Return entry `index` of the call's capability table. Raises RemoteProtocolError."""
        return self.rpc.call_capability(self, index)
