"""Runs every measure of every subject in interleaved rounds, and owns the worker processes."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HANG_SECONDS = 60
_GRACE_SECONDS = 15


@dataclass(slots=True)
class Results:
    """Figures by measure and subject, one of each round; None where there was none."""

    figures: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)

    def add(self, measure: str, subject: str, answer: dict[str, Any]) -> None:
        """Record the answer of a worker."""
        figures = self.figures.setdefault(measure, {}).setdefault(subject, [])
        figures.append(answer.get("value"))
        if reason := answer.get("reason"):
            self.reasons.setdefault(measure, {})[subject] = reason


class Worker:
    """A worker process and its servers, in a process group and a folder of their own."""

    def __init__(self, subject: str, seconds: float) -> None:
        """Start it; `greeting` is its first answer."""
        self._folder = tempfile.mkdtemp(prefix="pynode-bench-")
        self._log = Path(self._folder, "stderr").open("wb")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", subject, self._folder, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        self.greeting: dict[str, Any] = self._read()

    def measure(self, name: str) -> dict[str, Any]:
        """Return the worker's answer, or a reason if it gave none."""
        try:
            self._input.write(f"{name}\n".encode())
            self._input.flush()
        except BrokenPipeError:
            return {"reason": "failed: the client process died"}
        return self._read()

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _read(self) -> dict[str, Any]:
        output = self._process.stdout
        assert output is not None
        if not select.select([output], [], [], _HANG_SECONDS)[0]:
            self._kill()
            return {"reason": f"failed: no answer in {_HANG_SECONDS} s"}
        line = output.readline()
        if not line:
            return {"reason": f"failed: the client process died{self._last_words()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        lines = Path(self._log.name).read_text(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def _kill(self) -> None:
        """Kill the group. The worker was not waited for yet, so its id is still its own."""
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._process.pid).children(recursive=True)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            psutil.wait_procs(family, _GRACE_SECONDS)

    def close(self) -> None:
        """Let it end its servers, then kill what is left and remove its folder."""
        with suppress(BrokenPipeError):
            self._input.close()
        with suppress(OSError):
            self._wait_for_exit()
        self._kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait_for_exit(self) -> None:
        """Wait without reaping: its output ends when it does."""
        if self._process.stdout is not None:
            select.select([self._process.stdout], [], [], _GRACE_SECONDS)


def run(
    subjects: Sequence[str],
    measures: Sequence[str],
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> Results:
    """Measure all; each round starts new processes and begins with another subject."""
    results = Results()
    for number in range(rounds):
        shift = number % max(1, len(subjects))
        order = [*subjects[shift:], *subjects[:shift]]
        with ExitStack() as stack:
            workers: dict[str, Worker] = {}
            for subject in order:
                if subject in results.unavailable:
                    continue
                worker = Worker(subject, seconds)
                stack.callback(worker.close)
                if reason := worker.greeting.get("unavailable", worker.greeting.get("reason")):
                    results.unavailable[subject] = reason
                    continue
                results.about[subject] = worker.greeting["about"]
                workers[subject] = worker
            for measure in measures:
                tell(f"round {number + 1} of {rounds}: {measure}")
                for subject, worker in workers.items():
                    results.add(measure, subject, worker.measure(measure))
    return results
