"""The four tables of one end of a connection, and what promises in them become.

Questions, answers, exports and imports, as rpc.capnp names them. `Rpc` adds the messages.
All methods that start with an underscore expect `lock` to be held.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.capability import BrokenCap, Capability, ImportCap, LocalCap, PipelineCap, PromiseCap, resolved
from ipc.errors import (
    DISCONNECTED,
    OVERLOADED,
    DisconnectedError,
    IpcError,
    RemoteError,
    RemoteProtocolError,
    UnimplementedError,
)
from ipc.errors import UNIMPLEMENTED as UNIMPLEMENTED_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipc.capnp.calls import IncomingCall, Question
    from ipc.capnp.messages import Descriptor, Target, Transform
    from ipc.capnp.wire import Message

MAX_EXPORTS: Final = 1 << 20
"""Objects one peer may hold."""

_new_tuple = tuple.__new__


class _Export:
    __slots__ = ("cap", "refs")

    def __init__(self, cap: LocalCap) -> None:
        self.cap = cap
        self.refs = 1


class _ImportRef(weakref.ref[ImportCap]):
    """An entry of the import table: `refs` counts what the peer has sent us of `id`.

    No finaliser of the capability does this: one that runs could be met alive by another thread.
    """

    __slots__ = ("id", "moved", "refs")

    id: int
    refs: int
    moved: bool
    """Its references belong to a later entry."""


class Tables:
    """Who asked what, who holds what. `wake` is called, on any thread, when output appears by itself."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Start with nothing to offer."""
        self.lock = threading.Lock()
        self.output: deque[bytes | bytearray] = deque()
        self.events: deque[Callable[[], None]] = deque()
        self.closed: Exception | None = None
        self.calls = 0
        """Calls received so far."""
        self._bootstrap: LocalCap | None = None
        self._wake = wake
        self._frames = wire.FrameReader()
        self._held = 0
        self._questions: dict[int, Question] = {}
        self._free_questions: list[int] = []
        self._next_question = 0
        self._answers: dict[int, IncomingCall] = {}
        self._exports: dict[int, _Export] = {}
        self._export_ids: dict[LocalCap, int] = {}
        self._free_exports: list[int] = []
        self._next_export = 0
        self._imports: dict[int, _ImportRef] = {}
        self._dropped: deque[_ImportRef] = deque()
        self._embargoes: dict[int, tuple[PromiseCap, Capability]] = {}
        self._next_embargo = 0

    def _describe(self, caps: Sequence[Capability | None], exports: list[int]) -> list[Descriptor]:
        try:
            return [self._descriptor(cap, exports) for cap in caps]
        except IpcError:
            for id_ in exports:
                self._unexport(id_, 1)
            exports.clear()
            raise

    def _descriptor(self, cap: Capability | None, exports: list[int]) -> Descriptor:
        if cap is None:
            return m.Descriptor(m.NONE, 0)
        if not isinstance(cap, LocalCap):
            cap = resolved(cap)
        if isinstance(cap, LocalCap):
            id_ = self._export(cap)
            exports.append(id_)
            return _new_tuple(m.Descriptor, (m.SENDER_HOSTED, id_, ()))
        if isinstance(cap, BrokenCap):
            raise cap.error
        if cap.rpc is not self:
            raise IpcError("a capability of another connection cannot be passed on as it is")
        if isinstance(cap, ImportCap):
            return _new_tuple(m.Descriptor, (m.RECEIVER_HOSTED, cap.id, ()))
        if isinstance(cap, PipelineCap):
            return m.Descriptor(m.RECEIVER_ANSWER, cap.question.id, cap.transform)
        for promise, found in self._embargoes.values():
            if promise is cap and isinstance(found, LocalCap):
                return self._descriptor(found, exports)
        raise IpcError("an unresolved capability cannot be passed on")

    def _export(self, cap: LocalCap) -> int:
        id_ = self._export_ids.get(cap)
        if id_ is not None:
            self._exports[id_].refs += 1
            return id_
        if len(self._exports) >= MAX_EXPORTS:
            raise RemoteError("too many objects are held over this connection", OVERLOADED)
        if self._free_exports:
            id_ = self._free_exports.pop()
        else:
            id_ = self._next_export
            self._next_export += 1
        self._exports[id_] = _Export(cap)
        self._export_ids[cap] = id_
        return id_

    def _unexport(self, id_: int, count: int) -> None:
        export = self._exports.get(id_)
        if export is None or export.refs < count:
            raise RemoteProtocolError(f"release of capability {id_}, which was not sent as often")
        export.refs -= count
        if not export.refs:
            del self._exports[id_]
            del self._export_ids[export.cap]
            self._free_exports.append(id_)

    def _import_gone(self, reference: weakref.ref[ImportCap]) -> None:
        """Give references back as soon as convenient. Takes no lock: runs wherever the last holder let go."""
        if isinstance(reference, _ImportRef):
            self._dropped.append(reference)
            if self.closed is None:
                self._wake()

    def release_dropped(self) -> None:
        """Queue Release messages for what has been dropped."""
        with self.lock:
            self._release_dropped()

    def _release_dropped(self) -> None:
        while self._dropped:
            reference = self._dropped.popleft()
            if reference.moved:
                continue
            if self._imports.get(reference.id) is reference:
                del self._imports[reference.id]
            if self.closed is None:
                self.output.append(m.release(reference.id, reference.refs))

    def _finish_question(
        self,
        question: Question,
        error: Exception | None,
        message: Message | None = None,
        payload: m.Payload | None = None,
        caps: Sequence[Capability | None] = (),
    ) -> None:
        if question.done:
            return
        question.error = error
        question.message = message
        question.payload = payload
        question.caps = caps
        question.done = True
        if question.pipelines or question.promises:
            self._settle(question)
        question.notify()

    def _settle(self, question: Question) -> None:
        """Let what was promised of a question's results become what it is."""
        pipelines, question.pipelines = question.pipelines, []
        promises, question.promises = question.promises, []
        for reference in pipelines:
            cap = reference()
            if cap is not None:
                found = self._result_cap(question, cap.transform)
                target = m.Target(question.id, cap.transform)
                cap.resolution = self._embargo(found, target) if cap.used else found
        for promise, transform in promises:
            self._resolve_promise(promise, self._result_cap(question, transform))

    def _result_cap(self, question: Question, transform: Transform) -> Capability:
        if question.error is not None or question.payload is None:
            return BrokenCap(question.error or IpcError("question was abandoned"))
        payload = question.payload
        try:
            cap = walk(question.message, question.caps, transform, payload)
        except RemoteProtocolError as error:
            return BrokenCap(error)
        return cap if cap is not None else BrokenCap(RemoteError("called null capability"))

    def _embargo(self, cap: Capability, target: Target) -> Capability:
        """Hold back calls to one of our own objects until those sent by way of the peer are through."""
        cap = resolved(cap)
        if isinstance(cap, (ImportCap, PipelineCap)) and cap.rpc is self:
            # Calls are under way to it: if it becomes an object of ours, they must come first.
            cap.used = True
        if not isinstance(cap, LocalCap) or self.closed is not None:
            return cap
        promise = PromiseCap(self)
        id_ = self._next_embargo
        self._next_embargo = (id_ + 1) & 0xFFFFFFFF
        self._embargoes[id_] = (promise, cap)
        self.output.append(m.disembargo(target, m.SENDER_LOOPBACK, id_))
        return promise

    def _import(self, descriptor: Descriptor) -> Capability | None:
        tag, id_, transform = descriptor
        if tag == m.NONE:
            return None
        if tag in (m.SENDER_HOSTED, m.SENDER_PROMISE):
            reference = self._imports.get(id_)
            known = reference() if reference is not None else None
            if reference is not None and known is not None:
                reference.refs += 1
                return known
            cap = ImportCap(self, id_, promise=tag == m.SENDER_PROMISE)
            made = _ImportRef(cap, self._import_gone)
            made.id, made.refs, made.moved = id_, 1, False
            if reference is not None:
                made.refs += reference.refs
                reference.moved = True
            self._imports[id_] = made
            return cap
        if tag == m.RECEIVER_HOSTED:
            export = self._exports.get(id_)
            if export is None:
                raise RemoteProtocolError(f"descriptor of unknown capability {id_}")
            return export.cap
        if tag == m.RECEIVER_ANSWER:
            return self._answer_cap(id_, transform)
        raise RemoteProtocolError(f"unknown capability descriptor {tag}")

    def _answer_cap(self, id_: int, transform: Transform) -> Capability | None:
        answer = self._answers.get(id_)
        if answer is None:
            return BrokenCap(RemoteError("the results of a call that had ended"))
        if answer.returned:
            return walk(answer.result_message, answer.result_caps, transform)
        promise = PromiseCap(self)

        def resolve() -> None:
            try:
                found = walk(answer.result_message, answer.result_caps, transform)
            except RemoteProtocolError as error:
                found = BrokenCap(error)
            self._resolve_promise(promise, found or BrokenCap(RemoteError("called null capability")))

        if answer.waiting is None:
            answer.waiting = []
        answer.waiting.append(resolve)
        answer.dependents += 1
        return promise

    def _resolve_promise(self, promise: PromiseCap, cap: Capability) -> None:
        promise.resolution = cap
        waiting, promise.waiting = promise.waiting, []
        for run in waiting:
            run(cap)


