"""Cap'n Proto messages as bytes: framing, pointers, text, data and lists.

Nothing here touches a socket or knows a schema. Reading trusts nobody: each pointer is
checked against its segment, depth and the total amount read are bounded, so hostile
bytes end in `RemoteProtocolError`. Writing makes one segment, preceded by its frame
header. Source: capnproto.org/encoding.html.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ipc.errors import EncodeError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_WORDS: Final = 8 * 1024 * 1024
"""Largest message, and most words one message may make us visit (C++: ReaderOptions)."""
MAX_SEGMENTS: Final = 512
LARGE: Final = 65536
"""Bytes from which on a message is read in place, and text or data sent from where it lies."""
MAX_ROOM: Final = 4 << 20
"""Largest buffer kept for the next large message."""
MAX_ROOMS: Final = 4
_ROOM_FOR_TABLE: Final = 1 << 16
MAX_AHEAD: Final = 16
"""Of a message that is only announced, how much more than what has come is allocated."""
MAX_DEPTH: Final = 64
MAX_LIST: Final = (1 << 29) - 1

WORD: Final = Struct("<Q")
FRAME: Final = Struct("<II")
_u64 = WORD.unpack_from
put_u64: Final = WORD.pack_into

BYTE_LIST: Final = 2
POINTER_LIST: Final = 6
COMPOSITE_LIST: Final = 7
_BITS_PER_ELEMENT: Final = (0, 1, 8, 16, 32, 64, 64)
_new_tuple = tuple.__new__
_TEXT_PAD: Final = tuple(bytes(1 + -(n + 1) % 8) for n in range(8))
_DATA_PAD: Final = tuple(bytes(-n % 8) for n in range(8))


class StructRef(NamedTuple):
    """Where a struct lies: segment, byte position, words of data, pointers, depth left."""

    segment: int
    position: int
    data_words: int
    pointers: int
    depth: int


class ListRef(NamedTuple):
    """Where a list lies; for composite lists also the shape of an element."""

    segment: int
    position: int
    size: int
    length: int
    data_words: int
    pointers: int
    depth: int


class Message:
    """A received message: its segments, and how many more words may be visited."""

    __slots__ = ("budget", "segments")

    def __init__(self, segments: Sequence[bytes | memoryview]) -> None:
        """Take the segments, each a whole number of words."""
        self.segments: list[Any] = list(segments)
        self.budget = MAX_WORDS

    def root(self) -> StructRef:
        """Return the root struct."""
        if not self.segments[0]:
            raise RemoteProtocolError("message has no root")
        return self.struct(0, 0, MAX_DEPTH) or StructRef(0, 0, 0, 0, MAX_DEPTH)

    def _far(self, pointer: int) -> tuple[int, int, int]:
        segment = pointer >> 32
        position = (pointer >> 3 & 0x1FFFFFFF) * 8
        double = pointer & 4
        if segment >= len(self.segments) or position + (16 if double else 8) > len(self.segments[segment]):
            raise RemoteProtocolError("far pointer out of bounds")
        self._spend(1)
        (landing,) = _u64(self.segments[segment], position)
        if not double:
            if landing & 3 == 2:
                raise RemoteProtocolError("far pointer leads to another far pointer")
            return segment, position, landing
        if landing & 7 != 2:
            raise RemoteProtocolError("double-far landing pad is not a far pointer")
        (tag,) = _u64(self.segments[segment], position + 8)
        if tag & 3 > 1 or tag & 0xFFFFFFFC:
            raise RemoteProtocolError("double-far landing pad has a bad tag")
        segment = landing >> 32
        if segment >= len(self.segments):
            raise RemoteProtocolError("far pointer out of bounds")
        return segment, (landing >> 3 & 0x1FFFFFFF) * 8 - 8, tag

    def _spend(self, words: int) -> None:
        self.budget -= words
        if self.budget < 0:
            raise RemoteProtocolError("message visits too many words")

    def struct(self, segment: int, position: int, depth: int) -> StructRef | None:
        """Follow the struct pointer at `position`; None if null."""
        (pointer,) = _u64(self.segments[segment], position)
        if not pointer:
            return None
        if pointer & 3 == 2:
            segment, position, pointer = self._far(pointer)
        if pointer & 3:
            raise RemoteProtocolError("expected a struct pointer")
        offset = pointer >> 2 & 0x3FFFFFFF
        if offset & 0x20000000:
            offset -= 0x40000000
        start = position + 8 + offset * 8
        data_words = pointer >> 32 & 0xFFFF
        pointers = pointer >> 48
        words = data_words + pointers
        if start < 0 or start + words * 8 > len(self.segments[segment]):
            raise RemoteProtocolError("struct pointer out of bounds")
        self.budget -= words or 1
        if self.budget < 0 or not depth:
            self._spend(0)
            raise RemoteProtocolError("message is nested too deeply")
        return _new_tuple(StructRef, (segment, start, data_words, pointers, depth - 1))

    def list(self, segment: int, position: int, depth: int) -> ListRef | None:
        """Follow the list pointer at `position`; None if null."""
        (pointer,) = _u64(self.segments[segment], position)
        if not pointer:
            return None
        if pointer & 3 == 2:
            segment, position, pointer = self._far(pointer)
        if pointer & 3 != 1:
            raise RemoteProtocolError("expected a list pointer")
        offset = pointer >> 2 & 0x3FFFFFFF
        if offset & 0x20000000:
            offset -= 0x40000000
        start = position + 8 + offset * 8
        size = pointer >> 32 & 7
        count = pointer >> 35
        words = count + 1 if size == COMPOSITE_LIST else (count * _BITS_PER_ELEMENT[size] + 63) // 64
        if start < 0 or start + words * 8 > len(self.segments[segment]):
            raise RemoteProtocolError("list pointer out of bounds")
        if not depth:
            raise RemoteProtocolError("message is nested too deeply")
        # Lists of nothing cost as much as lists of words: they take as long to walk.
        self._spend(count or 1 if size == 0 else words or 1)
        if size != COMPOSITE_LIST:
            return _new_tuple(ListRef, (segment, start, size, count, 0, int(size == POINTER_LIST), depth - 1))
        (tag,) = _u64(self.segments[segment], start)
        if tag & 3:
            raise RemoteProtocolError("composite list has a bad tag")
        elements = tag >> 2 & 0x3FFFFFFF
        data_words = tag >> 32 & 0xFFFF
        pointers = tag >> 48
        if elements * (data_words + pointers) > count:
            raise RemoteProtocolError("composite list is longer than its words")
        if not data_words + pointers:
            self._spend(elements)
        return ListRef(segment, start + 8, size, elements, data_words, pointers, depth - 1)

    def structs(self, ref: ListRef) -> Iterator[StructRef]:
        """Iterate over the elements of a list as structs (lists of plain values upgrade)."""
        segment, position, size, count, data_words, pointers, depth = ref
        if size in {COMPOSITE_LIST, POINTER_LIST}:
            step = (data_words + pointers) * 8
            for i in range(count):
                yield StructRef(segment, position + i * step, data_words, pointers, depth)
            return
        raise RemoteProtocolError("expected a list of structs")

    def data(self, segment: int, position: int) -> bytes | None:
        """Read the byte list the pointer at `position` leads to; None if null."""
        ref = self.list(segment, position, 1)
        if ref is None:
            return None
        if ref.size != BYTE_LIST:
            raise RemoteProtocolError("expected a list of bytes")
        start = ref.position
        found = self.segments[ref.segment][start : start + ref.length]
        return found if type(found) is bytes else bytes(found)

    def text(self, segment: int, position: int) -> str | None:
        """Read the text the pointer at `position` leads to; None if null."""
        ref = self.list(segment, position, 1)
        if ref is None:
            return None
        if ref.size != BYTE_LIST:
            raise RemoteProtocolError("expected a list of bytes")
        last = ref.position + ref.length - 1
        raw = self.segments[ref.segment]
        if not ref.length or raw[last]:
            raise RemoteProtocolError("text does not end in a zero byte")
        try:
            return str(raw[ref.position : last], "utf-8")
        except UnicodeDecodeError as error:
            raise RemoteProtocolError("text is not valid UTF-8") from error

    def capability(self, segment: int, position: int) -> int | None:
        """Read the capability table index at `position`; None if null."""
        (pointer,) = _u64(self.segments[segment], position)
        if not pointer:
            return None
        if pointer & 0xFFFFFFFF != 3:
            raise RemoteProtocolError("expected a capability pointer")
        return int(pointer >> 32)


class FrameReader:
    """Cuts a stream of bytes into messages. Bounded by `MAX_WORDS` and `MAX_SEGMENTS`."""

    __slots__ = ("_buffer", "_filled", "_large", "_need", "_room")

    def __init__(self) -> None:
        """Start at the beginning of a message."""
        self._buffer = bytearray()
        self._need = 8
        self._room: bytearray | None = None
        self._large: memoryview | None = None
        self._filled = 0

    def room(self) -> memoryview | None:
        """Return where the rest of a large message goes that has begun, None if there is none."""
        return None if self._large is None else self._large[self._filled :]

    def filled(self, count: int) -> list[Message]:
        """Say that `count` bytes of `room` were filled; return the message they complete."""
        if self._large is None:
            return []
        self._filled += count
        if self._filled < len(self._large):
            return []
        # One segment, as only those get room.
        found, self._large = self._large, None
        room, self._room = self._room, None
        _give_back(room)
        return [Message([found[8:]])]

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes and return the messages they complete. Raises RemoteProtocolError."""
        if self._large is not None:
            return self._feed_large(data)
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return []
            data = bytes(self._buffer)
            self._buffer.clear()
        messages: list[Message] = []
        start, end = 0, len(data)
        while end - start >= 8:
            extra, first = FRAME.unpack_from(data, start)
            if extra == 0:
                body = start + 8
                stop = body + first * 8
                if first > MAX_WORDS:
                    raise RemoteProtocolError(f"message of {first} words is too large")
                if stop > end:
                    size = stop - start
                    if size <= LARGE:
                        self._need = size
                        break
                    self._need = size // MAX_AHEAD
                    if end - start < self._need:
                        break
                    self._begin_large(data, start, size)
                    return messages
                messages.append(Message([data if body == 0 and stop == end else data[body:stop]]))
                start = stop
                continue
            if extra >= MAX_SEGMENTS:
                raise RemoteProtocolError(f"message of {extra + 1} segments is too large")
            header = (extra + 3) // 2 * 8
            if end - start < header:
                self._need = header
                break
            sizes = Struct(f"<{extra + 1}I").unpack_from(data, start + 4)
            total = sum(sizes)
            if total > MAX_WORDS:
                raise RemoteProtocolError(f"message of {total} words is too large")
            if end - start < header + total * 8:
                self._need = header + total * 8
                break
            position = start + header
            segments = []
            for size in sizes:
                segments.append(data[position : position + size * 8])
                position += size * 8
            messages.append(Message(segments))
            start = position
        else:
            self._need = 8
        if start < end:
            self._buffer += data[start:] if start else data
        return messages

    def _begin_large(self, data: bytes, start: int, size: int) -> None:
        room = self._room = _take_room(size)
        self._large = memoryview(room)[:size]
        self._filled = len(data) - start
        self._large[: self._filled] = memoryview(data)[start:]

    def _feed_large(self, data: bytes) -> list[Message]:
        room = self.room()
        if room is None:
            return []
        count = min(len(room), len(data))
        room[:count] = data[:count]
        messages = self.filled(count)
        return messages + self.feed(data[count:]) if count < len(data) else messages


