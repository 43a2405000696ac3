"""Keeps a wallet in step with a node: catches up, then follows the node's events on a thread of its own.

The wallet asks for what comes after the place where it stands, so it may be killed, or lose its node, at any time, and
goes on from what it stored last. Nothing here holds the wallet's lock while it asks the node.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from interfaces.chain import BlockParts
from interfaces.events import BlockMissingError, EventKind, MempoolPosition, Position, UnknownBlockError, Wanted
from primitives.transaction import Transaction
from wallet.block_scan import concerns
from wallet.errors import BlocksAwaitedError, DatabaseError, WalletError
from wallet.history_loading import blocks_to_find, settle
from wallet.rescan import TIMESTAMP_WINDOW, ScanStatus
from wallet.tracker import BlockPlace, RemovalReason
from wallet.transaction import TRUC_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.chain import Chain, FoundBlock
    from interfaces.events import Event, EventBatch, Events
    from interfaces.mining import BlockRef
    from wallet.wallet import Wallet

log: Final = logging.getLogger("wallet")

_WANTED: Final = Wanted(transactions=True, connected_keys=True, transaction_data=True)
_BATCH: Final = 100
_SAVE_BLOCKS: Final = 144
_MOST_TRIES: Final = 20
_RETRY_SECONDS: Final = 1.0
_REASONS: Final = {"block": RemovalReason.BLOCK, "conflict": RemovalReason.CONFLICT}


class Sync:
    """Owns the events and the thread; `close` ends both."""

    def __init__(self, wallet: Wallet, chain: Chain, events: Events, on_lost: Callable[[Exception], None]) -> None:
        """Ask nothing yet. `on_lost` hears on the thread when the node is gone."""
        self._wallet = wallet
        self._chain = chain
        self._events = events
        self._on_lost = on_lost
        self._position = Position()
        self._moved = threading.Condition()
        self._told = (b"", -1)
        self._ended = False
        self._stopping = False
        self._caught_up = False
        self._attempts = self._failed_attempt = 0
        self._retry = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether it follows the node."""
        return self._thread is not None and not self._ended

    def start(self) -> None:
        """Catch up with the node's chain, and follow it. Raises WalletError if that cannot be done."""
        self._move(Position(self._catch_up()))
        self._thread = threading.Thread(target=self._follow, name=f"wallet-{self._wallet.name}", daemon=True)
        self._thread.start()

    # --- catching up ---------------------------------------------------------------------------------------------

    def _catch_up(self) -> bytes:
        """Scan what came since the wallet was loaded last; return the hash of the block where it stands then."""
        wallet, chain = self._wallet, self._chain
        self._caught_up = False
        locator = wallet.records.best_block()
        if chain.get_height() is None:
            return b""
        if locator and not wallet.settings.cross_chain and chain.get_block_hash(0) != locator[-1]:
            raise WalletError(
                "Wallet files should not be reused across chains. Restart bitcoind with -walletcrosschain to override."
            )
        for _ in range(_MOST_TRIES):
            place = self._catch_up_once(locator)
            if place is not None:
                self._caught_up = True
                return place
        raise WalletError("Failed to rescan the wallet during initialization")

    def _catch_up_once(self, locator: list[bytes]) -> bytes | None:
        """See `_catch_up`; None if blocks left the chain meanwhile. All is seen from one tip, which may leave too."""
        wallet, chain = self._wallet, self._chain
        tip = chain.find_block(self._events.find_position([]).block, BlockParts())
        if tip is None:
            return None
        stand, fork = self._standing(locator, tip)
        birth, first = wallet.birth_time, None
        if stand != tip.hash and birth is not None:
            # Nothing older than the wallet concerns it.
            first = chain.find_first_block_with_time_and_height(birth - TIMESTAMP_WINDOW, fork, BlockParts())
        if first is not None:
            self._require_blocks(first.height, tip)
        with wallet.lock:
            asked = blocks_to_find(wallet)
        found = [block for block in chain.find_blocks(asked, BlockParts()) if block.in_active_chain]
        with wallet.lock:
            wallet.history.height, wallet.last_block = tip.height, tip.hash
            settle(wallet, {block.hash: block.height for block in found})
            for block in found:
                wallet.remember_block_time(block.hash, block.time)
        return tip.hash if first is None else self._scan(first.height, tip)

    def _standing(self, locator: list[bytes], tip: FoundBlock) -> tuple[bytes, int]:
        """Return where the wallet stands, and the height of the last block there that the tip builds on."""
        if not locator or self._wallet.must_rescan:
            return b"", 0
        try:
            stand = self._events.find_position(locator).block
        except UnknownBlockError:
            return b"", 0
        common = self._chain.find_common_ancestor(stand, tip.hash, BlockParts()).ancestor
        return stand, 0 if common is None else common.height

    def _scan(self, height: int, tip: FoundBlock) -> bytes | None:
        """Scan from a height on; return the last block scanned, None if the chain changed too much."""
        wallet, chain = self._wallet, self._chain
        first = chain.find_ancestor_by_height(tip.hash, min(height, tip.height), BlockParts())
        if first is None:
            return None
        wallet.log("Rescanning last %i blocks (from block %i)...", tip.height - first.height, first.height)
        with wallet.rescan.reserved() as is_free:
            if not is_free:
                raise WalletError("Failed to acquire rescan reserver during wallet initialization")
            result = wallet.rescan.scan(first.hash, first.height, save_progress=True)
        if result.status is ScanStatus.FAILURE and result.failed_block is not None:
            failed = chain.find_block(result.failed_block, BlockParts())
            if failed is not None and not failed.in_active_chain:
                return None
        if result.status is not ScanStatus.SUCCESS or result.last_hash is None or result.last_height is None:
            raise WalletError("Failed to rescan the wallet during initialization")
        with wallet.lock:
            wallet.history.height, wallet.last_block = result.last_height, result.last_hash
        self._caught_up = True
        self.save()
        return result.last_hash

    def _require_blocks(self, height: int, tip: FoundBlock) -> None:
        """Raise WalletError if the node has not all blocks from a height on, BlocksAwaitedError if it will."""
        chain = self._chain
        if not (chain.have_pruned() or chain.has_assumed_valid_chain()) or chain.has_blocks(tip.hash, height):
            return
        if chain.have_pruned():
            raise WalletError(
                "Prune: last wallet synchronisation goes beyond pruned data. You need to -reindex (download the "
                "whole blockchain again in case of a pruned node)"
            )
        missing = tip.height
        while missing > height and chain.have_block_on_disk(missing - 1):
            missing -= 1
        raise BlocksAwaitedError(
            "Error loading wallet. Wallet requires blocks to be downloaded, and software does not currently "
            "support loading wallets while blocks are being downloaded out of order when using assumeutxo "
            f"snapshots. Wallet should be able to load successfully after node sync reaches height {missing}"
        )

    # --- following -----------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Take events until there are no more."""
        try:
            while not self._stopping:
                try:
                    batch = self._events.next(self._position, _WANTED, _BATCH)
                    if batch is None:
                        return
                    self._take(batch)
                except (UnknownBlockError, BlockMissingError) as error:
                    # The node lost blocks in a crash, or pruned them: only a look at everything helps.
                    if not self._failed_attempt:
                        log.warning("[%s] %s", self._wallet.name, error)
                    self._catch_up_or_await()
        except DatabaseError as error:
            if not self._stopping:
                self._wallet.context.give_up(self._wallet, error)
        except Exception as error:  # noqa: BLE001 - of whatever kind, the wallet follows no longer
            if not self._stopping:
                self._fall_behind(error)
        finally:
            with self._moved:
                self._ended = True
                self._moved.notify_all()

    def _fall_behind(self, error: Exception) -> None:
        if self._node_goes_on():
            self._wallet.context.give_up(self._wallet, error, is_bug=True)
        else:
            log.warning("[%s] no longer in step with the node: %s", self._wallet.name, error)
            self._on_lost(error)

    def _node_goes_on(self) -> bool:
        try:
            return not self._chain.shutdown_requested()
        except Exception:  # noqa: BLE001 - it is gone
            return False

    def _catch_up_or_await(self) -> None:
        """Catch up, or wait a while where blocks below a snapshot are still to come."""
        with self._moved:
            self._attempts += 1
        try:
            place = self._catch_up()
        except BlocksAwaitedError as error:
            if not self._failed_attempt:
                log.warning("[%s] waits for blocks. %s", self._wallet.name, error)
            with self._moved:
                self._failed_attempt = self._attempts
                self._moved.notify_all()
            self._retry.wait(_RETRY_SECONDS)
            self._retry.clear()
        else:
            self._failed_attempt = 0
            self._move(Position(place))

    def _take(self, batch: EventBatch) -> None:
        must_save = False
        for event in batch.events:
            must_save |= self._take_event(event)
        if must_save:
            self.save()
        self._move(batch.position)

    def _tell_block(self) -> None:
        """Tell those who show the wallet how far it is, if that is not what they heard last."""
        wallet = self._wallet
        with wallet.lock:
            block = (wallet.last_block, wallet.last_block_height)
        if block != self._told:
            self._told = block
            wallet.notices.blocks.publish(block)

    def _take_event(self, event: Event) -> bool:
        """Apply an event; return whether the place should be stored."""
        wallet, tracker = self._wallet, self._wallet.tracker
        match event.kind:
            case EventKind.BLOCK_CONNECTED:
                assert event.block is not None  # noqa: S101 - blocks have one
                concerned = self._take_block(event, event.block)
                wallet.best_block_time = wallet.clock()
                return concerned or event.block.height % _SAVE_BLOCKS == 0
            case EventKind.BLOCK_DISCONNECTED:
                assert event.block is not None  # noqa: S101 - blocks have one
                with wallet.lock:
                    tracker.block_disconnected(event.block.hash, event.block.height)
                    wallet.last_block = event.previous
                    wallet.reorgs += 1
                return True
            case EventKind.TRANSACTION_ADDED:
                self._take_transaction(event.data or b"")
            case EventKind.TRANSACTION_REMOVED:
                reason = _REASONS.get(event.reason, RemovalReason.OTHER)
                tracker.removed_from_mempool(event.txid or b"", reason)
            case EventKind.MEMPOOL_LISTED:
                tracker.reset_mempool()
            case _:
                pass
        return False

    def _take_block(self, event: Event, block: BlockRef) -> bool:
        """Take a block that joined the chain, and ask for it only if it may concern the wallet; whether it does."""
        wallet, tracker = self._wallet, self._wallet.tracker
        with wallet.lock:
            may_concern = not event.keys or wallet.watch.may_concern(event.keys)
            if not may_concern:
                tracker.block_passed(block.height)
                wallet.last_block = block.hash
                return False
        found = self._chain.find_block(block.hash, BlockParts(data=True))
        if found is None or not found.data:
            raise BlockMissingError(f"Block '{block.hash[::-1].hex()}' at height {block.height} is not available")
        with wallet.lock:
            concerned = tracker.block_connected(found.data, BlockPlace(block.hash, block.height, event.time))
            wallet.last_block = block.hash
            if concerned:
                wallet.remember_block_time(block.hash, event.time)
            return concerned

    def _take_transaction(self, data: bytes) -> None:
        wallet = self._wallet
        # One of version 3 concerns the wallet also by outputs of its transactions that pay others.
        if data[0] == TRUC_VERSION or concerns(data, wallet.scripts, wallet.history.watched):
            wallet.tracker.added_to_mempool(Transaction.parse(data))

    def _move(self, position: Position) -> None:
        with self._moved:
            self._position = position
            self._moved.notify_all()
        self._tell_block()

    def save(self) -> None:
        """Store where the wallet stands, unless that is where a scan that is not done should lead.

        What was done until then is stored already, so a crash only repeats some.
        """
        wallet = self._wallet
        block = wallet.last_block
        if block and self._caught_up:
            found = self._chain.find_block(block, BlockParts(locator=True))
            if found is not None and found.locator:
                wallet.records.write_best_block(found.locator)

    def wait(self, timeout: float = 60.0) -> bool:
        """Wait until the wallet has taken all that happened on the node before this call.

        False if that takes longer, or if the node has to get blocks first. Not to be called with the wallet's lock.
        """
        with self._moved:
            attempt = self._attempts + 1
        deadline = time.monotonic() + timeout
        here: Position | None = None
        block = b""
        while not self._ended and time.monotonic() < deadline:
            target = self._events.find_position([])
            self._retry.set()
            # Where the tip left the chain after it was asked for, the wallet may stand at the new one already.
            last, block = here if target.block == block else None, target.block
            here = self._wait_for(target.mempool, last, attempt, deadline)
            if here is None:
                return False
            # On a long way between blocks the mempool's number comes first.
            if self._is_past(here.block, target.block):
                return True
        return False

    def _wait_for(
        self, place: MempoolPosition, last: Position | None, attempt: int, deadline: float
    ) -> Position | None:
        """Wait until the wallet stands after a place of the mempool, and elsewhere than last; return where.

        None after the deadline, at the end, and when an attempt to catch up failed.
        """

        def is_there() -> bool:
            return self._position is not last and self._reached(place)

        def is_over() -> bool:
            return self._ended or self._failed_attempt >= attempt

        with self._moved:
            self._moved.wait_for(lambda: is_there() or is_over(), deadline - time.monotonic())
            return self._position if is_there() and not self._ended else None

    def _is_past(self, block: bytes, target: bytes) -> bool:
        """Whether who stands at a block knows of another, by which the chain went on or still goes."""
        if block == target:
            return True
        common = self._chain.find_common_ancestor(block, target, BlockParts()).ancestor
        return common is not None and common.hash == target

    def _reached(self, there: MempoolPosition) -> bool:
        here = self._position.mempool
        if there == MempoolPosition() or here.run != there.run:
            return False
        return here.number >= there.number and not here.listed

    def close(self) -> None:
        """Follow no longer, store where the wallet stands, and give the events back. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        self._retry.set()
        try:
            self._events.interrupt()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join()
            self.save()
            self._events.close()
        except Exception as error:  # noqa: BLE001 - the node is gone, and with it the wait
            log.debug("The node is gone already: %s", error)
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join()
