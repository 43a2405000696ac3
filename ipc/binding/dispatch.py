"""What serving an object has in common for threads and asyncio: finding the method, answering."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from common.log_categories import TRACE
from interfaces.cancellation import Cancellation
from interfaces.not_served import NotServedError
from ipc.binding.session import put_thread_map, read_thread_map, request_numbers
from ipc.capnp import messages as m
from ipc.capnp.capability import PromiseCap, resolved
from ipc.capnp.threads import Callback
from ipc.errors import FAILED, UNIMPLEMENTED, IpcError

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.deferral import Shared
    from interfaces.interface import Interface
    from ipc.binding.binding import Binding
    from ipc.binding.method import BoundMethod
    from ipc.binding.session import Session
    from ipc.capnp.calls import IncomingCall
    from ipc.capnp.capability import Capability, LocalCap

log: Final = logging.getLogger("ipc")
_MAX_SHOWN: Final = 200


class Request:
    """One call being served: numbered, logged, answered once."""

    __slots__ = ("_debug", "_session", "call", "cancellation", "label", "method", "number", "running")

    def __init__(self, session: Session, call: IncomingCall, method: BoundMethod | None, label: str) -> None:
        """`method` is None for destroy."""
        self._session = session
        self.call = call
        self.method = method
        self.label = label
        self.number = next(request_numbers)
        self.cancellation = Cancellation()
        self.running = False
        self._debug = log.isEnabledFor(logging.DEBUG)
        if self._debug:
            log.debug("%s IPC server recv request  #%d %s$Params", _here(session), self.number, label)

    def start(self) -> bool:
        """Begin to run it, False if nobody waits any more."""
        call = self.call
        if call.canceled:
            log.info(
                "ipc: %s IPC server request #%d canceled before it could be executed", _here(self._session), self.number
            )
            self.fail("canceled", FAILED)
            return False
        self.running = True
        call.on_cancel = self._cancel
        if self._debug:
            log.debug("%s IPC server executing request #%d", _here(self._session), self.number)
        return True

    def _cancel(self) -> None:
        if self.running:
            log.info("ipc: %s IPC server request #%d canceled while executing.", _here(self._session), self.number)
        self.cancellation.cancel()

    def arguments(self) -> tuple[Any, ...]:
        """Read the arguments. Raises RemoteProtocolError."""
        call = self.call
        if self.method is None:
            return ()
        values = self.method.read_params(call.message, call.payload, self._session.take(call))
        if self._debug and log.isEnabledFor(TRACE):
            log.log(TRACE, "%s request data: %s", _here(self._session), show(values))
        return values

    def succeed_shared(self, shared: Shared) -> None:
        """Answer with a result that others get too, written once for all."""
        written = shared.written
        if self.method is None or written is None or written[0] is not self.method or self._debug:
            self.succeed(shared.value, shared)
            return
        self.running = False
        call = self.call
        if call.canceled:
            self._log_interrupted()
        call.rpc.send_results(call, self.method.copy_results(call.id, written[1]), [])

    def succeed(self, value: object, shared: Shared | None = None) -> None:
        """Answer with a result. An EncodeError becomes the answer."""
        self.running = False
        call = self.call
        if call.canceled:
            self._log_interrupted()
        caps: list[Capability | None] = []
        if self.method is None:
            buffer = m.begin_results(call.id & 0xFFFFFFFF, release_params=True)
        else:
            try:
                buffer = self.method.begin_results(call.id, value, self._session.give(caps))
            except IpcError as error:
                log.error("ipc: %s IPC server error request #%d %s", _here(self._session), self.number, error)  # noqa: TRY400
                self.fail(f"std::exception: {error}", FAILED)
                return
            if shared is not None and not caps and not buffer.blobs:
                shared.written = self.method, bytes(buffer)
        call.rpc.send_results(call, buffer, caps)
        if self._debug:
            log.debug("%s IPC server send response #%d %s$Results", _here(self._session), self.number, self.label)
            log.log(TRACE, "%s response data: %s", _here(self._session), show(value))

    def _log_interrupted(self) -> None:
        log.info("ipc: %s IPC server request #%d interrupted (canceled)", _here(self._session), self.number)

    def raised(self, error: BaseException) -> None:
        """Answer with an exception of the method."""
        self.running = False
        call = self.call
        if call.canceled:
            self._log_interrupted()
        elif self.method is not None:
            caps: list[Capability | None] = []
            buffer = self.method.begin_error(call.id, error, self._session.give(caps))
            if buffer is not None:
                call.rpc.send_results(call, buffer, caps)
                return
        if isinstance(error, NotServedError):
            self.fail(str(error), UNIMPLEMENTED)
            return
        reason = f"std::exception: {error}" if str(error) else f"std::exception: {type(error).__name__}"
        if not call.canceled:
            log.error(
                "ipc: %s IPC server error request #%d %s$Results kj::Exception: %s",
                _here(self._session), self.number, self.label, reason,
            )  # fmt: skip
        self.fail(reason, FAILED)

    def fail(self, reason: str, type_: int) -> None:
        """Answer with a reason as it stands."""
        self.call.rpc.send_error(self.call, reason, type_)


def open_request(session: Session, binding: Binding, call: IncomingCall) -> Request | None:
    """Find the method a call means; answers by itself and returns None if there is none."""
    method = binding.by_ordinal.get((call.interface, call.method))
    if method is not None:
        return Request(session, call, method, method.label)
    destroy = binding.destroy
    if destroy is not None and (call.interface, call.method) == (destroy.interface_id, destroy.ordinal):
        return Request(session, call, None, f"{binding.schema.name}.destroy")
    known = call.interface in binding.schema.ids
    what = "Method not implemented." if known else "Requested interface not implemented."
    call.rpc.send_error(
        call, f"{what} {binding.schema.name} @{call.interface:#018x} method {call.method}", UNIMPLEMENTED
    )
    return None


def context_threads(request: Request) -> tuple[Capability | None, Callback | None]:
    """Return thread and callback thread of a call. Raises RemoteProtocolError."""
    call = request.call
    index = 0 if request.method is None else request.method.context
    if index is None or call.payload.position is None:
        return None, None
    message, payload = call.message, call.payload
    params = message.struct(payload.segment, call.payload.position, payload.depth)
    if params is None or params.pointers <= index:
        return None, None
    position = params.position + (params.data_words + index) * 8
    context = message.struct(params.segment, position, params.depth)
    if context is None:
        return None, None
    start = context.position + context.data_words * 8
    thread = callback = None
    if context.pointers > 0:
        entry = message.capability(context.segment, start)
        if entry is not None:
            thread = call.capability(entry)
    if context.pointers > 1:
        entry = message.capability(context.segment, start + 8)
        if entry is not None:
            callback = Callback(call, entry)
    return thread, callback


def when_known(session: Session, cap: Capability | None, run: Callable[[Capability | None], None]) -> None:
    """Run a function with what a capability turns out to be, now or when the answer it waits for is there."""
    rpc = session.rpc
    with rpc.lock:
        found = None if cap is None else resolved(cap)
        if isinstance(found, PromiseCap):
            found.waiting.append(lambda known: rpc.events.append(lambda: when_known(session, known, run)))
            return
    run(found)


def answer_construct(call: IncomingCall, ours: LocalCap, keep: Callable[[Capability | None], None]) -> None:
    """Exchange ThreadMaps with a client."""
    number = next(request_numbers)
    log.debug("IPC server recv request  #%d Init.construct$Params", number)
    keep(read_thread_map(call, call.message, call.payload))
    buffer = m.begin_results(call.id & 0xFFFFFFFF, release_params=True)
    put_thread_map(buffer, m.RETURN_CONTENT)
    call.rpc.send_results(call, buffer, [ours])
    log.debug("IPC server send response #%d Init.construct$Results", number)


def show(value: object) -> str:
    """Shorten a value for a log line."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."


def is_construct(binding: Binding, call: IncomingCall) -> bool:
    """Whether a call is `Init.construct`."""
    construct = binding.construct
    return construct is not None and (call.interface, call.method) == (construct.interface_id, construct.ordinal)


def close_quietly(implementation: Interface) -> None:
    """Close an object whose client is gone; its errors have nobody else to hear them."""
    try:
        implementation.close()
    except Exception:
        log.exception("ipc: closing a %s failed", type(implementation).__name__)


def _here(session: Session) -> str:
    return f"{{{session.thread_name()}}}"
