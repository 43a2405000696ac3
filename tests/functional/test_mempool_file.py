"""mempool.dat of a real node: kept over a restart, killed while it is written, damaged, and on a full disk."""

import io
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from block_factory import spend
from json_rpc_node import PYNODE, AnswerError, JsonRpcNode, json_rpc_node
from running_programs import wait_for

from node.mempool.dump_file import DumpReader, DumpWriter
from primitives.transaction import Transaction

STRACE = shutil.which("strace")
SCRIPT = b"\x51" + b"\x61" * 9
OPTIONS = ("-acceptnonstdtxn",)
COIN = 10**8


def txid_of(transaction: bytes) -> str:
    return Transaction.parse(transaction).txid[::-1].hex()


def transactions(node: JsonRpcNode, first: int, count: int) -> list[bytes]:
    """Spend coinbases from a height on."""
    hashes = node.batch([("getblockhash", [height]) for height in range(first, first + count)])
    coinbases = node.batch([("getblock", [each, 1]) for each in hashes])
    return [spend(bytes.fromhex(block["tx"][0])[::-1] + bytes(4), 49 * COIN, script=SCRIPT) for block in coinbases]


def loaded(node: JsonRpcNode) -> set[str]:
    wait_for(lambda: bool(node.rpc("getmempoolinfo")["loaded"]), "the mempool is loaded")
    return set(node.rpc("getrawmempool"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """Make a chain, and a mempool.dat with three of its transactions."""
    folder = tmp_path_factory.mktemp("prepared")
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        node.rpc("generatetodescriptor", 120, "raw(51)")
        sent = transactions(node, 1, 3)
        node.batch([("sendrawtransaction", [each.hex(), 0]) for each in sent])
        node.rpc("prioritisetransaction", txid_of(sent[0]), 0, 1234)
        node.rpc("prioritisetransaction", "ab" * 32, 0, -77)
        node.stop()
    return folder, sent


@pytest.fixture
def folder(prepared: tuple[Path, list[bytes]], tmp_path: Path) -> Path:
    shutil.copytree(prepared[0] / "regtest", tmp_path / "regtest")
    return tmp_path


@pytest.fixture
def sent(prepared: tuple[Path, list[bytes]]) -> set[str]:
    return {txid_of(each) for each in prepared[1]}


def test_kept_over_a_restart(folder: Path, sent: set[str]) -> None:
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        assert loaded(node) == sent
        assert node.rpc("getmempoolinfo")["unbroadcastcount"] == 3
        deltas = {txid: each["fee_delta"] for txid, each in node.rpc("getprioritisedtransactions").items()}
        assert sorted(deltas.values()) == [-77, 1234]
        assert deltas["ab" * 32] == -77
        assert (
            "Imported mempool transactions from file: 3 succeeded, 0 failed, 0 expired, 0 already there, 3 waiting for "
            "initial broadcast"
        ) in node.log
        before = (folder / "regtest" / "mempool.dat").stat().st_ino
        node.stop()
        assert (folder / "regtest" / "mempool.dat").stat().st_ino != before


def test_not_kept_with_persistmempool_off(folder: Path) -> None:
    kept = (folder / "regtest" / "mempool.dat").read_bytes()
    with json_rpc_node(PYNODE, folder, *OPTIONS, "-persistmempool=0") as node:
        assert loaded(node) == set()
        node.stop()
    assert (folder / "regtest" / "mempool.dat").read_bytes() == kept


def test_what_is_too_old_is_not_loaded(folder: Path) -> None:
    late = int(time.time()) + 3700
    with json_rpc_node(PYNODE, folder, *OPTIONS, "-mempoolexpiry=1", f"-mocktime={late}") as node:
        assert loaded(node) == set()
        assert "0 succeeded, 0 failed, 3 expired" in node.log


def test_a_file_of_another_is_imported(folder: Path, sent: set[str], tmp_path: Path) -> None:
    kept = tmp_path / "kept.dat"
    shutil.move(folder / "regtest" / "mempool.dat", kept)
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        assert loaded(node) == set()
        assert node.rpc("importmempool", str(kept)) == {}
        assert loaded(node) == sent
        assert node.rpc("getmempoolinfo")["unbroadcastcount"] == 0
        assert node.rpc("getprioritisedtransactions") == {}
        options = {"apply_fee_delta_priority": True, "apply_unbroadcast_set": True, "use_current_time": False}
        assert node.rpc("importmempool", str(kept), options) == {}
        assert "0 succeeded, 0 failed, 0 expired, 3 already there, 3 waiting for initial broadcast" in node.log
        assert node.rpc("getprioritisedtransactions")["ab" * 32]["fee_delta"] == -77
        with pytest.raises(AnswerError, match="Unable to import mempool file, see debug log for details"):
            node.rpc("importmempool", str(tmp_path / "none.dat"))
        assert "Failed to open mempool file. Continuing anyway." in node.log


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_killed_while_it_is_written(folder: Path, sent: set[str], call: str) -> None:
    assert STRACE is not None, "strace is missing: `make setup` installs it"
    path = folder / "regtest" / "mempool.dat"
    kept = path.read_bytes()
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        assert loaded(node) == sent
        more = transactions(node, 4, 3)
        node.batch([("sendrawtransaction", [each.hex(), 0]) for each in more])
        # Kills the node when it touches the new file in this way.
        kill = f"inject={call}:signal=SIGKILL:when=1"
        tracer = subprocess.Popen(
            [
                STRACE, "-f", "-qq", "-o", "/dev/null", "-P", f"{path}.new", "-e", f"trace={call}", "-e", kill,
                "-p", str(node.process.pid),
            ]
        )  # fmt: skip
        try:
            wait_for(lambda: is_traced(node.process.pid), "the node is traced")
            with pytest.raises((OSError, ConnectionError)):
                node.rpc("savemempool")
            assert node.process.wait(20) == -signal.SIGKILL
        finally:
            tracer.terminate()
            tracer.wait(20)
    everything = sent | {txid_of(each) for each in more}
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        assert loaded(node) == (sent if path.read_bytes() == kept else everything)
        node.rpc("savemempool")
        node.stop()
    assert not path.with_name("mempool.dat.new").exists()


def is_traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status


def cut_in_a_transaction(data: bytes) -> bytes:
    return data[:150]


def garbage(data: bytes) -> bytes:
    return data[:17] + bytes(1000)


def empty(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    ("damage", "some", "text"),
    [
        (cut_in_a_transaction, 1, "AutoFile::read: end of file: iostream error"),
        (garbage, 0, "iostream error"),
        (empty, 0, "AutoFile::read: end of file: iostream error"),
    ],
)
def test_a_damaged_file_is_told_of_and_replaced(
    folder: Path, sent: set[str], damage: Callable[[bytes], bytes], some: int, text: str
) -> None:
    path = folder / "regtest" / "mempool.dat"
    path.write_bytes(damage(path.read_bytes()))
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        found = loaded(node)
        assert len(found) == some
        assert found <= sent
        assert "Failed to deserialize mempool data on file: " in node.log
        assert f"{text}. Continuing anyway." in node.log
        node.stop()
    with path.open("rb") as file:
        assert DumpReader(file).number == some


def test_a_full_disk_leaves_the_old_file(folder: Path, sent: set[str]) -> None:
    path = folder / "regtest" / "mempool.dat"
    kept = path.read_bytes()
    fresh = path.with_name("mempool.dat.new")
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        assert loaded(node) == sent
        fresh.symlink_to("/dev/full")
        with pytest.raises(AnswerError, match="Unable to dump mempool to disk"):
            node.rpc("savemempool")
        assert "Failed to dump mempool: [Errno 28] No space left on device. Continuing anyway." in node.log
        assert path.read_bytes() == kept
        assert not fresh.is_symlink()
        assert node.rpc("savemempool") == {"filename": str(path)}
        fresh.symlink_to("/dev/full")
        node.stop()


def test_a_node_that_ends_while_it_loads_keeps_the_file(folder: Path) -> None:
    made = io.BytesIO()
    writer = DumpWriter(made, masked=True)
    writer.count(200_000)
    now = int(time.time())
    for number in range(200_000):
        writer.transaction(spend(number.to_bytes(36, "little"), COIN, script=SCRIPT), now, 0)
    writer.finish({}, ())
    path = folder / "regtest" / "mempool.dat"
    path.write_bytes(made.getvalue())
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        with pytest.raises(AnswerError, match="The mempool was not loaded yet"):
            node.rpc("savemempool")
        started = time.monotonic()
        node.stop()
        assert time.monotonic() - started < 5
        assert "Imported mempool transactions" not in node.log
    assert path.read_bytes() == made.getvalue()


def test_progress_is_told(folder: Path) -> None:
    made = io.BytesIO()
    writer = DumpWriter(made, masked=False)
    writer.count(25)
    for number in range(25):
        writer.transaction(spend(number.to_bytes(36, "little"), COIN, script=SCRIPT), int(time.time()), 0)
    writer.finish({}, ())
    (folder / "regtest" / "mempool.dat").write_bytes(made.getvalue())
    with json_rpc_node(PYNODE, folder, *OPTIONS) as node:
        assert loaded(node) == set()
        assert "Loading 25 mempool transactions from file..." in node.log
        assert "Progress loading mempool transactions from file: 12% (tried 3, 22 remaining)" in node.log
        assert "0 succeeded, 25 failed, 0 expired" in node.log
