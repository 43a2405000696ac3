"""The messages of rpc.capnp: written into fixed layouts, read with every bound checked.

Knows the form of messages, not their meaning. Source: capnproto c++/src/capnp/rpc.capnp.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from ipc.capnp import wire
from ipc.capnp.wire import Message, StructRef
from ipc.errors import FAILED, RemoteProtocolError

UNIMPLEMENTED: Final = 0
ABORT: Final = 1
CALL: Final = 2
RETURN: Final = 3
FINISH: Final = 4
RESOLVE: Final = 5
RELEASE: Final = 6
BOOTSTRAP: Final = 8
DISEMBARGO: Final = 13
"""Tags of Message."""

RESULTS: Final = 0
EXCEPTION: Final = 1
CANCELED: Final = 2
SENT_ELSEWHERE: Final = 3
TAKE_FROM_OTHER: Final = 4
"""Tags of Return."""

NONE: Final = 0
SENDER_HOSTED: Final = 1
SENDER_PROMISE: Final = 2
RECEIVER_HOSTED: Final = 3
RECEIVER_ANSWER: Final = 4
THIRD_PARTY: Final = 5
"""Tags of CapDescriptor."""

SENDER_LOOPBACK: Final = 0
RECEIVER_LOOPBACK: Final = 1
"""Tags of Disembargo.context."""

TO_CALLER: Final = 0
TO_YOURSELF: Final = 1
"""Tags of Call.sendResultsTo."""

Transform = tuple[int, ...]
"""Pointer fields to follow from the root of an answer's results."""


class Descriptor(NamedTuple):
    """One entry of a capability table; `transform` only for RECEIVER_ANSWER."""

    tag: int
    id: int
    transform: Transform = ()


class Target(NamedTuple):
    """Where a call goes: an import (`transform` None) or a promised answer."""

    id: int
    transform: Transform | None


_new_tuple = tuple.__new__
NO_DESCRIPTORS: Final[tuple[Descriptor, ...]] = ()
_ROOT: Final = 1 << 32 | 1 << 48
_HEAD: Final = Struct("<QQQQ")
_put_u32 = Struct("<I").pack_into
_put_tagged = Struct("<IH").pack_into
_tagged = Struct("<IH").unpack_from
_three_words = Struct("<QQQ").unpack_from
_u32 = Struct("<I").unpack_from
_u16 = Struct("<H").unpack_from
_descriptor = Struct("<HHI").unpack_from
_put_descriptor = Struct("<HHI").pack_into

# Frame, root pointer, Message {tag, pointer}, then the body; each body is laid out so
# that Payload.content points at the word after Payload.
_CALL = Struct("<QQQQIHHQQQQQIHHQQQ")
_CALL_POINTER = 3 << 32 | 3 << 48
_TARGET_POINTER = 2 << 2 | 1 << 32 | 1 << 48
_PARAMS_POINTER = 3 << 2 | 2 << 48
CALL_CONTENT: Final = 12 * 8
_CALL_TARGET_ANSWER: Final = 11 * 8
_RETURN = Struct("<QQQQIBBHQQQQ")
_RETURN_POINTER = 2 << 32 | 1 << 48
_RESULTS_POINTER = 2 << 48
RETURN_CONTENT: Final = 7 * 8
_SMALL = Struct("<QQQQII")
_TWO_DESCRIPTORS = Struct("<QQQQQ").pack


def begin_call(interface: int, method: int) -> bytearray:
    """Start a Call; its content pointer is at CALL_CONTENT, question and target are set later."""
    return bytearray(
        _CALL.pack(
            0,
            _ROOT,
            CALL,
            _CALL_POINTER,
            0,
            method,
            0,
            interface,
            0,
            _TARGET_POINTER,
            _PARAMS_POINTER,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        )
    )


def set_question(buffer: bytearray, question: int) -> None:
    """Fill in the question id of a call begun before the id was known."""
    _put_u32(buffer, 32, question)


