"""The tree of processes as each of them sees it."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from interfaces.process import Process, ProcessInfo

if TYPE_CHECKING:
    from ipc import Ipc

log: Final = logging.getLogger("ipc")
_STARTED: Final = time.monotonic()


class LocalProcess(Process):
    """Our own process and those below it."""

    def __init__(self, ipc: Ipc, siblings: Siblings) -> None:
        """Describe what goes through `ipc`."""
        self._ipc = ipc
        self._siblings = siblings

    def get_tree(self) -> list[ProcessInfo]:
        """Return this process, then each below it with its own tree; those that do not answer are left out."""
        context = self._ipc.context
        uptime = time.monotonic() - _STARTED
        own = ProcessInfo(
            context.exe_name,
            os.getpid(),
            -1,
            spawned=False,
            connections=context.connections,
            calls=context.calls,
            uptime=uptime,
        )
        tree = [own]
        for process, spawned in self._siblings.all():
            try:
                below = process.get_tree()
            except Exception as error:  # noqa: BLE001 - one that is going must not hide the others
                log.debug("A process does not describe itself: %s", error)
                continue
            start = len(tree)
            tree += [
                replace(info, parent=info.parent + start if info.parent >= 0 else 0, spawned=info.spawned or spawned)
                if info.parent >= 0
                else replace(info, parent=0, spawned=spawned)
                for info in below
            ]
        return tree


class Siblings:
    """The processes we spawned or connected to, each by its `Process`."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._known: list[tuple[Process, bool]] = []

    def add(self, process: Process | None, *, spawned: bool) -> None:
        """Remember one; None, as from a program that is not ours, is left out."""
        if process is not None:
            with self._lock:
                self._known.append((process, spawned))

    def remove(self, process: Process | None) -> None:
        """Forget one."""
        with self._lock:
            self._known = [(known, spawned) for known, spawned in self._known if known is not process]

    def all(self) -> list[tuple[Process, bool]]:
        """Return each and whether we spawned it."""
        with self._lock:
            return list(self._known)
