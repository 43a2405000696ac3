"""Every kind of message against pycapnp's RPC, as client and as server, in another process."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from zoo import Color, Counter, KeeperInit, Leaf, Visitor, Zoo, ZooInit

from ipc import Ipc, IpcError, RemoteError
from ipc.binding.binding import binding_of
from ipc.binding.method import BoundMethod
from ipc.capnp.calls import Question
from ipc.capnp.capability import Capability
from ipc.capnp.schema import SCHEMA_DIR
from ipc.capnp.threads import context_caps

TESTS = Path(__file__).parent.parent
PRELUDE = f"""
import asyncio, sys
import capnp
zoo = capnp.load({str(TESTS / "zoo.capnp")!r}, imports=[{str(SCHEMA_DIR)!r}])
proxy = capnp.load({str(SCHEMA_DIR / "proxy.capnp")!r}, imports=[{str(SCHEMA_DIR)!r}])
path = sys.argv[1]
"""
CLIENT = (
    PRELUDE
    + """
class Visitor(zoo.Visitor.Server):
    async def visit(self, name, **_):
        return len(name)

class Threads(proxy.ThreadMap.Server):
    async def makeThread(self, name, **_):
        return Thread()

class Thread(proxy.Thread.Server):
    async def getName(self, **_):
        return "mine"

async def main():
    stream = await capnp.AsyncIoStream.create_unix_connection(path)
    client = capnp.TwoPartyClient(stream)
    init = client.bootstrap().cast_as(zoo.ZooInit)
    # Pipelined: nothing is waited for until the first answer is needed.
    threads = init.construct(Threads()).threadMap
    thread = threads.makeThread("pycapnp").result
    context = {"thread": thread, "callbackThread": Thread()}
    z = init.makeZoo(context).result
    leaf = (await z.leaf(context, {"name": "x", "count": 5, "child": {"name": "y"}})).result
    assert (leaf.name, leaf.count, leaf.child.name, leaf.color) == ("x", 5, "y", "darkGreen"), leaf
    assert list((await z.ints(context, [1, -2])).result) == [1, -2]
    assert list((await z.colors(context, ["red", "darkGreen"])).result) == ["red", "darkGreen"]
    assert (await z.quick(3)).result == 252
    # Three calls at once on one thread run one after the other.
    three = await asyncio.gather(*(z.count(context) for _ in range(3)))
    assert [one.result for one in three] == [1, 2, 3]
    assert "pycapnp" in (await thread.getName()).result
    # A callback, and an object of ours that comes back and is called by way of the server.
    assert (await z.visit(context, Visitor(), "four")).result == 4
    back = z.same(context, Visitor()).result
    assert (await back.visit(context, "123456")).result == 6
    visitor = (await z.makeVisitor(context)).result
    assert (await visitor.visit(context, "x")).result == 1
    assert (await z.visit(context, visitor, "y")).result == 2
    assert (await z.data(context, bytes(300000))).result == bytes(300000)
    failed = await z.fail(context, "failed")
    assert failed.failed == "as declared", failed
    for call, text in (
        (lambda: z.fail(context, "value"), "std::exception: as nobody declared"),
        (lambda: z.several({}), "no thread specified and no pool configured"),
        (lambda: z.several({"thread": Thread()}), "invalid thread handle"),
        (lambda: z.obsoleteFeed(context), "not implemented"),
        (lambda: init.cast_as(zoo.Zoo).several(context), "not implemented"),
    ):
        try:
            await call()
        except capnp.KjException as error:
            assert text in str(error), error
        else:
            raise AssertionError(text)
    await threads.makePool(2)
    assert (await z.several({})).code == 7
    try:
        await threads.makePool(2)
    except capnp.KjException as error:
        assert "existing pool" in str(error), error
    # A call that is dropped is cancelled.
    waiting = asyncio.ensure_future(z.block(context))
    await asyncio.sleep(0.1)
    waiting.cancel()
    assert (await z.quick(0)).result == 255
    await z.destroy(context)
    print("done")

asyncio.run(capnp.run(main()))
"""
)
ALL_AT_ONCE = (
    PRELUDE
    + """
class Visitor(zoo.Visitor.Server):
    def __init__(self):
        self.names = []

    async def visit(self, name, **_):
        self.names.append(name)
        return len(self.names)

async def main():
    stream = await capnp.AsyncIoStream.create_unix_connection(path)
    init = capnp.TwoPartyClient(stream).bootstrap().cast_as(zoo.ZooInit)
    # As Core's functional tests do: each answer is dropped, and so finished, before it has come.
    context = proxy.Context()
    context.thread = init.construct().threadMap.makeThread("pythread").result
    z = init.makeZoo(context).result
    assert (await z.several(context)).code == 7
    assert (await init.makeZoo(context).result.makeVisitor(context).result.visit(context, "x")).result == 1
    # An object of ours by way of the server and, once it is known, directly: an embargo keeps the order.
    visitor = Visitor()
    same = z.same(context, visitor)
    back = same.result
    early = [back.visit(context, name) for name in ("a", "b")]
    await same
    late = back.visit(context, "c")
    results = [(await one).result for one in (*early, late)]
    assert (results, visitor.names) == ([1, 2, 3], ["a", "b", "c"]), (results, visitor.names)
    # What fails fails alone, and whatever was to be made of it.
    lost = z.same(context).result.visit(context, "nobody")
    try:
        await lost
    except capnp.KjException:
        pass
    else:
        raise AssertionError(lost)
    assert (await z.quick(1)).result == 254
    print("done")

