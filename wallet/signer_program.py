"""Running the user's -signer program, which talks to devices that sign (Core: src/common/run_command.cpp).

No shell is involved. A program may wait for its user for as long as it likes, but not past the end of this one.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rpc import json
from rpc.errors import JsonError
from wallet.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpc.json import Json

_MOST: Final = 64 << 20
"""Bytes of an answer; no PSBT is as large."""
_PIECE: Final = 1 << 16


class SignerProgram:
    """Runs the program, and owns all that runs of it."""

    def __init__(self) -> None:
        """Run nothing yet."""
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def run(self, command: Sequence[str], text: str = "") -> Json:
        """Run it with a text on its standard input; return the JSON of its first line. Raises SignerError."""
        process = self._start(command)
        try:
            lines = [data.split(b"\n", 1)[0].decode(errors="replace") for data in _talk(process, text.encode())]
        except BaseException:
            _kill(process)
            raise
        finally:
            status = process.wait()
            with self._lock:
                self._running.discard(process)
        if self._closed:
            raise SignerError("The wallet is shutting down")
        if status:
            shown = " ".join(command)
            # Of one that a signal ended, Core shows the signal's number.
            raise SignerError(f"RunCommandParseJSON error: process({shown}) returned {abs(status)}: {lines[1]}\n")
        try:
            return json.loads(lines[0])
        except JsonError as error:
            raise SignerError("Unable to parse JSON: " + lines[0]) from error

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        with self._lock:
            if self._closed:
                raise SignerError("The wallet is shutting down")
            try:
                # In a group of its own, so that what it started itself ends with it.
                process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                raise SignerError(f"execve failed: {reason}") from error
            self._running.add(process)
            return process

    def close(self) -> None:
        """Kill what runs, and run nothing any more. Idempotent."""
        with self._lock:
            self._closed = True
            for process in self._running:
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _talk(process: subprocess.Popen[bytes], data: bytes) -> tuple[bytes, bytes]:
    """Write to a process while reading what it writes, and return both streams. Raises SignerError."""
    written, read, errors = process.stdin, process.stdout, process.stderr
    assert written is not None  # noqa: S101 - all are pipes
    assert read is not None  # noqa: S101
    assert errors is not None  # noqa: S101
    answer, complaint = bytearray(), bytearray()
    with written, read, errors, selectors.DefaultSelector() as selector:
        selector.register(read, selectors.EVENT_READ, answer)
        selector.register(errors, selectors.EVENT_READ, complaint)
        if data:
            os.set_blocking(written.fileno(), False)
            selector.register(written, selectors.EVENT_WRITE)
        else:
            written.close()
        while selector.get_map():
            for key, _ in selector.select():
                found = key.data
                if found is None:
                    data = _write(key.fd, data)
                    if not data:
                        selector.unregister(written)
                        written.close()
                    continue
                piece = os.read(key.fd, _PIECE)
                found += piece
                if not piece:
                    selector.unregister(key.fileobj)
                if len(found) > _MOST:
                    raise SignerError(f"The program of -signer wrote more than {_MOST} bytes")
    return bytes(answer), bytes(complaint)


def _write(descriptor: int, data: bytes) -> bytes:
    """Write what there is room for, and return the rest; nothing if nobody reads."""
    try:
        return data[os.write(descriptor, data[:_PIECE]) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return b""
