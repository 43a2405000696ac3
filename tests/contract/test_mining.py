"""The Mining interface behaves as Core's, for clients of v31 and v32."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block, double_sha256
from conftest import wait_until
from regtest_node import RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces import cancellation
from interfaces.cancellation import Cancellation
from interfaces.mining import BlockCheckOptions, BlockRef, BlockValidation, Mining
from ipc import RemoteError


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        yield node


@pytest.fixture(params=["direct", "ipc"])
def mining(request: pytest.FixtureRequest, node: RegtestNode, tmp_path: Path) -> Iterator[Mining]:
    if request.param == "direct":
        yield RegtestInit(node).make_mining()
    else:
        with connected_to(node, tmp_path) as connected:
            made = connected.client()[1].make_mining()
            assert made is not None
            yield made


def tip_of(node: RegtestNode) -> BlockRef:
    tip = node.chainstate.tip()
    return BlockRef(tip.hash, tip.height)


def later(action: Callable[[], object]) -> None:
    threading.Timer(0.05, action).start()


def test_facts(mining: Mining) -> None:
    assert mining.is_test_chain()
    assert mining.is_initial_block_download()
    assert mining.get_tip() == BlockRef(REGTEST_GENESIS_HASH, 0)


def test_wait_for_any_tip(node: RegtestNode, mining: Mining) -> None:
    assert mining.wait_tip_changed(bytes(32)) == tip_of(node)
    assert mining.wait_tip_changed(bytes(32), 0.0) == tip_of(node)


@pytest.mark.parametrize("timeout", [20.0, 0.0, -5.0, float("nan")])
def test_timeout_returns_the_tip(node: RegtestNode, mining: Mining, timeout: float) -> None:
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH, timeout) == tip_of(node)


def test_hash_of_another_length(mining: Mining) -> None:
    with pytest.raises((ValueError, RemoteError), match=r"^SpanReader::read\(\): end of data: iostream error$"):
        mining.wait_tip_changed(b"short")
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH + b"behind it", 0.0) is not None


def test_wait_for_the_next_tip(node: RegtestNode, mining: Mining) -> None:
    later(node.extend)
    found = mining.wait_tip_changed(REGTEST_GENESIS_HASH)
    assert found is not None
    assert found.height == 1
    assert found == mining.get_tip() == tip_of(node)


def test_header_alone_ends_no_wait(node: RegtestNode, mining: Mining) -> None:
    later(lambda: node.chainstate.process_header(build_block(REGTEST_GENESIS_HASH, 1)[:80]))
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH, 200.0) == BlockRef(REGTEST_GENESIS_HASH, 0)


def test_interrupt(mining: Mining) -> None:
    later(mining.interrupt)
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH) is None
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH, 10.0) is not None


def test_interrupt_before_the_wait(mining: Mining) -> None:
    mining.interrupt()
    wait_until(lambda: mining.wait_tip_changed(REGTEST_GENESIS_HASH, 0.0) is None, "the interrupt came")
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH, 0.0) is not None


def test_interrupt_is_of_one_client(node: RegtestNode) -> None:
    mining, other = RegtestInit(node).make_mining(), RegtestInit(node).make_mining()
    mining.interrupt()
    assert other.wait_tip_changed(REGTEST_GENESIS_HASH, 20.0) is not None


def test_waits_end_with_the_node(node: RegtestNode, mining: Mining) -> None:
    later(node.services.interrupt)
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH) is None


def test_wait_ends_when_its_client_is_gone(node: RegtestNode) -> None:
    mining = RegtestInit(node).make_mining()
    call = Cancellation()
    cancellation.install(call)
    try:
        later(call.cancel)
        assert mining.wait_tip_changed(REGTEST_GENESIS_HASH) is None
    finally:
        cancellation.install(None)


def test_submit_block(node: RegtestNode, mining: Mining) -> None:
    block = build_block(REGTEST_GENESIS_HASH, 1)
    assert mining.submit_block(block) == BlockValidation("", "", result=True)
    assert mining.submit_block(block) == BlockValidation("duplicate", "", result=False)
    stale = build_block(REGTEST_GENESIS_HASH, 1, extra=1)
    assert mining.submit_block(stale) == BlockValidation("inconclusive", "", result=False)
    too_much = build_block(block_hash(block), 2, reward=10**11)
    assert mining.submit_block(too_much) == BlockValidation(
        "bad-cb-amount", "coinbase pays too much (actual=100000000000 vs limit=5000000000)", result=False
    )
    shown = block_hash(too_much)[::-1].hex()
    assert mining.submit_block(too_much) == BlockValidation(
        "duplicate-invalid", f"block {shown} was previously marked invalid", result=False
    )
    orphan = build_block(bytes([5]) * 32, 2)
    assert mining.submit_block(orphan) == BlockValidation("prev-blk-not-found", "", result=False)
    assert tip_of(node) == BlockRef(block_hash(block), 1)
    # Core reads a block and looks no further.
    assert mining.submit_block(build_block(block_hash(block), 2) + b"behind it").result


def test_check_block(node: RegtestNode, mining: Mining) -> None:
    def check(block: bytes, options: BlockCheckOptions = DEFAULTS) -> tuple[str, str, bool]:
        found = mining.check_block(block, options)
        return found.reason, found.debug, found.result

    block = build_block(REGTEST_GENESIS_HASH, 1)
    assert check(block) == ("", "", True)
    assert tip_of(node).height == 0
    too_much = build_block(REGTEST_GENESIS_HASH, 1, reward=10**11)
    assert check(too_much) == (
        "bad-cb-amount", "coinbase pays too much (actual=100000000000 vs limit=5000000000)", False
    )  # fmt: skip
    other_root = block[:36] + bytes([block[36] ^ 1]) + block[37:]
    mismatch = ("bad-txnmrklroot", "hashMerkleRoot mismatch", False)
    assert check(other_root, BlockCheckOptions(check_pow=False)) == mismatch
    assert check(other_root, BlockCheckOptions(check_merkle_root=False, check_pow=False)) == ("", "", True)
    unworked = next(
        candidate
        for nonce in range(100)
        if double_sha256((candidate := block[:76] + nonce.to_bytes(4, "little") + block[80:])[:80])[31] >= 0x80
    )
    assert check(unworked) == ("high-hash", "proof of work failed", False)
    assert check(unworked, BlockCheckOptions(check_pow=False)) == ("", "", True)
    node.extend()
    assert check(block) == ("inconclusive-not-best-prevblk", "", False)


DEFAULTS = BlockCheckOptions()
GOOD = build_block(REGTEST_GENESIS_HASH, 1)


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (b"", "SpanReader::read(): end of data: iostream error"),
        (GOOD[:-15], "SpanReader::read(): end of data: iostream error"),
        (GOOD[:80], "SpanReader::read(): end of data: iostream error"),
        (GOOD[:80] + b"\xfd\x01\x00" + GOOD[81:], "non-canonical ReadCompactSize(): iostream error"),
        (GOOD[:80] + b"\xff" * 9, "ReadCompactSize(): size too large: iostream error"),
        (GOOD[:85] + b"\0\1" + GOOD[85:-4] + b"\0" + GOOD[-4:], "Superfluous witness record: iostream error"),
        (GOOD[:85] + b"\0\2" + GOOD[85:-4] + b"\0" + GOOD[-4:], "Unknown transaction optional data: iostream error"),
    ],
)
def test_what_is_no_block(mining: Mining, block: bytes, text: str) -> None:
    for ask in (mining.submit_block, lambda data: mining.check_block(data, BlockCheckOptions())):
        with pytest.raises((ValueError, RemoteError)) as caught:
            ask(block)
        assert str(caught.value) == text
