"""Run Bitcoin Core's functional tests against our programs: python tests/core/run.py FOLDER [TEST ...].

FOLDER is a checkout of Core's source. Nothing is written to it: the configuration its tests read, their cached chain
and their data directories go to a temporary folder. Which tests of v32 run, and what the others wait for, is in
tests.txt beside this file; what differs for v31 is in tests-v31.txt. Without TEST all that should pass by now run, two
at a time.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

HERE: Final = Path(__file__).resolve().parent
PROGRAMS: Final = Path(sys.executable).parent
SKIPPED: Final = 77  # How Core's framework says that a test cannot run here.
FIRST_PORT: Final = 20000
_TEST_OF_V32: Final = "wallet_derivehdkey.py"
CARRY: Final = "--carry"  # Ours: the test runs by carry.py.
COMPONENTS: Final = {
    "ENABLE_BITCOIND": True,
    "ENABLE_CLI": True,
    "ENABLE_IPC": True,
    "ENABLE_WALLET": True,
    "BUILD_BENCH": False,
    "BUILD_BITCOIN_TX": False,
    "ENABLE_BITCOIN_UTIL": False,
    "ENABLE_BITCOIN_CHAINSTATE": False,
    "ENABLE_WALLET_TOOL": True,
    "ENABLE_FUZZ_BINARY": False,
    "ENABLE_ZMQ": False,
    "ENABLE_EMBEDDED_ASMAP": False,
    "ENABLE_EXTERNAL_SIGNER": True,
    "ENABLE_USDT_TRACEPOINTS": False,
    "BUILD_GUI": False,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of tests.txt: a pattern of tests with their options, and what they wait for ("" if nothing)."""

    pattern: str
    waits_for: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test ended: "passed", "failed" or "skipped", after how many seconds, and the line that says why."""

    test: str
    result: str
    seconds: float
    reason: str


def read_list(text: str) -> list[Entry]:
    """Read lines of "test [--option]: what it waits for"; nothing waits without a colon."""
    entries = []
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if line:
            pattern, _, waits_for = line.partition(":")
            entries.append(Entry(pattern.strip(), waits_for.strip()))
    return entries


def replace(entries: list[Entry], others: list[Entry]) -> list[Entry]:
    """Return the entries with what others say of the tests that those name."""
    named = {entry.pattern.split()[0] for entry in others}
    return others + [entry for entry in entries if entry.pattern.split()[0] not in named]


def choose(entries: list[Entry], files: set[str]) -> tuple[list[str], dict[str, str]]:
    """Return the tests to run of those there are, and the files that wait by what they wait for."""
    chosen = [entry.pattern for entry in entries if not entry.waits_for and entry.pattern.split()[0] in files]
    named = {pattern.split()[0] for pattern in chosen}
    waiting = {}
    for file in sorted(files):
        found = next((entry for entry in entries if entry.waits_for and fnmatch.fnmatch(file, entry.pattern)), None)
        if found is not None and (found.pattern == file or file not in named):
            waiting[file] = found.waits_for
        elif file not in named:
            waiting[file] = "being put on the list"
    return chosen, waiting


def write_build(core: Path, build: Path) -> Path:
    """Write the config.ini that Core's build would make into a folder. Returns its path."""
    lines = [
        "[environment]",
        "CLIENT_NAME=pynode",
        "CLIENT_BUGREPORT=",
        f"SRCDIR={core}",
        f"BUILDDIR={build}",
        "EXEEXT=",
        f"RPCAUTH={core / 'share/rpcauth/rpcauth.py'}",
        "[components]",
        *(f"{name}={str(value).lower()}" for name, value in COMPONENTS.items()),
    ]
    config = build / "test" / "config.ini"
    config.parent.mkdir(parents=True)
    config.write_text("\n".join(lines) + "\n")
    return config


