"""The measures, each a function of a subject. They run in the worker process of that subject."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Barrier, Event, Lock, Thread
from time import perf_counter
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.server import Server
    from benchmarks.subject import Client, Subject

_TEXT = "hello"
_MEGABYTE = 1_000_000
_BURST = 100
_CONNECTIONS = 32
_OBJECTS = 500
_WARM_UP_SECONDS = 0.05
_CONNECTING = Lock()
"""One at a time: Core's backlog is short, and a non-blocking connect fails when it is full."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a measure works with: a running server of `subject`, and how long to run."""

    subject: Subject
    server: Server
    seconds: float
    folder: Path


@dataclass(frozen=True, slots=True)
class Measure:
    """A named figure with its unit."""

    title: str
    unit: str
    lower_is_better: bool
    about: str
    run: Callable[[Setting], float]


@contextmanager
def _client(setting: Setting, server: Server | None = None) -> Iterator[Client]:
    with _CONNECTING:
        client = setting.subject.connect(server or setting.server)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _fresh_server(setting: Setting) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(dir=setting.folder) as folder:
        server = setting.subject.start(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def _latency(setting: Setting) -> float:
    with _client(setting) as client:
        client.echo_until(_TEXT, perf_counter() + _WARM_UP_SECONDS)
        return median(client.echo_until(_TEXT, perf_counter() + setting.seconds)) * 1e6


def _rate(threads: int) -> Callable[[Setting], float]:
    def run(setting: Setting) -> float:
        counts: list[int] = []
        ends: list[float] = []
        errors: list[BaseException] = []
        starts: list[float] = []
        barrier = Barrier(threads, action=lambda: starts.append(perf_counter()))

        def work() -> None:
            try:
                with _client(setting) as client:
                    client.echo(_TEXT)
                    barrier.wait()
                    times = client.echo_until(_TEXT, starts[0] + setting.seconds)
                    ends.append(perf_counter())
                    counts.append(len(times))
                    barrier.wait()
            except BaseException as error:  # noqa: BLE001 - raised again below, in the main thread
                errors.append(error)
                barrier.abort()

        _join([Thread(target=work) for _ in range(threads)])
        if errors:
            raise errors[0]
        return sum(counts) / (max(ends) - starts[0])

    return run


def _join(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _pipelined(setting: Setting) -> float:
    with _client(setting) as client:
        client.echo_burst(_TEXT, _BURST)
        calls = 0
        start = now = perf_counter()
        while now < start + setting.seconds:
            client.echo_burst(_TEXT, _BURST)
            calls += _BURST
            now = perf_counter()
        return calls / (now - start)


def _payload(setting: Setting) -> float:
    text = "x" * _MEGABYTE
    with _client(setting) as client:
        if client.echo(text) != text:
            message = "the echo differs"
            raise ValueError(message)
        start = perf_counter()
        calls = len(client.echo_until(text, start + setting.seconds))
        return calls / (perf_counter() - start)


def _spawn(setting: Setting) -> float:
    start = perf_counter()
    with _fresh_server(setting) as server, _client(setting, server) as client:
        client.echo(_TEXT)
        return (perf_counter() - start) * 1e3


def _unique_bytes(server: Server) -> int:
    unique: int = psutil.Process(server.pid).memory_full_info().uss
    return unique


def _memory_of_connections(setting: Setting) -> float:
    with _fresh_server(setting) as server, _client(setting, server) as first:
        first.echo(_TEXT)
        before = _unique_bytes(server)
        connected = Barrier(_CONNECTIONS + 1)
        done = Event()
        errors: list[BaseException] = []

        def idle() -> None:
            try:
                with _client(setting, server) as client:
                    client.echo(_TEXT)
                    connected.wait()
                    done.wait()
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)
                connected.abort()

        threads = [Thread(target=idle) for _ in range(_CONNECTIONS)]
        for thread in threads:
            thread.start()
        try:
            connected.wait()
            after = _unique_bytes(server)
        finally:
            done.set()
            for thread in threads:
                thread.join()
            if errors:
                raise errors[0]
        return (after - before) / _CONNECTIONS / 1024


def _memory_of_objects(setting: Setting) -> float:
    with _fresh_server(setting) as server, _client(setting, server) as client:
        client.echo(_TEXT)
        client.make_objects(1)
        before = _unique_bytes(server)
        client.make_objects(_OBJECTS)
        return (_unique_bytes(server) - before) / _OBJECTS


_RATE_ABOUT = "each thread has its own connection and waits for each reply; calls of all together"

MEASURES = {
    "latency": Measure(
        "echo latency",
        "µs",
        lower_is_better=True,
        about=f"median time of a call of {len(_TEXT)} characters, one thread, one connection",
        run=_latency,
    ),
    "rate_1": Measure("calls, 1 thread", "calls/s", lower_is_better=False, about=_RATE_ABOUT, run=_rate(1)),
    "rate_8": Measure("calls, 8 threads", "calls/s", lower_is_better=False, about=_RATE_ABOUT, run=_rate(8)),
    "rate_64": Measure("calls, 64 threads", "calls/s", lower_is_better=False, about=_RATE_ABOUT, run=_rate(64)),
    "pipelined": Measure(
        "calls, pipelined",
        "calls/s",
        lower_is_better=False,
        about=f"one thread sends {_BURST} calls without waiting, then waits for all, repeatedly",
        run=_pipelined,
    ),
    "payload": Measure(
        "1 MB echo",
        "MB/s",
        lower_is_better=False,
        about="text of 1,000,000 ASCII characters there and back, counted once; UTF-8 included",
        run=_payload,
    ),
    "spawn": Measure(
        "spawn to first reply",
        "ms",
        lower_is_better=True,
        about="from starting the server process, its imports included, to the first echo",
        run=_spawn,
    ),
    "memory_connection": Measure(
        "memory per connection",
        "KiB",
        lower_is_better=True,
        about=f"growth of the server's unique memory by {_CONNECTIONS} connections idle after "
        "their first echo, divided",
        run=_memory_of_connections,
    ),
    "memory_object": Measure(
        "memory per live object",
        "bytes",
        lower_is_better=True,
        about=f"growth of the server's unique memory by {_OBJECTS} echo objects of one client, divided",
        run=_memory_of_objects,
    ),
}