def set_target(buffer: bytearray, id_: int, transform: Transform | None) -> None:
    """Fill in the target of a call begun before it was known: an import, or a promised answer."""
    if transform is None:
        _put_tagged(buffer, 80, id_, 0)
    else:
        _put_tagged(buffer, 80, 0, 1)
        _put_promised_answer(buffer, _CALL_TARGET_ANSWER, id_, transform)


def begin_results(answer: int, *, release_params: bool, no_finish: bool = False) -> bytearray:
    """Start a Return with results; its content pointer is at RETURN_CONTENT and still null."""
    flags = (0 if release_params else 1) | (2 if no_finish else 0)
    return bytearray(
        _RETURN.pack(0, _ROOT, RETURN, _RETURN_POINTER, answer, flags, 0, RESULTS, 0, _RESULTS_POINTER, 0, 0)
    )


def set_return_flags(buffer: bytearray, *, release_params: bool, no_finish: bool) -> None:
    """Fill in the flags of a Return begun before they were known."""
    buffer[36] = (0 if release_params else 1) | (2 if no_finish else 0)


def add_descriptors(buffer: bytearray, content: int, descriptors: list[Descriptor]) -> None:
    """Write the capability table of the payload whose content pointer is at `content`."""
    if len(descriptors) == 2 and descriptors[0][0] != RECEIVER_ANSWER != descriptors[1][0]:
        # The context of nearly every call: its thread and callback thread.
        (tag, id_, _), (tag2, id2, _) = descriptors
        wire.put_u64(buffer, content + 8, (len(buffer) - content - 16) // 2 | 1 | (wire.COMPOSITE_LIST | 4 << 3) << 32)
        buffer += _TWO_DESCRIPTORS(2 << 2 | 1 << 32 | 1 << 48, tag | id_ << 32, 0, tag2 | id2 << 32, 0)
        return
    start = wire.put_composite(buffer, content + 8, len(descriptors), 1, 1)
    for descriptor in descriptors:
        put_descriptor(buffer, start, descriptor)
        start += 16


def put_descriptor(buffer: bytearray, position: int, descriptor: Descriptor) -> None:
    """Write a CapDescriptor into the struct (one word, one pointer) at `position`."""
    tag, id_, transform = descriptor
    if tag == RECEIVER_ANSWER:
        _put_descriptor(buffer, position, tag, 0, 0)
        _put_promised_answer(buffer, position + 8, id_, transform)
    else:
        _put_descriptor(buffer, position, tag, 0, id_)


def _put_promised_answer(buffer: bytearray, position: int, question: int, transform: Transform) -> None:
    start = wire.put_struct(buffer, position, 1, 1)
    Struct("<I").pack_into(buffer, start, question)
    if transform:
        op = wire.put_composite(buffer, start + 8, len(transform), 1, 0)
        for field in transform:
            Struct("<HH").pack_into(buffer, op, 1, field)
            op += 8


def _begin(tag: int, data_words: int, pointers: int) -> bytearray:
    buffer = bytearray(_HEAD.pack(0, _ROOT, tag, data_words << 32 | pointers << 48))
    buffer += bytes((data_words + pointers) * 8)
    return buffer


def bootstrap(question: int) -> bytearray:
    """Ask for the peer's bootstrap object."""
    buffer = _begin(BOOTSTRAP, 1, 1)
    _put_u32(buffer, 32, question)
    return wire.finish_frame(buffer)


def return_exception(
    answer: int, reason: str, type_: int = FAILED, *, release_params: bool = True, no_finish: bool = False
) -> bytearray:
    """Answer with an exception."""
    buffer = _begin(RETURN, 2, 1)
    flags = (0 if release_params else 1) | (2 if no_finish else 0)
    Struct("<IBBH").pack_into(buffer, 32, answer, flags, 0, EXCEPTION)
    _put_exception(buffer, 48, reason, type_)
    return wire.finish_frame(buffer)


def return_canceled(answer: int, *, release_params: bool = True) -> bytearray:
    """Answer a call that was finished early."""
    return _return_nothing(answer, CANCELED, release_params=release_params)


def return_elsewhere(answer: int, *, release_params: bool = True) -> bytearray:
    """Say that the results are there and kept, as the caller wished."""
    return _return_nothing(answer, SENT_ELSEWHERE, release_params=release_params)


def _return_nothing(answer: int, kind: int, *, release_params: bool) -> bytearray:
    buffer = _begin(RETURN, 2, 1)
    Struct("<IBBH").pack_into(buffer, 32, answer, 0 if release_params else 1, 0, kind)
    return wire.finish_frame(buffer)


def _put_exception(buffer: bytearray, position: int, reason: str, type_: int) -> None:
    start = wire.put_struct(buffer, position, 1, 2)
    Struct("<HHH").pack_into(buffer, start, 0, 0, type_)
    wire.put_text(buffer, start + 8, reason.encode(errors="replace").decode())


def finish(question: int, *, release_results: bool) -> bytearray:
    """Say that an answer is no longer needed."""
    return bytearray(
        Struct("<QQQQIBBH").pack(4 << 32, _ROOT, FINISH, 1 << 32, question, 2 if release_results else 3, 0, 0)
    )


def release(import_: int, count: int) -> bytearray:
    """Give back `count` references to a capability the peer hosts."""
    return bytearray(_SMALL.pack(4 << 32, _ROOT, RELEASE, 1 << 32, import_, count))


def disembargo(target: Target, kind: int, id_: int) -> bytearray:
    """Send an embargo's echo on its way, or back."""
    buffer = _begin(DISEMBARGO, 1, 1)
    Struct("<IH").pack_into(buffer, 32, id_, kind)
    start = wire.put_struct(buffer, 40, 1, 1)
    if target.transform is None:
        Struct("<IH").pack_into(buffer, start, target.id, 0)
    else:
        Struct("<IH").pack_into(buffer, start, 0, 1)
        _put_promised_answer(buffer, start + 8, target.id, target.transform)
    return wire.finish_frame(buffer)


def abort(reason: str) -> bytearray:
    """Say why the connection ends."""
    buffer = _begin(ABORT, 0, 0)
    wire.put_u64(buffer, 24, 0)
    _put_exception(buffer, 24, reason, FAILED)
    return wire.finish_frame(buffer)


def unimplemented(message: Message) -> bytearray:
    """Send a message back that we do not understand."""
    from ipc.capnp.copying import copy_pointer

    buffer = _begin(UNIMPLEMENTED, 0, 0)
    wire.put_u64(buffer, 24, 0)
    copy_pointer(message, 0, 0, buffer, 24, wire.MAX_DEPTH)
    return wire.finish_frame(buffer)


# Reading


def data(message: Message, ref: StructRef, size: int) -> bytes:
    """Return the first `size` bytes of a struct's data, zero where it is shorter."""
    raw = bytes(message.segments[ref.segment][ref.position : ref.position + min(ref.data_words * 8, size)])
    return raw if len(raw) == size else raw.ljust(size, b"\0")


def child(message: Message, ref: StructRef, index: int) -> StructRef:
    """Follow struct pointer `index`; an absent struct reads as empty."""
    if index < ref.pointers:
        found = message.struct(ref.segment, ref.position + (ref.data_words + index) * 8, ref.depth)
        if found is not None:
            return found
    return StructRef(ref.segment, ref.position, 0, 0, ref.depth)


def tag_and_body(message: Message) -> tuple[int, StructRef]:
    """Return the tag of a Message and its body."""
    segment = message.segments[0]
    if len(segment) >= 24:
        # As every encoder writes it: the root first, its one pointer to what follows.
        root_pointer, head, pointer = _three_words(segment, 0)
        if root_pointer == _ROOT and not pointer & 0x80000003 and pointer:
            start = 24 + (pointer >> 2 & 0x3FFFFFFF) * 8
            data_words, pointers = pointer >> 32 & 0xFFFF, pointer >> 48
            words = data_words + pointers
            if start + words * 8 <= len(segment):
                message.budget -= words + 3
                ref = _new_tuple(StructRef, (0, start, data_words, pointers, wire.MAX_DEPTH - 2))
                return head & 0xFFFF, ref
    root = message.root()
    (tag,) = _u16(data(message, root, 8))
    return tag, child(message, root, 0)


class Payload(NamedTuple):
    """Content (None if null) as the segment and position of its pointer, and its capabilities."""

    segment: int
    position: int | None
    depth: int
    descriptors: tuple[Descriptor, ...]


def read_payload(message: Message, ref: StructRef) -> Payload:
    """Read a Payload."""
    start = ref.position + ref.data_words * 8
    descriptors: tuple[Descriptor, ...] = NO_DESCRIPTORS
    if ref.pointers > 1:
        table = message.list(ref.segment, start + 8, ref.depth)
        if table is not None:
            if table.size == wire.COMPOSITE_LIST and table.data_words:
                descriptors = _read_descriptors(message, table)
            elif table.length:
                descriptors = tuple([read_descriptor(message, entry) for entry in message.structs(table)])
    return Payload(ref.segment, start if ref.pointers else None, ref.depth, descriptors)


def _read_descriptors(message: Message, table: wire.ListRef) -> tuple[Descriptor, ...]:
    segment, position = message.segments[table.segment], table.position
    step = (table.data_words + table.pointers) * 8
    found = []
    for _ in range(table.length):
        tag, _, id_ = _descriptor(segment, position)
        if tag in {SENDER_HOSTED, RECEIVER_HOSTED}:
            found.append(_new_tuple(Descriptor, (tag, id_, ())))
        else:
            ref = StructRef(table.segment, position, table.data_words, table.pointers, table.depth)
            found.append(read_descriptor(message, ref))
        position += step
    return tuple(found)


def read_descriptor(message: Message, ref: StructRef) -> Descriptor:
    """Read a CapDescriptor; a third-party one reads as its vine, which we may treat as the object."""
    tag, _, id_ = _descriptor(data(message, ref, 8))
    if tag == RECEIVER_ANSWER:
        answer = read_promised_answer(message, child(message, ref, 0))
        return Descriptor(tag, *answer)
    if tag == THIRD_PARTY:
        (vine,) = _u32(data(message, child(message, ref, 0), 8))
        return Descriptor(SENDER_HOSTED, vine)
    return Descriptor(tag, id_)


def read_promised_answer(message: Message, ref: StructRef) -> tuple[int, Transform]:
    """Read a PromisedAnswer as question id and pointer fields."""
    (question,) = _u32(data(message, ref, 8))
    fields: list[int] = []
    if ref.pointers:
        ops = message.list(ref.segment, ref.position + ref.data_words * 8, ref.depth)
        for op in message.structs(ops) if ops is not None else ():
            kind, field, _ = _descriptor(data(message, op, 8))
            if kind == 1:
                fields.append(field)
            elif kind:
                raise RemoteProtocolError(f"unknown operation {kind} in a promised answer")
    return question, tuple(fields)


def read_target(message: Message, ref: StructRef) -> Target:
    """Read a MessageTarget."""
    import_, tag = _tagged(data(message, ref, 8))
    if tag == 0:
        return Target(import_, None)
    if tag == 1:
        return Target(*read_promised_answer(message, child(message, ref, 0)))
    raise RemoteProtocolError(f"unknown message target {tag}")


def read_exception(message: Message, ref: StructRef) -> tuple[str, int]:
    """Read an Exception as reason and type."""
    _, _, type_, _ = Struct("<HHHH").unpack_from(data(message, ref, 8))
    reason = message.text(ref.segment, ref.position + ref.data_words * 8) if ref.pointers else None
    return reason or "", type_