_rooms: deque[bytearray] = deque(maxlen=MAX_ROOMS)
"""Buffers of large messages, to be used again once nobody reads the message: fresh memory costs
more than the bytes that fill it. Shared by all connections of a process, and so bounded."""


def _take_room(size: int) -> bytearray:
    for _ in range(MAX_ROOMS):
        try:
            room = _rooms.popleft()
        except IndexError:
            break
        if size <= len(room) and _is_free(room):
            return room
        _rooms.append(room)
    return bytearray(size)


def _give_back(room: bytearray | None) -> None:
    if room is not None and len(room) <= MAX_ROOM:
        _rooms.append(room)


def _is_free(room: bytearray) -> bool:
    """Whether no memoryview of it is left: Python lets it shrink only then."""
    try:
        room.append(room.pop())
    except BufferError:
        return False
    return True


class Buffer(bytearray):
    """A message being written whose large texts and data are not copied into it but sent after it."""

    blobs: tuple[tuple[int, int, bytes, bytes], ...] = ()
    """Position of the pointer, length, bytes and padding of each, in order."""

    def settle(self) -> None:
        """Copy them into the message after all."""
        blobs, self.blobs = self.blobs, ()
        for position, length, raw, pad in blobs:
            _point_to_bytes(self, position, len(self), length)
            self += raw
            self += pad


