"""The Chain interface on our chain (Core: ChainImpl in src/node/interfaces.cpp)."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from interfaces.chain import (
    BlockInfo,
    BlockParts,
    ChainNotifications,
    CommonAncestor,
    FoundBlock,
    FoundCoin,
    NotifyOptions,
    Outpoint,
    ReadBlock,
    ReadBlocks,
)
from interfaces.events import Event, EventKind, Wanted
from interfaces.mining import FOREVER
from node.chain_mempool import ChainMempool
from node.chainstate import BlockMissingError
from node.policy.consensus import MEMPOOL_HEIGHT
from node.verification_progress import verification_progress
from primitives.gcs import match_any

if TYPE_CHECKING:
    from interfaces.cancellation import Cancellation
    from interfaces.handler import Handler
    from node.block_tree import BlockEntry
    from node.context import NodeContext
    from node.services import NodeServices

_BATCH = 100
_READ_BYTES = 1_000_000
_READ_SECONDS = 0.1
_IN_A_BLOCK = "block"


class LocalChain(ChainMempool):
    """One client's view of the chain of a node that is loaded."""

    def __init__(self, services: NodeServices) -> None:
        """Answer from `services`, waiting until its chain is loaded."""
        self._services = services
        self._node = services.node()
        self._chainstate = self._node.chainstate

    def get_height(self) -> int | None:
        """Return the tip's height."""
        return self._chainstate.tip().height

    def get_block_hash(self, height: int) -> bytes:
        """Return the hash at a height."""
        return self._at(height).hash

    def _at(self, height: int) -> BlockEntry:
        entry = self._chainstate.at(height)
        if entry is None:
            raise ValueError("Block height out of range")
        return entry

    def have_block_on_disk(self, height: int) -> bool:
        """Ask the entry."""
        entry = self._chainstate.at(height)
        return entry is not None and entry.status.have_data and entry.tx_count > 0

    def find_locator_fork(self, locator: list[bytes]) -> int | None:
        """Look for the first block that the chain has or that builds on the tip."""
        chain = self._chainstate
        tip = chain.tip()
        for name in locator:
            entry = chain.entry(name)
            if entry is None:
                continue
            if chain.contains(entry):
                return entry.height
            if entry.height >= tip.height and entry.ancestor(tip.height) == tip:
                return tip.height
        return 0

    def has_block_filter_index(self) -> bool:
        """Ask the indexes."""
        return self._node.indexes is not None and self._node.indexes.filters is not None

    def block_filter_matches_any(self, block_hash: bytes, scripts: list[bytes]) -> bool | None:
        """Match the block's filter."""
        entry = self._chainstate.entry(block_hash)
        return None if entry is None else self._filter_matches(entry, scripts)

    def _filter_matches(self, entry: BlockEntry, scripts: list[bytes]) -> bool | None:
        indexes = self._node.indexes
        if indexes is None or indexes.filters is None:
            return None
        with indexes.filters.reading():
            data = indexes.filters.index.filter_of(entry)
        return None if data is None else match_any(data, entry.hash, scripts)

    def read_blocks(self, first: bytes, count: int, scripts: list[bytes] | None) -> ReadBlocks:
        """Read until there is enough, or the chain changes."""
        chain = self._chainstate
        blocks: list[ReadBlock] = []
        size = 0
        end = time.monotonic() + _READ_SECONDS
        entry = chain.entry(first)
        if entry is not None and not chain.contains(entry):
            entry = None
        while entry is not None:
            matches = None if scripts is None else self._filter_matches(entry, scripts)
            data = None if matches is False else self._data(entry)
            blocks.append(ReadBlock(entry.hash, entry.height, entry.time, entry.time_max, data, matches is True))
            size += len(data or b"")
            following = chain.at(entry.height + 1)
            if following is None:
                break
            enough = len(blocks) >= count or size >= _READ_BYTES or time.monotonic() > end
            if enough or following.previous != entry:
                return ReadBlocks(blocks, following.hash)
            entry = following
        return ReadBlocks(blocks, None)

    def find_block(self, hash: bytes, parts: BlockParts) -> FoundBlock | None:  # noqa: A002 - Core's name
        """Look the block up in the tree."""
        return self._found(self._chainstate.entry(hash), parts)

    def find_blocks(self, hashes: list[bytes], parts: BlockParts) -> list[FoundBlock]:
        """Look all of them up."""
        found = (self._found(self._chainstate.entry(each), parts) for each in hashes)
        return [block for block in found if block is not None]

    def find_first_block_with_time_and_height(
        self, min_time: int, min_height: int, parts: BlockParts
    ) -> FoundBlock | None:
        """Search by halves: the latest time so far never falls."""
        low, high = max(min_height, 0), self._chainstate.tip().height + 1
        while low < high:
            middle = (low + high) // 2
            if self._at(middle).time_max < min_time:
                low = middle + 1
            else:
                high = middle
        return self._found(self._chainstate.at(low), parts)

    def find_ancestor_by_height(self, block_hash: bytes, ancestor_height: int, parts: BlockParts) -> FoundBlock | None:
        """Go back from the block."""
        entry = self._chainstate.entry(block_hash)
        if entry is None or not 0 <= ancestor_height <= entry.height:
            return None
        return self._found(entry.ancestor(ancestor_height), parts)

    def find_ancestor_by_hash(self, block_hash: bytes, ancestor_hash: bytes, parts: BlockParts) -> FoundBlock | None:
        """Go back from the block to the other's height."""
        entry, ancestor = self._chainstate.entry(block_hash), self._chainstate.entry(ancestor_hash)
        if entry is None or ancestor is None or ancestor.height > entry.height:
            return None
        return self._found(ancestor, parts) if entry.ancestor(ancestor.height) == ancestor else None

    def find_common_ancestor(self, block_hash1: bytes, block_hash2: bytes, parts: BlockParts) -> CommonAncestor:
        """Search by halves for the height where they part."""
        first, second = self._chainstate.entry(block_hash1), self._chainstate.entry(block_hash2)
        ancestor = None
        if first is not None and second is not None:
            low, high = 0, min(first.height, second.height)
            while low < high:
                middle = (low + high + 1) // 2
                if first.ancestor(middle) == second.ancestor(middle):
                    low = middle
                else:
                    high = middle - 1
            ancestor = first.ancestor(low)
        return CommonAncestor(self._found(ancestor, parts), self._found(first, parts), self._found(second, parts))

    def find_coins(self, outpoints: list[Outpoint]) -> list[FoundCoin]:
        """Ask the mempool and the kernel."""
        return find_coins(self._node, outpoints)

    def guess_verification_progress(self, block_hash: bytes) -> float:
        """Compare with what the chain's parameters expect by now."""
        chain = self._chainstate
        return verification_progress(
            self._node.chain, chain.entry(block_hash), chain.best_header(), self._node.clock.now()
        )

    def has_blocks(self, block_hash: bytes, min_height: int = 0, max_height: int | None = None) -> bool:
        """Go back from the block while there is data."""
        entry = self._chainstate.entry(block_hash)
        if entry is None:
            return False
        if max_height is not None and entry.height >= max_height:
            if max_height < 0:
                return False
            entry = entry.ancestor(max_height)
        while entry.status.have_data:
            previous = entry.previous
            if entry.height <= min_height or previous is None:
                return True
            entry = previous
        return False

    def have_pruned(self) -> bool:
        """Look at the block that is removed first."""
        first = self._chainstate.at(1)
        return first is not None and first.tx_count > 0 and not first.status.have_data

    def get_prune_height(self) -> int | None:
        """Go back from the tip while all is there (Core: GetPruneHeight in src/rpc/blockchain.cpp)."""
        if not self.have_pruned():
            return None
        entry = self._chainstate.tip()
        while entry.status.have_data and entry.status.have_undo:
            entry = entry.ancestor(entry.height - 1)
        return entry.height

    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up."""
        return self._chainstate.is_initial_block_download()

    def shutdown_requested(self) -> bool:
        """Whether the node is about to end."""
        return self._services.shutdown_requested()

    def handle_notifications(self, notifications: ChainNotifications, options: NotifyOptions) -> Handler:
        """Tell each event from now on, on a thread of its own."""
        source = self._services.events()
        place = [source.find_position(())]
        wanted = Wanted(
            tip=True,
            connected_data=options.connect_data,
            disconnected_data=options.disconnect_data,
            transactions=options.transactions and self._node.mempool is not None,
            transaction_data=True,
        )

        def step(notifications: ChainNotifications, ended: Cancellation) -> bool:
            batch = source.next(place[0], wanted, _BATCH, FOREVER, (ended,))
            if batch is None:
                return False
            for event in batch.events:
                if ended.cancelled:
                    return False
                _tell(notifications, event)
            place[0] = batch.position
            return True

        return self._services.deliveries.start(partial(step, notifications))

    def _found(self, entry: BlockEntry | None, parts: BlockParts) -> FoundBlock | None:
        if entry is None:
            return None
        chain = self._chainstate
        active = chain.contains(entry)
        following = chain.at(entry.height + 1) if parts.next_block and active else None
        return FoundBlock(
            hash=entry.hash,
            height=entry.height,
            time=entry.time,
            max_time=entry.time_max,
            mtp_time=entry.median_time_past,
            in_active_chain=active,
            locator=locator_of(entry) if parts.locator else None,
            next_block=self._found(following, BlockParts()),
            data=self._data(entry) if parts.data else None,
        )

    def _data(self, entry: BlockEntry) -> bytes:
        try:
            return self._chainstate.read_block(entry)
        except BlockMissingError:
            return b""


def find_coins(node: NodeContext, outpoints: list[Outpoint]) -> list[FoundCoin]:
    """Return those of some outputs that the mempool makes or the chain has unspent, spent by the mempool or not."""
    found = []
    with ExitStack() as held:
        held.enter_context(node.chainstate.processing)
        if node.mempool is not None:
            held.enter_context(node.mempool.lock)
        coins = node.chainstate.coins()
        for outpoint in outpoints:
            entry = None if node.mempool is None else node.mempool.get(outpoint.txid)
            if entry is None:
                coin = coins.get(outpoint.txid + outpoint.index.to_bytes(4, "little"))
                if coin is not None:
                    found.append(FoundCoin(outpoint, coin.value, coin.script_pubkey, coin.height, coin.is_coinbase))
            elif outpoint.index < len(outputs := entry.transaction().outputs):
                value, script = outputs[outpoint.index]
                found.append(FoundCoin(outpoint, value, script, MEMPOOL_HEIGHT, is_coinbase=False))
    return found


def locator_of(entry: BlockEntry) -> list[bytes]:
    """Return hashes from a block back to the first, dense at the beginning (Core: LocatorEntries in src/chain.cpp)."""
    hashes = [entry.hash]
    step = 1
    height = entry.height
    while height:
        height = max(height - step, 0)
        hashes.append(entry.ancestor(height).hash)
        if len(hashes) > 11:
            step *= 2
    return hashes


def _tell(notifications: ChainNotifications, event: Event) -> None:
    if event.kind is EventKind.TIP:
        notifications.updated_block_tip()
    elif event.kind is EventKind.TRANSACTION_ADDED and event.data is not None:
        notifications.transaction_added_to_mempool(event.data)
    elif event.kind is EventKind.TRANSACTION_REMOVED and event.txid is not None:
        if event.reason != _IN_A_BLOCK:
            notifications.transaction_removed_from_mempool(event.txid, event.reason)
    elif event.block is not None:
        info = BlockInfo(event.block.hash, event.previous, event.block.height, event.data)
        if event.kind is EventKind.BLOCK_CONNECTED:
            notifications.block_connected(info)
        else:
            notifications.block_disconnected(info)
