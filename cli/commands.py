"""Commands of the user that run when something happens (Core: runCommand in src/common/system.cpp)."""

from __future__ import annotations

import logging
import re
import subprocess
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

log: Final = logging.getLogger()
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 .,;\-_/:?@()]")
_MOST_AT_ONCE: Final = 64


class Commands:
    """Runs commands, each on its own, at most so many at a time; one too many is left out, and the log says so."""

    def __init__(self, *, most: int = _MOST_AT_ONCE) -> None:
        """Start with none."""
        self._slots = threading.BoundedSemaphore(most)

    def start(self, command: str) -> None:
        """Run a command in the shell and do not wait. Nothing if it is empty."""
        if not command:
            return
        if not self._slots.acquire(blocking=False):
            log.warning("runCommand error: too many commands run already, left out: %s", command)
            return
        threading.Thread(target=self._run_in_slot, args=(command,), name="command", daemon=True).start()

    def run_all(self, commands: Sequence[str]) -> None:
        """Run commands at once and wait for them."""
        threads = [threading.Thread(target=_run, args=(command,), name="command") for command in commands if command]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _run_in_slot(self, command: str) -> None:
        try:
            _run(command)
        finally:
            self._slots.release()


def quoted(text: str) -> str:
    """Return a text for the shell, without what could mean more to it (Core: AlertNotify)."""
    return "'" + _UNSAFE.sub("", text) + "'"


def _run(command: str) -> None:
    status = subprocess.run(  # noqa: S602 - the user asked for the shell
        command, shell=True, check=False, stdin=subprocess.DEVNULL
    ).returncode
    if status:
        log.warning("runCommand error: system(%s) returned %d", command, status)
