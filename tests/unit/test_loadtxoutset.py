"""A node that goes on from a snapshot, and verifies what lies below it when the blocks come."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from block_factory import block_hash, build_block
from chain_recorder import Recorder
from conftest import wait_until
from snapshot_chain import HEIGHT, snapshot_blocks

from common.chains import REGTEST
from node.chainstate import Chainstate
from node.chainstate_options import ChainstateOptions
from node.context import NodeContext
from node.indexes import coin_snapshot
from node.indexes.indexes import Indexes, IndexOptions, SnapshotChain
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from node.validated_chain import ValidatedChain
from rpc.server import RpcOverIpc

BASE = "385901ccbd69dff6bbd00065d01fb8a9e464dede7cfe0372443884f9b1dcf6b9"
COINS = "17dcc016d188d16068907cdeb38b75691a118d43053b8cd6a25969419381d13a"
OPTIONS = IndexOptions(transactions=True, filters=True, coin_stats=True)


class Node:
    """A chain with its indexes and its RPC."""

    def __init__(self, folder: Path, **options: bool) -> None:
        self.chainstate = Chainstate(folder, REGTEST, ChainstateOptions(**options))  # type: ignore[arg-type]
        self.failures: list[str] = []
        snapshot = SnapshotChain(ValidatedChain(self.chainstate), self.chainstate.snapshot_base)
        indexed = replace(OPTIONS, wipe=options.get("reindex", False))
        self.indexes = Indexes(
            folder / "indexes", "regtest", self.chainstate, indexed, self.failures.append, snapshot
        )  # fmt: skip
        self.indexes.start()
        self.server = RpcServer(full_table())
        self.context = NodeContext(REGTEST, self.chainstate, folder, lambda: None, indexes=self.indexes)
        self.server.finish_warmup(self.context)

    def ask(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = json.loads(RpcOverIpc(self.server).execute_rpc(body, "/", "me"))
        return answer["result"] if "result" in answer else (answer["error"]["code"], answer["error"]["message"])

    def submit(self, *blocks: bytes) -> None:
        for block in blocks:
            assert self.ask("submitblock", block.hex()) in {None, "inconclusive"}

    def follow_headers(self) -> None:
        for block in snapshot_blocks():
            self.chainstate.process_header(block[:80])

    def coins(self) -> int:
        """Count the coins once the index of them is there."""
        wait_until(lambda: self.indexes.coins.synced, "the coin index is there")
        counted: int = self.ask("gettxoutsetinfo", "none", None, False)["txouts"]
        return counted

    def wait_for_indexes(self, height: int) -> None:
        def there() -> bool:
            info = self.ask("getindexinfo")
            return len(info) == 3 and all(each["best_block_height"] == height for each in info.values())

        wait_until(there, "all indexes are there")


@contextmanager
def running(folder: Path, **options: bool) -> Iterator[Node]:
    folder.mkdir(exist_ok=True)
    node = Node(folder, **options)
    try:
        yield node
    finally:
        node.indexes.stop()
        node.chainstate.close()
    assert node.failures == []


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have a node that validated everything write the file."""
    folder = tmp_path_factory.mktemp("full")
    with running(folder) as node:
        node.submit(*snapshot_blocks())
        assert node.coins() == HEIGHT
        written = node.ask("dumptxoutset", "utxo.dat", "latest")
    assert (written["base_hash"], written["coins_written"], written["txoutset_hash"]) == (BASE, HEIGHT, COINS)
    return folder / "utxo.dat"


def states(node: Node) -> list[tuple[int, bool, str]]:
    return [
        (each["blocks"], each["validated"], each.get("snapshot_blockhash", ""))
        for each in node.ask("getchainstates")["chainstates"]
    ]


