"""A node killed at each place where it waits for the disk to have something starts again with a chain that agrees."""

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from running_programs import BIN, Programs, read_until, wait_for

STRACE = shutil.which("strace")
INDEXES = ("-txindex", "-blockfilterindex", "-coinstatsindex")
HEIGHT = 30


def ask(programs: Programs, *words: str) -> Any:
    found = programs.ask(*words)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout) if found.stdout.strip().startswith(("{", "[")) else found.stdout.strip()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a chain to start from."""
    programs = Programs(tmp_path_factory.mktemp("prepared"))
    node = programs.node("-disablewallet", *INDEXES)
    ask(programs, "generatetodescriptor", str(HEIGHT), "raw(51)")
    ask(programs, "stop")
    node.communicate(timeout=20)
    return programs.data_dir


@pytest.mark.parametrize("at", [1, 2, 3, 5, 8, 12, 16, 20])
def test_killed_at_a_sync(programs: Programs, prepared: Path, at: int) -> None:
    assert STRACE is not None, "strace is missing: `make setup` installs it"
    shutil.copytree(prepared / "regtest", programs.network_dir)
    options = ["-regtest", f"-datadir={programs.data_dir}", "-ipcbind=unix", "-disablewallet", *INDEXES]
    # Kills the node when one of its threads makes its `at`-th call.
    kill = f"inject=fsync,fdatasync:signal=SIGKILL:when={at}"
    traced = subprocess.Popen(
        [
            STRACE,
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            kill,
            BIN / "pynode",
            *options,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: traced.poll() is not None or programs.ask("getblockcount").returncode == 0, "it is up or dead")
    if traced.poll() is None:
        programs.ask("generatetodescriptor", "20", "raw(51)")
        programs.ask("stop")
    assert traced.wait(30) == -signal.SIGKILL, "there was no such call"

    node = programs.start("pynode", "-ipcbind=unix", "-disablewallet", *INDEXES)
    read_until(node, "Done loading")
    height = int(ask(programs, "getblockcount"))
    assert height in {HEIGHT, HEIGHT + 20}
    assert ask(programs, "verifychain", "4", "0") == "true"
    for kind in ("hash_serialized_3", "muhash"):
        coins = ask(programs, "gettxoutsetinfo", kind)
        assert (coins["height"], coins["txouts"]) == (height, height)
    by_index = ask(programs, "gettxoutsetinfo", "muhash", str(height), "true")
    assert by_index["muhash"] == ask(programs, "gettxoutsetinfo", "muhash", "null", "false")["muhash"]
    for index in ask(programs, "getindexinfo").values():
        assert index == {"synced": True, "best_block_height": height}
    tip = ask(programs, "getbestblockhash")
    txid = ask(programs, "getblock", tip)["tx"][0]
    assert ask(programs, "getrawtransaction", txid, "1")["blockhash"] == tip
    assert ask(programs, "getblockfilter", tip)["header"]
    ask(programs, "stop")
    node.communicate(timeout=20)
    assert node.returncode == 0