def _point_to_bytes(buffer: bytearray, position: int, start: int, length: int) -> None:
    put_u64(buffer, position, (start - position - 8) // 2 | 1 | (BYTE_LIST | length << 3) << 32)


def _put_bytes(buffer: bytearray, position: int, length: int, raw: bytes, pad: bytes) -> None:
    if length > MAX_LIST:
        raise EncodeError(f"text or data of {length} bytes is too long")
    if length > LARGE and type(buffer) is Buffer:
        buffer.blobs += ((position, length, raw, pad),)
        return
    put_u64(buffer, position, (len(buffer) - position - 8) // 2 | 1 | (BYTE_LIST | length << 3) << 32)
    buffer += raw
    buffer += pad


def put_struct(buffer: bytearray, position: int, data_words: int, pointers: int) -> int:
    """Allocate a zeroed struct, point to it from `position`, and return its byte position."""
    start = len(buffer)
    put_u64(buffer, position, (start - position - 8) // 2 | data_words << 32 | pointers << 48)
    buffer += bytes((data_words + pointers) * 8)
    if not data_words + pointers:
        # A pointer to an empty struct must not look null: offset -1.
        put_u64(buffer, position, 0xFFFFFFFC)
    return start


def put_list(buffer: bytearray, position: int, size: int, count: int, words: int) -> int:
    """Allocate a zeroed list of `words` words, point to it, and return its byte position."""
    if count > MAX_LIST:
        raise EncodeError(f"list of {count} elements is too long")
    start = len(buffer)
    put_u64(buffer, position, (start - position - 8) // 2 | 1 | (size | count << 3) << 32)
    buffer += bytes(words * 8)
    return start


def put_composite(buffer: bytearray, position: int, count: int, data_words: int, pointers: int) -> int:
    """Allocate a list of `count` zeroed structs and return the first one's byte position."""
    words = count * (data_words + pointers)
    start = put_list(buffer, position, COMPOSITE_LIST, words, words + 1)
    put_u64(buffer, start, count << 2 | data_words << 32 | pointers << 48)
    return start + 8


def put_text(buffer: bytearray, position: int, text: str) -> None:
    """Append text and point to it from `position`."""
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise EncodeError(f"text {text!a} cannot be encoded as UTF-8") from error
    _put_bytes(buffer, position, len(raw) + 1, raw, _TEXT_PAD[len(raw) & 7])


def put_data(buffer: bytearray, position: int, data: bytes) -> None:
    """Append bytes and point to them from `position`."""
    _put_bytes(buffer, position, len(data), data, _DATA_PAD[len(data) & 7])


def put_capability(buffer: bytearray, position: int, index: int) -> None:
    """Point to entry `index` of the capability table."""
    put_u64(buffer, position, 3 | index << 32)


def finish_frame(buffer: bytearray) -> bytearray:
    """Fill in the frame header reserved in the first word."""
    FRAME.pack_into(buffer, 0, 0, len(buffer) // 8 - 1)
    return buffer


def check_size(buffer: Buffer) -> None:
    """Raise EncodeError for a message no peer would read; its capability table may still follow."""
    size = len(buffer) + sum([len(raw) for _, _, raw, _ in buffer.blobs])
    if size > MAX_WORDS * 8 - _ROOM_FOR_TABLE:
        raise EncodeError(f"message of {size // 8} words is too large")


def body(buffer: bytearray) -> bytes:
    """Return the message without its frame header, to be read on this side."""
    if type(buffer) is Buffer and buffer.blobs:
        buffer.settle()
    return bytes(memoryview(buffer)[8:])


def emit(buffer: bytearray, output: deque[bytes | bytearray]) -> None:
    """Finish a message and append what is to be sent to `output`."""
    if type(buffer) is not Buffer or not buffer.blobs:
        output.append(finish_frame(buffer))
        return
    end = len(buffer)
    chunks: list[bytes | bytearray] = [buffer]
    # Once sent they can go, though the call still holds its buffer.
    blobs, buffer.blobs = buffer.blobs, ()
    for position, length, raw, pad in blobs:
        _point_to_bytes(buffer, position, end, length)
        chunks += (raw, pad)
        end += len(raw) + len(pad)
    FRAME.pack_into(buffer, 0, 0, end // 8 - 1)
    output.extend(chunks)
