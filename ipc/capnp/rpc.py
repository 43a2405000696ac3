"""Two-party Cap'n Proto RPC at level 1 without I/O: bytes in, bytes and events out.

An `Rpc` is one end of one connection. It may be used from any thread: state changes
under `lock`, output gathers in `output`, and what has to run outside the lock gathers
in `events`; after using it the owner writes the one and runs the other, in order.
Promises are never exported: we answer only with objects that exist.
Source: capnproto c++/src/capnp/rpc.capnp, its comments.
"""

from __future__ import annotations

import logging
import weakref
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Final

from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.calls import IncomingCall, Question
from ipc.capnp.capability import BrokenCap, Capability, ImportCap, LocalCap, PipelineCap, PromiseCap, resolved
from ipc.capnp.copying import copy_pointer
from ipc.capnp.tables import Tables, remote_error, walk
from ipc.errors import (
    FAILED,
    OVERLOADED,
    DisconnectedError,
    IpcError,
    RemoteError,
    RemoteProtocolError,
    UnimplementedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipc.capnp.capability import Server
    from ipc.capnp.messages import Transform
    from ipc.capnp.wire import Message, StructRef

log: Final = logging.getLogger("ipc")

MAX_CALLS: Final = 16384
"""Calls of one peer whose answers may be kept at a time; more are answered as overloaded."""

MAX_HELD: Final = 256 << 20
"""Bytes of one peer's large requests that may wait or run at a time; more are answered as overloaded."""
_LARGE_REQUEST: Final = 4096

_CLOSED_ANSWER: Final = "Pipeline call on a request that returned no capabilities or was already closed."

_EMPTY: Final = wire.Message([b""])
_CALL_DATA = Struct("<IHHQ").unpack_from
_RETURN_DATA = Struct("<IBBHI").unpack_from
_IDS = Struct("<II").unpack_from
_KIND = Struct("<IH").unpack_from


class Rpc(Tables):
    """One end of a connection."""

    def offer(self, bootstrap: LocalCap) -> None:
        """Answer with this object when the peer asks for its first."""
        self._bootstrap = bootstrap

    # Asking

    def bootstrap(self) -> PipelineCap | PromiseCap:
        """Ask for the peer's bootstrap object. Raises DisconnectedError."""
        question = Question(_nobody)
        with self.lock:
            self._open(question)
            self.output.append(m.bootstrap(question.id))
            return self.pipeline(question, ())

    def start_call(
        self,
        target: Capability,
        interface: int,
        method: int,
        buffer: bytearray,
        caps: Sequence[Capability | None],
        question: Question,
    ) -> None:
        """Send the Call begun in `buffer` (by `messages.begin_call`) to `target`.

        `caps` is its capability table. Raises DisconnectedError.
        """
        with self.lock:
            if self.closed is not None:
                raise DisconnectedError("IPC client method called after disconnect.")
            self._call(target, interface, method, buffer, caps, question)

    def _call(
        self,
        target: Capability,
        interface: int,
        method: int,
        buffer: bytearray,
        caps: Sequence[Capability | None],
        question: Question,
    ) -> None:
        target = resolved(target)
        if isinstance(target, ImportCap):
            self._open(question)
            target.used = True
            m.set_target(buffer, target.id, None)
        elif isinstance(target, PipelineCap):
            self._open(question)
            target.used = True
            m.set_target(buffer, target.question.id, target.transform)
        elif isinstance(target, PromiseCap):
            target.waiting.append(lambda cap: self._call(cap, interface, method, buffer, caps, question))
            return
        elif isinstance(target, LocalCap):
            self._call_local(target, interface, method, buffer, caps, question)
            return
        else:
            self._finish_question(question, target.error)
            return
        m.set_question(buffer, question.id)
        if caps:
            try:
                descriptors = self._describe(caps, question.exports)
            except IpcError:
                del self._questions[question.id]
                self._free_questions.append(question.id)
                raise
            m.add_descriptors(buffer, m.CALL_CONTENT, descriptors)
        wire.emit(buffer, self.output)
        if self._dropped:
            self._release_dropped()

    def _call_local(
        self,
        target: LocalCap,
        interface: int,
        method: int,
        buffer: bytearray,
        caps: Sequence[Capability | None],
        question: Question,
    ) -> None:
        message = wire.Message([wire.body(buffer)])
        payload = m.Payload(0, m.CALL_CONTENT - 8, wire.MAX_DEPTH - 3, m.NO_DESCRIPTORS)
        call = IncomingCall(self, -1, interface, method, message, payload)
        call.question = question
        call.caps = list(caps)
        call.server = target.server
        self.events.append(partial(_dispatch, target.server, call))

    def _open(self, question: Question) -> None:
        if self.closed is not None:
            raise DisconnectedError("IPC client method called after disconnect.")
        if self._free_questions:
            question.id = self._free_questions.pop()
        else:
            question.id = self._next_question
            self._next_question += 1
        self._questions[question.id] = question

    def pipeline(self, question: Question, transform: Transform) -> PipelineCap | PromiseCap:
        """Promise a capability among the results of `question`. The lock is held."""
        if question.id < 0 and not question.done:
            # Not sent to the peer, or not yet: nothing the peer could be told to call.
            promise = PromiseCap(self)
            question.promises.append((promise, transform))
            return promise
        cap = PipelineCap(self, question, transform)
        if question.done:
            cap.resolution = self._result_cap(question, transform)
        else:
            question.pipelines.append(weakref.ref(cap))
        return cap

    def abandon(self, question: Question) -> None:
        """Stop wanting an answer: the peer is told to cancel the call."""
        with self.lock:
            if question.done or self.closed is not None:
                return
            question.done = True
            question.abandoned = True
            self._settle(question)
            if question.id >= 0:
                self.output.append(m.finish(question.id, release_results=True))
            if question.source is not None:
                # It was answered already, with what a call of the peer's to us will give.
                question.source.taker = None
                self._free_questions.append(question.id)

    # Answering

    def unanswered(self) -> list[IncomingCall]:
        """Return the calls of the peer's that have no answer yet."""
        with self.lock:
            return [call for call in self._answers.values() if not call.returned]

    def send_results(self, call: IncomingCall, buffer: bytearray, caps: Sequence[Capability | None]) -> None:
        """Answer with results begun in `buffer` by `messages.begin_results`."""
        with self.lock:
            if call.returned:
                return
            call.returned = True
            call.on_cancel = None
            if call.question is not None:
                message = wire.Message([wire.body(buffer)])
                payload = m.Payload(0, m.RETURN_CONTENT - 8, wire.MAX_DEPTH - 3, m.NO_DESCRIPTORS)
                self._finish_question(call.question, None, message, payload, caps)
                return
            if self.closed is not None:
                return
            released = self._release_params(call)
            if call.finished or call.elsewhere:
                # For calls that wait for it, and for the question that takes it.
                call.result_message = wire.Message([wire.body(buffer)])
                call.result_caps = caps
                if call.finished:
                    self._return_canceled(call, released=released)
                else:
                    self._return_elsewhere(call, released=released)
            elif caps:
                try:
                    descriptors = self._describe(caps, call.result_exports)
                except IpcError as error:
                    self._return_error(call, str(error), getattr(error, "type", FAILED), released=released)
                    return
                m.set_return_flags(buffer, release_params=released, no_finish=False)
                m.add_descriptors(buffer, m.RETURN_CONTENT, descriptors)
                call.result_message = wire.Message([wire.body(buffer)])
                call.result_caps = caps
                wire.emit(buffer, self.output)
            else:
                m.set_return_flags(buffer, release_params=released, no_finish=True)
                del self._answers[call.id]
                wire.emit(buffer, self.output)
            self._run_waiting(call)

    def send_error(self, call: IncomingCall, reason: str, type_: int = FAILED) -> None:
        """Answer with an exception."""
        with self.lock:
            if call.returned:
                return
            call.returned = True
            call.on_cancel = None
            if call.question is not None:
                self._finish_question(call.question, remote_error(reason, type_))
            elif self.closed is None:
                self._return_error(call, reason, type_, released=self._release_params(call))

    def _return_error(self, call: IncomingCall, reason: str, type_: int, *, released: bool) -> None:
        # Kept until it is finished: calls on its results fail for the same reason.
        call.result_caps = (BrokenCap(remote_error(reason, type_)),)
        if call.finished:
            self._return_canceled(call, released=released)
        elif call.elsewhere:
            self._return_elsewhere(call, released=released)
        else:
            self.output.append(m.return_exception(call.id, reason, type_, release_params=released))
        self._run_waiting(call)

    def _return_canceled(self, call: IncomingCall, *, released: bool) -> None:
        del self._answers[call.id]
        self.output.append(m.return_canceled(call.id, release_params=released))
        self._hand_over(call)

    def _return_elsewhere(self, call: IncomingCall, *, released: bool) -> None:
        self.output.append(m.return_elsewhere(call.id, release_params=released))
        self._hand_over(call)

    def _hand_over(self, call: IncomingCall) -> None:
        """Answer the question of ours that takes its answer from a call that was made to us."""
        question, call.taker = call.taker, None
        if question is None:
            return
        error, payload = None, None
        if call.result_message is None:
            broken = call.result_caps[0] if call.result_caps else None
            error = broken.error if isinstance(broken, BrokenCap) else RemoteError("the call was canceled")
        else:
            payload = m.Payload(0, m.RETURN_CONTENT - 8, wire.MAX_DEPTH, m.NO_DESCRIPTORS)
        self._finish_question(question, error, call.result_message, payload, call.result_caps)
        if question.needs_finish:
            self.output.append(m.finish(question.id, release_results=False))
        self._free_questions.append(question.id)

    def _run_waiting(self, call: IncomingCall) -> None:
        if call.waiting is not None:
            waiting, call.waiting = call.waiting, None
            for run in waiting:
                run()

    def _release_params(self, call: IncomingCall) -> bool:
        """Let go of the parameters; return whether the caller may release all capabilities it sent along."""
        if call.held:
            self._held -= call.held
            call.held = 0
            call.message = _EMPTY
        if not call.kept:
            call.caps = None
            return True
        for index, descriptor in enumerate(call.payload.descriptors):
            sent = descriptor.tag in (m.SENDER_HOSTED, m.SENDER_PROMISE)
            if sent and (call.caps is None or call.caps[index] is None):
                self.output.append(m.release(descriptor.id, 1))
        call.caps = None
        return False

    def call_capability(self, call: IncomingCall, index: int) -> Capability | None:
        """Take entry `index` of a call's capability table. Raises RemoteProtocolError."""
        with self.lock:
            if call.caps is None:
                call.caps = [None] * len(call.payload.descriptors)
            if index >= len(call.caps):
                raise RemoteProtocolError(f"capability {index} is not in the table")
            cap = call.caps[index]
            if cap is None and call.question is None:
                descriptor = call.payload.descriptors[index]
                cap = call.caps[index] = self._import(descriptor)
                call.kept |= descriptor.tag in (m.SENDER_HOSTED, m.SENDER_PROMISE)
            return cap

    # Receiving

    def room(self) -> memoryview | None:
        """Return where to put the bytes that come next, None if `receive` takes them."""
        return self._frames.room()

    def receive_in_room(self, count: int) -> None:
        """Take bytes that were put into `room`. Raises as `receive` does."""
        self._handle(self._frames.filled(count))

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer. Raises RemoteProtocolError, after which only `close` is left."""
        self._handle(self._frames.feed(data))

    def _handle(self, messages: list[Message]) -> None:
        for message in messages:
            with self.lock:
                if self.closed is not None:
                    return
                tag, body = m.tag_and_body(message)
                handler = _HANDLERS.get(tag)
                if handler is not None:
                    handler(self, message, body)
                else:
                    self.output.append(m.unimplemented(message))

    def _on_call(self, message: Message, body: StructRef) -> None:
        if body.data_words >= 3:
            id_, method, destination, interface = _CALL_DATA(message.segments[body.segment], body.position)
        else:
            id_, method, destination, interface = _CALL_DATA(m.data(message, body, 16))
        if id_ in self._answers:
            raise RemoteProtocolError(f"question {id_} is asked twice")
        if destination not in {m.TO_CALLER, m.TO_YOURSELF}:
            self.output.append(m.unimplemented(message))
            return
        target = m.read_target(message, m.child(message, body, 0))
        payload = m.read_payload(message, m.child(message, body, 1))
        self.calls += 1
        if len(self._answers) >= MAX_CALLS:
            self._refuse(id_, f"more than {MAX_CALLS} calls at a time")
            return
        size = sum(map(len, message.segments))
        if size > _LARGE_REQUEST and self._held + size > MAX_HELD:
            self._refuse(id_, f"more than {MAX_HELD} bytes of calls at a time")
            return
        call = IncomingCall(self, id_, interface, method, message, payload)
        if size > _LARGE_REQUEST:
            call.held = size
            self._held += size
        if destination:
            call.elsewhere = True
        self._answers[id_] = call
        self._import_ours(call)
        if target.transform is None:
            export = self._exports.get(target.id)
            if export is None:
                raise RemoteProtocolError(f"call to unknown capability {target.id}")
            server = export.cap.server
            call.server = server
            self.events.append(partial(_dispatch, server, call))
            return
        answer = self._answers.get(target.id)
        if answer is None:
            # Results without capabilities are forgotten at once; a call on them may be under way.
            self._forward(call, BrokenCap(RemoteError(_CLOSED_ANSWER)))
        else:
            self._deliver(call, answer, target.transform)

    def _refuse(self, id_: int, reason: str) -> None:
        """Answer that there is too much to do, and keep nothing of this call."""
        self.output.append(m.return_exception(id_, reason, OVERLOADED, no_finish=True))

    def _import_ours(self, call: IncomingCall) -> None:
        """Take what the caller refers to by our own tables now: later messages may change those."""
        for index, descriptor in enumerate(call.payload.descriptors):
            if descriptor.tag in {m.RECEIVER_HOSTED, m.RECEIVER_ANSWER}:
                if call.caps is None:
                    call.caps = [None] * len(call.payload.descriptors)
                call.caps[index] = self._import(descriptor)

    def _deliver(self, call: IncomingCall, answer: IncomingCall, transform: Transform) -> None:
        """Deliver a call to an object among the results of another call."""
        if not answer.returned:
            if answer.waiting is None:
                answer.waiting = []
            answer.waiting.append(lambda: self._deliver(call, answer, transform))
            answer.dependents += 1
            call.origin = answer
            return
        call.origin = None
        try:
            cap = walk(answer.result_message, answer.result_caps, transform)
        except RemoteProtocolError as error:
            cap = BrokenCap(error)
        self._forward(call, cap)

    def _forward(self, call: IncomingCall, cap: Capability | None) -> None:
        if cap is not None:
            cap = resolved(cap)
        if isinstance(cap, LocalCap):
            server = cap.server
            call.server = server
            self.events.append(partial(_dispatch, server, call))
        elif isinstance(cap, PromiseCap):
            cap.waiting.append(lambda found: self._forward(call, found))
        elif self.closed is not None:
            return
        elif cap is None or isinstance(cap, BrokenCap):
            reason = "called null capability" if cap is None else str(cap.error)
            type_ = getattr(cap.error, "type", FAILED) if cap is not None else FAILED
            call.returned = True
            self._return_error(call, reason, type_, released=self._release_params(call))
        else:
            self._reflect(call, cap)

    def _reflect(self, call: IncomingCall, cap: Capability) -> None:
        """Send a call back to the peer that hosts its target, and its results back again."""
        buffer = m.begin_call(call.interface, call.method)
        payload = call.payload
        if payload.position is not None:
            copy_pointer(call.message, payload.segment, payload.position, buffer, m.CALL_CONTENT, payload.depth)
        known: Sequence[Capability | None] = call.caps or [None] * len(payload.descriptors)
        caps = [cap or self._import(d) for cap, d in zip(known, payload.descriptors, strict=True)]
        call.caps, call.kept = caps, True

        def answered() -> None:
            self.events.append(lambda: self._return_reflected(call, question))

        question = Question(answered)
        call.on_cancel = lambda: self.abandon(question)
        self._call(cap, call.interface, call.method, buffer, caps, question)

    def _return_reflected(self, call: IncomingCall, question: Question) -> None:
        if question.error is not None or question.message is None or question.payload is None:
            self.send_error(call, str(question.error), getattr(question.error, "type", FAILED))
            return
        buffer = m.begin_results(call.id, release_params=True)
        payload = question.payload
        if payload.position is not None:
            copy_pointer(question.message, payload.segment, payload.position, buffer, m.RETURN_CONTENT, payload.depth)
        self.send_results(call, buffer, question.caps)

    def _on_return(self, message: Message, body: StructRef) -> None:
        if body.data_words >= 2:
            id_, flags, _, tag, other = _RETURN_DATA(message.segments[body.segment], body.position)
        else:
            id_, flags, _, tag, other = _RETURN_DATA(m.data(message, body, 12))
        question = self._questions.get(id_)
        if question is None:
            raise RemoteProtocolError(f"return for unknown question {id_}")
        if not flags & 1:
            for export in question.exports:
                self._unexport(export, 1)
        if question.abandoned:
            del self._questions[id_]
            self._free_questions.append(id_)
            return
        error: Exception | None = None
        payload: m.Payload | None = None
        caps: Sequence[Capability | None] = ()
        if tag == m.RESULTS:
            payload = m.read_payload(message, m.child(message, body, 0))
            if payload.descriptors:
                caps = [self._import(descriptor) for descriptor in payload.descriptors]
        elif tag == m.EXCEPTION:
            error = remote_error(*m.read_exception(message, m.child(message, body, 0)))
        elif tag == m.CANCELED:
            error = RemoteError("call was canceled by the other side")
        elif tag == m.TAKE_FROM_OTHER:
            self._take(question, other, needs_finish=not flags & 2)
            return
        else:
            raise RemoteProtocolError(f"unexpected kind of return {tag}")
        del self._questions[id_]
        self._finish_question(question, error, message, payload, caps)
        if not flags & 2:
            self.output.append(m.finish(id_, release_results=False))
        self._free_questions.append(id_)

    def _take(self, question: Question, other: int, *, needs_finish: bool) -> None:
        """Answer a question with the results of a call of the peer's that are kept here for that."""
        call = self._answers.get(other)
        if call is None or not call.elsewhere or call.taken:
            raise RemoteProtocolError(f"results of question {other} are not kept for another")
        del self._questions[question.id]
        call.taken = True
        call.taker = question
        question.source = call
        question.needs_finish = needs_finish
        if call.returned:
            self._hand_over(call)

    def _on_bootstrap(self, message: Message, body: StructRef) -> None:
        (id_, _) = _IDS(m.data(message, body, 8))
        if id_ in self._answers:
            raise RemoteProtocolError(f"question {id_} is asked twice")
        if len(self._answers) >= MAX_CALLS:
            self._refuse(id_, f"more than {MAX_CALLS} calls at a time")
            return
        call = IncomingCall(self, id_, 0, 0, _EMPTY, m.Payload(0, None, 0, m.NO_DESCRIPTORS))
        self._answers[id_] = call
        call.returned = True
        if self._bootstrap is None:
            self._return_error(call, "no bootstrap object is offered", FAILED, released=True)
            return
        caps = (self._bootstrap,)
        buffer = m.begin_results(id_, release_params=True)
        wire.put_capability(buffer, m.RETURN_CONTENT, 0)
        m.add_descriptors(buffer, m.RETURN_CONTENT, self._describe(caps, call.result_exports))
        call.result_message = wire.Message([wire.body(buffer)])
        call.result_caps = caps
        wire.emit(buffer, self.output)

    def _on_finish(self, message: Message, body: StructRef) -> None:
        id_, flags = _KIND(m.data(message, body, 8))
        call = self._answers.get(id_)
        if call is None or call.finished:
            return  # Answered with noFinishNeeded, which older peers do not know.
        call.finished = True
        if call.returned:
            del self._answers[id_]
            call.result_caps = ()
            if not flags & 1:
                for export in call.result_exports:
                    self._unexport(export, 1)
            return
        # Calls made on its results still want it, if its caller does not.
        if not call.dependents:
            self._cancel(call)
        origin = call.origin
        if origin is not None:
            origin.dependents -= 1
            if origin.finished and not origin.dependents:
                self._cancel(origin)

    def _cancel(self, call: IncomingCall) -> None:
        call.canceled = True
        if call.on_cancel is not None:
            self.events.append(call.on_cancel)

    def _on_resolve(self, message: Message, body: StructRef) -> None:
        id_, tag = _KIND(m.data(message, body, 8))
        cap: Capability
        if tag == 0:
            cap = self._import(m.read_descriptor(message, m.child(message, body, 0))) or BrokenCap(
                RemoteError("called null capability")
            )
        elif tag == 1:
            cap = BrokenCap(remote_error(*m.read_exception(message, m.child(message, body, 0))))
        else:
            self.output.append(m.unimplemented(message))
            return
        reference = self._imports.get(id_)
        promise = reference() if reference is not None else None
        if promise is None or promise.resolution is not None:
            return
        if not promise.promise:
            raise RemoteProtocolError(f"resolve of capability {id_}, which is not a promise")
        promise.resolution = self._embargo(cap, m.Target(id_, None)) if promise.used else cap

    def _on_release(self, message: Message, body: StructRef) -> None:
        id_, count = _IDS(m.data(message, body, 8))
        self._unexport(id_, count)

    def _on_disembargo(self, message: Message, body: StructRef) -> None:
        id_, kind = _KIND(m.data(message, body, 8))
        if kind == m.RECEIVER_LOOPBACK:
            embargo = self._embargoes.pop(id_, None)
            if embargo is None:
                raise RemoteProtocolError(f"disembargo of unknown embargo {id_}")
            self._resolve_promise(*embargo)
            return
        if kind != m.SENDER_LOOPBACK:
            self.output.append(m.unimplemented(message))
            return
        target = m.read_target(message, m.child(message, body, 0))
        cap: Capability | None = None
        if target.transform is not None:
            answer = self._answers.get(target.id)
            if answer is None or not answer.returned:
                raise RemoteProtocolError(f"disembargo of unanswered question {target.id}")
            cap = walk(answer.result_message, answer.result_caps, target.transform)
        if cap is not None:
            cap = resolved(cap)
        if not isinstance(cap, ImportCap):
            raise RemoteProtocolError("disembargo of a capability that does not lead back to the sender")
        self.output.append(m.disembargo(m.Target(cap.id, None), m.RECEIVER_LOOPBACK, id_))

    def _on_unimplemented(self, message: Message, body: StructRef) -> None:
        # The body is our own message, read like one that came.
        (tag,) = Struct("<H").unpack_from(m.data(message, body, 8))
        inner = m.child(message, body, 0)
        if tag not in (m.CALL, m.BOOTSTRAP):
            if tag in (m.RETURN, m.FINISH, m.RELEASE, m.DISEMBARGO):
                raise RemoteProtocolError(f"the other side does not implement message {tag}, which it must")
            return
        (id_, _) = _IDS(m.data(message, inner, 8))
        question = self._questions.get(id_)
        if question is None:
            raise RemoteProtocolError(f"unimplemented for unknown question {id_}")
        for export in question.exports:
            self._unexport(export, 1)
        del self._questions[id_]
        self._free_questions.append(id_)
        self._finish_question(question, UnimplementedError("the other side does not implement this message"))

    def _on_abort(self, message: Message, body: StructRef) -> None:
        reason, _ = m.read_exception(message, body)
        raise DisconnectedError(f"peer aborted the connection: {reason}")

    # Ending

    def close(self, error: Exception) -> None:
        """End everything: questions fail, calls that run are cancelled, objects are dropped."""
        with self.lock:
            if self.closed is not None:
                return
            self.closed = error
            questions, self._questions = self._questions, {}
            answers, self._answers = self._answers, {}
            exports, self._exports = self._exports, {}
            embargoes, self._embargoes = self._embargoes, {}
            self._export_ids = {}
            self._imports = {}
            self._dropped.clear()
            self.output.clear()
            lost = DisconnectedError("IPC client method call interrupted by disconnect.")
            for question in questions.values():
                self._finish_question(question, lost)
            for promise, _ in embargoes.values():
                self._resolve_promise(promise, BrokenCap(lost))
            for call in answers.values():
                if call.taker is not None:
                    self._finish_question(call.taker, lost)
                    call.taker = None
                call.result_message, call.result_caps = None, ()
                if not call.returned:
                    call.finished = True
                    self._cancel(call)
                    call.result_caps = (BrokenCap(lost),)
                    self._run_waiting(call)
                    call.result_caps = ()
            self._bootstrap = None
        exports.clear()


def _dispatch(server: Server, call: IncomingCall) -> None:
    try:
        server.dispatch(call)
    except Exception as error:
        log.exception("ipc: a call could not be handled")
        call.rpc.send_error(call, f"std::exception: {error}")


def _nobody() -> None:
    pass


_HANDLERS: Final[dict[int, Callable[[Rpc, Message, StructRef], None]]] = {
    m.CALL: Rpc._on_call,  # noqa: SLF001 - one table for the class above
    m.RETURN: Rpc._on_return,  # noqa: SLF001
    m.FINISH: Rpc._on_finish,  # noqa: SLF001
    m.RESOLVE: Rpc._on_resolve,  # noqa: SLF001
    m.RELEASE: Rpc._on_release,  # noqa: SLF001
    m.BOOTSTRAP: Rpc._on_bootstrap,  # noqa: SLF001
    m.DISEMBARGO: Rpc._on_disembargo,  # noqa: SLF001
    m.UNIMPLEMENTED: Rpc._on_unimplemented,  # noqa: SLF001
    m.ABORT: Rpc._on_abort,  # noqa: SLF001
}
