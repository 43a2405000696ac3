"""Events of the mempool: in one order with those of blocks, and whoever comes late gets the whole of it."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Thread

import pytest
from conftest import wait_until
from mempool_chain import MempoolChain, coins_of, spend
from regtest_node import Connected, RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces.events import Event, EventBatch, EventKind, Events, MempoolPosition, Position, Wanted
from node import event_log
from node.mempool.mempool import RemovalReason

ADDED, REMOVED, LISTED = EventKind.TRANSACTION_ADDED, EventKind.TRANSACTION_REMOVED, EventKind.MEMPOOL_LISTED
CONNECTED, DISCONNECTED = EventKind.BLOCK_CONNECTED, EventKind.BLOCK_DISCONNECTED
TRANSACTIONS = Wanted(transactions=True)
ONLY = Wanted(connected=False, disconnected=False, transactions=True)


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        node.mempool.prepare(30)
        yield node


@pytest.fixture
def connected(node: RegtestNode, tmp_path: Path) -> Iterator[Connected]:
    with connected_to(node, tmp_path) as connected:
        yield connected


@pytest.fixture(params=["direct", "ipc"])
def events(request: pytest.FixtureRequest, node: RegtestNode) -> Events:
    if request.param == "direct":
        return RegtestInit(node).make_events()
    connected: Connected = request.getfixturevalue("connected")
    events = connected.client()[1].make_events()
    assert events is not None
    return events


def told(batch: EventBatch | None) -> list[tuple[EventKind, bytes]]:
    assert batch is not None
    return [(event.kind, event.txid or (event.block.hash if event.block else b"")) for event in batch.events]


def removed(events: list[Event]) -> list[tuple[bytes | None, str]]:
    return [(event.txid, event.reason) for event in events if event.kind is REMOVED]


def test_one_order_with_blocks(node: RegtestNode, events: Events) -> None:
    mempool = node.mempool
    position = events.find_position([])
    first, second = spend(mempool.take()), spend(mempool.take(), fee=5000)
    mempool.send(first)
    mempool.send(second)
    conflict = spend(coins_of(first), fee=2000)
    mempool.send(conflict)
    other = spend(coins_of(first), fee=1500)
    block = mempool.mine([first, other])
    batch = events.next(position, TRANSACTIONS)
    assert told(batch) == [
        (ADDED, first.txid),
        (ADDED, second.txid),
        (ADDED, conflict.txid),
        (REMOVED, conflict.txid),
        (REMOVED, first.txid),
        (CONNECTED, block.header.hash),
    ]
    assert batch is not None
    assert removed(batch.events) == [(conflict.txid, "conflict"), (first.txid, "block")]
    numbers = [(txid, number) for _, txid, number in mempool.listener.heard]
    assert [(event.txid, event.mempool_sequence) for event in batch.events[:4]] == numbers
    event = batch.events[1]
    assert (event.wtxid, event.fee, event.data) == (second.wtxid, 5000, None)
    assert event.vsize == (second.weight + 3) // 4
    # A block that leaves gives back what it had.
    mempool.undo()
    batch = events.next(batch.position, TRANSACTIONS)
    assert told(batch) == [(DISCONNECTED, block.header.hash), (ADDED, first.txid), (ADDED, other.txid)]
    assert batch is not None
    assert told(events.next(batch.position, TRANSACTIONS, 100, 0.0)) == []


def test_replacement_and_whole_transactions(node: RegtestNode, events: Events) -> None:
    mempool = node.mempool
    position = events.find_position([])
    coins = mempool.take()
    first, second = spend(coins, fee=1000), spend(coins, fee=5000)
    mempool.send(first)
    mempool.send(second)
    batch = events.next(position, Wanted(transactions=True, transaction_data=True))
    assert told(batch) == [(ADDED, first.txid), (REMOVED, first.txid), (ADDED, second.txid)]
    assert batch is not None
    assert [event.data for event in batch.events] == [first.serialize(), None, second.serialize()]
    assert removed(batch.events) == [(first.txid, "replaced")]
    with mempool.pool.lock:
        mempool.pool.remove(list(mempool.pool.entries()), RemovalReason.EXPIRY)
    batch = events.next(batch.position, ONLY)
    assert batch is not None
    assert removed(batch.events) == [(second.txid, "expiry")]


def test_who_was_not_there_gets_all_of_it(node: RegtestNode, events: Events) -> None:
    mempool = node.mempool
    sent = [spend(mempool.take(), fee=1000 + number) for number in range(5)]
    for tx in sent:
        mempool.send(tx)
    tip = node.chainstate.tip()
    batch = events.next(Position(tip.hash), TRANSACTIONS)
    everything = [(LISTED, b""), *((ADDED, tx.txid) for tx in sent)]
    assert told(batch) == everything
    assert batch is not None
    assert [event.fee for event in batch.events[1:]] == [1000, 1001, 1002, 1003, 1004]
    # A position of another run of the node is none, and blocks come first, up to those of the listing.
    blocks = [node.chainstate.at(height) for height in (tip.height - 1, tip.height)]
    start = Position(tip.ancestor(tip.height - 2).hash, mempool=MempoolPosition(1, 3))
    assert told(events.next(start, TRANSACTIONS)) == [
        everything[0],
        *((CONNECTED, entry.hash) for entry in blocks if entry is not None),
        *everything[1:],
    ]
    assert told(events.next(Position(), ONLY)) == everything


def test_many_do_not_wake_who_wants_blocks(node: RegtestNode, events: Events) -> None:
    mempool, signal = node.mempool, node.services.events().signal
    position = events.find_position([])
    before = signal.count
    heard: list[EventBatch | None] = []
    waiting = [Thread(target=lambda: heard.append(events.next(position, TRANSACTIONS)))]
    waiting[0].start()
    wait_until(lambda: node.services.events().waiting > 0, "it waits")
    tx = spend(mempool.take())
    mempool.send(tx)
    waiting[0].join()
    assert told(heard[0]) == [(ADDED, tx.txid)]
    assert signal.count == before


class Client:
    """Keeps its own picture of the mempool, and notices what is told twice or without a cause."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.position = Position()
        self.known: set[bytes] = set()
        self.listings = 0

    def read(self, most: int) -> bool:
        """Take a batch; whether there was anything."""
        batch = self.events.next(self.position, TRANSACTIONS, most, 0.0)
        assert batch is not None
        assert len(batch.events) <= most
        for event in batch.events:
            if event.kind is LISTED:
                self.known.clear()
                self.listings += 1
            elif event.kind is ADDED:
                assert event.txid is not None
                assert event.txid not in self.known
                self.known.add(event.txid)
            elif event.kind is REMOVED:
                assert event.txid is not None
                self.known.remove(event.txid)
        self.position = batch.position
        return bool(batch.events)


