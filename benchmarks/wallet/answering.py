"""What programs take to load a wallet of 10,000 transactions and to answer of it: ours, and Bitcoin Core's."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.mempool.caller import Caller
from benchmarks.node.figures import tell
from benchmarks.node.programs import core_node, pynode, running
from benchmarks.wallet.filling import PAYMENTS, fill

if TYPE_CHECKING:
    from benchmarks.node.programs import Program
    from benchmarks.wallet.filling import Filled

_CALLS: Final[list[tuple[str, list[object]]]] = [
    ("getbalance", []),
    ("getbalances", []),
    ("listtransactions", []),
    ("listtransactions", ["*", 1000]),
    ("listtransactions", ["*", 100_000]),
    ("listunspent", []),
    *(
        ("walletcreatefundedpsbt", [[], [{"bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202": amount}], 0, {"fee_rate": 5}])
        for amount in (0.001, 0.1, 1)
    ),
]
_REPEATS: Final = 7


def measure(rounds: int) -> None:
    """Print the figures of both programs."""
    with tempfile.TemporaryDirectory(prefix="pynode-bench-") as temporary:
        folder = Path(temporary)
        filled = fill(folder / "made")
        print(f"A wallet of {PAYMENTS} transactions (min/median/max of {rounds} rounds)")
        answers = _measure("ours", pynode(wallet=True), folder / "made", folder, filled, rounds)
        core = core_node()
        if core is not None:
            # It gets what ours has scanned: it waits for the disk after each transaction, which takes minutes.
            scanned = folder / "ours" / "regtest" / "wallets"
            assert _measure("Core", [core], scanned, folder, filled, rounds) == answers


def _measure(who: str, command: list[str], source: Path, folder: Path, filled: Filled, rounds: int) -> list[object]:
    home = folder / who
    wallets = home / "regtest" / "wallets"
    wallets.mkdir(parents=True)
    shutil.copytree(source / filled.name, wallets / filled.name)
    with running(command, home) as program, Caller(program) as caller:
        for block in filled.blocks:
            assert caller.call("submitblock", block.hex()) is None
        caller.call("createwallet", "empty")
        caller.call("unloadwallet", "empty")
        started = time.perf_counter()
        before = _memory(program)
        caller.call("loadwallet", filled.name)
        tell(f"{who}: first load, which may scan {len(filled.blocks)} blocks", [time.perf_counter() - started], "s")
        tell(f"{who}: memory", [(_memory(program) - before) / 1e6], "MB")
        loads = []
        for _ in range(rounds):
            caller.call("unloadwallet", filled.name)
            started = time.perf_counter()
            caller.call("loadwallet", filled.name)
            loads.append(time.perf_counter() - started)
        tell(f"{who}: load", loads, "s")
        return [_call(who, caller, method, params, rounds) for method, params in _CALLS]


def _call(who: str, caller: Caller, method: str, params: list[object], rounds: int) -> object:
    request = caller.request(method, *params)
    started = time.perf_counter()
    answer = caller.send(request)
    first = time.perf_counter() - started
    times = []
    for _ in range(rounds):
        once = []
        for _ in range(_REPEATS):
            started = time.perf_counter()
            caller.send(request)
            once.append(time.perf_counter() - started)
        times.append(median(once))
    words = " ".join([method, *(json.dumps(each) for each in params)])
    tell(f"{who}: {words} (first {first * 1000:.1f} ms)", [each * 1000 for each in times], "ms")
    return len(answer) if isinstance(answer, list) else str(answer.get("mine") if isinstance(answer, dict) else answer)


def _memory(program: Program) -> int:
    """Return the bytes that a program and those it started take."""
    process = psutil.Process(program.pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
