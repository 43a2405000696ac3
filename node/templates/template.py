"""A block to be mined, as all who ask for the same one share it.

Memory: a template has seven lists of references, about 60 bytes for each transaction, and 2 kB of its own. What it
refers to belongs to the mempool's entries and to other templates too; only what left the mempool since is kept by
templates alone: at most one block's transactions for each, with 100 bytes of ids and 70 for each input.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from primitives.encoding import compact_size
from primitives.merkle import merkle_path, root_of_path

if TYPE_CHECKING:
    from interfaces.mining import CoinbaseTx
    from node.templates.coinbase import Coinbase
    from node.templates.selection import Entry, Selection
    from primitives.block import BlockHeader


class Template:
    """A block on `header.previous` without its nonce and merkle root, with a coinbase that stands for the miner's."""

    __slots__ = (
        "_coinbase_txid", "_merkle_path", "_parts", "coinbase", "fees", "header", "height", "prevouts", "sigops",
        "total_fees", "transactions", "txids", "weight", "weights", "wtxids",
    )  # fmt: skip

    def __init__(self, header: BlockHeader, height: int, coinbase: Coinbase, selection: Selection) -> None:
        """Take what is needed of the entries, which may change and go."""
        entries: list[Entry] = selection.entries
        self.header = header
        self.height = height
        self.coinbase = coinbase.transaction.serialize()
        self._coinbase_txid = coinbase.transaction.txid
        self._parts = coinbase.parts
        self.transactions = tuple([entry.data for entry in entries])
        """The bytes of all but the coinbase."""
        self.txids = tuple([entry.txid for entry in entries])
        self.wtxids = tuple([entry.wtxid for entry in entries])
        self.prevouts = tuple([entry.prevouts for entry in entries])
        self.fees = tuple([entry.base_fee for entry in entries])
        """What each pays, without what prioritising added."""
        self.sigops = tuple([entry.sigop_cost for entry in entries])
        self.weights = tuple([entry.weight for entry in entries])
        self.total_fees = selection.fees
        self.weight = selection.weight
        """With what is reserved."""
        self._merkle_path: list[bytes] | None = None

    def coinbase_parts(self) -> CoinbaseTx:
        """Return what a miner's coinbase must hold."""
        parts = self._parts
        return replace(parts, required_outputs=list(parts.required_outputs))

    def merkle_path(self) -> list[bytes]:
        """Return the hashes that lead from the coinbase to the merkle root."""
        path = self._merkle_path
        if path is None:
            path = self._merkle_path = merkle_path([bytes(32), *self.txids], 0)
        return list(path)

    def complete_header(self) -> BlockHeader:
        """Return the header with the merkle root of the block as it was built."""
        return replace(self.header, merkle_root=root_of_path(self._coinbase_txid, self.merkle_path(), 0))

    def block(self, header: BlockHeader, coinbase: bytes) -> bytes:
        """Return the whole block with another header and coinbase."""
        count = compact_size(1 + len(self.transactions))
        return b"".join((header.serialize(), count, coinbase, *self.transactions))

    def serialize(self) -> bytes:
        """Return the whole block as it was built."""
        return self.block(self.header, self.coinbase)
