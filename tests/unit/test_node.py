"""The chain, the Mining interface on it, JSON-RPC and the wallet's follower, in one process."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block
from conftest import wait_until

from common.chains import REGTEST
from interfaces import cancellation
from interfaces.cancellation import Cancellation
from interfaces.mining import BlockCreateOptions, BlockRef
from interfaces.not_served import NotServedError
from node.chainstate import Chainstate, ChainstateError
from node.mining import LocalMining
from wallet.follower import ChainFollower


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chainstate]:
    chainstate = Chainstate(tmp_path, REGTEST)
    yield chainstate
    chainstate.close()


def ignore(value: object) -> None:
    del value


def extend(chain: Chainstate, count: int, extra: int = 0) -> BlockRef:
    for _ in range(count):
        tip = chain.tip()
        assert chain.submit_block(build_block(tip.hash, tip.height + 1, extra=extra)).result
    return ref(chain)


def ref(chain: Chainstate) -> BlockRef:
    tip = chain.tip()
    return BlockRef(tip.hash, tip.height)


def test_new_chain(chain: Chainstate) -> None:
    assert ref(chain) == BlockRef(REGTEST_GENESIS_HASH, 0)
    assert chain.is_initial_block_download()
    assert LocalMining(chain).is_test_chain()


def test_blocks_and_reopening(tmp_path: Path, chain: Chainstate) -> None:
    tip = extend(chain, 110)
    assert tip.height == 110
    assert chain.block_hash(110) == tip.hash
    assert chain.block_hash(0) == REGTEST_GENESIS_HASH
    with pytest.raises(ChainstateError, match="Block height out of range"):
        chain.block_hash(111)
    chain.close()
    again = Chainstate(tmp_path, REGTEST)
    assert ref(again) == tip
    again.close()


def test_verdicts(chain: Chainstate) -> None:
    mining = LocalMining(chain)
    block = build_block(REGTEST_GENESIS_HASH, 1)
    assert mining.submit_block(block).result
    assert mining.submit_block(block).reason == "duplicate"
    assert mining.submit_block(b"garbage").reason == "decode-failed"
    too_much = build_block(block_hash(block), 2, reward=10**10)
    verdict = mining.submit_block(too_much)
    assert (verdict.result, bool(verdict.reason)) == (False, True)
    assert chain.tip().height == 1


def test_longer_branch_wins(chain: Chainstate) -> None:
    extend(chain, 2)
    first = build_block(REGTEST_GENESIS_HASH, 1, extra=1)
    second = build_block(block_hash(first), 2, extra=1)
    third = build_block(block_hash(second), 3, extra=1)
    assert chain.submit_block(first).reason == "inconclusive"
    chain.submit_block(second)
    chain.submit_block(third)
    assert ref(chain) == BlockRef(block_hash(third), 3)


def later(action: Any) -> None:
    threading.Timer(0.05, action).start()


def test_wait_tip_changed(chain: Chainstate) -> None:
    mining = LocalMining(chain)
    assert mining.wait_tip_changed(bytes(32)) == ref(chain)
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH, 20.0) == ref(chain)
    later(lambda: extend(chain, 1))
    found = mining.wait_tip_changed(REGTEST_GENESIS_HASH)
    assert found is not None
    assert found.height == 1


def test_waits_end(chain: Chainstate) -> None:
    mining, other = LocalMining(chain), LocalMining(chain)
    later(mining.interrupt)
    assert mining.wait_tip_changed(REGTEST_GENESIS_HASH) is None
    call = Cancellation()
    cancellation.install(call)
    later(call.cancel)
    assert other.wait_tip_changed(REGTEST_GENESIS_HASH) is None
    cancellation.install(None)
    later(chain.close)
    assert other.wait_tip_changed(REGTEST_GENESIS_HASH) is None


def test_what_is_not_served_says_so(chain: Chainstate) -> None:
    mining = LocalMining(chain)
    with pytest.raises(NotServedError, match=r"^Mining\.createNewBlock is not served by pynode yet$"):
        mining.create_new_block(BlockCreateOptions())


def test_kill_in_the_middle(tmp_path: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from pathlib import Path
from block_factory import build_block
from common.chains import REGTEST
from node.chainstate import Chainstate
chain = Chainstate(Path({str(tmp_path)!r}), REGTEST)
while True:
    tip = chain.tip()
    chain.submit_block(build_block(tip.hash, tip.height + 1))
    print(tip.height, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    while child.stdout.readline() != b"40\n":
        assert child.poll() is None
    child.kill()
    child.wait()
    child.stdout.close()
    chain = Chainstate(tmp_path, REGTEST)
    extend(chain, 1)
    chain.close()


def test_unusable_folder(tmp_path: Path) -> None:
    (tmp_path / "blocks").write_text("a file")
    with pytest.raises(ChainstateError, match="cannot use"):
        Chainstate(tmp_path, REGTEST)


def test_follower_sees_every_tip(chain: Chainstate) -> None:
    seen: list[BlockRef] = []
    ended = threading.Event()
    follower = ChainFollower(LocalMining(chain), seen.append, ignore, ended.set)
    wait_until(lambda: len(seen) == 1, "the first tip was seen")
    for height in range(1, 6):
        tip = extend(chain, 1)
        wait_until(lambda: follower.get_tip() == tip, "the tip was seen")  # noqa: B023 - called at once
        assert seen[-1].height == height
    follower.close()
    follower.close()
    assert not ended.is_set()


def test_follower_notices_shutdown(chain: Chainstate) -> None:
    ended = threading.Event()
    follower = ChainFollower(LocalMining(chain), ignore, ignore, ended.set)
    wait_until(lambda: follower.get_tip() is not None, "the first tip was seen")
    chain.close()
    assert ended.wait(10)
    follower.close()
