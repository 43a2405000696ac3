"""Blocks that break a rule, and Core's words for it (Core: test/functional/feature_block.py has these cases too)."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from bad_blocks import ANYONE, BASE, CASES, COIN, COINS, HEIGHT, TIP, block, coinbase, spend
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block
from chain_recorder import feed, open_chain

from node.chainstate import BlockVerdict, Chainstate
from primitives.block import Block
from primitives.script import push_data
from primitives.transaction import TxOut


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chainstate]:
    chainstate = open_chain(tmp_path)
    feed(chainstate, BASE)
    yield chainstate
    chainstate.close()


def process(chain: Chainstate, made: Block) -> BlockVerdict:
    return chain.process_block(made.serialize())


@pytest.mark.parametrize("reason", CASES)
def test_reason(chain: Chainstate, reason: str) -> None:
    verdict = process(chain, CASES[reason]())
    assert verdict.text == reason.rstrip(), verdict
    assert chain.tip().hash == TIP


def test_good_blocks_of_the_same_kinds(chain: Chainstate) -> None:
    made = block(spend(COINS[0], fee=5), spend(COINS[1]), first=coinbase(value=50 * COIN + 5))
    assert process(chain, made) == BlockVerdict(accepted=True, new=True, checked=True)
    assert process(chain, made).text == "duplicate"
    undo = chain.read_undo(chain.tip())
    assert [[coin.value for coin in coins] for coins in undo] == [[50 * COIN], [50 * COIN]]
    assert [(coin.height, coin.is_coinbase, coin.script_pubkey) for coin in undo[0]] == [(1, True, ANYONE)]


def test_known_bad_blocks_and_their_children(chain: Chainstate) -> None:
    bad = block(first=coinbase(value=51 * COIN))
    assert process(chain, bad).text == "bad-cb-amount"
    assert process(chain, bad).text == "duplicate-invalid"
    child = build_block(bad.hash, HEIGHT + 1)
    assert chain.process_block(child).text == "bad-prevblk"
    assert chain.process_header(child[:80]).reason == "bad-prevblk"


def test_stale_blocks_are_inconclusive(chain: Chainstate) -> None:
    assert chain.process_block(build_block(REGTEST_GENESIS_HASH, 1, extra=7)).text == "inconclusive"


def test_what_is_no_block(chain: Chainstate) -> None:
    data = block().serialize()
    for bad in (b"", data[:79], data[:-1], data[:80] + b"\xff" * 9):
        with pytest.raises(ValueError, match="Block decode failed"):
            chain.process_block(bad)
    for bad in (b"", data[:79], data[:81]):
        with pytest.raises(ValueError, match="Block header decode failed"):
            chain.process_header(bad)


def test_headers_that_are_bad(chain: Chainstate) -> None:
    for reason, make in CASES.items():
        if reason in ("high-hash", "bad-diffbits", "time-too-old", "time-too-new", "prev-blk-not-found"):
            verdict = chain.process_header(make().header.serialize())
            assert (verdict.accepted, verdict.reason) == (False, reason)


@pytest.mark.parametrize("reason", ["bad-cb-amount", "bad-txns-nonfinal", "bad-txnmrklroot", "high-hash"])
def test_checking_without_adding(chain: Chainstate, reason: str) -> None:
    data = CASES[reason]().serialize()
    verdict = chain.check_block(data)
    assert (verdict.accepted, verdict.reason) == (False, reason)
    assert chain.entry(block_hash(data)) is None
    relaxed = chain.check_block(data, check_pow=False, check_merkle_root=False)
    assert relaxed.accepted == (reason in ("bad-txnmrklroot", "high-hash"))


def test_checking_wants_the_tip_as_parent(chain: Chainstate) -> None:
    assert chain.check_block(block().serialize()).accepted
    stale = build_block(REGTEST_GENESIS_HASH, 1, extra=7)
    assert chain.check_block(stale).reason == "inconclusive-not-best-prevblk"
    with pytest.raises(ValueError, match="Block decode failed"):
        chain.check_block(b"")


def test_scripts_of_segregated_witness(chain: Chainstate) -> None:
    script = b"\x53\x87"  # 3 OP_EQUAL
    program = b"\0" + push_data(sha256(script).digest())
    fund = spend(COINS[0], outputs=(TxOut(50 * COIN, program),))
    wrong, right = (spend(fund, witness=(value, script)) for value in (b"\2", b"\3"))
    verdict = process(chain, block(fund, wrong, commits=True))
    assert verdict.text.startswith("block-script-verify-flag-failed (Script evaluated without error but finished")
    assert "input 0" in verdict.debug
    assert process(chain, block(fund, right, commits=True)).text == ""
