"""A node on regtest in this process, without its program: chain, events and interfaces."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from block_factory import block_hash, build_block
from mempool_chain import MempoolChain

from cli.program_init import ProgramInit
from common.chains import REGTEST
from interfaces.chain import Chain
from interfaces.events import Events
from interfaces.init import PynodeInit
from interfaces.mining import Mining
from interfaces.node import Node
from ipc import Ipc
from node.block_tree import BlockEntry
from node.chain import LocalChain
from node.chainstate import Chainstate
from node.context import NodeContext
from node.events import LocalEvents
from node.indexes.indexes import Indexes, IndexOptions, SnapshotChain
from node.mining import LocalMining
from node.node import LocalNode
from node.policy.options import MempoolOptions
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from node.services import NodeServices
from node.validated_chain import ValidatedChain


@dataclass
class RegtestNode:
    """Its parts, and blocks made on demand."""

    chainstate: Chainstate
    services: NodeServices
    mempool: MempoolChain
    """Transactions and the blocks that hold them, on the same chain."""
    stopped: threading.Event = field(default_factory=threading.Event)

    def extend(self, count: int = 1, *, extra: int = 0, on: BlockEntry | None = None) -> list[BlockEntry]:
        """Add blocks on the tip or another block; another `extra` makes others. Return them."""
        base = on if on is not None else self.chainstate.tip()
        made = []
        for _ in range(count):
            block = build_block(base.hash, base.height + 1, extra=extra)
            self.chainstate.process_block(block)
            added = self.chainstate.entry(block_hash(block))
            assert added is not None
            base = added
            made.append(base)
        return made


class RegtestInit(ProgramInit):
    """Offers what the node has."""

    def __init__(self, node: RegtestNode) -> None:
        super().__init__()
        self._node = node

    def make_mining(self) -> Mining:
        return LocalMining(self._node.services.node())

    def make_events(self) -> Events:
        return LocalEvents(self._node.services.events(), self._node.services.deliveries)

    def make_node(self) -> Node:
        return LocalNode(self._node.services)

    def make_chain(self) -> Chain:
        return LocalChain(self._node.services)


def failed(reason: str) -> None:
    raise AssertionError(reason)


@dataclass
class Connected:
    """Programs that reach a node over a socket."""

    address: str
    clients: list[Ipc] = field(default_factory=list)

    def client(self) -> tuple[Ipc, PynodeInit]:
        """Connect another one."""
        ipc = Ipc("pyclient", sys.argv[0], ProgramInit())
        self.clients.append(ipc)
        init = ipc.connect_address(self.address, PynodeInit)
        assert init is not None
        return ipc, init


@contextmanager
def connected_to(node: RegtestNode, folder: Path) -> Iterator[Connected]:
    """Serve a node on a socket in a folder."""
    with Ipc("pynode", sys.argv[0], RegtestInit(node), data_dir=folder) as server:
        connected = Connected(server.listen_address("unix"))
        try:
            yield connected
        finally:
            for ipc in connected.clients:
                ipc.close()
            node.services.interrupt()


@contextmanager
def regtest_node(network_dir: Path) -> Iterator[RegtestNode]:
    """Open a chain in a folder and close everything again."""
    chainstate = Chainstate(network_dir, REGTEST)
    stopped = threading.Event()
    snapshot = SnapshotChain(ValidatedChain(chainstate), chainstate.snapshot_base)
    indexes = Indexes(network_dir / "indexes", REGTEST.name, chainstate, IndexOptions(filters=True), failed, snapshot)
    indexes.start()
    rpc = RpcServer(full_table())
    services = NodeServices(lambda: rpc, stopped.set, stopped.is_set)
    mempool = MempoolChain(chainstate, MempoolOptions())
    context = NodeContext(
        REGTEST,
        chainstate,
        network_dir,
        stopped.set,
        mempool.clock,
        indexes=indexes,
        mempool=mempool.pool,
        acceptance=mempool.acceptance,
    )
    rpc.finish_warmup(context)
    services.loaded(context)
    try:
        yield RegtestNode(chainstate, services, mempool, stopped)
    finally:
        services.close()
        mempool.follower.close()
        indexes.stop()
        chainstate.close()
