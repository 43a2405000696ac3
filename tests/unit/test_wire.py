"""Hostile bytes end in RemoteProtocolError, never in another exception, a hang or much memory."""

import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.interface import Interface
from interfaces.process import Process
from ipc.binding.binding import binding_of
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.capability import LocalCap
from ipc.capnp.copying import copy_pointer
from ipc.capnp.rpc import Rpc
from ipc.capnp.wire import FrameReader, Message
from ipc.errors import EncodeError, IpcError, RemoteProtocolError

WORDS = st.lists(st.integers(0, 2**64 - 1), max_size=12).map(lambda words: struct.pack(f"<{len(words)}Q", *words))
POINTERS = st.builds(
    lambda kind, offset, low, high: kind | (offset & 0x3FFFFFFF) << 2 | low << 32 | high << 48,
    st.integers(0, 3),
    st.integers(-4, 6),
    st.integers(0, 40),
    st.integers(0, 6),
)
PLAUSIBLE = st.lists(POINTERS | st.integers(0, 20), min_size=1, max_size=14).map(
    lambda words: struct.pack(f"<{len(words)}Q", *words)
)


def frame(*segments: bytes) -> bytes:
    header = struct.pack(f"<{len(segments) + 1}I", len(segments) - 1, *(len(s) // 8 for s in segments))
    return header + bytes(-len(header) % 8) + b"".join(segments)


class Nothing:
    """A server that answers every call with an error."""

    def dispatch(self, call: Any) -> None:
        call.rpc.send_error(call, "no")

    def released(self) -> None:
        pass


def feed(data: bytes) -> Rpc:
    rpc = Rpc(lambda: None)
    rpc.offer(LocalCap(Nothing()))
    try:
        rpc.receive(data)
        while rpc.events:
            rpc.events.popleft()()
    except IpcError as error:
        rpc.close(error)
    return rpc


@settings(max_examples=8000, deadline=None)
@given(segments=st.lists(WORDS | PLAUSIBLE, min_size=1, max_size=3))
def test_any_message(segments: list[bytes]) -> None:
    feed(frame(*segments))


@settings(max_examples=4000, deadline=None)
@given(data=st.binary(max_size=120))
def test_any_bytes(data: bytes) -> None:
    feed(data)


CALL = bytes(m.begin_call(0xF2C5CFA319406AA6, 1))
SEEDS = [
    bytes(m.bootstrap(0)),
    bytes(m.finish(0, release_results=True)),
    bytes(m.release(0, 1)),
    bytes(m.return_exception(0, "reason")),
    bytes(m.abort("reason")),
    bytes(m.disembargo(m.Target(0, None), m.SENDER_LOOPBACK, 1)),
    bytes(wire.finish_frame(bytearray(CALL))),
    bytes(m.begin_results(0, release_params=True)),
]


@settings(max_examples=10000, deadline=None)
@given(
    seeds=st.lists(st.sampled_from(SEEDS), min_size=1, max_size=4),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 8),
)
def test_damaged_messages(seeds: list[bytes], changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(b"".join([SEEDS[0], *seeds]))
    for position, value in changes:
        data[position % len(data)] = value
    feed(bytes(data[: len(data) - cut]))


def take_nothing(index: int, interface: type[Interface]) -> None:
    del index, interface


@settings(max_examples=3000, deadline=None)
@given(segments=st.lists(PLAUSIBLE, min_size=1, max_size=3))
def test_any_results(segments: list[bytes]) -> None:
    method = binding_of(Process).methods["get_tree"]
    with suppress(RemoteProtocolError):
        method.read_results(Message(segments), m.Payload(0, 0, wire.MAX_DEPTH, ()), take_nothing)


@settings(max_examples=2000, deadline=None)
@given(segments=st.lists(PLAUSIBLE, min_size=1, max_size=2))
def test_copying_any_message(segments: list[bytes]) -> None:
    with suppress(RemoteProtocolError):
        copy_pointer(Message(segments), 0, 0, bytearray(8), 0, wire.MAX_DEPTH)


@given(
    data=st.lists(st.binary(max_size=40).map(lambda b: b + bytes(-len(b) % 8)), min_size=1, max_size=5), cut=st.data()
)
def test_frames_in_any_pieces(data: list[bytes], cut: st.DataObject) -> None:
    stream = b"".join(frame(segment) for segment in data)
    reader, found = FrameReader(), []
    while stream:
        size = cut.draw(st.integers(1, len(stream)))
        found += [message.segments[0] for message in reader.feed(stream[:size])]
        stream = stream[size:]
    assert found == data
    assert not reader._buffer


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (struct.pack("<II", 512, 1), "512 segments|513 segments"),
        (struct.pack("<II", 0, 2**31), "words is too large"),
        (struct.pack("<IIII", 1, 2**31, 2**31, 0), "words is too large"),
    ],
)
def test_too_large(data: bytes, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=text):
        FrameReader().feed(data)


def test_announcing_much_allocates_little() -> None:
    """A few bytes that promise 64 MiB must not make us set these aside."""
    reader = FrameReader()
    announced = 60 * 1024 * 1024
    reader.feed(struct.pack("<II", 0, announced // 8) + bytes(70_000))
    assert reader.room() is None
    found = []
    for _ in range(announced // 1_000_000):
        found += reader.feed(bytes(1_000_000))
    assert reader.room() is not None
    found += reader.feed(bytes(announced - 70_000 - announced // 1_000_000 * 1_000_000))
    assert [len(message.segments[0]) for message in found] == [announced]


def test_amplification_is_bounded() -> None:
    """A list of 2^29 empty structs in a few bytes must not be walked."""
    elements = struct.pack("<QQ", 1 | 7 << 32, (2**29) << 2)
    message = Message([elements])
    with pytest.raises(RemoteProtocolError):
        list(message.structs(message.list(0, 0, 4) or pytest.fail("no list")))


def test_depth_is_bounded() -> None:
    """A struct that points to itself."""
    message = Message([struct.pack("<Q", 0xFFFFFFFC | 1 << 48)])
    with pytest.raises(RemoteProtocolError, match="deeply"):
        copy_pointer(message, 0, 0, bytearray(8), 0, wire.MAX_DEPTH)


def test_text_must_be_unicode() -> None:
    buffer = bytearray(16)
    with pytest.raises(EncodeError):
        wire.put_text(buffer, 8, "\ud800")