def environment() -> dict[str, str]:
    """Return the variables by which Core's tests find programs; those that are set already stay."""
    return {
        "BITCOIND": str(PROGRAMS / "pynode"),
        "BITCOINCLI": str(PROGRAMS / "pycli"),
        "BITCOIN_BIN": str(HERE / "bitcoin"),
        "BITCOINWALLET": str(HERE / "bitcoin-wallet"),
        **os.environ,
        "PYNODE_PROGRAMS": str(PROGRAMS),
        "TEST_RUNNER_PORT_MIN": str(FIRST_PORT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Runner:
    """Runs tests of one checkout, each in its own session, so that what it leaves behind can be ended."""

    def __init__(self, core: Path, work: Path, timeout: float) -> None:
        """Prepare a build folder in `work`."""
        self._tests = core / "test" / "functional"
        self._work = work
        self._timeout = timeout
        self._config = write_build(core, work / "build")
        self._environment = environment()
        self._lock = threading.Lock()
        self._started = 0

    def run(self, test: str) -> Outcome:
        """Run a test with its options."""
        name, *options = test.split()
        with self._lock:
            self._started += 1
            number = self._started
        log = self._work / f"{number:03}-{name}.log"
        place = self._work / f"{number:03}"
        carried = [str(HERE / "carry.py")] if CARRY in options else []
        command = [
            sys.executable,
            *carried,
            str(self._tests / name),
            f"--configfile={self._config}",
            f"--cachedir={self._work / 'cache'}",
            f"--tmpdir={place}",
            f"--portseed={os.getpid() + number}",
            *(option for option in options if option != CARRY),
        ]
        start = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._work,
                start_new_session=True,
            )
            try:
                status = process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                _end(process, place)
        text = log.read_text(errors="replace")
        result = {0: "passed", SKIPPED: "skipped"}.get(-1 if status is None else status, "failed")
        reason = f"no end after {self._timeout:.0f} s" if status is None else _reason(text, result)
        return Outcome(test, result, time.monotonic() - start, reason)

    def make_cache(self) -> None:
        """Make the chain that many tests start from, before several want to at once."""
        outcome = self.run("create_cache.py")
        if outcome.result != "passed":
            print(f"The cached chain cannot be made: {outcome.reason}", flush=True)
            shutil.rmtree(self._work / "cache", ignore_errors=True)


def _end(process: subprocess.Popen[bytes], place: Path) -> None:
    """End a test and the programs it left, which name its folder if they left its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for other in psutil.process_iter():
        with suppress(psutil.Error):
            if any(f"{place}/" in word for word in other.cmdline()):
                other.kill()


def _reason(text: str, result: str) -> str:
    """Return the line of a test's output that tells most."""
    if result == "passed":
        return ""
    lines = [line.strip() for line in text.splitlines()]
    if result == "skipped":
        return next((line.partition("Test Skipped: ")[2] for line in lines if "Test Skipped: " in line), "")
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit|Interrupt)\b", line)]
    return (errors or lines or ["no output"])[0][:300]


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("core", type=Path, metavar="FOLDER", help="a checkout of Bitcoin Core's source")
    parser.add_argument("tests", nargs="*", metavar="TEST", help="run these, as 'rpc_bind.py --ipv4' or 'rpc_*'")
    parser.add_argument("--jobs", type=int, default=2, help="how many run at a time (default: 2)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds a test may take (default: 300)")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tests and print the figures; 0 if none failed."""
    options = _parse(argv)
    core = options.core.resolve()
    functional = core / "test" / "functional"
    if not (functional / "test_framework" / "test_node.py").is_file():
        print(f"'{options.core}' is no checkout of Bitcoin Core's source", file=sys.stderr)
        return 2
    other = {"combine_logs.py", "create_cache.py", "test_runner.py"}
    files = {path.name for path in functional.glob("*.py")} - other
    entries = read_list((HERE / "tests.txt").read_text())
    if _TEST_OF_V32 not in files:
        entries = replace(entries, read_list((HERE / "tests-v31.txt").read_text()))
    chosen, waiting = choose(entries, files)
    if options.tests:
        waiting = {}
        listed = [entry.pattern for entry in entries if entry.pattern.split()[0] in files] + sorted(files)
        chosen = _wanted(options.tests, listed)
    work = Path(tempfile.mkdtemp(prefix="core-"))
    runner = Runner(core, work, options.timeout)
    outcomes: list[Outcome] = []
    try:
        if len(chosen) > 1:
            runner.make_cache()
        with ThreadPoolExecutor(options.jobs) as pool:
            for outcome in pool.map(runner.run, chosen):
                outcomes.append(outcome)
                print(f"{outcome.result:7} {outcome.seconds:5.0f} s  {outcome.test}  {outcome.reason}", flush=True)
    finally:
        if options.keep:
            print(f"Kept {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    _print_figures(outcomes, waiting)
    return int(any(outcome.result == "failed" for outcome in outcomes))


def _wanted(patterns: list[str], listed: list[str]) -> list[str]:
    """Return what the patterns name, each once, with the options they have in the list."""
    result: dict[str, None] = {}
    for pattern in patterns:
        name, _, options = pattern.partition(" ")
        name = name if name.endswith((".py", "*")) else f"{name}.py"
        if options:
            result[f"{name} {options}"] = None
            continue
        found = [test for test in listed if fnmatch.fnmatch(test.split()[0], name)]
        with_options = {test.split()[0] for test in found if " " in test}
        result.update(dict.fromkeys(test for test in found if " " in test or test not in with_options))
    return list(result)


def _print_figures(outcomes: list[Outcome], waiting: dict[str, str]) -> None:
    """Print how many tests passed, failed, were skipped and wait, and for what."""
    count = {
        result: sum(outcome.result == result for outcome in outcomes) for result in ("passed", "failed", "skipped")
    }
    print("\n" + ", ".join(f"{number} {result}" for result, number in count.items()) + f", {len(waiting)} waiting")
    for cause in sorted(set(waiting.values())):
        names = [name.removesuffix(".py") for name, why in waiting.items() if why == cause]
        print(f"  {len(names):3} wait for {cause}: {' '.join(names)}")


if __name__ == "__main__":
    sys.exit(main())
