"""How a node starts and ends: background, locks, files, notifications, exit status."""

import subprocess
import time
from pathlib import Path

import pytest
from running_programs import BIN, Programs, wait_for


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / "pynode", *words], capture_output=True, text=True, timeout=30, check=False)


def started(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run("-regtest", f"-datadir={tmp_path}", "-disablewallet", "-rpcport=1", "-noserver", "-ipcbind=unix", *words)


def test_in_the_background(tmp_path: Path) -> None:
    found = started(
        tmp_path,
        "-daemonwait",
        f"-startupnotify=touch {tmp_path}/up",
        f"-shutdownnotify=sleep 0.2; touch {tmp_path}/down",
        "-pid=my.pid",
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "pynode starting\n", "")
    pid = int((tmp_path / "regtest" / "my.pid").read_text())
    wait_for((tmp_path / "up").exists, "-startupnotify has run")
    other = started(tmp_path, "-daemon")
    assert other.returncode == 1
    assert other.stderr == (
        f"Error: Cannot obtain a lock on directory {tmp_path}/regtest. pynode is probably already running.\n"
    )
    assert (tmp_path / "regtest" / "my.pid").exists()
    stop = [str(BIN / "pycli"), "-regtest", f"-datadir={tmp_path}", "stop"]
    assert subprocess.run(stop, capture_output=True, text=True, check=True).stdout == "pynode stopping\n"
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), "the node ended")
    assert (tmp_path / "down").exists()
    assert not (tmp_path / "regtest" / "my.pid").exists()


def _is_zombie(pid: int) -> bool:
    return ") Z" in Path(f"/proc/{pid}/stat").read_text()


def test_background_start_that_fails(tmp_path: Path) -> None:
    found = started(tmp_path, "-daemonwait", "-port=0")
    assert found.returncode == 1
    assert found.stderr == "Error during initialization - check debug.log for details\n"
    assert "Invalid port specified in -port: '0'" in (tmp_path / "regtest" / "debug.log").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-blocksdir=/nowhere"], 'Error: Specified blocks directory "/nowhere" does not exist.\n'),
        (["-debug=abc"], "Error: Unsupported logging category -debug=abc.\n"),
        (["-debuglogfile=no/such.log"], "Error: Could not open debug log file "),
        (["-uacomment=/"], "Error: User Agent comment (/) contains unsafe characters.\n"),
        (["-prune=1", "-txindex"], "Error: Prune mode is incompatible with -txindex.\n"),
        (["word"], "Error: Command line contains unexpected token 'word', see pynode -h for a list of options.\n"),
    ],
)
def test_refused(tmp_path: Path, words: list[str], message: str) -> None:
    found = started(tmp_path, *words)
    assert found.returncode == 1
    assert found.stderr.startswith(message)


def test_warnings_go_to_the_user_and_the_log(programs: Programs) -> None:
    node = programs.node("-checkpoints=1", "-disablewallet", "-noserver")
    programs.ask("stop")
    _, error = node.communicate(timeout=20)
    text = "Option '-checkpoints' is set but checkpoints were removed. This option has no effect."
    assert error == f"Warning: {text}\n"
    assert f"[warning] {text}" in (programs.network_dir / "debug.log").read_text()


def test_files_are_private_and_what_was_said_early_is_logged(programs: Programs) -> None:
    programs.data_dir.joinpath("bitcoin.conf").write_text("nonsense=1\n")
    programs.node("-nolisten=0", "-disablewallet", "-noserver")
    log = programs.network_dir / "debug.log"
    text = log.read_text()
    assert "[warning] Parsed potentially confusing double-negative -listen=0\n" in text
    assert "[warning] Ignoring unknown configuration value nonsense\n" in text
    assert "Command-line arg: listen=true\n" in text
    for path, mode in ((log, 0o600), (programs.network_dir, 0o700), (programs.network_dir / "wallets", 0o700)):
        assert path.stat().st_mode & 0o777 == mode


def test_interrupted_while_starting(tmp_path: Path) -> None:
    node = subprocess.Popen(
        [BIN / "pynode", "-regtest", f"-datadir={tmp_path}", "-disablewallet", "-noserver"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for((tmp_path / "regtest" / "debug.log").exists, "the log began")
    time.sleep(0.05)
    node.terminate()
    _, error = node.communicate(timeout=20)
    assert (node.returncode, error) == (0, "")