def test_from_a_snapshot_to_a_verified_chain(tmp_path: Path, snapshot: Path) -> None:
    blocks = snapshot_blocks()
    with running(tmp_path) as node:
        node.follow_headers()
        node.submit(*blocks[:5])
        recorder = Recorder()
        node.chainstate.add_listener(recorder)
        loaded = node.ask("loadtxoutset", str(snapshot))
        assert loaded == {
            "coins_loaded": HEIGHT, "tip_hash": BASE, "base_height": HEIGHT, "path": str(snapshot)
        }  # fmt: skip
        assert node.ask("getblockcount") == HEIGHT
        assert states(node) == [(5, True, ""), (HEIGHT, False, BASE)]
        assert recorder.take() == [("tip", bytes.fromhex(BASE)[::-1])]
        # Coins are those of the snapshot; what needs history goes on from where it was.
        coins = node.ask("gettxoutsetinfo", "hash_serialized_3", None, False)
        assert (coins["height"], coins["hash_serialized_3"]) == (HEIGHT, COINS)
        node.wait_for_indexes(5)
        assert node.ask("getblock", BASE) == (-1, "Block not available (not fully downloaded)")
        # The chain goes on above and below.
        top = build_block(block_hash(blocks[-1]), HEIGHT + 1)
        node.submit(top, *blocks[5:150])
        assert states(node) == [(150, True, ""), (HEIGHT + 1, False, BASE)]
        behind = node.ask("getblockchaininfo")["backgroundvalidation"]
        assert (behind["snapshotheight"], behind["blocks"], behind["chainwork"]) == (HEIGHT, 150, f"{151 * 2:064x}")
        assert behind["verificationprogress"] == pytest.approx(151 / 201)
        node.wait_for_indexes(150)
        assert node.coins() == HEIGHT + 1
        assert node.ask("loadtxoutset", str(snapshot)) == (
            -32603,
            f"Unable to load UTXO snapshot: Can't activate a snapshot-based chainstate more than once. ({snapshot})",
        )  # fmt: skip
    with running(tmp_path) as node:
        assert states(node) == [(150, True, ""), (HEIGHT + 1, False, BASE)]
        assert node.coins() == HEIGHT + 1
        node.submit(*blocks[150:])
        assert states(node) == [(HEIGHT + 1, True, BASE)]
        assert "backgroundvalidation" not in node.ask("getblockchaininfo")
        node.wait_for_indexes(HEIGHT + 1)
        txid = node.ask("getblock", BASE)["tx"][0]
        assert node.ask("getrawtransaction", txid, 1)["blockhash"] == BASE
    with running(tmp_path) as node:
        assert states(node) == [(HEIGHT + 1, True, "")]
        assert not (tmp_path / "chainstate_snapshot").exists()
        assert node.ask("gettxoutsetinfo", "muhash", HEIGHT)["txouts"] == HEIGHT
        assert node.ask("verifychain", 4, 0)


@pytest.mark.parametrize("option", ["reindex", "reindex_chainstate"])
def test_a_reindex_forgets_the_snapshot(tmp_path: Path, snapshot: Path, option: str) -> None:
    with running(tmp_path) as node:
        node.follow_headers()
        node.submit(*snapshot_blocks()[:5])
        node.ask("loadtxoutset", str(snapshot))
        if option == "reindex":  # Else regtest's own checks abort, those of bitcoin-node too.
            node.submit(build_block(block_hash(snapshot_blocks()[-1]), HEIGHT + 1))
            assert node.coins() == HEIGHT + 1
    with running(tmp_path, **{option: True}) as node:
        assert node.chainstate.wait_for_import(10)
        wait_until(lambda: states(node) == [(5, True, "")], "the chain is what was verified")
        assert node.coins() == 5
        node.follow_headers()
        assert node.ask("loadtxoutset", str(snapshot))["base_height"] == HEIGHT
        assert node.coins() == HEIGHT


