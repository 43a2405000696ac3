"""Commands of the user, the pid file, and the way to the background."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from cli.arguments import parse
from cli.chain_watcher import Alerts, ChainWatcher
from cli.commands import Commands, quoted
from cli.errors import StartError
from cli.pid_file import PidFile
from cli.pynode import PROGRAM
from node.block_tree import BlockEntry


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def lines(path: Path) -> list[str]:
    return sorted(path.read_text().splitlines()) if path.exists() else []


def test_commands_run_on_their_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    commands = Commands()
    commands.start("")
    for i in range(5):
        commands.start(f"echo {i} >> {out}")
    wait_until(lambda: len(lines(out)) == 5)
    commands.run_all([f"sleep 0.1; echo x >> {out}", "", f"echo y >> {out}"])
    assert lines(out) == [*"01234", "x", "y"]


def test_commands_wait_for_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "out"
    commands = Commands(most=1, most_waiting=3)
    commands.start(f"while [ ! -e {tmp_path}/go ]; do sleep 0.01; done")
    for command in (f"echo 1 >> {out}", "echo \0", f"echo 2 >> {out}", "true"):
        commands.start(command)
    assert "too many commands wait already, left out: true" in caplog.text
    assert not out.exists()
    (tmp_path / "go").touch()
    wait_until(lambda: len(lines(out)) == 2)
    assert out.read_text() == "1\n2\n"
    commands.start(f"echo 3 >> {out}")
    wait_until(lambda: len(lines(out)) == 3)


def test_failing_command(caplog: pytest.LogCaptureFixture) -> None:
    Commands().run_all(["exit 3"])
    assert caplog.record_tuples == [("root", logging.WARNING, "runCommand error: system(exit 3) returned 3")]


def test_quoting() -> None:
    assert quoted("it's `rm` $(x) <ok>") == "'its rm (x) ok'"


def entry(number: int) -> BlockEntry:
    return cast("BlockEntry", SimpleNamespace(hash=bytes([number]) * 32, height=number))


def test_blocknotify_waits_until_the_node_caught_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    watcher = ChainWatcher(parse(PROGRAM, [f"-blocknotify=echo %s >> {out}"]), Commands())
    watcher.tip_changed(entry(1), initial_download=True)
    watcher.tip_changed(entry(2), initial_download=False)
    wait_until(lambda: bool(lines(out)))
    assert lines(out) == ["02" * 32]


def test_alertnotify_tells_each_warning_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    alerts = Alerts(parse(PROGRAM, [f"-alertnotify=echo %s >> {out}"]), Commands())
    alerts.look({1: "first; 'one'"})
    alerts.look({1: "first; 'one'", 2: "second"})
    wait_until(lambda: len(lines(out)) == 2)
    alerts.look({2: "second"})
    alerts.look({1: "again", 2: "second"})
    wait_until(lambda: len(lines(out)) == 3)
    assert lines(out) == ["again", "first; one", "second"]


def test_pid_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.pid"
    file = PidFile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    file.close()
    file.close()
    assert not path.exists()
    file = PidFile(path)
    path.unlink()
    file.close()
    assert "File does not exist" in caplog.text
    with pytest.raises(StartError, match=r"Unable to create the PID file '.*': No such file or directory"):
        PidFile(tmp_path / "no" / "x.pid")
