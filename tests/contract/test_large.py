"""Values larger than what is copied or read in one piece arrive whole, in any order and company."""

import asyncio
import threading

import pytest
from conftest import Pair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zoo import Leaf, ZooInit

from ipc import EncodeError, RemoteError, aio
from ipc.capnp import wire

SIZES = st.sampled_from([0, 1, wire.LARGE - 9, wire.LARGE - 1, wire.LARGE, wire.LARGE + 1, 3 * wire.LARGE + 5])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=3))
def test_several_in_one_message(pair: Pair, sizes: list[tuple[int, int]]) -> None:
    leaves = [
        Leaf(name="ä" * (text // 2) + "n", raw=bytes([i]) * data, child=Leaf(name=f"after {i}"), number=i)
        for i, (text, data) in enumerate(sizes)
    ]
    with pair.connect() as init:
        assert init.make_zoo().leaves(leaves) == leaves


def test_kept_values_survive_later_messages(pair: Pair) -> None:
    with pair.connect() as init:
        zoo = init.make_zoo()
        kept = [zoo.data(bytes([i]) * 200_000) for i in range(8)]
        texts = [zoo.maybe_text(chr(65 + i) * 200_000) for i in range(8)]
    assert kept == [bytes([i]) * 200_000 for i in range(8)]
    assert texts == [chr(65 + i) * 200_000 for i in range(8)]


def test_many_connections_at_once_do_not_mix(pair: Pair) -> None:
    wrong: list[int] = []

    def work(i: int) -> None:
        with pair.connect() as init:
            zoo = init.make_zoo()
            for n in range(10):
                data = bytes([i, n]) * (100_000 + 1000 * i)
                if zoo.data(data) != data:
                    wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_too_large_is_refused_and_the_connection_lives(pair: Pair) -> None:
    with pair.connect() as init:
        zoo = init.make_zoo()
        with pytest.raises(EncodeError, match="words is too large"):
            zoo.data(bytes(wire.MAX_WORDS * 8))
        with pytest.raises(RemoteError, match="words is too large"):
            zoo.huge()
        assert zoo.quick(3) == 252


def test_over_asyncio(pair: Pair) -> None:
    async def main() -> None:
        async with await aio.connect(pair.address.removeprefix("unix:"), ZooInit) as init:
            zoo = await init.make_zoo()
            text = "x" * 300_000
            answers = await asyncio.gather(*(zoo.maybe_text(f"{i}{text}") for i in range(5)))
            assert answers == [f"{i}{text}" for i in range(5)]
            assert await zoo.data(text.encode()) == text.encode()

    asyncio.run(asyncio.wait_for(main(), 30))