def test_the_coin_index_is_taken_after_a_crash(tmp_path: Path, snapshot: Path) -> None:
    with running(tmp_path) as node:
        node.follow_headers()
        node.submit(*snapshot_blocks()[:3])
        assert node.ask("loadtxoutset", str(snapshot))["base_height"] == HEIGHT
    # As if the program had ended after the kernel took the snapshot, before the index did.
    coins = tmp_path / "indexes" / "coins"
    coins.rename(coins.with_name("coins_snapshot"))
    with running(tmp_path) as node:
        assert node.coins() == HEIGHT
    assert not coins.with_name("coins_snapshot").exists()
    # And before the kernel took it.
    other = tmp_path / "other"
    with running(other) as node:
        node.submit(*snapshot_blocks()[:3])
        coin_snapshot.write(other / "indexes" / "coins", bytes.fromhex(BASE)[::-1], [])
    with running(other) as node:
        assert node.coins() == 3
    assert not (other / "indexes" / "coins_snapshot").exists()


def test_what_is_refused_leaves_nothing(tmp_path: Path, snapshot: Path) -> None:
    data = snapshot.read_bytes()
    hash_at, count_at, coins_at = 11, 43, 51

    def changed(at: int, new: bytes) -> bytes:
        return data[:at] + new + data[at + len(new) :]

    file = tmp_path / "utxo.dat"
    metadata = "Unable to parse metadata: "
    magic = (
        "Invalid UTXO set snapshot magic bytes. Please check if this is indeed a snapshot file or if you are using an "
        "outdated snapshot format."
    )
    unknown = (
        "This snapshot has been created for an unrecognized network. This could be a custom signet, a new testnet or "
        "possibly caused by data corruption."
    )
    load = "Unable to load UTXO snapshot: "
    population = f"{load}Population failed: "
    heights = "The following snapshot heights are available: 110, 200, 299"
    with running(tmp_path / "node") as node:

        def refused(content: bytes) -> tuple[int, str]:
            file.write_bytes(content)
            code, text = node.ask("loadtxoutset", str(file))
            return code, text.removesuffix(f". ({file})").removesuffix(": iostream error")

        assert node.ask("loadtxoutset", "none.dat") == (
            -8,
            f"Couldn't open file {tmp_path / 'node' / 'none.dat'} for reading.",
        )
        assert refused(changed(0, b"v")) == (-22, metadata + magic)
        assert refused(changed(5, b"\3")) == (
            -22,
            f"{metadata}Version of snapshot 3 does not match any of the supported versions.",
        )
        assert refused(changed(7, bytes.fromhex("f9beb4d9"))) == (
            -22,
            f"{metadata}The network of the snapshot (main) does not match the network of this node (regtest).",
        )
        assert refused(changed(7, b"\0\0\0\0")) == (-22, metadata + unknown)
        assert refused(data[:50]) == (-22, f"{metadata}AutoFile::read: end of file")
        assert refused(changed(hash_at, bytes(32))) == (
            -32603,
            f"{load}assumeutxo block hash in snapshot metadata not recognized (hash: {'00' * 32}). {heights}",
        )
        assert refused(data) == (
            -32603,
            (
                f"{load}The base block header ({BASE}) must appear in the headers chain. Make sure all headers are "
                "syncing, and call loadtxoutset again"
            ),
        )
        node.follow_headers()
        bad_hash = f"{population}Bad snapshot content hash: expected {COINS}, got "
        assert refused(changed(coins_at, b"\xaa"))[1].startswith(bad_hash)
        assert refused(data[:-1]) == (
            -32603,
            f"{population}Bad snapshot format or truncated snapshot after deserializing {HEIGHT - 1} coins",
        )
        assert refused(data + b"\0") == (
            -32603,
            f"{population}Bad snapshot - coins left over after deserializing {HEIGHT} coins",
        )
        assert refused(changed(count_at, b"\xc7")) == (
            -32603,
            f"{population}Bad snapshot - coins left over after deserializing {HEIGHT - 1} coins",
        )
        node.submit(*snapshot_blocks()[:2])
        assert states(node) == [(2, True, "")]
        assert node.coins() == 2
        names = [path.name for path in (tmp_path / "node").iterdir()]
        assert "chainstate_snapshot" not in names
        node.submit(*snapshot_blocks()[2:])
        assert refused(data) == (-32603, f"{population}Work does not exceed active chainstate")
    assert not (tmp_path / "node" / "indexes" / "coins_snapshot").exists()
