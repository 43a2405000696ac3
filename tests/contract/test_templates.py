"""Templates of blocks, directly and over IPC: what is in them, how they are solved, how one waits for more."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from block_factory import GENESIS_TIME, REGTEST_GENESIS_HASH, block_hash, build_block
from regtest_node import RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces.mining import (
    BlockCheckOptions,
    BlockCreateOptions,
    BlockTemplate,
    BlockValidation,
    BlockWaitOptions,
    Mining,
)
from ipc import RemoteError
from node.block_builder import solve_header
from primitives.block import Block, BlockHeader
from primitives.merkle import root_of_path
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

PLAIN = BlockCreateOptions()


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        clock = node.services.node().clock
        clock.set_mock(GENESIS_TIME + 1200)
        yield node
        clock.set_mock(0)


@pytest.fixture(params=["direct", "ipc"])
def mining(request: pytest.FixtureRequest, node: RegtestNode, tmp_path: Path) -> Iterator[Mining]:
    if request.param == "direct":
        yield RegtestInit(node).make_mining()
    else:
        with connected_to(node, tmp_path) as connected:
            made = connected.client()[1].make_mining()
            assert made is not None
            yield made


def create(mining: Mining, options: BlockCreateOptions = PLAIN) -> BlockTemplate:
    template = mining.create_new_block(options, cooldown=False)
    assert template is not None
    return template


def later(action: Callable[[], object]) -> None:
    threading.Timer(0.05, action).start()


def coinbase_for(template: BlockTemplate, script_sig: bytes = b"\4test", outputs: tuple[TxOut, ...] = ()) -> bytes:
    parts = template.get_coinbase_tx()
    required = []
    for data in parts.required_outputs:
        assert data[8] == len(data) - 9
        required.append(TxOut(int.from_bytes(data[:8], "little"), data[9:]))
    witness = (parts.witness,) if parts.witness is not None else ()
    first = TxIn(OutPoint(bytes(32), 0xFFFFFFFF), parts.script_sig_prefix + script_sig, parts.sequence, witness)
    paid = outputs or (TxOut(parts.block_reward_remaining, b"\x51"),)
    return Transaction(parts.version, (first,), (*paid, *required), parts.lock_time).serialize()


def solution(template: BlockTemplate, coinbase: bytes) -> tuple[int, int, int, bytes]:
    header = BlockHeader.parse(template.get_block_header())
    root = root_of_path(Transaction.parse(coinbase).txid, template.get_coinbase_merkle_path(), 0)
    whole = BlockHeader(header.version, header.previous, root, header.time, header.bits, 0)
    solved, _ = solve_header(whole, 1000)
    assert solved is not None
    return solved.version & 0xFFFFFFFF, solved.time, solved.nonce, coinbase


def test_empty_template(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    header = BlockHeader.parse(template.get_block_header())
    assert header == BlockHeader(0x20000000, REGTEST_GENESIS_HASH, bytes(32), GENESIS_TIME + 1200, 0x207FFFFF, 0)
    block = Block.parse(template.get_block())
    assert block.header == header
    (coinbase,) = block.transactions
    assert coinbase.inputs == (TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"\x51\0", 0xFFFFFFFE, (bytes(32),)),)
    assert coinbase.outputs[0] == TxOut(50 * 10**8, b"\x51")
    assert coinbase.outputs[1].script_pubkey.startswith(bytes.fromhex("6a24aa21a9ed"))
    assert coinbase.lock_time == 0
    assert template.get_tx_fees() == template.get_tx_sigops() == []
    assert template.get_coinbase_merkle_path() == []
    parts = template.get_coinbase_tx()
    # The padding of low heights is the miner's business.
    assert (parts.version, parts.sequence, parts.script_sig_prefix) == (2, 0xFFFFFFFE, b"\x51")
    assert (parts.witness, parts.block_reward_remaining, parts.lock_time) == (bytes(32), 50 * 10**8, 0)
    assert parts.required_outputs == [coinbase.outputs[1].serialize()]
    node.services.node().clock.set_mock(GENESIS_TIME + 12_000)
    node.extend(17)
    parts = create(mining).get_coinbase_tx()
    assert (parts.script_sig_prefix, parts.lock_time) == (b"\1\x12", 17)


def test_solving_low_heights(node: RegtestNode, mining: Mining) -> None:
    for height in range(1, 19):
        template = create(mining)
        submitted = template.submit_solution(*solution(template, coinbase_for(template)))
        assert submitted == BlockValidation("", "", result=True)
        assert node.chainstate.tip().height == height
        again = template.submit_solution(*solution(template, coinbase_for(template)))
        assert again == BlockValidation("duplicate", "", result=False)


def test_solution_of_an_old_client(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    other = create(mining)
    good = solution(template, coinbase_for(template))
    assert not template.submit_solution_old7(0, *good[1:])
    assert template.submit_solution_old7(*good)
    # What is known, what is stale, and even what proves invalid once it is looked at, was processed.
    assert template.submit_solution_old7(*good)
    assert other.submit_solution_old7(*solution(other, coinbase_for(other, b"\4else")))
    following = create(mining)
    greedy = coinbase_for(following, outputs=(TxOut(51 * 10**8, b"\x51"),))
    assert following.submit_solution_old7(*solution(following, greedy))
    assert node.chainstate.tip().height == 1
    assert not template.submit_solution_old7(0, 0, 0, b"")


def test_solutions_that_are_none(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    before = template.get_block()
    assert template.submit_solution(0, 0, 0, b"") == BlockValidation("", "", result=False)
    with pytest.raises((ValueError, RemoteError), match=r"^SpanReader::read\(\): end of data: iostream error$"):
        template.submit_solution(0, 0, 0, b"\0")
    assert template.get_block() == before
    version, timestamp, nonce, coinbase = solution(template, coinbase_for(template))

    def submit(*parts: object) -> tuple[str, str, bool]:
        found = template.submit_solution(*parts)  # type: ignore[arg-type]
        return found.reason, found.debug, found.result

    made = Transaction.parse(coinbase)
    stripped = made.serialize(witness=False)
    assert submit(version, timestamp, nonce, stripped) == (
        "bad-witness-nonce-size", "CheckWitnessMalleation : invalid witness reserved value size", False
    )  # fmt: skip
    # Even a solution that is refused changes the template.
    assert template.get_block() != before
    assert Block.parse(template.get_block()).transactions[0].serialize() == stripped
    assert BlockHeader.parse(template.get_block_header()).nonce == nonce
    greedy = coinbase_for(template, outputs=(TxOut(50 * 10**8 + 1, b"\x51"),))
    assert submit(*solution(template, greedy)) == (
        "bad-cb-amount", "coinbase pays too much (actual=5000000001 vs limit=5000000000)", False
    )  # fmt: skip
    assert submit(*solution(template, greedy))[0] == "duplicate-invalid"
    assert submit(version, timestamp, nonce, coinbase) == ("", "", True)
    assert node.chainstate.tip().height == 1


def test_solutions_at_the_same_time(mining: Mining) -> None:
    template = create(mining)
    solutions = [solution(template, coinbase_for(template, bytes((2, 7, number)))) for number in range(16)]
    verdicts: list[BlockValidation] = []

    def submit(mine: list[tuple[int, int, int, bytes]]) -> None:
        verdicts.extend(template.submit_solution(*each) for each in mine)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=submit, args=(solutions[first::4],)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert {verdict.reason for verdict in verdicts} <= {"", "inconclusive"}


def test_stale_solution(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    found = solution(template, coinbase_for(template))
    node.extend()
    assert template.submit_solution(*found) == BlockValidation("inconclusive", "", result=False)


def test_template_is_of_one_client(mining: Mining) -> None:
    one, other = create(mining), create(mining)
    before = other.get_block()
    one.submit_solution(0, 0, 0, coinbase_for(one))
    assert one.get_block() != before
    assert other.get_block() == before


def test_time_is_the_present(node: RegtestNode, mining: Mining) -> None:
    def time_of(template: BlockTemplate) -> int:
        return BlockHeader.parse(template.get_block_header()).time

    first = create(mining)
    node.services.node().clock.set_mock(GENESIS_TIME + 1300)
    assert time_of(create(mining)) == GENESIS_TIME + 1300
    assert time_of(first) == GENESIS_TIME + 1200
    node.services.node().clock.set_mock(GENESIS_TIME - 1000)
    assert time_of(create(mining)) == GENESIS_TIME + 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            BlockCreateOptions(block_reserved_weight=0),
            "block_reserved_weight (0) is lower than minimum safety value of (2000)",
        ),
        (
            BlockCreateOptions(block_reserved_weight=4_000_001),
            "block_reserved_weight (4000001) exceeds consensus maximum block weight (4000000)",
        ),
        (
            BlockCreateOptions(coinbase_output_max_additional_sigops=80_001),
            "coinbase_output_max_additional_sigops (80001) exceeds consensus maximum block sigops cost (80000)",
        ),
    ],
)
def test_options_that_cannot_be(mining: Mining, options: BlockCreateOptions, text: str) -> None:
    for cooldown in (False, True):
        with pytest.raises((ValueError, RemoteError)) as caught:
            mining.create_new_block(options, cooldown)
        assert str(caught.value) == text


def test_options_at_their_limits(mining: Mining) -> None:
    for options in (
        BlockCreateOptions(block_reserved_weight=2000),
        BlockCreateOptions(use_mempool=False, block_reserved_weight=4_000_000),
        BlockCreateOptions(coinbase_output_max_additional_sigops=80_000),
    ):
        assert mining.check_block(create(mining, options).get_block(), BlockCheckOptions(False, False)).result


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_next_template_after_a_tip(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    later(node.extend)
    following = template.wait_next(BlockWaitOptions())
    assert following is not None
    assert BlockHeader.parse(following.get_block_header()).previous == node.chainstate.tip().hash
    node.extend()
    # The tip has changed already, whatever the timeout is.
    assert following.wait_next(BlockWaitOptions(timeout=0.0)) is not None


@pytest.mark.parametrize("timeout", [100.0, 0.0, -5.0, float("nan")])
def test_no_next_template_in_time(mining: Mining, timeout: float) -> None:
    start = time.monotonic()
    assert create(mining).wait_next(BlockWaitOptions(timeout, fee_threshold=1)) is None
    assert time.monotonic() - start < 5


def test_threshold_of_nothing(mining: Mining) -> None:
    template = create(mining)
    # Fees are looked at once a second, and when time is up.
    assert template.wait_next(BlockWaitOptions(50.0, fee_threshold=0)) is not None
    start = time.monotonic()
    assert template.wait_next(BlockWaitOptions(fee_threshold=0)) is not None
    assert 0.9 < time.monotonic() - start < 5


def test_block_of_least_difficulty(node: RegtestNode, mining: Mining) -> None:
    clock = node.services.node().clock
    template = create(mining)
    later(lambda: clock.set_mock(GENESIS_TIME + 1201))
    start = time.monotonic()
    following = template.wait_next(BlockWaitOptions())
    assert following is not None
    assert time.monotonic() - start < 5
    assert BlockHeader.parse(following.get_block_header()).previous == REGTEST_GENESIS_HASH
    assert following.wait_next(BlockWaitOptions(0.0)) is not None


def test_interrupted_wait_for_a_template(mining: Mining) -> None:
    template = create(mining)
    later(template.interrupt_wait)
    assert template.wait_next(BlockWaitOptions()) is None
    template.interrupt_wait()
    assert template.wait_next(BlockWaitOptions()) is None
    # It has been used up, and another template's is its own.
    template.interrupt_wait()
    assert create(mining).wait_next(BlockWaitOptions(50.0, fee_threshold=0)) is not None


def test_waits_end_with_the_node(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    later(node.services.interrupt)
    assert template.wait_next(BlockWaitOptions()) is None
    assert mining.create_new_block(PLAIN) is None


def test_many_wait_in_turn(node: RegtestNode, mining: Mining) -> None:
    templates = [create(mining) for _ in range(20)]
    found: list[BlockTemplate | None] = []
    threads = [
        threading.Thread(target=lambda template=template: found.append(template.wait_next(BlockWaitOptions())))
        for template in templates
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    node.extend()
    for thread in threads:
        thread.join()
    headers = [BlockHeader.parse(each.get_block_header()) for each in found if each is not None]
    assert [header.previous for header in headers] == [node.chainstate.tip().hash] * 20


# --- cooldown --------------------------------------------------------------------------------------------------------


def test_no_template_during_the_download(node: RegtestNode, mining: Mining) -> None:
    assert mining.is_initial_block_download()
    later(mining.interrupt)
    assert mining.create_new_block(PLAIN) is None
    mining.interrupt()
    assert mining.create_new_block(PLAIN, cooldown=False) is None
    later(node.extend)
    template = mining.create_new_block(PLAIN)
    assert template is not None
    assert BlockHeader.parse(template.get_block_header()).previous == node.chainstate.tip().hash


def test_cooldown_while_headers_are_ahead(node: RegtestNode, mining: Mining) -> None:
    (tip,) = node.extend()
    assert not mining.is_initial_block_download()
    second = build_block(tip.hash, 2)
    third = build_block(block_hash(second), 3)
    for block in (second, third):
        node.chainstate.process_header(block[:80])
    later(mining.interrupt)
    assert mining.create_new_block(PLAIN) is None
    start = time.monotonic()
    later(lambda: [node.chainstate.process_block(block) for block in (second, third)])
    template = mining.create_new_block(PLAIN)
    assert template is not None
    assert BlockHeader.parse(template.get_block_header()).previous == block_hash(third)
    assert time.monotonic() - start < 2.8


def test_cooldown_ends_without_the_blocks(node: RegtestNode, mining: Mining) -> None:
    (tip,) = node.extend()
    node.chainstate.process_header(build_block(tip.hash, 2)[:80])
    start = time.monotonic()
    template = mining.create_new_block(PLAIN)
    assert template is not None
    assert 2.9 < time.monotonic() - start < 9
    # A branch that does not build on the tip keeps nobody waiting.
    node.extend(2, extra=1, on=tip)
    assert mining.create_new_block(PLAIN) is not None
