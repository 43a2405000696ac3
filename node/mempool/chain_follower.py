"""Keeps a mempool in step with the chain."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from node.mempool.disconnected import DisconnectedTransactions
from node.mempool.reorg import drop_what_cannot_be_next, drop_with_descendants, let_in_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.block_tree import BlockEntry
    from node.chain_news import BlockSource
    from node.chainstate import Chainstate
    from node.mempool.acceptance import Acceptance

log: Final = logging.getLogger()
_MOST_UNDONE: Final = 10
"""Blocks that the operator declares invalid, whose transactions come back; those of older ones do not."""


class ChainFollower:
    """Listens to the chain, under whose processing lock it is told, except while blocks are read from files.

    There is no transaction then.

    A block that joins is seen to at once. Where blocks leave, all is done when the new tip is known, so that nobody
    sees the mempool in between.
    """

    def __init__(self, chainstate: Chainstate, acceptance: Acceptance, fatal: Callable[[str], None]) -> None:
        """Begin to listen. `fatal` is told in one line why the mempool cannot go on; it must not wait."""
        self._chainstate = chainstate
        self._acceptance = acceptance
        self._pool = acceptance.pool
        self._fatal = fatal
        self._moves: list[tuple[bool, BlockEntry, BlockSource]] = []
        self._failed = False
        self._remove = chainstate.add_listener(self)

    def close(self) -> None:
        """Stop listening."""
        self._remove()

    def block_connected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Drop what the block holds and what conflicts with it."""
        if self._moves:
            self._moves.append((True, entry, block))
        else:
            self._guarded(lambda: self._connect(entry, block))

    def block_disconnected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Wait for the new tip."""
        self._moves.append((False, entry, block))

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """See to blocks that left, and to those that came in their place."""
        del entry, initial_download
        if self._moves:
            moves, self._moves = self._moves, []
            self._guarded(lambda: self._reorganise(moves))

    def header_tip(self, entry: BlockEntry) -> None:
        """Do nothing."""

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do what the mempool needs; if it fails, the node ends, but the chain is told of what it did to the end."""
        if self._failed:
            return
        try:
            work()
        except Exception as error:
            self._failed = True
            log.exception("The mempool cannot follow the chain")
            self._fatal(f"The mempool cannot follow the chain: {error}")

    def _connect(self, entry: BlockEntry, block: BlockSource) -> None:
        pool = self._pool
        with pool.lock:
            pool.remove_for_block(block.transactions() if pool.follows_blocks else (), entry.height)

    def _reorganise(self, moves: list[tuple[bool, BlockEntry, BlockSource]]) -> None:
        pool = self._pool
        with pool.lock:
            back = DisconnectedTransactions()
            undone = 0
            for connected, entry, block in moves:
                if connected:
                    transactions = block.transactions()
                    pool.remove_for_block(transactions, entry.height)
                    back.remove(each.txid for each in transactions)
                    continue
                undone += 1
                self._disconnect(back, block, come_back=undone <= _MOST_UNDONE or not entry.status.failed)
            let_in_again(self._acceptance, back.take())
            drop_what_cannot_be_next(pool, self._chainstate, self._acceptance.next_block())
            self._acceptance.limit_size()

    def _disconnect(self, back: DisconnectedTransactions, block: BlockSource, *, come_back: bool) -> None:
        transactions = block.transactions()
        if come_back:
            left_out = back.add_block(block.bytes(), transactions)
        else:
            left_out = [(each.txid, len(each.outputs)) for each in transactions]
        for txid, outputs in left_out:
            drop_with_descendants(self._pool, txid, outputs)
