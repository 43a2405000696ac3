"""The asyncio client and server keep the promises of the threaded ones."""

import asyncio
import gc
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from conftest import Pair, wait_until
from zoo import Counter, DetailedError, FailedError, Keeper, KeeperInit, Leaf, Several, Zoo, ZooInit

from ipc import AddressError, DisconnectedError, IpcError, RemoteError, aio


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 30))


def path_of(pair: Pair) -> str:
    return pair.address.removeprefix("unix:")


def test_client_calls_threaded_server(pair: Pair) -> None:
    async def main() -> None:
        async with await aio.connect(path_of(pair), ZooInit) as init:
            zoo = await init.make_zoo()
            leaf = Leaf("x", 1.5, child=Leaf("y"))
            assert await zoo.leaf(leaf) == leaf
            assert await zoo.several() == Several("seven", 7)
            assert await zoo.quick(0) == 255
            with pytest.raises(FailedError, match="as declared"):
                await zoo.fail("failed")
            with pytest.raises(DetailedError):
                await zoo.fail("detailed")
            with pytest.raises(RemoteError, match="as nobody declared"):
                await zoo.fail("value")
            await zoo.close()
            assert pair.keeper_init.zoos[0].closed.is_set()
            with pytest.raises(IpcError):
                await zoo.several()

    run(main())


def test_a_long_wait_blocks_no_other_call(pair: Pair) -> None:
    async def main() -> None:
        async with await aio.connect(path_of(pair), ZooInit) as init:
            zoo = await init.make_zoo()
            waiting = asyncio.create_task(zoo.block())
            assert await asyncio.gather(*(zoo.maybe(i) for i in range(300))) == list(range(300))
            assert not waiting.done()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    run(main())
    assert pair.keeper_init.zoos[0].canceled.wait(10)


def test_an_answer_that_came_before_the_end_is_given(pair: Pair) -> None:
    async def main() -> None:
        async with await aio.connect(path_of(pair), ZooInit) as init:
            zoo = await init.make_zoo()
            answered = asyncio.create_task(zoo.count())
            await asyncio.sleep(0)
            # Meanwhile the event loop reads nothing, and then it writes first.
            wait_until(lambda: pair.keeper_init.zoos[0].order == [1], "the call runs")
            pair.server.disconnect_incoming(10)
            late = asyncio.create_task(zoo.count())
            await asyncio.sleep(0)
            assert await answered == 1
            with pytest.raises(DisconnectedError):
                await late

    run(main())


def test_callbacks(pair: Pair) -> None:
    class AsyncCounter(Counter):
        async def visit(self, name: str) -> int:  # type: ignore[override]
            await asyncio.sleep(0)
            return super().visit(name)

    async def main() -> None:
        async with await aio.connect(path_of(pair), ZooInit) as init:
            zoo = await init.make_zoo()
            counter = AsyncCounter()
            assert await zoo.visit(counter, "a") == 1
            assert await zoo.visit(Counter(), "b") == 1
            assert await zoo.same(counter) is counter
            visitor = await zoo.make_visitor()
            assert await visitor.visit("x") == 1
            assert await zoo.visit(visitor, "y") == 2

    run(main())


def test_server_gone(pair: Pair) -> None:
    async def main() -> None:
        async with await aio.connect(path_of(pair), ZooInit) as init:
            zoo = await init.make_zoo()
            waiting = asyncio.create_task(zoo.block())
            await asyncio.to_thread(pair.keeper_init.zoos[0].blocking.wait)
            await asyncio.to_thread(pair.server.disconnect_incoming)
            with pytest.raises(DisconnectedError, match="interrupted by disconnect"):
                await waiting
            with pytest.raises(DisconnectedError):
                await zoo.several()

    run(main())


def test_nobody_listens(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(AddressError, match="No such file"):
            await aio.connect(tmp_path / "nobody.sock", ZooInit)

    run(main())


class AsyncKeeper(Keeper):
    async def block(self) -> bool:  # type: ignore[override]
        self.blocking.set()
        try:
            await asyncio.sleep(30)
        finally:
            self.canceled.set()
        return True

    async def visit(self, visitor: Any, name: str) -> int:  # type: ignore[override]
        return -1 if visitor is None else await visitor.visit(name)


class AsyncKeeperInit(KeeperInit):
    def make_zoo(self) -> Zoo:
        self.zoos.append(AsyncKeeper())
        return self.zoos[-1]


def test_server_serves_threaded_client(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "async.sock"
    init = AsyncKeeperInit()

    def client() -> None:
        first = pair.client.connect_address(f"unix:{path}", ZooInit)
        assert first is not None
        with first:
            zoo = first.make_zoo()
            assert zoo.ints([1, 2]) == [1, 2]
            counter = Counter()
            assert zoo.visit(counter, "a") == 1
            assert zoo.visit(None, "a") == -1
            with pytest.raises(FailedError):
                zoo.fail("failed")
            with pytest.raises(RemoteError, match="as nobody declared"):
                zoo.fail("value")
            zoo.close()
            assert init.zoos[0].closed.is_set()
            other: Zoo | None = first.make_zoo()
            assert other is not None
            del other
            gc.collect()
            wait_until(init.zoos[1].closed.is_set, "the forgotten zoo was closed")

    async def main() -> None:
        async with await aio.serve(path, init):
            await asyncio.to_thread(client)
        assert not path.exists()

    run(main())


def test_server_cancels_the_calls_of_who_goes(tmp_path: Path) -> None:
    path = tmp_path / "async.sock"
    init = AsyncKeeperInit()

    async def main() -> None:
        async with await aio.serve(path, init):
            async with await aio.connect(path, ZooInit) as first:
                zoo = await first.make_zoo()
                waiting = asyncio.create_task(zoo.block())
                while not (init.zoos and init.zoos[0].blocking.is_set()):
                    await asyncio.sleep(0.01)
            with pytest.raises(DisconnectedError):
                await waiting
            while not (init.zoos[0].canceled.is_set() and init.zoos[0].closed.is_set()):
                await asyncio.sleep(0.01)

    run(main())


def test_a_server_has_a_bound_and_more_clients_wait(tmp_path: Path, no_leaks: None) -> None:  # noqa: ARG001
    async def main() -> None:
        path = tmp_path / "node.sock"
        async with await aio.serve(path, KeeperInit(), max_connections=1):
            async with await aio.connect(path, ZooInit) as first:
                zoo = await first.make_zoo()
                second = asyncio.create_task(aio.connect(path, ZooInit))
                assert await zoo.quick(1) == 254
                await asyncio.sleep(0.05)
                assert not second.done()
            async with await second as init:
                assert await (await init.make_zoo()).quick(2) == 253

    run(main())


@pytest.mark.usefixtures("no_leaks")
def test_a_server_refuses_other_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ipc import addresses

    stranger = 54321
    monkeypatch.setattr(addresses, "peer_uid", lambda _: stranger)

    async def main() -> None:
        path = tmp_path / "node.sock"
        async with await aio.serve(path, KeeperInit()):
            with pytest.raises(IpcError):
                await aio.connect(path, ZooInit)
        async with await aio.serve(path, KeeperInit(), allowed_uids=[stranger]):
            assert path.stat().st_mode & 0o777 == 0o666
            async with await aio.connect(path, ZooInit) as init:
                assert await (await init.make_zoo()).quick(1) == 254

    run(main())
