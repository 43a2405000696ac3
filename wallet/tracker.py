"""What a wallet makes of transactions: takes those that concern it, and keeps their states in step with the chain.

The rules are Core's (src/wallet/wallet.cpp, AddToWallet and those around it). No call here asks the node: who calls
brings what is needed. What one call changes is stored in one transaction of the database.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from interfaces.wallet_callbacks import ChangeType
from wallet.block_scan import concerning
from wallet.errors import DatabaseError
from wallet.transaction import ABANDONED, IN_MEMPOOL, INACTIVE, TRUC_VERSION, BlockConflicted, Confirmed, WalletTx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from primitives.transaction import Transaction
    from wallet.transaction import State
    from wallet.wallet import Wallet

log: Final = logging.getLogger("wallet")

_TOLERATED_LEAD: Final = 300
"""Seconds that a transaction's time may lie ahead and still order those behind it."""


class RemovalReason(Enum):
    """Why a transaction left the mempool, as far as that matters here."""

    BLOCK = auto()
    CONFLICT = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class BlockPlace:
    """The block that a transaction is confirmed in."""

    hash: bytes
    height: int
    time: int
    max_time: int = 0
    """The latest time of this block and those before it; needed for rescans."""
    rescan: bool = False
    """Whether the block was connected before the wallet looked at it."""


