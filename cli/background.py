"""Going to the background, and telling the one who started us how it went (Core: fork_daemon in src/bitcoind.cpp)."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from cli.errors import StartError

if TYPE_CHECKING:
    from typing import NoReturn

_GOOD: Final = b"\x01"
_BAD: Final = b"\x00"


class Umbilical:
    """The end of a pipe by which the background process tells the other one, who waits, that it may leave."""

    def __init__(self, descriptor: int) -> None:
        """Own a descriptor."""
        self._descriptor = descriptor

    def tell(self, *, good: bool) -> None:
        """Say whether all is well. Only the first word counts."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            try:
                os.write(descriptor, _GOOD if good else _BAD)
            except OSError:
                return  # Nobody waits any more.
            finally:
                os.close(descriptor)


def go_to_background(log_name: str) -> Umbilical:
    """Return in a new process without a terminal; the old one leaves when that tells. Call before threads start.

    Raises StartError.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        child = os.fork()
    except OSError as error:
        raise StartError(f"fork_daemon() failed: {error.strerror}") from error
    if child:
        os.close(writing)
        _leave(reading, log_name)
    os.close(reading)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if null > 2:
        os.close(null)
    return Umbilical(writing)


def _leave(reading: int, log_name: str) -> NoReturn:
    """Wait for a word, or for the end of the other process, and end as that says."""
    word = b""
    try:
        word = os.read(reading, 1)
    except OSError:
        pass
    finally:
        if word != _GOOD:
            os.write(2, f"Error during initialization - check {log_name} for details\n".encode())
        os._exit(0 if word == _GOOD else 1)
