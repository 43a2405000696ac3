"""The stream of events: nothing missed, nothing twice, whoever is slow, gone or started anew."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import wait_until
from regtest_node import Connected, RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces import cancellation
from interfaces.cancellation import Cancellation
from interfaces.events import (
    Event,
    EventBatch,
    EventKind,
    EventReceiver,
    Events,
    Position,
    UnknownBlockError,
    Wanted,
)
from interfaces.not_served import NotServedError
from ipc import IpcError
from node.block_tree import BlockEntry
from node.event_source import EventSource
from node.events import LocalEvents
from primitives.block_keys import block_keys

CONNECTED, DISCONNECTED = EventKind.BLOCK_CONNECTED, EventKind.BLOCK_DISCONNECTED
ALL = Wanted(header_tip=True, tip=True)


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
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
    return events_of(connected)


def events_of(connected: Connected) -> Events:
    events = connected.client()[1].make_events()
    assert events is not None
    return events


def told(batch: EventBatch | None) -> list[tuple[EventKind, bytes]]:
    assert batch is not None
    return [(event.kind, event.block.hash if event.block is not None else b"") for event in batch.events]


def connects(entries: list[BlockEntry]) -> list[tuple[EventKind, bytes]]:
    return [(CONNECTED, entry.hash) for entry in entries]


def disconnects(entries: list[BlockEntry]) -> list[tuple[EventKind, bytes]]:
    return [(DISCONNECTED, entry.hash) for entry in reversed(entries)]


def later(action: Callable[[], object]) -> None:
    threading.Timer(0.05, action).start()


def test_from_the_beginning(node: RegtestNode, events: Events) -> None:
    made = node.extend(3)
    genesis = node.chainstate.at(0)
    assert genesis is not None
    batch = events.next(Position(), ALL)
    tip = made[-1].hash
    assert told(batch) == [(EventKind.HEADER_TIP, tip), *connects([genesis, *made]), (EventKind.TIP, tip)]
    assert batch is not None
    assert batch.position == Position(tip, tip, tip)
    heights = [event.block.height for event in batch.events if event.block is not None]
    assert heights == [3, 0, 1, 2, 3, 3]
    assert [event.previous for event in batch.events][1:4] == [b"", genesis.hash, made[0].hash]
    assert batch.events[1].time == 1296688602


def test_from_now_on(node: RegtestNode, events: Events) -> None:
    node.extend(2)
    position = events.find_position([])
    assert events.next(position, ALL, 100, 0.0) == EventBatch([], position)
    made = node.extend(2)
    batch = events.next(position, ALL)
    assert told(batch) == [
        (EventKind.HEADER_TIP, made[-1].hash), *connects(made), (EventKind.TIP, made[-1].hash)
    ]  # fmt: skip


def test_only_what_is_wanted(node: RegtestNode, events: Events) -> None:
    position = events.find_position([])
    (made,) = node.extend()
    tips = Wanted(tip=True, connected=False, disconnected=False)
    batch = events.next(position, tips)
    assert told(batch) == [(EventKind.TIP, made.hash)]
    assert batch is not None
    assert batch.events[0].initial_download
    assert told(events.next(batch.position, tips, 10, 0.0)) == []
    node.extend(1, extra=1, on=made.previous)
    headers = Wanted(header_tip=True, connected=False, disconnected=False)
    assert told(events.next(position, headers)) == [(EventKind.HEADER_TIP, made.hash)]


def test_blocks_whole(node: RegtestNode, events: Events) -> None:
    position = events.find_position([])
    made = node.extend(2)
    batch = events.next(position, Wanted(connected_data=True))
    assert batch is not None
    assert [event.data for event in batch.events] == [node.chainstate.read_block(entry) for entry in made]
    node.extend(3, extra=1, on=node.chainstate.at(0))
    batch = events.next(batch.position, Wanted(disconnected_data=True))
    assert batch is not None
    assert [event.data is not None for event in batch.events] == [True, True, False, False, False]


def test_keys_of_blocks(node: RegtestNode, events: Events) -> None:
    position = events.find_position([])
    made = node.extend(2)
    batch = events.next(position, Wanted(connected_keys=True))
    assert batch is not None
    assert [event.keys for event in batch.events] == [block_keys(node.chainstate.read_block(entry)) for entry in made]
    assert not any(event.data for event in batch.events)
    again = events.next(position, Wanted(connected_keys=True, connected_data=True))
    assert again is not None
    assert all(block_keys(event.data or b"") == event.keys for event in again.events)
    node.extend(3, extra=1, on=node.chainstate.at(0))
    batch = events.next(batch.position, Wanted(connected_keys=True))
    assert batch is not None
    assert [bool(event.keys) for event in batch.events] == [False, False, True, True, True]


def test_blocks_are_kept_for_who_reads_them(node: RegtestNode, events: Events) -> None:
    source = node.services.events()
    position = events.find_position([])
    node.extend(3)
    events.next(position, Wanted())
    assert source.first_held() is None
    batch = events.next(position, Wanted(connected_keys=True))
    assert batch is not None
    first = node.chainstate.tip().height - 2
    assert source.first_held() == first
    events.next(batch.position, Wanted(connected_keys=True), timeout=0)
    assert source.first_held() == first + 3
    events.close()
    wait_until(lambda: source.first_held() is None, "nothing is kept for who is gone")


def test_piece_by_piece(node: RegtestNode, events: Events) -> None:
    position = events.find_position([])
    made = node.extend(10)
    seen: list[Event] = []
    while True:
        batch = events.next(position, Wanted(tip=True), 3, 0.0)
        assert batch is not None
        assert len(batch.events) <= 3
        if not batch.events:
            break
        seen += batch.events
        position = batch.position
    assert told(EventBatch(seen)) == [*connects(made), (EventKind.TIP, made[-1].hash)]
    with pytest.raises((ValueError, IpcError), match="max_events must be at least 1, not 0"):
        events.next(position, ALL, 0)


def test_reorganisation_of_100_blocks(node: RegtestNode, events: Events) -> None:
    position = events.find_position([])
    left = node.extend(100)
    batch = events.next(position, Wanted(), 1000)
    assert batch is not None
    joined = node.extend(101, extra=1, on=node.chainstate.at(0))
    after = events.next(batch.position, Wanted(), 1000)
    assert told(batch) == connects(left)
    assert told(after) == [*disconnects(left), *connects(joined)]


def test_resume_from_a_block_that_left_the_chain(node: RegtestNode, events: Events) -> None:
    """A client that slept through a reorganisation while it was down."""
    left = node.extend(5)
    joined = node.extend(6, extra=1, on=node.chainstate.at(0))
    assert told(events.next(Position(left[2].hash), Wanted())) == [*disconnects(left[:3]), *connects(joined)]


def test_resume_in_the_middle_of_leaving_a_branch(node: RegtestNode, events: Events) -> None:
    position = events.find_position([])
    left = node.extend(4)
    joined = node.extend(5, extra=1, on=node.chainstate.at(0))
    first = events.next(Position(left[-1].hash), Wanted(), 2)
    assert told(first) == disconnects(left[2:])
    assert first is not None
    # The client stands at the parent of the last block that was disconnected.
    assert first.position.block == first.events[-1].previous == left[1].hash
    back = node.extend(2, on=left[-1])
    assert told(events.next(first.position, Wanted())) == connects([*left[2:], *back])
    assert told(events.next(Position(joined[0].hash), Wanted(), 1)) == [(DISCONNECTED, joined[0].hash)]
    assert told(events.next(position, Wanted())) == connects([*left, *back])


def test_unknown_block(node: RegtestNode, events: Events) -> None:
    unknown = bytes([1]) * 32
    shown = "01" * 32
    with pytest.raises(UnknownBlockError, match=f"Block '{shown}' is unknown"):
        events.next(Position(unknown), Wanted())
    with pytest.raises(UnknownBlockError, match=f"None of these blocks is known: '{shown}'"):
        events.find_position([unknown])
    with pytest.raises(UnknownBlockError, match="Block '0102' is unknown"):
        events.next(Position(b"\2\1"), Wanted())
    # A client that listed more finds the last block both know, and goes on there.
    (made,) = node.extend()
    position = events.find_position([unknown, made.hash, made.previous.hash if made.previous else b""])
    assert position == Position(made.hash)


def test_wait(node: RegtestNode, events: Events) -> None:
    position = events.find_position([])
    later(node.extend)
    assert len(told(events.next(position, Wanted()))) == 1
    assert told(events.next(events.find_position([]), Wanted(), 100, 20.0)) == []


def test_interrupt(events: Events) -> None:
    position = events.find_position([])
    later(events.interrupt)
    assert events.next(position, Wanted()) is None
    events.interrupt()
    wait_until(lambda: events.next(position, Wanted(), 1, 0.0) is None, "the interrupt came")
    assert told(events.next(position, Wanted(), 1, 10.0)) == []


def test_waits_end_with_the_node(node: RegtestNode, events: Events) -> None:
    later(node.services.interrupt)
    assert events.next(events.find_position([]), Wanted()) is None


def test_transactions_need_a_mempool(node: RegtestNode) -> None:
    source = EventSource(node.chainstate)
    events = LocalEvents(source, node.services.deliveries)
    for ask in (
        lambda: events.next(Position(), Wanted(transactions=True)),
        lambda: events.deliver(Notebook(), Position(), Wanted(transactions=True)),
    ):
        with pytest.raises(NotServedError, match="of transactions is not served by pynode yet"):
            ask()
    source.close()


class Notebook(EventReceiver):
    """Writes down what it receives."""

    def __init__(self) -> None:
        self.told: list[tuple[EventKind, bytes]] = []
        self.reasons: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.entered = 0

    def receive(self, batch: EventBatch) -> None:
        self.entered += 1
        self.go_on.wait(20)
        self.told += told(batch)

    def ended(self, reason: str) -> None:
        self.reasons.append(reason)


def test_delivery(node: RegtestNode, events: Events) -> None:
    notebook = Notebook()
    with events.deliver(notebook, Position(node.chainstate.tip().hash), Wanted()):
        left = node.extend(3)
        wait_until(lambda: len(notebook.told) == 3, "all were delivered")
        joined = node.extend(4, extra=1, on=node.chainstate.at(0))
        wait_until(lambda: len(notebook.told) == 10, "all were delivered")
    assert notebook.told == [*connects(left), *disconnects(left), *connects(joined)]
    node.extend(1)
    assert not notebook.reasons
    assert len(notebook.told) == 10


def test_delivery_one_call_at_a_time(node: RegtestNode, events: Events) -> None:
    notebook = Notebook()
    notebook.go_on.clear()
    handler = events.deliver(notebook, events.find_position([]), Wanted())
    made = node.extend()
    wait_until(lambda: notebook.entered == 1, "the first call was made")
    made += node.extend(50)
    assert notebook.entered == 1
    notebook.go_on.set()
    wait_until(lambda: len(notebook.told) == 51, "all were delivered")
    assert notebook.told == connects(made)
    assert notebook.entered == 2
    handler.disconnect()
    handler.disconnect()
    handler.close()


def test_delivery_says_why_it_ends(node: RegtestNode, events: Events) -> None:
    with pytest.raises(UnknownBlockError):
        events.deliver(Notebook(), Position(bytes(32)), Wanted())
    notebook = Notebook()
    handler = events.deliver(notebook, events.find_position([]), Wanted())
    node.services.interrupt()
    wait_until(lambda: notebook.reasons == ["The node is shutting down."], "the end was told")
    handler.close()


def test_no_more_than_1000_deliveries(node: RegtestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interfaces.deliveries.MAX_DELIVERIES", 2)
    events = RegtestInit(node).make_events()
    handlers = [events.deliver(Notebook(), events.find_position([]), Wanted()) for _ in range(2)]
    with pytest.raises(RuntimeError, match="More than 2 handlers are connected"):
        events.deliver(Notebook(), events.find_position([]), Wanted())
    for handler in handlers:
        handler.close()


# Clients that misbehave or vanish


def test_delivery_ends_with_its_client(node: RegtestNode, connected: Connected) -> None:
    ipc, init = connected.client()
    events = init.make_events()
    assert events is not None
    handler = events.deliver(Notebook(), events.find_position([]), Wanted())
    wait_until(lambda: len(delivering()) == 1, "the delivery runs")
    ipc.close()
    wait_until(lambda: not delivering(), "the delivery ended")
    node.extend()
    del handler


def delivering() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "node-deliver"]


def test_client_that_never_reads(node: RegtestNode, connected: Connected) -> None:
    """Its receiver never returns and its pulls stay unanswered: others and the chain go on."""
    stuck = Notebook()
    stuck.go_on.clear()
    slow = events_of(connected)
    handler = slow.deliver(stuck, slow.find_position([]), Wanted(connected_data=True))
    position = slow.find_position([])
    other = events_of(connected)
    made = node.extend(200)
    assert told(other.next(position, Wanted(), 1000)) == connects(made)
    assert stuck.entered == 1
    stuck.go_on.set()
    wait_until(lambda: len(stuck.told) == 200, "it got everything once it read")
    assert stuck.told == connects(made)
    handler.close()


def test_subscriber_cancelled_in_its_wait(node: RegtestNode) -> None:
    events = RegtestInit(node).make_events()
    call = Cancellation()
    cancellation.install(call)
    try:
        later(call.cancel)
        assert events.next(events.find_position([]), Wanted()) is None
    finally:
        cancellation.install(None)


def test_100_subscribers_vanish(node: RegtestNode, connected: Connected) -> None:
    position = events_of(connected).find_position([])
    ipcs = []
    for _ in range(100):
        ipc, init = connected.client()
        events = init.make_events()
        assert events is not None
        threading.Thread(target=_wait_in_vain, args=(events, position), daemon=True).start()
        ipcs.append(ipc)
    waits = node.services.events().waits
    wait_until(lambda: len(waits) == 100, "all wait")
    for ipc in ipcs:
        ipc.close()
    wait_until(lambda: len(waits) == 0, "nobody waits")
    made = node.extend(3)
    assert told(events_of(connected).next(position, Wanted())) == connects(made)


def _wait_in_vain(events: Events, position: Position) -> None:
    with pytest.raises(IpcError):
        events.next(position, Wanted())


def test_100_subscribers_get_all(node: RegtestNode, connected: Connected) -> None:
    position = node.services.events().find_position(())
    seen: list[list[tuple[EventKind, bytes]]] = [[] for _ in range(100)]

    def follow(mine: list[tuple[EventKind, bytes]]) -> None:
        events, place = events_of(connected), position
        while len(mine) < 20:
            batch = events.next(place, Wanted())
            assert batch is not None
            mine += told(batch)
            place = batch.position

    threads = [threading.Thread(target=follow, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    made = []
    for _ in range(20):
        made += node.extend()
    for thread in threads:
        thread.join(30)
    assert all(mine == connects(made) for mine in seen)