def change(mempool: MempoolChain, random: Random, step: int) -> None:
    """Do something to the mempool."""
    coins = [coin for entry in mempool.pool.entries() for coin in coins_of(entry.transaction()) if coin.value > 20_000]
    unspent = [
        coin
        for coin in coins
        if mempool.pool.spender_of(coin.prevout.txid + coin.prevout.index.to_bytes(4, "little")) is None
    ]
    what = random.randrange(10)
    if what < 6 and (unspent or mempool.coins):
        chosen = [random.choice(unspent)] if unspent and (not mempool.coins or what < 3) else mempool.take()
        mempool.acceptance.accept(spend(chosen, fee=random.randrange(1000, 5000), outputs=2))
    elif what < 8:
        with mempool.pool.lock:
            entries = [*mempool.pool.entries()]
            if entries:
                mempool.pool.remove_with_descendants([random.choice(entries)], RemovalReason.SIZELIMIT)
    elif what == 8:
        mempool.mine([entry.transaction() for entry in mempool.pool.in_mining_order()], extra=step + 1)
    elif mempool.chain.tip().height > 103:
        mempool.undo()


@pytest.mark.parametrize("seed", range(4))
def test_every_client_sees_the_same(node: RegtestNode, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_KEPT_EVENTS", 40)
    random, events = Random(seed), RegtestInit(node).make_events()
    clients = [Client(events) for _ in range(4)]
    for step in range(150):
        change(node.mempool, random, step)
        for number, client in enumerate(clients):
            if step % (number * 10 + 1) == 0:
                client.read(random.randrange(1, 12))
    for client in clients:
        while client.read(7):
            pass
        assert client.known == node.mempool.txids()
        assert client.position.block == node.chainstate.tip().hash
    assert clients[0].listings <= 2
    assert clients[-1].listings >= 2
