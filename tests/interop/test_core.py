"""Bitcoin Core's own programs as peers, both released lines."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block
from conftest import wait_until
from running_programs import free_port
from zoo import KeeperInit

from interfaces.init import Init
from interfaces.mining import BlockCreateOptions, BlockWaitOptions
from ipc import DisconnectedError, Ipc, RemoteError

VERSIONS = [v for v in ("31", "32") if os.environ.get(f"BITCOIN_NODE_V{v}")]
BIN = Path(sys.executable).parent


@dataclass
class Core:
    process: subprocess.Popen[bytes]
    init: Init
    version: str
    cli: list[str]


@pytest.fixture(params=VERSIONS)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    version = request.param
    socket = tmp_path / "node.sock"
    port = f"-rpcport={free_port()}"
    process = subprocess.Popen(
        [
            os.environ[f"BITCOIN_NODE_V{version}"],
            "-regtest",
            f"-datadir={tmp_path}",
            f"-ipcbind=unix:{socket}",
            "-listen=0",
            port,
            "-printtoconsole=0",
            "-debug=ipc",
        ]
    )
    with Ipc("pyclient", sys.argv[0], KeeperInit(), data_dir=tmp_path) as ipc:
        wait_until(lambda: socket.exists() or process.poll() is not None, "Core listens")
        time.sleep(0.2)
        init = ipc.connect_address(f"unix:{socket}")
        assert init is not None
        cli = [os.environ[f"BITCOIN_CLI_V{version}"], "-regtest", f"-datadir={tmp_path}", port, "-rpcwait"]
        yield Core(process, init, version, cli)
    process.terminate()
    process.wait(30)


def submit(core: Core, block: bytes) -> None:
    found = subprocess.run([*core.cli, "submitblock", block.hex()], capture_output=True, text=True, check=True)
    assert not found.stdout, found


def test_echo_and_init(core: Core) -> None:
    with core.init.make_echo() or pytest.fail("no Echo") as echo:
        for text in ("", "hello", "ünïcode ✓", "x" * 100_000):
            assert echo.echo(text) == text
    with pytest.raises(RemoteError, match=r"^Old mining interface \(@2\) not supported\. Please update your client!$"):
        core.init.make_mining_old2()


def test_mining(core: Core) -> None:
    mining = core.init.make_mining() or pytest.fail("no Mining")
    assert mining.is_test_chain()
    tip = mining.get_tip()
    assert tip is not None
    assert (tip.hash, tip.height) == (REGTEST_GENESIS_HASH, 0)
    assert mining.wait_tip_changed(bytes(32)) == tip
    start = time.monotonic()
    assert mining.wait_tip_changed(tip.hash, 150.0) == tip
    assert time.monotonic() - start > 0.1
    block = build_block(tip.hash, 1)
    threading.Timer(0.1, lambda: submit(core, block)).start()
    changed = mining.wait_tip_changed(tip.hash)
    assert changed is not None
    assert (changed.hash, changed.height) == (block_hash(block), 1)
    for height in range(2, 17):
        block = build_block(block_hash(block), height)
        submit(core, block)
    template = mining.create_new_block(BlockCreateOptions(), False)
    assert template is not None
    assert template.get_block_header()[4:36] == block_hash(block)
    assert template.get_tx_fees() == []
    assert template.get_coinbase_merkle_path() == []
    coinbase = template.get_coinbase_tx()
    assert coinbase.block_reward_remaining == 50 * 10**8
    # A tip this old makes Core offer a next template at once, of the lowest difficulty.
    following = template.wait_next(BlockWaitOptions(timeout=100.0))
    assert following is None or following.get_block_header()[4:36] == block_hash(block)
    assert len(template.get_block()) > 80
    template.close()
    with pytest.raises(RemoteError, match=r"block_reserved_weight \(0\)"):
        mining.create_new_block(BlockCreateOptions(block_reserved_weight=0), False)


def test_node_killed_during_a_wait(core: Core) -> None:
    mining = core.init.make_mining() or pytest.fail("no Mining")
    threading.Timer(0.2, core.process.kill).start()
    with pytest.raises(DisconnectedError, match="interrupted by disconnect"):
        mining.wait_tip_changed(REGTEST_GENESIS_HASH)


@pytest.mark.skipif("32" not in VERSIONS, reason="this bitcoin-cli has -ipcconnect since v32")
def test_bitcoin_cli_reaches_pynode(tmp_path: Path) -> None:
    node = subprocess.Popen(
        [
            BIN / "pynode",
            "-regtest",
            f"-datadir={tmp_path}",
            "-ipcbind=unix",
            f"-rpcport={free_port()}",
            "-printtoconsole=0",
            "-disablewallet",
        ]
    )
    cli = [os.environ["BITCOIN_CLI_V32"], "-regtest", f"-datadir={tmp_path}", "-ipcconnect=unix"]

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*cli, *words], capture_output=True, text=True, timeout=30, check=False)

    try:
        wait_until(lambda: ask("getblockcount").stdout == "0\n", "pynode answers")
        assert ask("getbestblockhash").stdout.strip() == REGTEST_GENESIS_HASH[::-1].hex()
        missing = ask("nosuchmethod")
        assert (missing.returncode, "Method not found" in missing.stderr) == (89, True)
        assert "stopping" in ask("stop").stdout
        assert node.wait(20) == 0
    finally:
        node.kill()
        node.wait()
