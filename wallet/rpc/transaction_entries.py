"""JSON of a wallet's transactions and of the payments they are (Core: src/wallet/rpc/transactions.cpp).

Entries are built under the wallet's lock. What only the node knows, such as the time of a block, has its place in them
already and is filled in without the lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interfaces.chain import BlockParts, Replaceability
from primitives import address
from rpc.help import UNIX_EPOCH_TIME
from rpc.json import Amount
from rpc.method import Kind, Result
from wallet.ledger import Category
from wallet.rpc.parents import PARENTS_OF_RECEIVED, ParentDescriptors
from wallet.transaction import Confirmed

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.ledger import Payment
    from wallet.rpc.context import RpcContext
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet

_REPLACEABLE: Final = {
    Replaceability.UNKNOWN: "unknown",
    Replaceability.REPLACEABLE: "yes",
    Replaceability.FINAL: "no",
}
_TXID: Final = Result(Kind.STR_HEX, "txid", "The id of a transaction")

TRANSACTION: Final = (
    Result(
        Kind.NUM,
        "confirmations",
        "The confirmations; negative those of a block that excludes the transaction",
    ),
    Result(Kind.BOOL, "generated", "Only of coinbases: true", optional=True),
    Result(
        Kind.BOOL,
        "trusted",
        "Whether it can be taken to confirm and is safe to spend from. Only of what has no confirmations",
        optional=True,
    ),
    Result(Kind.STR_HEX, "blockhash", "The hash of the block that it is in", optional=True),
    Result(Kind.NUM, "blockheight", "The height of that block", optional=True),
    Result(Kind.NUM, "blockindex", "Its place in that block", optional=True),
    Result(Kind.NUM_TIME, "blocktime", f"The time of that block: {UNIX_EPOCH_TIME}", optional=True),
    Result(Kind.STR_HEX, "txid", "The id"),
    Result(Kind.STR_HEX, "wtxid", "The hash with witnesses"),
    Result(
        Kind.ARR,
        "alternate_wtxids",
        "The same of the transaction with other witnesses",
        (Result(Kind.STR_HEX, "wtxid", "A hash with witnesses"),),
    ),
    Result(Kind.ARR, "walletconflicts", "Transactions of the wallet that spend the same", (_TXID,)),
    Result(Kind.STR_HEX, "replaced_by_txid", "What replaced it. Of what was sent", optional=True),
    Result(Kind.STR_HEX, "replaces_txid", "What it replaces. Of what was sent", optional=True),
    Result(Kind.ARR, "mempoolconflicts", "Transactions of the mempool that exclude it or what it hangs on", (_TXID,)),
    Result(Kind.STR, "to", "The comment on who was paid", optional=True),
    Result(Kind.NUM_TIME, "time", f"When it happened: {UNIX_EPOCH_TIME}"),
    Result(Kind.NUM_TIME, "timereceived", f"When the wallet heard of it: {UNIX_EPOCH_TIME}"),
    Result(Kind.STR, "comment", "The comment", optional=True),
    Result(
        Kind.STR,
        "bip125-replaceable",
        '("yes|no|unknown") (DEPRECATED) Whether it, or one of the mempool it hangs on, says that it may be replaced\n'
        "(BIP125), with -deprecatedrpc=bip125. Unknown if what it hangs on is not known",
        optional=True,
    ),
    PARENTS_OF_RECEIVED,
)
ADDRESS: Final = Result(Kind.STR, "address", "The address, if the output has one", optional=True)
CATEGORY: Final = Result(
    Kind.STR,
    "category",
    "What the payment is:\n"
    '"send"       sent\n'
    '"receive"    received, but not by a coinbase\n'
    '"generate"   received by a coinbase that can be spent\n'
    '"immature"   received by a coinbase that is too young to be spent\n'
    '"orphan"     received by a coinbase that is not in the chain',
)
AMOUNT: Final = Result(Kind.STR_AMOUNT, "amount", "The amount in BTC, negative for what was sent")
LABEL: Final = Result(Kind.STR, "label", "The label of the address", optional=True)
OUTPUT: Final = Result(Kind.NUM, "vout", "The number of the output")
FEE: Final = Result(Kind.STR_AMOUNT, "fee", "The fee in BTC, negative. Of what was sent", optional=True)
ABANDONED: Final = Result(Kind.BOOL, "abandoned", "Whether it was given up, so that its inputs can be spent again")


class TransactionEntries:
    """Makes entries; `finish` them before they are returned."""

    def __init__(self, context: RpcContext, wallet: Wallet) -> None:
        """Tell of a wallet's transactions."""
        self._chain = context.owner.chain
        self._wallet = wallet
        self._parents = ParentDescriptors(wallet)
        self._shows_replaceable = context.server.is_deprecated_enabled("bip125")
        self._in_blocks: list[tuple[dict[str, Json], bytes]] = []
        self._waiting: list[tuple[dict[str, Json], bytes]] = []

    def transaction(self, wtx: WalletTx, entry: dict[str, Json]) -> None:
        """Add what is to be told of a transaction as a whole; hold the wallet's lock."""
        history = self._wallet.history
        confirmations = history.depth(wtx)
        entry["confirmations"] = confirmations
        if wtx.tx.is_coinbase:
            entry["generated"] = True
        if isinstance(wtx.state, Confirmed):
            entry["blockhash"] = wtx.state.block[::-1].hex()
            entry["blockheight"] = wtx.state.height
            entry["blockindex"] = wtx.state.index
            entry["blocktime"] = None
            self._in_blocks.append((entry, wtx.state.block))
        else:
            entry["trusted"] = self._wallet.ledger.is_trusted(wtx)
        entry["txid"] = wtx.txid[::-1].hex()
        entry["wtxid"] = wtx.tx.wtxid[::-1].hex()
        entry["alternate_wtxids"] = [wtxid[::-1].hex() for wtxid in sorted(wtx.others)]
        entry["walletconflicts"] = [txid[::-1].hex() for txid in sorted(history.conflicts(wtx))]
        entry["mempoolconflicts"] = [txid[::-1].hex() for txid in sorted(wtx.mempool_conflicts)]
        entry["time"] = wtx.time
        entry["timereceived"] = wtx.time_received
        if self._shows_replaceable:
            entry["bip125-replaceable"] = "no"
            if confirmations <= 0:
                self._waiting.append((entry, wtx.tx.serialize()))
        if wtx.comment is not None:
            entry["comment"] = wtx.comment
        if wtx.comment_to is not None:
            entry["to"] = wtx.comment_to
        if wtx.replaces is not None:
            entry["replaces_txid"] = wtx.replaces[::-1].hex()
        if wtx.replaced_by is not None:
            entry["replaced_by_txid"] = wtx.replaced_by[::-1].hex()

    def payments(
        self,
        wtx: WalletTx,
        min_depth: int = 0,
        label: str | None = None,
        *,
        whole: bool = True,
        include_change: bool = False,
    ) -> list[dict[str, Json]]:
        """Return a transaction's payments, `whole` with what `transaction` tells; hold the wallet's lock."""
        lines = self._wallet.ledger.payments(wtx, min_depth, label, include_change=include_change)
        return [self.payment(line, whole=whole) for line in lines]

    def payment(self, line: Payment, *, whole: bool = True) -> dict[str, Json]:
        """Return one payment; hold the wallet's lock."""
        wallet, wtx, script = self._wallet, line.wtx, line.script
        is_sent = line.category is Category.SEND
        entry: dict[str, Json] = {}
        text = address.encode(script, wallet.params)
        if text is not None:
            entry["address"] = text
        if not is_sent:
            entry["parent_descs"] = self._parents.of(script)
        entry["category"] = str(line.category)
        entry["amount"] = Amount(line.amount)
        known = wallet.book.entry(script)
        if known is not None:
            entry["label"] = known.label or ""
        entry["vout"] = line.index
        if is_sent:
            entry["fee"] = Amount(line.fee)
        else:
            entry["abandoned"] = wtx.is_abandoned
        if whole:
            self.transaction(wtx, entry)
        if is_sent:
            entry["abandoned"] = wtx.is_abandoned
        return entry

    def finish(self) -> None:
        """Ask the node for what is missing, and leave out what it does not know; do not hold the wallet's lock."""
        chain = self._chain
        times = self._wallet.block_times
        unknown = list({block for _, block in self._in_blocks if block not in times})
        if chain is not None and unknown:
            for found in chain.find_blocks(unknown, BlockParts()):
                self._wallet.remember_block_time(found.hash, found.time)
        for entry, block in self._in_blocks:
            if block in times:
                entry["blocktime"] = times[block]
            else:
                del entry["blocktime"]
        for entry, tx in self._waiting:
            entry["bip125-replaceable"] = "unknown" if chain is None else _REPLACEABLE[chain.is_rbf_opt_in(tx)]
