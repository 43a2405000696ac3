"""What a desktop program asks of a node (Core: src/interfaces/node.h).

Core's methods on peers and settings come with what they are about. Hashes are
32 bytes in internal order, times are seconds since 1970. A handler lives as long as its client
holds it. A callback that is slow misses all but the newest of what it hears about.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import Enum

from interfaces.chain import FoundCoin, Outpoint
from interfaces.handler import Handler
from interfaces.interface import Interface
from interfaces.raises import raises
from interfaces.wallet import WalletLoader


class SynchronizationState(Enum):
    """How far the node has come (Core: src/kernel/notifications_interface.h and validation.h)."""

    INIT_REINDEX = 0
    INIT_DOWNLOAD = 1
    POST_INIT = 2


@dataclass(frozen=True, slots=True)
class BlockTip:
    """A tip, of the chain or of the headers."""

    block_height: int
    block_time: int
    block_hash: bytes


@dataclass(frozen=True, slots=True)
class BlockAndHeaderTipInfo:
    """How far chain and headers are."""

    block_height: int
    block_time: int
    header_height: int
    header_time: int
    verification_progress: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class HeaderTip:
    """The header with the most work."""

    height: int
    block_time: int


@dataclass
class RpcFailedError(Exception):
    """A command ended with an error of JSON-RPC."""

    code: int
    message: str

    def __str__(self) -> str:
        return f"{self.message} (code {self.code})"


class MessageCallback(Interface, schema="node.capnp"):
    """Hears what the node says while it starts."""

    @abstractmethod
    def call(self, message: str) -> None:
        """Take one message."""


class ProgressCallback(Interface, schema="node.capnp"):
    """Hears how far long work is."""

    @abstractmethod
    def call(self, title: str, progress: int, resume_possible: bool) -> None:
        """Take a percentage; 100 is the end."""


class AlertCallback(Interface, schema="node.capnp"):
    """Hears that there are other warnings."""

    @abstractmethod
    def call(self) -> None:
        """Ask `Node.get_warnings` for them."""


class BlockTipCallback(Interface, schema="node.capnp"):
    """Hears of each tip of the chain."""

    @abstractmethod
    def call(self, state: SynchronizationState, tip: BlockTip, verification_progress: float) -> None:
        """Take the newest tip."""


class HeaderTipCallback(Interface, schema="node.capnp"):
    """Hears of each tip of the headers."""

    @abstractmethod
    def call(self, state: SynchronizationState, tip: BlockTip, presync: bool) -> None:
        """Take the newest tip; `presync` if its work is not proven yet."""


class Node(Interface, schema="node.capnp"):
    """A node, from its start to its end. What needs the chain waits until it is loaded."""

    @abstractmethod
    def get_warnings(self) -> list[str]:
        """Return what the user should know."""

    @abstractmethod
    def start_shutdown(self) -> None:
        """Ask the node to end."""

    @abstractmethod
    def shutdown_requested(self) -> bool:
        """Whether the node is about to end."""

    @abstractmethod
    def get_header_tip(self) -> HeaderTip | None:
        """Return the header with the most work."""

    @abstractmethod
    def get_num_blocks(self) -> int:
        """Return the height of the chain."""

    @abstractmethod
    def get_best_block_hash(self) -> bytes:
        """Return the hash of the tip."""

    @abstractmethod
    def get_last_block_time(self) -> int:
        """Return the time of the tip."""

    @abstractmethod
    def get_verification_progress(self) -> float:
        """Return which fraction of all transactions is verified, as far as can be guessed."""

    @abstractmethod
    def get_tip_info(self) -> BlockAndHeaderTipInfo:
        """Return all of these at once (Core: what appInitMain fills in)."""

    @abstractmethod
    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up."""

    @abstractmethod
    def is_loading_blocks(self) -> bool:
        """Whether the node reads blocks from files, as in a reindex."""

    @abstractmethod
    @raises(RpcFailedError)
    def execute_rpc(self, command: str, params: str, uri: str = "/") -> str:
        """Run a command of JSON-RPC; `params` and the result are JSON texts."""

    @abstractmethod
    def list_rpc_commands(self) -> list[str]:
        """Return the names of the commands, sorted."""

    @abstractmethod
    def get_unspent_output(self, output: Outpoint) -> FoundCoin | None:
        """Return an output of the mempool, or of the chain if that has it unspent (see Chain.find_coins)."""

    @abstractmethod
    def get_mempool_size(self) -> int:
        """Return how many transactions the mempool has."""

    @abstractmethod
    def get_mempool_dynamic_usage(self) -> int:
        """Return the bytes of memory that the mempool counts for."""

    @abstractmethod
    def get_mempool_max_usage(self) -> int:
        """Return how many it may count for (-maxmempool)."""

    @abstractmethod
    def get_dust_relay_fee(self) -> int:
        """Return the fee rate of -dustrelayfee in satoshis per 1,000 virtual bytes."""

    @abstractmethod
    def broadcast_transaction(self, tx: bytes, max_tx_fee: int) -> str:
        """Put a transaction into the mempool and have it sent; return Core's error text, empty if there is none.

        It is refused if it pays more than `max_tx_fee` satoshis, unless that is 0.
        """

    @abstractmethod
    def wallet_loader(self) -> WalletLoader | None:
        """Return the wallets of the node's wallet process, which is started again if it has ended.

        None if it has none (-disablewallet). What only the node may ask is refused: its start, its end and its clock.
        """

    @abstractmethod
    def handle_init_message(self, callback: MessageCallback) -> Handler:
        """Tell what the node does while it starts."""

    @abstractmethod
    def handle_show_progress(self, callback: ProgressCallback) -> Handler:
        """Tell how far long work is."""

    @abstractmethod
    def handle_notify_alert_changed(self, callback: AlertCallback) -> Handler:
        """Tell that the warnings changed."""

    @abstractmethod
    def handle_notify_block_tip(self, callback: BlockTipCallback) -> Handler:
        """Tell of each new tip of the chain."""

    @abstractmethod
    def handle_notify_header_tip(self, callback: HeaderTipCallback) -> Handler:
        """Tell of each new tip of the headers."""
