"""How long our node takes to start on a chain of 10,000 blocks."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.node.figures import tell
from benchmarks.node.programs import Program, pynode, reach, running

if TYPE_CHECKING:
    from collections.abc import Iterable


def measure(blocks: list[bytes], rounds: int) -> None:
    """Print the seconds from the command to `Done loading`, to the first tip over IPC, and to an end when asked."""
    print(f"Starting on a chain of {len(blocks)} blocks (min/median/max of {rounds} rounds)")
    with tempfile.TemporaryDirectory(prefix="pynode-bench-") as temporary:
        folder = Path(temporary)
        with running([*pynode()], folder) as program, reach(program) as init:
            mining = init.make_mining()
            assert mining is not None
            for block in blocks:
                mining.submit_block(block)
        loaded, answered, ended = zip(*(_start(folder, len(blocks)) for _ in range(rounds)), strict=True)
    _tell("until `Done loading`", loaded)
    _tell("until the tip was answered over IPC", answered)
    _tell("to end", ended)


def _start(folder: Path, height: int) -> tuple[float, float, float]:
    started = time.perf_counter()
    command = [*pynode(), "-regtest", f"-datadir={folder}", "-ipcbind=unix", "-server=0", "-listen=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "Done loading" in line:
            break
    loaded = time.perf_counter()
    with reach(Program(folder, 0, process.pid)) as init:
        mining = init.make_mining()
        tip = mining.get_tip() if mining is not None else None
        assert tip is not None
        assert tip.height == height
    answered = time.perf_counter()
    process.terminate()
    process.communicate()
    return loaded - started, answered - started, time.perf_counter() - answered


def _tell(what: str, figures: Iterable[float]) -> None:
    tell(what, figures, "s")
