"""The chain in one process."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block

from common.chains import REGTEST
from interfaces.mining import BlockRef
from node.chainstate import Chainstate, ChainstateError


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
        assert chain.process_block(build_block(tip.hash, tip.height + 1, extra=extra)).validation.result
    return ref(chain)


def ref(chain: Chainstate) -> BlockRef:
    tip = chain.tip()
    return BlockRef(tip.hash, tip.height)


def test_new_chain(chain: Chainstate) -> None:
    assert ref(chain) == BlockRef(REGTEST_GENESIS_HASH, 0)
    assert chain.is_initial_block_download()


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
    block = build_block(REGTEST_GENESIS_HASH, 1)
    assert chain.process_block(block).validation.result
    assert chain.process_block(block).validation.reason == "duplicate"
    with pytest.raises(ValueError, match="Block decode failed"):
        chain.process_block(b"garbage")
    too_much = build_block(block_hash(block), 2, reward=10**10)
    verdict = chain.process_block(too_much).validation
    assert (verdict.result, bool(verdict.reason)) == (False, True)
    assert chain.tip().height == 1


def test_longer_branch_wins(chain: Chainstate) -> None:
    extend(chain, 2)
    first = build_block(REGTEST_GENESIS_HASH, 1, extra=1)
    second = build_block(block_hash(first), 2, extra=1)
    third = build_block(block_hash(second), 3, extra=1)
    assert chain.process_block(first).validation.reason == "inconclusive"
    chain.process_block(second)
    chain.process_block(third)
    assert ref(chain) == BlockRef(block_hash(third), 3)


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
    chain.process_block(build_block(tip.hash, tip.height + 1))
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
