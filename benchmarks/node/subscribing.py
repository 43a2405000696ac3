"""How a block reaches 100 subscribers: when the first and the last have it, and whether they slow the chain."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Final

import psutil

from benchmarks.node.chain_of_blocks import ChainOfBlocks
from benchmarks.node.figures import ratios, tell
from benchmarks.node.programs import Program, pynode, reach, running

_SUBSCRIBERS: Final = 100
_BLOCKS: Final = 20
_BURST: Final = 1000
_QUIET: Final = 0.3
"""Seconds between blocks."""
_SETTLED: Final = 1.5
"""Seconds after which all have heard of all."""
_SUBSCRIBE: Final = """
import json, sys, threading, time
from cli.program_init import ProgramInit
from interfaces.events import Wanted
from interfaces.init import PynodeInit
from ipc import Ipc

ipc = Ipc("subscriber", sys.argv[0], ProgramInit())
lock = threading.Lock()
heard = []

def follow():
    events = ipc.connect_address(sys.argv[1], PynodeInit).make_events()
    position = events.find_position([])
    with lock:
        print("ready", flush=True)
    while (batch := events.next(position, Wanted())) is not None:
        now = time.clock_gettime(time.CLOCK_MONOTONIC)
        position = batch.position
        with lock:
            heard.append(now)

count = int(sys.argv[2])
for _ in range(count):
    threading.Thread(target=follow, daemon=True).start()
for _ in sys.stdin:
    while len(heard) < count:
        time.sleep(0.001)
    with lock:
        print(json.dumps(heard), flush=True)
        heard.clear()
"""


def measure() -> None:
    """Print the figures, each of the block's submission over IPC to its arrival."""
    print(f"{_SUBSCRIBERS} subscribers (min/median/max of {_BLOCKS} empty blocks, one at a time)")
    alone = _round(0, 0)
    tell("submitBlock without subscribers", [taken * 1e3 for taken in alone.submitted], "ms")
    rounds = []
    for processes, nice in ((1, 0), (4, 0), (4, 19)):
        found = _round(processes, _SUBSCRIBERS // processes, nice=nice)
        who = f"in {processes} process" + ("es" if processes > 1 else "") + (", niced" if nice else "")
        tell(f"submitBlock, subscribers {who}", [taken * 1e3 for taken in found.submitted], "ms")
        tell(f"first has it, {who}", [taken * 1e3 for taken in found.first], "ms")
        tell(f"last has it, {who}", [taken * 1e3 for taken in found.last], "ms")
        tell(f"last to first, {who}", ratios(found.last, found.first), "times")
        rounds.append((who, found))
    print(f"The same while {_BURST} blocks come one after another")
    tell("a block without subscribers", [alone.burst * 1e3], "ms")
    tell("processor time of the node, without", [alone.node * 1e3], "ms")
    for who, found in rounds:
        tell(f"a block with, {who}, to the one without", [found.burst / alone.burst], "times")
        tell(f"processor time of the node, {who}", [found.node * 1e3], "ms")
        tell(f"processor time of the clients, {who}", [found.clients * 1e3], "ms")


@dataclass(slots=True)
class _Found:
    """Seconds from the submission of each block, and for one of many."""

    submitted: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    burst: float = 0.0
    node: float = 0.0
    """Processor time of the node for a block of many."""
    clients: float = 0.0
    """The same of the subscribers' processes."""


def _round(processes: int, each: int, *, nice: int = 0) -> _Found:
    with running(pynode()) as program:
        workers = [_worker(program, each, nice) for _ in range(processes)]
        try:
            return _mine(program, workers, each)
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()


def _worker(program: Program, each: int, nice: int) -> subprocess.Popen[str]:
    command = ["nice", "-n", str(nice), sys.executable, "-c", _SUBSCRIBE, program.address, str(each)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _mine(program: Program, workers: list[subprocess.Popen[str]], each: int) -> _Found:
    for worker in workers:
        for _ in range(each):
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
    found = _Found()
    chain = ChainOfBlocks()
    with reach(program) as init:
        mining = init.make_mining()
        assert mining is not None
        for _ in range(_BLOCKS):
            time.sleep(_QUIET)
            block = chain.add()
            started = time.clock_gettime(time.CLOCK_MONOTONIC)
            assert mining.submit_block(block).result
            found.submitted.append(time.clock_gettime(time.CLOCK_MONOTONIC) - started)
            heard: list[float] = []
            for worker in workers:
                assert worker.stdin is not None
                assert worker.stdout is not None
                worker.stdin.write("\n")
                worker.stdin.flush()
                heard += json.loads(worker.stdout.readline())
            found.first.append(min(heard, default=started) - started)
            found.last.append(max(heard, default=started) - started)
        blocks = [chain.add() for _ in range(_BURST)]
        time.sleep(_QUIET)
        pids = [worker.pid for worker in workers]
        started, node, clients = time.perf_counter(), _worked([program.pid]), _worked(pids)
        for block in blocks:
            mining.submit_block(block)
        found.burst = (time.perf_counter() - started) / _BURST
        time.sleep(_SETTLED)
        found.node = (_worked([program.pid]) - node) / _BURST
        found.clients = (_worked(pids) - clients) / _BURST
    return found


def _worked(pids: list[int]) -> float:
    """Return the processor time that processes have taken so far."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)
