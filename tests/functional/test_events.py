"""Followers of a real node lose nothing when either side is killed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block
from running_programs import Programs, wait_for

from cli.program_init import ProgramInit
from interfaces.events import EventKind, Events, Position, UnknownBlockError, Wanted
from interfaces.init import PynodeInit
from interfaces.mining import Mining
from ipc import Ipc


@contextmanager
def reach(programs: Programs) -> Iterator[tuple[Mining, Events, PynodeInit]]:
    with Ipc("follower", sys.argv[0], ProgramInit()) as ipc:
        init = ipc.connect_address(f"unix:{programs.network_dir}/node.sock", PynodeInit)
        assert init is not None
        mining, events = init.make_mining(), init.make_events()
        assert mining is not None
        assert events is not None
        yield mining, events, init


class Branch:
    """Blocks on the first one, each on the one before."""

    def __init__(self, extra: int) -> None:
        self.hashes = [REGTEST_GENESIS_HASH]
        self._extra = extra

    def mine(self, mining: Mining, count: int) -> None:
        for _ in range(count):
            block = build_block(self.hashes[-1], len(self.hashes), extra=self._extra)
            mining.submit_block(block)
            self.hashes.append(block_hash(block))


class Follower:
    """Holds the blocks it was told of, and checks that each fits."""

    def __init__(self) -> None:
        self.chain: list[bytes] = []
        self.position = Position()

    def catch_up(self, events: Events) -> None:
        try:
            events.next(self.position, Wanted(), 1, 0.0)
        except UnknownBlockError:
            # The node lost what it had not written before it was killed.
            self.position = events.find_position(self.chain[::-1])
            while self.chain[-1] != self.position.block:
                self.chain.pop()
        while True:
            batch = events.next(self.position, Wanted(), 7, 0.0)
            assert batch is not None
            if not batch.events:
                return
            for event in batch.events:
                assert event.block is not None
                if event.kind is EventKind.BLOCK_CONNECTED:
                    assert event.previous == (self.chain[-1] if self.chain else b"")
                    self.chain.append(event.block.hash)
                else:
                    assert self.chain.pop() == event.block.hash
            self.position = batch.position


def test_killed_nodes_and_reorganisations(programs: Programs) -> None:
    first, second = Branch(0), Branch(1)
    follower, once = Follower(), Follower()
    node = programs.node("-disablewallet", "-server=0")
    with reach(programs) as (mining, events, _):
        first.mine(mining, 30)
        follower.catch_up(events)
        once.catch_up(events)
        assert follower.chain == first.hashes
    node.kill()
    node.wait()
    node = programs.node("-disablewallet", "-server=0")
    with reach(programs) as (mining, events, _):
        second.mine(mining, 40)
        follower.catch_up(events)
        assert follower.chain == second.hashes
    node.kill()
    node.wait()
    programs.node("-disablewallet", "-server=0")
    with reach(programs) as (mining, events, _):
        again = Branch(0)
        again.mine(mining, 50)
        follower.catch_up(events)
        once.catch_up(events)
        assert follower.chain == once.chain == again.hashes


FOLLOW = """
import sys
from cli.program_init import ProgramInit
from interfaces.events import Position, Wanted
from interfaces.init import PynodeInit
from ipc import Ipc
ipc = Ipc("follower", sys.argv[0], ProgramInit())
events = ipc.connect_address(sys.argv[1], PynodeInit).make_events()
position = events.find_position([])
while True:
    print(position.block.hex(), flush=True)
    position = events.next(position, Wanted()).position
"""


def test_subscribers_killed_in_their_wait(programs: Programs) -> None:
    node = programs.node("-disablewallet", "-server=0")
    address = f"unix:{programs.network_dir}/node.sock"
    followers = [
        subprocess.Popen([sys.executable, "-c", FOLLOW, address], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    branch = Branch(0)
    with reach(programs) as (mining, events, init):
        process = init.make_process()
        assert process is not None
        told = [follower.stdout for follower in followers if follower.stdout is not None]
        assert {line.readline() for line in told} == {f"{REGTEST_GENESIS_HASH.hex()}\n"}
        followers[0].send_signal(signal.SIGSTOP)
        for follower in followers[1:3]:
            follower.kill()
            follower.wait()
        wait_for(lambda: process.get_tree()[0].connections == 3, "the killed ones are gone")
        branch.mine(mining, 20)
        mine = Follower()
        mine.catch_up(events)
        assert mine.chain == branch.hashes
        assert told[3].readline() == f"{branch.hashes[1].hex()}\n"
    for left in (followers[0], followers[3]):
        left.kill()
        left.wait()
    for line in told:
        line.close()
    assert node.poll() is None
