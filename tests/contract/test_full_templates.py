"""Templates of what the mempool holds, directly and over IPC."""

import gc
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from block_factory import GENESIS_TIME
from conftest import wait_until
from mempool_chain import Coin, coins_of, spend
from regtest_node import RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces.mining import (
    BlockCheckOptions,
    BlockCreateOptions,
    BlockTemplate,
    BlockValidation,
    BlockWaitOptions,
    Mining,
)
from ipc import DisconnectedError
from node.block_builder import solve_header
from node.templates.template import Template
from primitives.block import Block, BlockHeader
from primitives.merkle import root_of_path
from primitives.transaction import Transaction, TxOut

PLAIN = BlockCreateOptions()


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        clock = node.services.node().clock
        clock.set_mock(GENESIS_TIME + 103 * 600)
        node.mempool.prepare(20)
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


def inside(template: BlockTemplate) -> list[Transaction]:
    return list(Block.parse(template.get_block()).transactions[1:])


def send(node: RegtestNode, *coins: Coin, fee: int = 1000, outputs: int = 1) -> Transaction:
    made = spend(coins or node.mempool.take(), fee=fee, outputs=outputs)
    node.mempool.send(made)
    return made


def later(action: Callable[[], object]) -> None:
    threading.Timer(0.05, action).start()


def test_best_fee_rates_first(node: RegtestNode, mining: Mining) -> None:
    low, high, parent = send(node, fee=500), send(node, fee=5000), send(node, fee=200)
    child = send(node, *coins_of(parent), fee=3000)
    template = create(mining)
    assert inside(template) == [high, parent, child, low]
    assert template.get_tx_fees() == [5000, 200, 3000, 500]
    assert template.get_tx_sigops() == [0] * 4
    assert template.get_coinbase_tx().block_reward_remaining == 50 * 10**8 + 8700
    assert Block.parse(template.get_block()).transactions[0].outputs[0].value == 50 * 10**8 + 8700
    assert mining.check_block(template.get_block(), BlockCheckOptions(False, False)).result
    without = create(mining, BlockCreateOptions(use_mempool=False))
    assert inside(without) == []
    assert without.get_tx_fees() == []
    assert without.get_coinbase_tx().block_reward_remaining == 50 * 10**8
    full = create(mining, BlockCreateOptions(block_reserved_weight=4_000_000))
    assert inside(full) == []


def test_what_the_operator_prefers(node: RegtestNode, mining: Mining) -> None:
    low, high = send(node, fee=500), send(node, fee=5000)
    assert inside(create(mining)) == [high, low]
    node.mempool.pool.prioritise(low.txid, 10_000)
    template = create(mining)
    assert inside(template) == [low, high]
    # What is only counted is not paid.
    assert template.get_tx_fees() == [500, 5000]
    node.mempool.pool.prioritise(high.txid, -5000)
    assert inside(create(mining)) == [low]


def test_solving_a_block_with_transactions(node: RegtestNode, mining: Mining) -> None:
    for number in range(5):
        send(node, fee=1000 + number)
    template = create(mining)
    parts = template.get_coinbase_tx()
    coinbase = parts.build([TxOut(parts.block_reward_remaining, b"\x51")])
    root = root_of_path(coinbase.txid, template.get_coinbase_merkle_path(), 0)
    header = BlockHeader.parse(template.get_block_header())
    solved, _ = solve_header(
        BlockHeader(header.version, header.previous, root, header.time, header.bits, 0), 1000
    )  # fmt: skip
    assert solved is not None
    solution = (solved.version, solved.time, solved.nonce, coinbase.serialize())
    assert template.submit_solution(*solution) == BlockValidation("", "", result=True)
    block = Block.parse(template.get_block())
    assert block.header == solved
    assert block.merkle_root() == root
    assert node.chainstate.read_block(node.chainstate.tip()) == template.get_block()
    assert len(node.mempool.pool) == 0
    assert inside(create(mining)) == []


def test_transactions_by_their_ids(node: RegtestNode, mining: Mining) -> None:
    one, two = send(node), send(node)
    unknown = bytes(32)
    raw = [two.serialize(), b"", one.serialize()]
    assert mining.get_transactions_by_tx_id([two.txid, unknown, one.txid]) == raw
    assert mining.get_transactions_by_witness_id([two.wtxid, one.txid, one.wtxid]) == raw
    assert mining.get_transactions_by_tx_id([]) == mining.get_transactions_by_witness_id([]) == []
    node.mempool.mine_all()
    assert mining.get_transactions_by_tx_id([one.txid]) == [b""]
    with pytest.raises(Exception, match=r"SpanReader::read\(\): end of data: iostream error"):
        mining.get_transactions_by_tx_id([b"short"])


