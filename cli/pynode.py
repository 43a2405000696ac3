"""`pynode`: the node. Serves its chain to others, and starts a wallet of its own."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from cli.allocator import return_large_blocks
from cli.common_options import CHAIN, HELP, IPC_SERVER, LOGGING, PLACE, SPAWNED
from cli.errors import StartError
from cli.node_options import NODE
from cli.node_program import Node
from cli.options import Program
from cli.program_init import ProgramInit
from cli.running import Shutdown, handle_signals, run, serve_parent
from ipc import Ipc

if TYPE_CHECKING:
    from interfaces.chain import Chain
    from interfaces.events import Events
    from interfaces.mining import Mining
    from interfaces.node import Node as NodeInterface
    from interfaces.rpc import Rpc

log: Final = logging.getLogger()

PROGRAM: Final = Program(
    "pynode",
    "A Bitcoin node that validates blocks and serves its chain to wallets, desktop programs and miners.",
    (*HELP, *PLACE, *CHAIN, *LOGGING, *IPC_SERVER, *SPAWNED, *NODE),
)


class NodeInit(ProgramInit):
    """What a node offers."""

    node: Node

    def make_mining(self) -> Mining:
        """Make a `Mining` on the node's chain."""
        from node.mining import LocalMining

        return LocalMining(self.node.services.node())

    def make_events(self) -> Events:
        """Make an `Events` on the node's chain."""
        from node.events import LocalEvents

        services = self.node.services
        return LocalEvents(services.events(), services.deliveries)

    def make_node(self) -> NodeInterface:
        """Make a `Node`."""
        from node.node import LocalNode

        return LocalNode(self.node.services)

    def make_chain(self) -> Chain:
        """Make a `Chain`."""
        from node.chain import LocalChain

        return LocalChain(self.node.services)

    def make_rpc(self) -> Rpc | None:
        """Make an `Rpc`."""
        from rpc.server import RpcOverIpc

        return RpcOverIpc(self.node.rpc)

    def configure(self, arguments: list[str]) -> None:
        """Start the node of a parent."""
        from cli.arguments import from_list

        self.node.start(from_list(PROGRAM, arguments), console=False)


def main() -> None:
    """Run the program."""
    return_large_blocks()
    sys.exit(run(PROGRAM.name, lambda: _main(sys.argv)))


def _main(argv: list[str]) -> int:
    init = NodeInit()
    ipc = Ipc(PROGRAM.name, argv[0], init)
    init.ipc = ipc
    node = init.node = Node(ipc, init, Shutdown())
    if serve_parent(ipc, argv, node.stop):
        return 0
    from cli.arguments import parse
    from cli.startup import print_help_or_version

    arguments = parse(PROGRAM, argv[1:])
    if print_help_or_version(arguments):
        return 0
    try:
        handle_signals(node.shutdown, node.reopen_log)
        node.start(arguments, console=True)
        return node.shutdown.wait()
    except StartError as error:
        log.error("%s", error)  # noqa: TRY400 - for the user, who needs no traceback
        raise
    finally:
        node.stop()
        node.failed()
