"""Chains on disk: made anew, imported, pruned, damaged, interrupted, killed, and on a full disk; with real programs."""

import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from block_factory import block_hash
from chain_recorder import Recorder, branch, feed, open_chain
from running_programs import BIN, Programs, read_until

from node.chainstate import Chainstate, ChainstateError
from node.chainstate_options import PRUNE_MANUALLY

FEEDER = Path(__file__).parent.parent / "block_feeder.py"
REINDEX = ".\nPlease restart with -reindex or -reindex-chainstate to recover."


def make_chain(folder: Path, count: int = 150, fork: int = 3) -> list[bytes]:
    """Make a chain with a fork in `folder` and return the blocks of the best branch."""
    blocks = branch(count)
    chain = open_chain(folder)
    feed(chain, blocks)
    feed(chain, branch(fork, extra=1))
    chain.close()
    return blocks


def check_chain(chain: Chainstate, blocks: list[bytes]) -> None:
    """Compare with the blocks that were fed, all of which must be there."""
    assert chain.tip().height == len(blocks)
    assert chain.tip().hash == block_hash(blocks[-1])
    assert chain.verify(4, 0)
    for height in (1, len(blocks) // 2, len(blocks)):
        entry = chain.at(height)
        assert entry is not None
        assert chain.read_block(entry) == blocks[height - 1]


@pytest.mark.parametrize("option", ["reindex", "reindex_chainstate"])
def test_making_it_anew(tmp_path: Path, option: str) -> None:
    blocks = make_chain(tmp_path)
    chain = open_chain(tmp_path, **{option: True})
    heard = Recorder()
    chain.add_listener(heard)
    assert chain.wait_for_import(30)
    deadline = time.monotonic() + 10
    while chain.tip().height < 150 and time.monotonic() < deadline:
        time.sleep(0.01)
    check_chain(chain, blocks)
    connected = [hash_ for word, hash_ in heard.events if word == "connected"]
    assert connected == [block_hash(block) for block in blocks][len(blocks) - len(connected) :]
    assert len(chain.tips()) == 2
    chain.close()


def test_importing_a_file_of_blocks(tmp_path: Path) -> None:
    blocks = branch(20)
    magic = bytes.fromhex("fabfb5da")
    shuffled = blocks[:]
    Random(1).shuffle(shuffled)
    file = tmp_path / "bootstrap.dat"
    file.write_bytes(b"junk" + b"".join(magic + len(block).to_bytes(4, "little") + block for block in shuffled))
    (tmp_path / "chain").mkdir()
    chain = open_chain(tmp_path / "chain", load_blocks=(file, tmp_path / "missing.dat"))
    assert chain.wait_for_import(30)
    chain.flush()
    # Blocks whose parents come later in the file wait for another import, as Core's do.
    height = chain.tip().height
    chain.close()
    for _ in range(20):
        if height == 20:
            break
        chain = open_chain(tmp_path / "chain", load_blocks=(file,))
        assert chain.wait_for_import(30)
        chain.close()
        again = open_chain(tmp_path / "chain")
        height = again.tip().height
        again.close()
    chain = open_chain(tmp_path / "chain")
    check_chain(chain, blocks)
    chain.close()


def test_blocks_elsewhere_and_unmasked(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "chain").mkdir()
    elsewhere.mkdir()
    chain = open_chain(tmp_path / "chain", blocks_dir=elsewhere, blocks_xor=False)
    blocks = branch(3)
    feed(chain, blocks)
    chain.close()
    assert blocks[2] in (elsewhere / "blocks" / "blk00000.dat").read_bytes()
    assert (elsewhere / "blocks" / "xor.dat").read_bytes() == bytes(8)
    assert not list((tmp_path / "chain" / "blocks").glob("*.dat"))


def test_masked_blocks_need_their_key(tmp_path: Path) -> None:
    make_chain(tmp_path, 3, 0)
    with pytest.raises(
        ChainstateError, match=r"^Failed to initialize ChainstateManager: The blocksdir XOR-key can not"
    ):
        open_chain(tmp_path, blocks_xor=False)


def test_pruning(tmp_path: Path) -> None:
    chain = open_chain(tmp_path, prune_target=PRUNE_MANUALLY, fast_prune=True)
    feed(chain, branch(1000))
    assert chain.prune_height() is None
    chain.prune(600)
    pruned = chain.prune_height()
    assert pruned is not None
    assert 0 < pruned <= 600
    assert not (tmp_path / "blocks" / "blk00000.dat").exists()
    gone, kept = chain.at(pruned), chain.at(pruned + 1)
    assert gone is not None
    assert kept is not None
    assert not gone.status.have_data
    with pytest.raises(ChainstateError):
        chain.read_block(gone)
    with pytest.raises(ChainstateError):
        chain.read_undo(gone)
    assert block_hash(chain.read_block(kept)) == kept.hash
    chain.close()
    with pytest.raises(ChainstateError, match="You need to rebuild the database using -reindex to go back to unpruned"):
        open_chain(tmp_path)


def test_pruning_to_a_size_keeps_what_is_below_it(tmp_path: Path) -> None:
    chain = open_chain(tmp_path, prune_target=550 << 20, fast_prune=True)
    feed(chain, branch(700))
    chain.prune_to_target()
    assert chain.prune_height() is None
    assert chain.verify(4, 0)
    chain.close()


def test_prune_lock_keeps_blocks(tmp_path: Path) -> None:
    chain = open_chain(tmp_path, prune_target=PRUNE_MANUALLY, fast_prune=True)
    feed(chain, branch(1000))
    with chain.symbols() as symbols:
        symbols.set_prune_lock("an index", 100)
    chain.prune(600)
    assert (chain.prune_height() or 0) < 100
    chain.close()


def _damage_index(folder: Path) -> None:
    for file in (folder / "blocks" / "index").glob("*"):
        if file.name.startswith(("CURRENT", "MANIFEST")):
            file.write_bytes(b"damaged\n")


def _damage_coins(folder: Path) -> None:
    for file in (folder / "chainstate").glob("MANIFEST*"):
        file.write_bytes(b"damaged")


def _damage_blocks(folder: Path) -> None:
    file = folder / "blocks" / "blk00000.dat"
    data = bytearray(file.read_bytes())
    data[2000:] = bytes(len(data) - 2000)
    file.write_bytes(data)


def _remove_blocks(folder: Path) -> None:
    (folder / "blocks" / "blk00000.dat").unlink()


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (_damage_index, "Error opening block database" + REINDEX),
        (_damage_coins, "Error opening coins database" + REINDEX),
        (_damage_blocks, "Corrupted block database detected" + REINDEX),
        (_remove_blocks, "Error loading block database" + REINDEX),
    ],
)
def test_damaged_files(tmp_path: Path, damage: object, text: str) -> None:
    network_dir = tmp_path / "regtest"
    network_dir.mkdir()
    make_chain(network_dir)
    assert callable(damage)
    damage(network_dir)
    node = subprocess.run(
        [BIN / "pynode", "-regtest", f"-datadir={tmp_path}", "-disablewallet", "-server=0", "-printtoconsole=0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (node.returncode, node.stdout) == (1, "")
    assert node.stderr == f"{text}\n"


def test_two_nodes_in_one_directory(programs: Programs) -> None:
    first = programs.node("-disablewallet", "-server=0")
    second = programs.start("pynode", "-disablewallet", "-server=0", "-nodaemon")
    _, said = second.communicate(timeout=20)
    assert second.returncode == 1
    assert "Cannot obtain a lock on directory" in said
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=20)
    assert first.returncode == 0


def test_stop_at_height(programs: Programs, tmp_path: Path) -> None:
    programs.network_dir.mkdir(parents=True)
    make_chain(programs.network_dir, 50, 0)
    node = programs.start("pynode", "-disablewallet", "-server=0", "-reindex", "-stopatheight=20")
    node.communicate(timeout=30)
    assert node.returncode == 0
    chain = open_chain(programs.network_dir)
    # What was read before goes on at the next start.
    assert chain.wait_for_import(20)
    chain.close()
    again = open_chain(programs.network_dir)
    assert again.tip().height == 50
    again.close()
    del tmp_path


def feeder(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a process that feeds blocks to a chain and prints the height of each that was connected."""
    return subprocess.Popen(
        [sys.executable, FEEDER, str(folder), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("seed", range(2))
def test_killed_while_connecting(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    for _ in range(3):
        with feeder(tmp_path, "grow") as child:
            read_until(child, "ready")
            time.sleep(random.uniform(0, 0.4))
            child.kill()
        chain = open_chain(tmp_path)
        assert chain.verify(4, 0)
        assert chain.tip() == chain.best_header()
        chain.close()


def test_crashes_between_parts_of_coins(tmp_path: Path) -> None:
    """Coins are written in parts; whatever part was the last, the next start makes up for it."""
    for _ in range(6):
        with feeder(tmp_path, "crash") as child:
            said, errors = child.communicate(timeout=30)
        assert child.returncode == 0, errors
        assert said == "ready\n"
        chain = open_chain(tmp_path)
        assert chain.verify(4, 0)
        assert chain.tip() == chain.best_header()
        chain.close()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("option", ["reindex", "reindex_chainstate"])
def test_killed_while_made_anew(tmp_path: Path, seed: int, option: str) -> None:
    blocks = make_chain(tmp_path, 1500)
    random = Random(seed)
    with feeder(tmp_path, option) as child:
        read_until(child, "ready")
        time.sleep(random.uniform(0, 0.15))
        child.kill()
    chain = open_chain(tmp_path)
    assert chain.wait_for_import(40)
    deadline = time.monotonic() + 10
    while chain.tip().height < len(blocks) and time.monotonic() < deadline:
        time.sleep(0.01)
    check_chain(chain, blocks)
    chain.close()


def test_interrupted_while_made_anew(programs: Programs) -> None:
    programs.network_dir.mkdir(parents=True)
    blocks = make_chain(programs.network_dir, 3000)
    node = programs.start("pynode", "-disablewallet", "-server=0", "-reindex")
    read_until(node, "Reindexing block file blk00000.dat (0% complete)...")
    node.send_signal(signal.SIGTERM)
    node.communicate(timeout=20)
    assert node.returncode == 0
    chain = open_chain(programs.network_dir)
    assert chain.wait_for_import(40)
    chain.close()
    again = open_chain(programs.network_dir)
    check_chain(again, blocks)
    again.close()


def test_full_disk(tmp_path: Path) -> None:
    """A file size limit stands for it: writing fails all the same, and no mount is needed."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))

    with subprocess.Popen(
        [sys.executable, FEEDER, str(tmp_path), "grow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509 - the test has no other thread
    ) as child:
        output, said = child.communicate(timeout=50)
    assert child.returncode == 1, said
    assert output.splitlines()[-1].startswith("failed: "), said
    chain = open_chain(tmp_path)
    assert chain.wait_for_import(20)
    assert chain.verify(4, 0)
    feed(chain, [])
    chain.close()
    shutil.rmtree(tmp_path / "blocks")


def test_node_on_a_full_disk(programs: Programs) -> None:
    """It ends with Core's words and status, and goes on once there is room."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))

    programs.data_dir.mkdir(parents=True, exist_ok=True)
    node = subprocess.Popen(
        [BIN / "pynode", "-regtest", f"-datadir={programs.data_dir}", "-disablewallet", "-server=0", "-ipcbind=unix"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509 - the test has no other thread
    )
    programs.started.append(node)
    read_until(node, "Done loading")
    asked = programs.start("pycli", "generatetodescriptor", "5000", "raw(51)")
    _, said = node.communicate(timeout=50)
    asked.communicate(timeout=20)
    assert node.returncode == 1
    assert "Error: A fatal internal error occurred, see debug.log for details: " in said
    node = programs.node("-disablewallet", "-server=0")
    verified = programs.ask("verifychain", "4", "0")
    assert verified.stdout == "true\n", verified.stderr
    node.send_signal(signal.SIGTERM)
    node.communicate(timeout=20)
    assert node.returncode == 0


def test_stopping_while_blocks_are_made(programs: Programs) -> None:
    node = programs.node("-disablewallet", "-server=0")
    asked = programs.start("pycli", "generatetodescriptor", "100000", "raw(51)")
    read_until(node, "height=50 ")
    node.send_signal(signal.SIGTERM)
    started = time.monotonic()
    node.communicate(timeout=20)
    assert node.returncode == 0
    assert time.monotonic() - started < 10
    asked.communicate(timeout=20)
