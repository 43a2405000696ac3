"""What libmultiprocess promises of calls, threads and lifetimes, promised here too."""

import gc
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import Pair, wait_until
from rpc_peer import Recorder
from zoo import Counter, Keeper, Leaf, Several, Zoo

from ipc import DisconnectedError, EncodeError, IpcError, RemoteError
from ipc.binding.binding import binding_of
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.calls import Question
from ipc.capnp.capability import Capability, LocalCap
from ipc.capnp.threads import THREAD_MAP_ID, context_caps, make_thread


def test_call_after_close_of_client(pair: Pair) -> None:
    init = pair.connect()
    zoo = init.make_zoo()
    init.close()
    with pytest.raises(DisconnectedError, match=r"^IPC client method called after disconnect\.$"):
        zoo.several()
    with pytest.raises(IpcError):
        init.make_zoo()
    init.close()


def test_call_after_close_of_server(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    pair.server.close()
    with pytest.raises(DisconnectedError):
        zoo.several()


def test_disconnect_during_call(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    keeper = pair.keeper_init.zoos[0]

    def disconnect() -> None:
        keeper.blocking.wait()
        pair.server.disconnect_incoming()

    threading.Thread(target=disconnect).start()
    with pytest.raises(DisconnectedError, match=r"^IPC client method call interrupted by disconnect\.$"):
        zoo.block()
    assert keeper.canceled.wait(10)


def test_client_gone_during_blocking_wait(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    init = pair.connect()
    zoo = init.make_zoo()
    keeper = pair.keeper_init.zoos[0]
    failed = []

    def call() -> None:
        try:
            zoo.block()
        except DisconnectedError as error:
            failed.append(str(error))

    with caplog.at_level(logging.INFO, "ipc"):
        thread = threading.Thread(target=call)
        thread.start()
        assert keeper.blocking.wait(10)
        init.close()
        thread.join(10)
        assert keeper.canceled.wait(10)
        assert keeper.closed.wait(10)
    assert failed == ["IPC client method call interrupted by disconnect."]
    wait_until(lambda: "interrupted (canceled)" in caplog.text, "logged")
    assert "canceled while executing" in caplog.text
    assert "IPC server: socket disconnected" in caplog.text


def test_calls_of_one_thread_run_in_order(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    results = [zoo.count() for _ in range(5)]
    assert results == [1, 2, 3, 4, 5]


def raw(zoo: Any, name: str, thread: LocalCap | Capability | None) -> Question:
    """Send a call without waiting for its answer, to be run by `thread`, or by the pool if None."""
    session = zoo._session
    method = binding_of(Zoo).methods[name]
    context = context_caps(session.connection, session._waiter())
    caps: list[Capability | None] = [context[0] if thread is OWN else thread, context[1]]
    buffer = method.begin_call((), session.give(caps))
    question = Question(lambda: None)
    session.rpc.start_call(zoo._capability, method.schema.interface_id, method.schema.ordinal, buffer, caps, question)
    session.connection.flush()
    return question


OWN = LocalCap(Recorder())


def test_three_calls_at_once_on_one_thread_run_in_order(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    questions = [raw(zoo, "count", OWN) for _ in range(3)]
    wait_until(lambda: all(question.done for question in questions), "all were answered")
    keeper = pair.keeper_init.zoos[0]
    assert keeper.order == [1, 2, 3]
    assert keeper.most_running == 1


def test_thread_that_is_none_of_the_servers(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    zoo = pair.connect().make_zoo()
    question = raw(zoo, "count", LocalCap(Recorder()))
    wait_until(lambda: question.done, "it was answered")
    assert isinstance(question.error, RemoteError)
    assert question.error.description == "std::exception: invalid thread handle"
    assert "missing thread to execute request" in caplog.text


def test_call_without_thread_goes_to_the_pool_if_there_is_one(pair: Pair) -> None:
    zoo: Any = pair.connect().make_zoo()
    question = raw(zoo, "count", None)
    wait_until(lambda: question.done, "it was answered")
    assert str(question.error) == "no thread specified and no pool configured"
    session = zoo._session
    buffer = m.begin_call(THREAD_MAP_ID, 1)
    buffer[wire.put_struct(buffer, m.CALL_CONTENT, 1, 0)] = 2
    made = Question(lambda: None)
    session.rpc.start_call(session.connection.thread_map, THREAD_MAP_ID, 1, buffer, (), made)
    questions = [raw(zoo, "count", None) for _ in range(3)]
    wait_until(lambda: all(question.done for question in questions), "all were answered")
    assert [question.error for question in (made, *questions)] == [None] * 4
    assert pair.keeper_init.zoos[0].most_running == 2


def test_client_gone_while_its_thread_is_being_made(pair: Pair) -> None:
    """The worker must neither start to work for nobody nor be left behind."""
    for _ in range(20):
        init: Any = pair.connect()
        make_thread(init._session.connection, "short")
        init.close()


def test_server_gone_at_each_moment_of_a_call(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    keeper = pair.keeper_init.zoos[0]

    def leave() -> Several:
        pair.server.disconnect_incoming()
        return Several("nobody hears", 0)

    keeper.several = leave  # type: ignore[method-assign]
    with pytest.raises(DisconnectedError, match=r"^IPC client method call interrupted by disconnect\.$"):
        zoo.several()
    assert keeper.closed.wait(10)


def test_object_the_server_keeps_is_closed_after_its_client_went(pair: Pair) -> None:
    """The server's proxy, whose end would be a call to a client that is gone, ends quietly."""
    init = pair.connect()
    zoo, counter = init.make_zoo(), Counter()
    zoo.keep(counter)
    keeper = pair.keeper_init.zoos[0]
    kept = keeper.kept
    assert kept is not None
    init.close()
    assert counter.closed.wait(10)
    wait_until(keeper.closed.is_set, "the zoo was closed")
    kept.close()
    with pytest.raises(IpcError):
        kept.visit("nobody")
    keeper.kept = None
    del zoo


def test_calls_of_many_threads_run_at_once(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    threads = [threading.Thread(target=zoo.count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pair.keeper_init.zoos[0].order) == 8
    assert pair.keeper_init.zoos[0].most_running > 1


def test_callback_runs_on_the_calling_thread(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    counter = Counter()
    zoo.visit(counter, "main")
    thread = threading.Thread(target=lambda: zoo.visit(counter, "other"), name="caller")
    thread.start()
    thread.join()
    assert counter.threads == [threading.current_thread().name, "caller"]


def test_callback_outside_a_call_runs_on_a_worker(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    counter = Counter()
    zoo.keep(counter)
    kept = pair.keeper_init.zoos[0].kept
    assert kept is not None
    done = []
    thread = threading.Thread(target=lambda: done.append(kept.visit("later")))
    thread.start()
    thread.join(10)
    assert done == [1]
    pair.keeper_init.zoos[0].kept = None


class Recursive(Counter):
    """Calls back while it is called back."""

    def __init__(self, zoo: Zoo, depth: int) -> None:
        super().__init__()
        self._zoo = zoo
        self._depth = depth

    def visit(self, name: str) -> int:
        super().visit(name)
        if len(name) < self._depth:
            return self._zoo.visit(self, name + "x")
        return len(name)


def test_nested_calls_back_and_forth(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    recursive = Recursive(zoo, 20)
    assert zoo.visit(recursive, "x") == 20
    assert set(recursive.threads) == {threading.current_thread().name}


def test_object_is_closed_when_its_client_closes_it(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    zoo.close()
    assert pair.keeper_init.zoos[0].closed.is_set()
    zoo.close()
    with pytest.raises(IpcError, match="closed"):
        zoo.several()


def test_object_is_closed_when_its_client_forgets_it(pair: Pair) -> None:
    init = pair.connect()
    zoo: Zoo | None = init.make_zoo()
    assert zoo is not None
    del zoo
    gc.collect()
    assert pair.keeper_init.zoos[0].closed.wait(10)


def test_object_is_closed_when_its_client_goes(pair: Pair) -> None:
    init = pair.connect()
    zoo = init.make_zoo()
    init.close()
    assert pair.keeper_init.zoos[0].closed.wait(10)
    del zoo


def test_callback_object_is_closed_when_the_server_lets_go(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    counter = Counter()
    zoo.keep(counter)
    assert not counter.closed.is_set()
    zoo.keep(None)
    assert counter.closed.wait(10)


def test_undeclared_exception(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    with pytest.raises(RemoteError, match=r"^as nobody declared$") as caught:
        zoo.fail("value")
    assert caught.value.description == "std::exception: as nobody declared"
    assert zoo.fail("1") == 1


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (Leaf(count=2**15), "value: Leaf.count must be from -32768 to 32767, not 32768"),
        (Leaf(name=5), "value: Leaf.name must be a str, not 5"),  # type: ignore[arg-type]
        (Leaf(color="red"), "value: Leaf.color must be a Color, not 'red'"),  # type: ignore[arg-type]
        (Leaf(raw="text"), "value: Leaf.raw must be bytes, not 'text'"),  # type: ignore[arg-type]
        (Leaf(child=7), "value: Leaf.child must be a Leaf, not 7"),  # type: ignore[arg-type]
        ("leaf", "value must be a Leaf, not 'leaf'"),
        (None, "value must be given, not None"),
    ],
)
def test_wrong_argument_is_named(pair: Pair, leaf: Leaf, message: str) -> None:
    zoo = pair.connect().make_zoo()
    with pytest.raises(EncodeError) as caught:
        zoo.leaf(leaf)
    assert str(caught.value) == f"Zoo.leaf: argument {message}"
    assert zoo.leaf(Leaf()) == Leaf()


def test_wrong_result_is_an_error_of_the_call(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    keeper = pair.keeper_init.zoos[0]
    keeper.several = lambda: Several("too much", 2**40)  # type: ignore[method-assign]
    with pytest.raises(RemoteError, match="code must be from"):
        zoo.several()


def test_disconnect_incoming_leaves_others_alone(pair: Pair) -> None:
    first, second = pair.connect(), pair.connect()
    zoo = first.make_zoo()
    pair.server.disconnect_incoming()
    assert pair.keeper_init.zoos[0].closed.is_set()
    for call in (zoo.several, second.make_zoo):
        with pytest.raises(DisconnectedError):
            call()
    assert pair.connect().make_zoo().several().code == 7


def test_calls_that_run_are_answered_before_the_end(pair: Pair) -> None:
    """Fifty clients each end the server by a call, and each hears the answer."""
    for size in range(50):
        init = pair.connect()
        zoo = init.make_zoo()
        asked = threading.Event()

        def data(value: bytes, asked: threading.Event = asked) -> bytes:
            asked.set()
            return value * 10_000

        pair.keeper_init.zoos[-1].data = data  # type: ignore[method-assign]
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(zoo.data, bytes(size))
            asked.wait()
            pair.server.disconnect_incoming(10)
            assert answer.result() == bytes(size * 10_000)
        with pytest.raises(DisconnectedError):
            zoo.several()


def test_calls_that_do_not_end_are_waited_for_no_longer_than_asked(pair: Pair) -> None:
    zoo = pair.connect().make_zoo()
    keeper = pair.keeper_init.zoos[0]
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(zoo.block)
        keeper.blocking.wait()
        start = time.monotonic()
        pair.server.disconnect_incoming(0.2)
        assert 0.2 <= time.monotonic() - start < 5
        with pytest.raises(DisconnectedError):
            answer.result()
    assert keeper.canceled.wait(20)


def test_proxy_passed_on_to_a_third_process(pair: Pair) -> None:
    """A visitor of one connection is handed to a zoo on another."""
    first, second = pair.connect().make_zoo(), pair.connect().make_zoo()
    visitor = first.make_visitor()
    assert second.visit(visitor, "across") == 1
    assert pair.keeper_init.zoos[0].visitors[0].names == ["across"]


def test_cleanups_run_once_at_the_end(pair: Pair) -> None:
    ran = []
    init = pair.connect()
    zoo, other = init.make_zoo(), init.make_zoo()
    pair.client.add_cleanup(zoo, lambda: ran.append("zoo"))
    pair.client.add_cleanup(other, lambda: ran.append("other"))
    zoo.close()
    assert ran == ["zoo"]
    pair.server.disconnect_incoming()
    wait_until(lambda: ran == ["zoo", "other"], "the other cleanup ran")
    other.close()
    assert ran == ["zoo", "other"]


def test_no_objects_remain(pair: Pair) -> None:
    with pair.connect() as init:
        for _ in range(50):
            init.make_zoo().make_visitor()
        gc.collect()
        zoos = pair.keeper_init.zoos
        wait_until(lambda: all(zoo.closed.is_set() for zoo in zoos), "zoos were closed")
        wait_until(lambda: all(v.closed.is_set() for zoo in zoos for v in zoo.visitors), "visitors were closed")


def test_keeper_is_a_zoo() -> None:
    assert isinstance(Keeper(), Zoo)
