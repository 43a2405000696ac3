"""Commands of the user that run when something happens (Core: runCommand in src/common/system.cpp)."""

from __future__ import annotations

import logging
import re
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

log: Final = logging.getLogger()
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 .,;\-_/:?@()]")
_MOST_AT_ONCE: Final = 64
_MOST_WAITING: Final = 100_000


class Commands:
    """Runs commands, each on its own, at most so many at a time.

    Others wait for those, in order. One too many to wait is left out, and the log says so; so is what still waits when
    the process ends.
    """

    def __init__(self, *, most: int = _MOST_AT_ONCE, most_waiting: int = _MOST_WAITING) -> None:
        """Start with none."""
        self._most, self._most_waiting = most, most_waiting
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[str] = deque()

    def start(self, command: str) -> None:
        """Run a command in the shell and do not wait. Nothing if it is empty."""
        if not command:
            return
        with self._lock:
            if self._running == self._most:
                if len(self._waiting) < self._most_waiting:
                    self._waiting.append(command)
                else:
                    log.warning("runCommand error: too many commands wait already, left out: %s", command)
                return
            self._running += 1
        threading.Thread(target=self._run_in_slot, args=(command,), name="command", daemon=True).start()

    def run_all(self, commands: Sequence[str]) -> None:
        """Run commands at once and wait for them."""
        threads = [threading.Thread(target=_run, args=(command,), name="command") for command in commands if command]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _run_in_slot(self, command: str | None) -> None:
        while command is not None:
            try:
                _run(command)
            except (OSError, ValueError) as error:
                log.warning("runCommand error: %s: %s", command, error)
            command = self._next()

    def _next(self) -> str | None:
        """Return what waited longest, None, and the slot is free, if nothing does."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._running -= 1
            return None


def quoted(text: str) -> str:
    """Return a text for the shell, without what could mean more to it (Core: AlertNotify)."""
    return "'" + _UNSAFE.sub("", text) + "'"


def _run(command: str) -> None:
    status = subprocess.run(  # noqa: S602 - the user asked for the shell
        command, shell=True, check=False, stdin=subprocess.DEVNULL
    ).returncode
    if status:
        log.warning("runCommand error: system(%s) returned %d", command, status)