asyncio.run(capnp.run(main()))
"""
)
SERVER = (
    PRELUDE
    + """
class Visitor(zoo.Visitor.Server):
    async def visit(self, name, **_):
        return len(name) + 100

class Thread(proxy.Thread.Server):
    async def getName(self, **_):
        return "theirs"

class Threads(proxy.ThreadMap.Server):
    async def makeThread(self, name, **_):
        return Thread()

class Zoo(zoo.Zoo.Server):
    async def leaf(self, value, **_):
        return value
    async def texts(self, value, **_):
        return value
    async def maybe(self, value, hasValue, **_):
        return value, hasValue
    async def several(self, **_):
        return "capnp", 3
    async def visit(self, visitor, name, context, **_):
        return (await visitor.visit({"thread": context.callbackThread}, name)).result
    async def same(self, visitor, **_):
        return visitor
    async def makeVisitor(self, **_):
        return Visitor()
    async def fail(self, how, _context, **_):
        if how == "failed":
            _context.results.failed = "from far"
        else:
            raise ValueError("broken")
    async def block(self, **_):
        await asyncio.sleep(30)
    async def quick(self, value, **_):
        return value
    async def data(self, value, **_):
        return value

class Init(zoo.ZooInit.Server):
    async def construct(self, threadMap, **_):
        return Threads()
    async def makeZoo(self, **_):
        return Zoo()

async def serve(stream):
    await capnp.TwoPartyServer(stream, bootstrap=Init()).on_disconnect()

async def main():
    server = await capnp.AsyncIoStream.create_unix_server(serve, path)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()

asyncio.run(capnp.run(main()))
"""
)


def test_pycapnp_as_client(tmp_path: Path) -> None:
    init = KeeperInit()
    with Ipc("pynode", sys.argv[0], init, data_dir=tmp_path) as server:
        path = server.listen_address("unix").removeprefix("unix:")
        script = textwrap.dedent(CLIENT)
        found = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, timeout=50, check=False
        )
        assert found.stdout == "done\n", found.stderr
        assert init.zoos[0].most_running == 1
        assert init.zoos[0].canceled.wait(10)
        assert init.zoos[0].closed.wait(10)


def test_pycapnp_as_client_that_waits_for_nothing_but_the_end(tmp_path: Path) -> None:
    with Ipc("pynode", sys.argv[0], KeeperInit(), data_dir=tmp_path) as server:
        path = server.listen_address("unix").removeprefix("unix:")
        found = subprocess.run(
            [sys.executable, "-c", ALL_AT_ONCE, path], capture_output=True, text=True, timeout=50, check=False
        )
        assert found.stdout == "done\n", found.stderr


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[ZooInit]:
    path = tmp_path / "peer.sock"
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        with Ipc("pyclient", sys.argv[0], KeeperInit(), data_dir=tmp_path) as client:
            init = client.connect_address(f"unix:{path}", ZooInit)
            assert init is not None
            yield init
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_pycapnp_as_server(peer: ZooInit) -> None:
    zoo = peer.make_zoo()
    leaf = Leaf("x", 0.5, Color.RED, 7, child=Leaf("y"), raw=b"raw", big=2**63, number=4)
    assert zoo.leaf(leaf) == leaf
    assert zoo.texts([["a"], [], ["b", ""]]) == [["a"], [], ["b", ""]]
    assert zoo.maybe(None) is None
    assert zoo.maybe(0) == 0
    assert zoo.several().text == "capnp"
    assert zoo.quick(9) == 9
    assert zoo.data(bytes(500_000)) == bytes(500_000)
    counter = Counter()
    assert zoo.visit(counter, "me") == 1
    assert zoo.same(counter) is counter
    visitor = zoo.make_visitor()
    assert visitor.visit("abc") == 103
    assert zoo.same(visitor).visit("ab") == 102
    with pytest.raises(Exception, match="from far"):
        zoo.fail("failed")
    with pytest.raises(RemoteError, match="broken"):
        zoo.fail("value")
    with pytest.raises(IpcError):
        zoo.bools([True])
    assert zoo.quick(1) == 1


def test_calls_to_an_object_of_ours_by_way_of_pycapnp(peer: ZooInit) -> None:
    """Called through results that have not come, it is called back by a tail call, and by itself after an embargo."""
    zoo: Any = peer.make_zoo()
    session = zoo._session
    counter = Counter()

    def ask(target: Capability, method: BoundMethod, *arguments: object) -> Question:
        theirs, ours = context_caps(session.connection, session._waiter())
        caps: list[Capability | None] = [theirs if target is zoo._capability else ours, ours]
        buffer = method.begin_call(arguments, session.give(caps))
        question = Question(session.connection.notifier(session._waiter()))
        ids = (method.schema.interface_id, method.schema.ordinal)
        session.rpc.start_call(target, *ids, buffer, caps, question)
        return question

    same, visit = binding_of(Zoo).methods["same"], binding_of(Visitor).methods["visit"]
    first = ask(zoo._capability, same, counter)
    with session.rpc.lock:
        promise = session.rpc.pipeline(first, (0,))
    early = [ask(promise, visit, name) for name in ("a", "b")]
    session._wait(first, session._waiter())
    late = ask(promise, visit, "c")
    results = []
    for question in (*early, late):
        message, payload = session._wait(question, session._waiter())
        results.append(visit.read_results(message, payload, session.take(question)))
    assert results == [1, 2, 3]
    assert counter.names == ["a", "b", "c"]
    assert zoo.quick(1) == 1
