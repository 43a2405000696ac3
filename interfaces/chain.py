"""What a wallet asks of a node's chain (Core: src/interfaces/chain.h).

Hashes are 32 bytes in internal order, blocks and transactions are consensus serialised, amounts are satoshis, fee rates
satoshis per 1,000 virtual bytes, times are seconds since 1970.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import Enum

from interfaces.handler import Handler
from interfaces.interface import Interface


@dataclass(frozen=True, slots=True)
class BlockParts:
    """What to tell of a block besides its place and times; each costs some work."""

    locator: bool = False
    next_block: bool = False
    data: bool = False


@dataclass(frozen=True, slots=True)
class FoundBlock:
    """A block that the node knows."""

    hash: bytes
    height: int
    time: int
    max_time: int
    """The latest time of the block and those before it."""
    mtp_time: int
    """The median time of the eleven blocks that end here."""
    in_active_chain: bool
    locator: list[bytes] | None = None
    """Hashes from here back to the first block, in growing steps. Given if asked for."""
    next_block: FoundBlock | None = None
    """The block after it in the active chain. Given if asked for and there."""
    data: bytes | None = None
    """The whole block, empty if the node has it no more. Given if asked for."""


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A block of the chain that was read, unless its filter says that it need not be."""

    hash: bytes
    height: int
    time: int
    max_time: int
    """The latest time of the block and those before it."""
    data: bytes | None
    """The whole block, empty if the node has it no more, None if its filter matches none of the scripts."""
    filter_matches: bool = False
    """Whether it was read because its filter matches; otherwise because none was asked or found."""


@dataclass(frozen=True, slots=True)
class ReadBlocks:
    """Blocks of the chain, one on another."""

    blocks: list[ReadBlock]
    next: bytes | None
    """Hash of the block that comes after them in the chain."""


@dataclass(frozen=True, slots=True)
class CommonAncestor:
    """Two blocks and the last one that both build on, each None if unknown."""

    ancestor: FoundBlock | None
    block1: FoundBlock | None
    block2: FoundBlock | None


@dataclass(frozen=True, slots=True)
class Outpoint:
    """Which output of which transaction."""

    txid: bytes
    index: int


@dataclass(frozen=True, slots=True)
class FoundCoin:
    """An unspent output."""

    outpoint: Outpoint
    value: int
    script_pubkey: bytes
    height: int
    is_coinbase: bool


class Replaceability(Enum):
    """Whether a transaction says that it may be replaced (BIP125; Core: RBFTransactionState)."""

    UNKNOWN = 0
    """It does not, and as it is not in the mempool, it is unknown on what it hangs."""
    REPLACEABLE = 1
    FINAL = 2


@dataclass(frozen=True, slots=True)
class TransactionAncestry:
    """What a transaction of the mempool hangs on, itself counted."""

    ancestors: int = 0
    """How many transactions it cannot be mined without."""
    cluster_count: int = 0
    """How many it is connected with in any way."""
    ancestor_size: int = 0
    """The virtual bytes of the ancestors."""
    ancestor_fees: int = 0
    """What they pay, with what the operator added."""


@dataclass(frozen=True, slots=True)
class PackageLimits:
    """How many transactions may hang together (-limitancestorcount, -limitdescendantcount)."""

    ancestors: int
    descendants: int


@dataclass(frozen=True, slots=True)
class SmartFee:
    """What fee rate a transaction needs."""

    fee_rate: int
    """0 if there is no estimate."""
    target: int
    """The number of blocks it is for."""
    reason: str
    """What it was found by, in Core's words."""


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """A block that was connected or disconnected."""

    hash: bytes
    prev_hash: bytes
    height: int
    data: bytes | None = None
    """The whole block, if it was asked for and is there."""


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """What to send with a notification."""

    connect_data: bool = True
    disconnect_data: bool = False
    transactions: bool = True
    """Also tell of the mempool."""


class ChainNotifications(Interface, schema="chain.capnp"):
    """A client's object that hears of the chain, in order, one call at a time."""

    @abstractmethod
    def block_connected(self, block: BlockInfo) -> None:
        """Hear of a block that joined the chain."""

    @abstractmethod
    def block_disconnected(self, block: BlockInfo) -> None:
        """Hear of a block that left the chain."""

    @abstractmethod
    def updated_block_tip(self) -> None:
        """Hear that all blocks up to the tip were told."""

    @abstractmethod
    def transaction_added_to_mempool(self, tx: bytes) -> None:
        """Hear of a transaction that came into the mempool, perhaps once more."""

    @abstractmethod
    def transaction_removed_from_mempool(self, txid: bytes, reason: str) -> None:
        """Hear of one that left it, though no block has it; the reason is Core's word."""


