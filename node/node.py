"""The Node interface on our node (Core: NodeImpl in src/node/interfaces.cpp)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from interfaces.events import EventKind, Position, Wanted
from interfaces.mining import FOREVER
from interfaces.node import (
    AlertCallback,
    BlockAndHeaderTipInfo,
    BlockTip,
    BlockTipCallback,
    HeaderTip,
    HeaderTipCallback,
    MessageCallback,
    Node,
    ProgressCallback,
    RpcFailedError,
    SynchronizationState,
)
from node.chain import find_coins
from node.chain_mempool import broadcast_transaction
from node.policy.options import MempoolOptions
from node.verification_progress import verification_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.cancellation import Cancellation
    from interfaces.chain import FoundCoin, Outpoint
    from interfaces.handler import Handler
    from interfaces.wallet import WalletLoader
    from node.block_tree import BlockEntry
    from node.notices import Topic
    from node.services import NodeServices

T = TypeVar("T")


class LocalNode(Node):
    """One client's view of a node. What needs the chain waits until it is loaded."""

    def __init__(self, services: NodeServices) -> None:
        """Answer from `services`."""
        self._services = services

    def get_warnings(self) -> list[str]:
        """Return what the user should know."""
        warnings = self._services.notices.warnings()
        if self._services.is_loaded():
            chainstate = self._services.node().chainstate
            warnings += [*chainstate.warnings.values(), *filter(None, [chainstate.failure])]
        return warnings

    def start_shutdown(self) -> None:
        """Ask the node to end."""
        self._services.shutdown()

    def shutdown_requested(self) -> bool:
        """Whether the node is about to end."""
        return self._services.shutdown_requested()

    def get_header_tip(self) -> HeaderTip | None:
        """Return the header with the most work."""
        header = self._services.node().chainstate.best_header()
        return HeaderTip(header.height, header.time)

    def _tip(self) -> BlockEntry:
        return self._services.node().chainstate.tip()

    def get_num_blocks(self) -> int:
        """Return the height of the chain."""
        return self._tip().height

    def get_best_block_hash(self) -> bytes:
        """Return the hash of the tip."""
        return self._tip().hash

    def get_last_block_time(self) -> int:
        """Return the time of the tip."""
        return self._tip().time

    def get_verification_progress(self) -> float:
        """Guess it for the tip."""
        return self._progress(self._tip())

    def _progress(self, entry: BlockEntry | None) -> float:
        node = self._services.node()
        return verification_progress(node.chain, entry, node.chainstate.best_header(), node.clock.now())

    def get_tip_info(self) -> BlockAndHeaderTipInfo:
        """Return how far chain and headers are."""
        tip, header = self._tip(), self._services.node().chainstate.best_header()
        return BlockAndHeaderTipInfo(tip.height, tip.time, header.height, header.time, self._progress(tip))

    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up."""
        return self._services.node().chainstate.is_initial_block_download()

    def is_loading_blocks(self) -> bool:
        """Whether the chain is still being loaded, or blocks imported."""
        return not self._services.is_loaded() or self._services.node().chainstate.is_loading_blocks

    def execute_rpc(self, command: str, params: str, uri: str = "/") -> str:
        """Run a command as if it had come over HTTP."""
        from rpc import json
        from rpc.errors import RPC_PARSE_ERROR, JsonError, RpcError
        from rpc.request import Caller, Request

        try:
            values = json.loads(params)
            request = Request(Caller(uri))
            request.parse({"method": command, "params": values})
            return json.dumps(self._services.rpc().execute(request)).decode()
        except JsonError:
            raise RpcFailedError(RPC_PARSE_ERROR, "Parse error") from None
        except RpcError as error:
            raise RpcFailedError(error.code, error.message) from error

    def list_rpc_commands(self) -> list[str]:
        """Return the names of the table."""
        return [method.name for method in self._services.rpc().table.methods()]

    def get_unspent_output(self, output: Outpoint) -> FoundCoin | None:
        """Ask the mempool and the kernel."""
        found = find_coins(self._services.node(), [output])
        return found[0] if found else None

    def get_mempool_size(self) -> int:
        """Ask the mempool."""
        mempool = self._services.node().mempool
        return 0 if mempool is None else len(mempool)

    def get_mempool_dynamic_usage(self) -> int:
        """Ask the mempool."""
        mempool = self._services.node().mempool
        return 0 if mempool is None else mempool.usage

    def get_mempool_max_usage(self) -> int:
        """Look at the options."""
        mempool = self._services.node().mempool
        return 0 if mempool is None else mempool.options.max_bytes

    def get_dust_relay_fee(self) -> int:
        """Look at the options."""
        mempool = self._services.node().mempool
        return (MempoolOptions() if mempool is None else mempool.options).dust_relay.per_kvb

    def broadcast_transaction(self, tx: bytes, max_tx_fee: int) -> str:
        """Send it as sendrawtransaction does."""
        return broadcast_transaction(self._services.node(), tx, max_tx_fee)

    def wallet_loader(self) -> WalletLoader | None:
        """Make one, once the wallets that are loaded at start may be there."""
        services = self._services
        services.node()
        return None if services.make_wallet_loader is None else services.make_wallet_loader()

    def handle_init_message(self, callback: MessageCallback) -> Handler:
        """Tell what comes from now on."""
        return self._handle(self._services.notices.messages, callback.call)

    def handle_show_progress(self, callback: ProgressCallback) -> Handler:
        """Tell the newest there is."""
        return self._handle(self._services.notices.progress, lambda progress: callback.call(*progress))

    def handle_notify_alert_changed(self, callback: AlertCallback) -> Handler:
        """Tell that there was a change."""
        return self._handle(self._services.notices.alerts, lambda _: callback.call())

    def _handle(self, topic: Topic[T], tell: Callable[[T], None]) -> Handler:
        mailbox, end = topic.follow()
        return self._services.deliveries.deliver(mailbox.take, tell, end)

    def handle_notify_block_tip(self, callback: BlockTipCallback) -> Handler:
        """Tell the newest there is."""

        def tell(tip: BlockEntry) -> None:
            callback.call(self._state(), _as_tip(tip), self._progress(tip))

        return self._follow(EventKind.TIP, tell)

    def handle_notify_header_tip(self, callback: HeaderTipCallback) -> Handler:
        """Tell the newest there is; none is presync, as headers come only with their work."""

        def tell(tip: BlockEntry) -> None:
            callback.call(self._state(), _as_tip(tip), False)

        return self._follow(EventKind.HEADER_TIP, tell)

    def _state(self) -> SynchronizationState:
        if not self.is_initial_block_download():
            return SynchronizationState.POST_INIT
        return SynchronizationState.INIT_REINDEX if self.is_loading_blocks() else SynchronizationState.INIT_DOWNLOAD

    def _follow(self, kind: EventKind, tell: Callable[[BlockEntry], None]) -> Handler:
        services = self._services
        wanted = Wanted(
            tip=kind is EventKind.TIP, header_tip=kind is EventKind.HEADER_TIP, connected=False, disconnected=False
        )
        # While the chain loads, its first tip is news too.
        place = [services.events().find_position(()) if services.is_loaded() else Position()]

        def step(tell: Callable[[BlockEntry], None], ended: Cancellation) -> bool:
            batch = services.events().next(place[0], wanted, 1, FOREVER, (ended,))
            if batch is None:
                return False
            place[0] = batch.position
            for event in batch.events:
                entry = services.node().chainstate.entry(event.block.hash) if event.block is not None else None
                if entry is not None:
                    tell(entry)
            return True

        return services.deliveries.start(partial(step, tell))


def _as_tip(entry: BlockEntry) -> BlockTip:
    return BlockTip(entry.height, entry.time, entry.hash)