def test_templates_keep_what_left_the_mempool(node: RegtestNode, mining: Mining) -> None:
    made = send(node)
    template = create(mining)
    node.mempool.mine_all()
    assert inside(template) == [made]
    # It cannot be connected any more, but still be submitted.
    parts = template.get_coinbase_tx()
    coinbase = parts.build([TxOut(parts.block_reward_remaining, b"\x51")])
    header = BlockHeader.parse(template.get_block_header())
    root = root_of_path(coinbase.txid, template.get_coinbase_merkle_path(), 0)
    solved, _ = solve_header(BlockHeader(header.version, header.previous, root, header.time, header.bits, 0), 1000)
    assert solved is not None
    found = template.submit_solution(solved.version, solved.time, solved.nonce, coinbase.serialize())
    assert found == BlockValidation("inconclusive", "", result=False)


# --- waiting for fees ------------------------------------------------------------------------------------------------


def test_enough_more_fees_end_a_wait(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    later(lambda: send(node, fee=1000))
    start = time.monotonic()
    following = template.wait_next(BlockWaitOptions(fee_threshold=1000))
    assert following is not None
    assert following.get_tx_fees() == [1000]
    assert time.monotonic() - start < 5
    later(lambda: send(node, fee=999))
    assert following.wait_next(BlockWaitOptions(1500.0, fee_threshold=1000)) is None
    # Together they are enough.
    later(lambda: send(node, fee=20))
    last = following.wait_next(BlockWaitOptions(3000.0, fee_threshold=1000))
    assert last is not None
    assert sum(last.get_tx_fees()) == 2019


def test_fees_that_came_before_the_wait(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    send(node)
    # They are seen at the first look, which is the last one too.
    assert template.wait_next(BlockWaitOptions(0.0, fee_threshold=1)) is not None
    assert template.wait_next(BlockWaitOptions(0.0, fee_threshold=1001)) is None
    assert template.wait_next(BlockWaitOptions(0.0)) is None


def test_who_asks_for_no_fees_gets_none(node: RegtestNode, mining: Mining) -> None:
    template = create(mining)
    later(lambda: send(node))
    assert template.wait_next(BlockWaitOptions(1300.0)) is None


# --- what is shared and what is let go of ----------------------------------------------------------------------------


def test_unchanged_templates_are_built_once(node: RegtestNode) -> None:
    mining = RegtestInit(node).make_mining()
    send(node)
    source = node.services.node().miner.templates
    first = create(mining)
    built = node.services.node().last_built
    node.services.node().last_built = None
    blocks = [create(mining).get_block() for _ in range(5)]
    assert node.services.node().last_built is None
    assert blocks == [first.get_block()] * 5
    send(node)
    create(mining)
    assert node.services.node().last_built is not None
    assert built is not None
    assert source.changes() > 0


def test_memory_is_shared_and_freed(node: RegtestNode, tmp_path: Path) -> None:
    made = [send(node) for _ in range(10)]
    entries = [node.mempool.pool.get(each.txid) for each in made]
    known: list[weakref.ref[Template]] = []

    class Watched(Template):
        def __init__(self, *parts: object) -> None:
            super().__init__(*parts)  # type: ignore[arg-type]
            known.append(weakref.ref(self))

    with pytest.MonkeyPatch.context() as patch, connected_to(node, tmp_path) as connected:
        patch.setattr("node.templates.assembly.Template", Watched)
        client, init = connected.client()
        mining = init.make_mining()
        assert mining is not None
        held = [create(mining) for _ in range(3)]
        (first,) = known
        template = first()
        assert template is not None
        # The bytes are those of the mempool.
        assert {id(data) for data in template.transactions} == {id(entry.data) for entry in entries if entry}
        del template
        node.mempool.mine_all()
        assert first() is not None
        assert len(inside(held[0])) == 10
        held.pop().close()
        held.pop().close()
        assert first() is not None
        held.pop().close()
        wait_until(lambda: first() is None, "the last one is gone")
        # A client that is gone without a word.
        lost = create(mining)
        waiting = threading.Thread(target=lambda: _wait_until_lost(lost))
        waiting.start()
        node.mempool.mine()
        time.sleep(0.1)
        client.close()
        waiting.join()
        # What is kept to be served again goes with the next block.
        node.mempool.mine()
    gc.collect()
    wait_until(lambda: not any(each() for each in known), "all are gone")


def test_memory_of_templates(node: RegtestNode) -> None:
    """The figures in docs/mining.md: of a template 60 bytes for each transaction and 2 kB, of a client 1 kB."""
    for _ in range(20):
        send(node)
    mining = RegtestInit(node).make_mining()
    count = 200

    def cost(make: Callable[[int], BlockCreateOptions]) -> float:
        create(mining, make(0))
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        held = [create(mining, make(number)) for number in range(count)]
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert all(len(template.get_tx_fees()) == 20 for template in held)
        return grown / count

    assert cost(lambda _: PLAIN) < 1000
    assert cost(lambda number: BlockCreateOptions(block_reserved_weight=8000 + number)) < 20 * 60 + 2000 + 1000


def _wait_until_lost(template: BlockTemplate) -> None:
    following = template.wait_next(BlockWaitOptions())
    assert following is not None
    with pytest.raises(DisconnectedError):
        following.wait_next(BlockWaitOptions())