class Chain(Interface, schema="chain.capnp"):
    """A node's chain."""

    @abstractmethod
    def get_height(self) -> int | None:
        """Return the tip's height, 0 for the first block, None if there is no chain."""

    @abstractmethod
    def get_block_hash(self, height: int) -> bytes:
        """Return the hash of a block of the chain. Fails if the height is out of range."""

    @abstractmethod
    def have_block_on_disk(self, height: int) -> bool:
        """Whether the block of the chain at this height has its data."""

    @abstractmethod
    def find_locator_fork(self, locator: list[bytes]) -> int | None:
        """Return the height of the highest block of the chain that the locator's blocks build on."""

    @abstractmethod
    def has_block_filter_index(self) -> bool:
        """Whether there are BIP157 filters of blocks (type basic)."""

    @abstractmethod
    def block_filter_matches_any(self, block_hash: bytes, scripts: list[bytes]) -> bool | None:
        """Whether a block's filter matches any of these output scripts; None if there is no filter."""

    @abstractmethod
    def find_block(self, hash: bytes, parts: BlockParts) -> FoundBlock | None:  # noqa: A002 - Core's name
        """Return a block, None if it is unknown."""

    @abstractmethod
    def find_blocks(self, hashes: list[bytes], parts: BlockParts) -> list[FoundBlock]:
        """Return those of these blocks that are known."""

    @abstractmethod
    def find_first_block_with_time_and_height(
        self, min_time: int, min_height: int, parts: BlockParts
    ) -> FoundBlock | None:
        """Return the first block of the chain from `min_height` on whose `max_time` is at least `min_time`."""

    @abstractmethod
    def find_ancestor_by_height(self, block_hash: bytes, ancestor_height: int, parts: BlockParts) -> FoundBlock | None:
        """Return the ancestor of a block at a height, which may be the block itself."""

    @abstractmethod
    def find_ancestor_by_hash(self, block_hash: bytes, ancestor_hash: bytes, parts: BlockParts) -> FoundBlock | None:
        """Return the ancestor if the block builds on it, or is it."""

    @abstractmethod
    def find_common_ancestor(self, block_hash1: bytes, block_hash2: bytes, parts: BlockParts) -> CommonAncestor:
        """Return both blocks and the last one that both build on."""

    @abstractmethod
    def find_coins(self, outpoints: list[Outpoint]) -> list[FoundCoin]:
        """Return those of these outputs that the chain or the mempool has, whether the mempool spends them or not.

        Those of the mempool have the height 0x7fffffff (Core: MEMPOOL_HEIGHT).
        """

    @abstractmethod
    def guess_verification_progress(self, block_hash: bytes) -> float:
        """Return the fraction of all transactions that are verified once the chain reaches this block."""

    @abstractmethod
    def has_blocks(self, block_hash: bytes, min_height: int = 0, max_height: int | None = None) -> bool:
        """Whether all blocks from `min_height` to `max_height` that lead to a block have their data."""

    @abstractmethod
    def is_rbf_opt_in(self, tx: bytes) -> Replaceability:
        """Return whether a transaction, or one of the mempool it hangs on, says that it may be replaced."""

    @abstractmethod
    def is_in_mempool(self, txid: bytes) -> bool:
        """Whether a transaction is in the mempool."""

    @abstractmethod
    def has_descendants_in_mempool(self, txid: bytes) -> bool:
        """Whether a transaction is in the mempool and another there spends from it."""

    @abstractmethod
    def broadcast_transaction(self, tx: bytes, max_tx_fee: int, relay: bool = True) -> str:
        """Put a transaction into the mempool, and with `relay` have it sent; return Core's error text, empty if none.

        It is refused if it pays more than `max_tx_fee`, unless that is 0.
        """

    @abstractmethod
    def get_transaction_ancestry(self, txid: bytes) -> TransactionAncestry:
        """Return what a transaction hangs on; all zero if it is not in the mempool."""

    @abstractmethod
    def calculate_individual_bump_fees(self, outpoints: list[Outpoint], fee_rate: int) -> list[int]:
        """Return what it takes to get what each output hangs on in the mempool to a fee rate, as if alone spent."""

    @abstractmethod
    def calculate_combined_bump_fee(self, outpoints: list[Outpoint], fee_rate: int) -> int | None:
        """Return what it takes if all are spent together; None if they hang on too much to tell."""

    @abstractmethod
    def get_package_limits(self) -> PackageLimits:
        """Return the node's limits."""

    @abstractmethod
    def check_chain_limits(self, tx: bytes) -> str:
        """Return why a transaction would hang together with too many, empty if it would not."""

    @abstractmethod
    def estimate_smart_fee(self, num_blocks: int, conservative: bool) -> SmartFee:
        """Return what fee rate a transaction needs to be in a block soon enough."""

    @abstractmethod
    def estimate_max_blocks(self) -> int:
        """Return the greatest number of blocks there are estimates for, 0 if there are none."""

    @abstractmethod
    def mempool_min_fee(self) -> int:
        """Return the fee rate below which the mempool is too full now."""

    @abstractmethod
    def relay_min_fee(self) -> int:
        """Return the fee rate of -minrelaytxfee."""

    @abstractmethod
    def relay_incremental_fee(self) -> int:
        """Return the fee rate of -incrementalrelayfee."""

    @abstractmethod
    def relay_dust_fee(self) -> int:
        """Return the fee rate of -dustrelayfee."""

    @abstractmethod
    def is_ready_to_broadcast(self) -> bool:
        """Whether the node has caught up, so that what it is given makes sense to it."""

    @abstractmethod
    def have_pruned(self) -> bool:
        """Whether any block's data was removed."""

    @abstractmethod
    def get_prune_height(self) -> int | None:
        """Return the height of the last block whose data was removed."""

    @abstractmethod
    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up."""

    @abstractmethod
    def shutdown_requested(self) -> bool:
        """Whether the node is about to end."""

    @abstractmethod
    def handle_notifications(self, notifications: ChainNotifications, options: NotifyOptions) -> Handler:
        """Tell `notifications` what happens from now on, one call at a time."""

    @abstractmethod
    def request_mempool_transactions(self, notifications: ChainNotifications) -> None:
        """Tell `notifications` of each transaction in the mempool as if it came now, and return when that is done."""

    @abstractmethod
    def read_blocks(self, first: bytes, count: int, scripts: list[bytes] | None) -> ReadBlocks:
        """Return blocks of the chain from one on, none if that is not in it: at most `count`, and what takes not long.

        Where there are scripts and filters, blocks whose filter matches none of the scripts come without their data.
        """

    @abstractmethod
    def has_assumed_valid_chain(self) -> bool:
        """Whether the chain stands on a snapshot, or did until it was verified in this run of the node."""