class Tracker:
    """Changes the history of a wallet."""

    def __init__(self, wallet: Wallet) -> None:
        """Work for `wallet`."""
        self._wallet = wallet
        self._history = wallet.history
        self._unstored: dict[bytes, WalletTx] = {}
        self._notices: list[tuple[WalletTx, ChangeType]] = []
        self._touched: set[bytes] = set()
        self._depth = 0

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the wallet's lock, and store what changed at the end; tell listeners when the outermost one ends."""
        wallet = self._wallet
        with wallet.lock:
            self._depth += 1
            try:
                with wallet.database.transaction():
                    yield
                    self._store()
            except DatabaseError as error:
                wallet.context.give_up(wallet, error)
                raise
            finally:
                self._depth -= 1
            notices: list[tuple[WalletTx, ChangeType]] = []
            if not self._depth:
                notices, self._notices = self._notices, notices
                self._publish(notices)
        for wtx, change in notices:
            wallet.tell(wtx, change)

    def _publish(self, notices: Iterable[tuple[WalletTx, ChangeType]]) -> None:
        """Tell those who show the wallet of all that changed, also of what Core tells nobody."""
        topic = self._wallet.notices.transactions
        for txid in self._touched:
            topic.publish((txid, ChangeType.UPDATED), txid)
        self._touched.clear()
        for wtx, change in notices:
            topic.publish((wtx.txid, change), wtx.txid)

    def _store(self) -> None:
        records = self._wallet.records
        for txid, wtx in self._unstored.items():
            if txid not in self._history:
                continue
            for other in wtx.others.values():
                records.write_variant(txid, other.wtxid, other.serialize())
            records.write_variant(txid, wtx.tx.wtxid, wtx.tx.serialize())
            records.write_transaction(txid, wtx.serialize())
        self._unstored.clear()

    def _changed(self, wtx: WalletTx, *, store: bool = True) -> None:
        self._history.touch(wtx)
        self._touched.add(wtx.txid)
        if store:
            self._unstored[wtx.txid] = wtx

    def add(
        self,
        tx: Transaction,
        state: State,
        note: Callable[[WalletTx, bool], bool] | None = None,
        place: BlockPlace | None = None,
    ) -> WalletTx:
        """Take a transaction, or another state of one that is there (Core: AddToWallet).

        `note` may write into it and returns whether it did; it hears whether the transaction is new.
        """
        wallet, history = self._wallet, self._history
        with self.changing():
            if wallet.avoids_reuse:
                self._mark_spent_from(tx)
            wtx = history.get(tx.txid)
            is_new = wtx is None
            if wtx is None:
                wtx = WalletTx(tx, state, wallet.clock(), position=wallet.next_position())
            changed = note is not None and note(wtx, is_new)
            if is_new:
                wtx.time_smart = self._smart_time(wtx, place)
                history.add(wtx)
                self._take_inputs(wtx)
                wallet.lower_birth_time(wtx.time)
            elif wtx.update(tx, state):
                changed = True
            if wtx.tx.is_coinbase and wtx.is_inactive:
                self._abandon_coinbase(wtx)
            word = ("new, update" if changed else "new") if is_new else "update" if changed else "no-change"
            wallet.log("AddToWallet %s %s %s", tx.txid[::-1].hex(), word, state)
            self._changed(wtx, store=is_new or changed)
            if not is_new:
                history.find_own(wtx)
            self._notices.append((wtx, ChangeType.NEW if is_new else ChangeType.UPDATED))
            return wtx

    def _take_inputs(self, wtx: WalletTx) -> None:
        """Unlock the coins that it spends, and share notes with what else spends them."""
        if wtx.tx.is_coinbase:
            return
        for each in wtx.tx.inputs:
            self._wallet.unlock_coin(each.prevout)
            if len(self._history.spends[each.prevout]) > 1:
                self.share_notes(each.prevout)

    def share_notes(self, outpoint: tuple[bytes, int]) -> None:
        """Give what the owner noted of the oldest spender to those that are the same but for signatures."""
        spenders = list(self._history.spenders(outpoint))
        oldest = min(spenders, key=lambda wtx: wtx.position)
        for wtx in spenders:
            if wtx is not oldest and oldest.is_equivalent(wtx):
                wtx.copy_notes(oldest)

    def _mark_spent_from(self, tx: Transaction) -> None:
        """Note that the addresses of what it spends were spent from."""
        wallet = self._wallet
        for each in tx.inputs:
            parent = self._history.get(each.prevout.txid)
            if parent is None or each.prevout.index >= len(parent.tx.outputs):
                continue
            script = parent.tx.outputs[each.prevout.index].script_pubkey
            if wallet.is_mine(script) and wallet.has_address(script) and not wallet.book.is_used(script):
                wallet.book.set_used(script, used=True)

    def _smart_time(self, wtx: WalletTx, place: BlockPlace | None) -> int:
        """Return when to say that a new transaction happened (Core: ComputeTimeSmart)."""
        if place is None:
            return wtx.time_received
        if place.rescan:
            return place.max_time
        now, latest = wtx.time_received, 0
        for other in reversed(self._history.ordered):
            if other.time <= wtx.time_received + _TOLERATED_LEAD:
                latest = other.time
                now = max(now, latest)
                break
        return max(latest, min(place.time, now))

    def _abandon_coinbase(self, wtx: WalletTx) -> None:
        """Give up a coinbase that left the chain, and what was made of it."""
        todo, done = [wtx], set()
        while todo:
            each = todo.pop()
            if each.txid not in done:
                done.add(each.txid)
                each.state = ABANDONED
                self._changed(each)
                todo += self._history.children(each)

    def sync(self, tx: Transaction, state: State, place: BlockPlace | None = None) -> bool:
        """Take a transaction of the chain or the mempool if it concerns the wallet. Return whether it does."""
        wallet, history = self._wallet, self._history
        with self.changing():
            if isinstance(state, Confirmed):
                self._mark_conflicts_of(tx, state)
            if tx.txid not in history and not history.pays_me(tx) and not history.is_from_me(tx):
                return False
            for output in tx.outputs:
                wallet.mark_used(output.script_pubkey)
            self.add(tx, state, place=place)
            return True

    def _mark_conflicts_of(self, tx: Transaction, state: Confirmed) -> None:
        for each in tx.inputs:
            for txid in list(self._history.spends.get(each.prevout, ())):
                if txid != tx.txid:
                    self._wallet.log(
                        "Transaction %s (in block %s) conflicts with wallet transaction %s (both spend %s:%i)",
                        *(name[::-1].hex() for name in (tx.txid, state.block, txid, each.prevout.txid)),
                        each.prevout.index,
                    )
                    self.mark_conflicted(state.block, state.height, txid)

    def mark_conflicted(self, block: bytes, height: int, txid: bytes) -> None:
        """Note that a block excludes a transaction and so its descendants, unless a deeper one does already."""
        history = self._history
        depth = height - history.height - 1
        if history.height < 0 or height < 0 or depth >= 0:
            return

        def exclude(wtx: WalletTx) -> bool:
            if depth >= history.depth(wtx):
                return False
            wtx.state = BlockConflicted(block, height)
            return True

        self._spread(txid, exclude)

    def _spread(self, txid: bytes, change: Callable[[WalletTx], bool], *, store: bool = True) -> None:
        """ChangeType a transaction and, as long as that does anything, its descendants."""
        with self.changing():
            todo, done = [self._history.transactions[txid]], set()
            while todo:
                wtx = todo.pop()
                if wtx.txid in done:
                    continue
                done.add(wtx.txid)
                if change(wtx):
                    self._changed(wtx, store=store)
                    todo += self._history.children(wtx)

    def block_connected(self, data: bytes, place: BlockPlace) -> bool:
        """Take what concerns the wallet of a block that joined the chain. Return whether anything does."""
        history = self._history
        with self.changing():
            if not place.rescan:
                history.height = place.height
            concerned = False
            scripts, outpoints = self._wallet.scripts, history.watched
            for index, tx in concerning(data, scripts, outpoints):
                concerned |= self.sync(tx, Confirmed(place.hash, place.height, index), place)
                if not place.rescan:
                    self.removed_from_mempool(tx.txid, RemovalReason.BLOCK)
            return concerned

    def block_passed(self, height: int) -> None:
        """Hear that a block with nothing of the wallet joined the chain."""
        self._history.height = height

    def block_disconnected(self, block: bytes, height: int) -> bool:
        """Take back what a block did. Return whether it did anything.

        Core reads the block for this, but all that it confirmed or excluded says so.
        """
        history = self._history
        with self.changing():
            confirmed, excluded = [], []
            for wtx in history.transactions.values():
                state = wtx.state
                if type(state) is Confirmed and state.block == block:
                    confirmed.append((state.index, wtx))
                elif type(state) is BlockConflicted and state.height >= height:
                    excluded.append(wtx)
            for index, wtx in sorted(confirmed, key=lambda each: each[0]):
                self.add(wtx.tx, INACTIVE if index else ABANDONED)

            def allow(wtx: WalletTx) -> bool:
                if type(wtx.state) is not BlockConflicted or wtx.state.height < height:
                    return False
                wtx.state = INACTIVE
                return True

            for wtx in excluded:
                self._spread(wtx.txid, allow)
            history.height = height - 1
            return bool(confirmed or excluded)

    def added_to_mempool(self, tx: Transaction) -> None:
        """Hear that a transaction joined the mempool."""
        history, txid = self._history, tx.txid
        with self.changing():
            self.sync(tx, IN_MEMPOOL)
            for each in tx.inputs:
                self._exclude(history.spenders(each.prevout), txid)
            if tx.version == TRUC_VERSION:
                for each in tx.inputs:
                    parent = history.get(each.prevout.txid)
                    if parent is not None and parent.is_unconfirmed:
                        parent.truc_child = txid
                        history.truc_parents.setdefault(txid, set()).add(parent.txid)
                        # What else spends the parent cannot be in the mempool together with its only child.
                        self._exclude(history.children(parent), txid)

    def _exclude(self, transactions: Iterable[WalletTx], by: bytes) -> None:
        """Note that a transaction of the mempool excludes others, and their descendants."""

        def exclude(wtx: WalletTx) -> bool:
            if by in wtx.mempool_conflicts:
                return False
            wtx.mempool_conflicts.add(by)
            self._history.excluded.add(wtx.txid)
            return True

        for wtx in list(transactions):
            if wtx.txid != by:
                self._spread(wtx.txid, exclude, store=False)

    def removed_from_mempool(self, txid: bytes, reason: RemovalReason) -> None:
        """Hear that a transaction left the mempool."""
        history = self._history
        with self.changing():
            wtx = history.get(txid)
            if wtx is not None:
                wtx.removals += 1
            if wtx is not None and wtx.in_mempool and reason is not RemovalReason.BLOCK:
                wtx.state = INACTIVE
                self._changed(wtx, store=False)
                if reason is RemovalReason.CONFLICT:
                    self._notices.append((wtx, ChangeType.UPDATED))
            for excluded in [history.transactions[each] for each in history.excluded]:
                if txid in excluded.mempool_conflicts:
                    excluded.mempool_conflicts.discard(txid)
                    self._changed(excluded, store=False)
                    if not excluded.mempool_conflicts:
                        history.excluded.discard(excluded.txid)
            for parent in history.truc_parents.pop(txid, ()):
                if parent in history and history.transactions[parent].truc_child == txid:
                    history.transactions[parent].truc_child = None

    def reset_mempool(self) -> None:
        """Forget what is said to be in the mempool, as on another node; all that is in it follows."""
        history = self._history
        with self.changing():
            for wtx in history.transactions.values():
                if wtx.in_mempool or wtx.mempool_conflicts or wtx.truc_child is not None:
                    wtx.state = INACTIVE if wtx.in_mempool else wtx.state
                    wtx.mempool_conflicts.clear()
                    wtx.truc_child = None
                    self._changed(wtx, store=False)
            history.excluded.clear()
            history.truc_parents.clear()

    def can_be_abandoned(self, txid: bytes) -> bool:
        """Whether a transaction may be given up: neither in a block nor in the mempool, nor given up before."""
        wtx = self._history.get(txid)
        return wtx is not None and not wtx.is_abandoned and self._history.depth(wtx) == 0 and not wtx.in_mempool

    def abandon(self, txid: bytes) -> bool:
        """Give up a transaction and its descendants, so that what they spend may be spent again. False if that is not.

        They are taken again if they come to the mempool or to a block after all.
        """

        def give_up(wtx: WalletTx) -> bool:
            if wtx.is_block_conflicted or wtx.is_abandoned:
                return False
            wtx.state = ABANDONED
            self._notices.append((wtx, ChangeType.UPDATED))
            return True

        with self.changing():
            wtx = self._history.transactions[txid]
            if self._history.depth(wtx) != 0 or wtx.in_mempool:
                return False
            self._spread(txid, give_up)
            return True

    def mark_replaced(self, txid: bytes, by: bytes) -> None:
        """Note that a transaction was replaced by another."""
        with self.changing():
            wtx = self._history.transactions[txid]
            wtx.replaced_by = by
            self._changed(wtx)
            self._notices.append((wtx, ChangeType.UPDATED))

    def set_in_mempool(self, txid: bytes, removals: int) -> None:
        """Note at once that the node took a transaction, before it is heard of, and so none of those it replaced.

        Unless it was heard meanwhile that it left again: `removals` is the transaction's before it was sent.
        """

        def leave(wtx: WalletTx) -> bool:
            if not wtx.in_mempool:
                return False
            wtx.state = INACTIVE
            return True

        with self.changing():
            wtx = self._history.get(txid)
            if wtx is not None and wtx.is_inactive and wtx.removals == removals:
                for other in self._history.conflicts(wtx):
                    self._spread(other, leave, store=False)
                wtx.state = IN_MEMPOOL
                self._changed(wtx, store=False)

    def remove(self, txids: Iterable[bytes]) -> None:
        """Forget transactions, stored and in memory. All are there."""
        with self.changing():
            for txid in txids:
                wtx = self._history.transactions[txid]
                self._wallet.records.erase_transaction(txid)
                self._history.remove(wtx)
                self._unstored.pop(txid, None)
                self._notices.append((wtx, ChangeType.DELETED))
            self._wallet.ledger.forget()