def remote_error(reason: str, type_: int) -> Exception:
    """Make the error for an exception that the peer answered."""
    reason = reason.removeprefix("remote exception: ")
    if type_ == UNIMPLEMENTED_TYPE:
        return UnimplementedError(reason)
    if type_ == DISCONNECTED:
        return DisconnectedError(reason)
    return RemoteError(reason, type_)


def walk(
    message: Message | None,
    caps: Sequence[Capability | None],
    transform: Transform,
    payload: m.Payload | None = None,
) -> Capability | None:
    """Find the capability that `transform` leads to in results; None if null."""
    if message is None:
        # An answer that failed keeps its error as its only capability.
        return caps[0] if caps else None
    if payload is None:
        payload = m.Payload(0, m.RETURN_CONTENT - 8, wire.MAX_DEPTH, m.NO_DESCRIPTORS)
    if payload.position is None:
        return None
    segment, position, depth = payload.segment, payload.position, payload.depth
    for field in transform:
        ref = message.struct(segment, position, depth)
        if ref is None or field >= ref.pointers:
            return None
        segment, position, depth = ref.segment, ref.position + (ref.data_words + field) * 8, ref.depth
    index = message.capability(segment, position)
    if index is None:
        return None
    if index >= len(caps):
        raise RemoteProtocolError(f"capability {index} is not in the table")
    return caps[index]
