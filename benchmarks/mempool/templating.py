"""What templates cost: of a mempool that changed and of one that did not, and how soon those who wait get the next."""

from __future__ import annotations

import statistics
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.mempool.admitting import AS_ON_MAIN, load_chain
from benchmarks.mempool.caller import Caller
from benchmarks.mempool.payments import RecentChain, payments
from benchmarks.node.figures import ratios, tell
from benchmarks.node.programs import core_node, pynode, reach, running
from interfaces.mining import BlockCreateOptions, BlockWaitOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.node.programs import Program
    from interfaces.mining import Mining

_COUNT: Final = 5000
_TEMPLATES: Final = 10
_REPEATS: Final = 500
_WAITERS: Final = 50
_TIPS: Final = 10
_OPTIONS: Final = BlockCreateOptions()


@dataclass(frozen=True, slots=True)
class _Taken:
    """Seconds, each the median of several."""

    built: float
    """A template after one more transaction came in."""
    again: float
    """A template after nothing happened."""
    echo: float
    empty_alone: float
    """From the submission of a block to the next template, of the only one who waits, nothing in the mempool."""
    empty_last: float
    """The same of the last of many."""
    alone: float
    """As before, with all transactions in the mempool."""
    last: float


def measure(rounds: int) -> None:
    """Print the figures."""
    chain = RecentChain(_COUNT + _TEMPLATES)
    raw = [each.serialize().hex() for each in payments(chain.coins)]
    leading = list(chain.blocks)
    following = [chain.add().serialize() for _ in range(4 * _TIPS)]
    core = core_node()
    commands = {"pynode": [*pynode(), "-server"]}
    if core is None:
        print("  Bitcoin Core's node is not measured: set BITCOIN_NODE_V32")
    else:
        commands["bitcoin-node"] = [core, *AS_ON_MAIN]
    taken: dict[str, list[_Taken]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            with running(command) as program:
                load_chain(program, leading)
                taken[name].append(_one(program, raw, following))
    print(f"Templates over IPC, {_COUNT} transactions in the mempool (min/median/max of {rounds} rounds)")
    for name, found in taken.items():
        tell(f"createNewBlock, one more transaction, {name}", [each.built * 1e3 for each in found], "ms")
        tell(f"createNewBlock, nothing changed, {name}", [each.again * 1e3 for each in found], "ms")
        tell(f"Echo, {name}", [each.echo * 1e3 for each in found], "ms")
        for who, empty, full in (
            ("one client", [each.empty_alone for each in found], [each.alone for each in found]),
            (f"last of {_WAITERS}", [each.empty_last for each in found], [each.last for each in found]),
        ):
            tell(f"waitNext after a block, {who}, no transactions, {name}", [each * 1e3 for each in empty], "ms")
            tell(f"waitNext after a block, {who}, {name}", [each * 1e3 for each in full], "ms")
    ours = taken["pynode"]
    tell("nothing changed, to Echo", ratios([x.again for x in ours], [x.echo for x in ours]), "times")
    if core is not None:
        theirs = taken["bitcoin-node"]
        tell("one more transaction, more than bitcoin-node", [
            (one.built - other.built) * 1e3 for one, other in zip(ours, theirs, strict=True)
        ], "ms")  # fmt: skip


def _one(program: Program, raw: list[str], following: list[bytes]) -> _Taken:
    with ExitStack() as stack:
        blocks = [following[start : start + _TIPS] for start in range(0, len(following), _TIPS)]
        empty_alone, empty_last = _wait(program, blocks[0], 1), _wait(program, blocks[1], _WAITERS)
        caller = stack.enter_context(Caller(program))
        for each in raw[:_COUNT]:
            caller.send(caller.request("sendrawtransaction", each))
        init = stack.enter_context(reach(program))
        mining, echo = init.make_mining(), init.make_echo()
        assert mining is not None
        assert echo is not None
        built = []
        for each in raw[_COUNT:]:
            caller.send(caller.request("sendrawtransaction", each))
            built.append(_time(lambda: _create(mining)))
        again = [_time(lambda: _create(mining)) for _ in range(_REPEATS)]
        echoes = [_time(lambda: echo.echo("hello")) for _ in range(_REPEATS)]
        alone, last = _wait(program, blocks[2], 1), _wait(program, blocks[3], _WAITERS)
    taken = (built, again, echoes, empty_alone, empty_last, alone, last)
    return _Taken(*(statistics.median(each) for each in taken))


def _create(mining: Mining) -> None:
    assert mining.create_new_block(_OPTIONS, cooldown=False) is not None


def _time(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _wait(program: Program, blocks: list[bytes], clients: int) -> list[float]:
    """Return how long the last of some clients waited for a template after each block was sent."""
    with ExitStack() as stack:
        waiting = [stack.enter_context(reach(program)).make_mining() for _ in range(clients)]
        submitting = stack.enter_context(reach(program)).make_mining()
        assert submitting is not None
        ready = threading.Barrier(clients + 1)
        done = threading.Barrier(clients + 1)
        got: list[float] = [0.0] * clients

        def follow(number: int) -> None:
            mining = waiting[number]
            assert mining is not None
            template = mining.create_new_block(_OPTIONS, cooldown=False)
            for _ in blocks:
                ready.wait()
                assert template is not None
                template = template.wait_next(BlockWaitOptions())
                got[number] = time.perf_counter()
                done.wait()

        threads = [threading.Thread(target=follow, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        taken = []
        for block in blocks:
            ready.wait()
            time.sleep(0.3)
            started = time.perf_counter()
            assert submitting.submit_block(block).result
            done.wait()
            taken.append(max(got) - started)
        for thread in threads:
            thread.join()
    return taken
