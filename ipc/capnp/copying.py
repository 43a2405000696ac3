"""Copying what a pointer leads to from one message into another, without its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipc.capnp import wire
from ipc.capnp.wire import COMPOSITE_LIST, POINTER_LIST, WORD, Message, StructRef

if TYPE_CHECKING:
    from ipc.capnp.wire import ListRef


def copy_pointer(message: Message, segment: int, position: int, buffer: bytearray, to: int, depth: int) -> None:
    """Deep-copy the object at `position` to a pointer at `to`; capability indexes stay as they are.

    Raises RemoteProtocolError on bad pointers.
    """
    (pointer,) = WORD.unpack_from(message.segments[segment], position)
    if not pointer:
        return
    kind = pointer & 3
    if kind == 2:
        kind = message._far(pointer)[2] & 3  # noqa: SLF001 - same format, same trust
    if kind == 3:
        index = message.capability(segment, position)
        if index is not None:
            wire.put_capability(buffer, to, index)
    elif kind == 0:
        struct = message.struct(segment, position, depth)
        if struct is not None:
            start = wire.put_struct(buffer, to, struct.data_words, struct.pointers)
            _copy_struct(message, struct, buffer, start)
    else:
        found = message.list(segment, position, depth)
        if found is not None:
            _copy_list(message, found, buffer, to)


def _copy_struct(message: Message, ref: StructRef, buffer: bytearray, start: int) -> None:
    data = ref.data_words * 8
    buffer[start : start + data] = message.segments[ref.segment][ref.position : ref.position + data]
    for i in range(ref.pointers):
        offset = data + i * 8
        copy_pointer(message, ref.segment, ref.position + offset, buffer, start + offset, ref.depth)


def _copy_list(message: Message, ref: ListRef, buffer: bytearray, to: int) -> None:
    if ref.size == COMPOSITE_LIST:
        start = wire.put_composite(buffer, to, ref.length, ref.data_words, ref.pointers)
        step = (ref.data_words + ref.pointers) * 8
        for i, struct in enumerate(message.structs(ref)):
            _copy_struct(message, struct, buffer, start + i * step)
        return
    bits = ref.length * (0, 1, 8, 16, 32, 64, 64)[ref.size]
    start = wire.put_list(buffer, to, ref.size, ref.length, (bits + 63) // 64)
    if ref.size == POINTER_LIST:
        for i in range(ref.length):
            copy_pointer(message, ref.segment, ref.position + i * 8, buffer, start + i * 8, ref.depth)
    else:
        size = (bits + 7) // 8
        buffer[start : start + size] = message.segments[ref.segment][ref.position : ref.position + size]
