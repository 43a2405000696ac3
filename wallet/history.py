"""All transactions of a wallet: by id, in order, by what they spend, and the outputs of them that are the wallet's.

In memory only, and without judgement: `wallet.tracker` decides what states transactions take. Whoever changes a
transaction says so by `touch`, so that the ledger looks at it again. All under the wallet's lock.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from wallet.transaction import BlockConflicted, Confirmed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from primitives.transaction import OutPoint, Transaction, TxOut
    from wallet.transaction import WalletTx
    from wallet.watch import Watch

COINBASE_MATURITY: Final = 100

_PREVOUT: Final = Struct("<32sI")
_position: Final = attrgetter("position")


class OwnOutput(NamedTuple):
    """An output that pays the wallet."""

    wtx: WalletTx
    output: TxOut


class History:
    """The transactions, and the height of the block that the wallet knows as its tip."""

    def __init__(self, is_mine: Callable[[bytes], bool], watch: Watch) -> None:
        """Start empty; `is_mine` tells whether the wallet knows an output script."""
        self._watch = watch
        self._is_mine = is_mine
        self.transactions: dict[bytes, WalletTx] = {}
        self.ordered: list[WalletTx] = []
        """As they came, which their positions say."""
        self.spends: dict[tuple[bytes, int], list[bytes]] = {}
        """Ids of the transactions that spend an output, by outpoint; the output need not be the wallet's."""
        self.own: dict[tuple[bytes, int], OwnOutput] = {}
        """The outputs that pay the wallet, spent or not, by outpoint."""
        self.watched: set[bytes] = set()
        """Outpoints whose spending concerns the wallet, 36 bytes each: the keys of `spends` and of `own`."""
        self.changed: set[bytes] = set()
        """Ids of the transactions that changed since the ledger looked."""
        self.height = -1
        """The height of the last block processed, -1 before the first."""
        self.excluded: set[bytes] = set()
        """Ids of the transactions that the mempool excludes: all that have `mempool_conflicts`."""
        self.truc_parents: dict[bytes, set[bytes]] = {}
        """Ids of the transactions whose `truc_child` it is, by that child's id."""

    def __contains__(self, txid: bytes) -> bool:
        return txid in self.transactions

    def get(self, txid: bytes) -> WalletTx | None:
        """Return a transaction, None if it is not the wallet's."""
        return self.transactions.get(txid)

    def add(self, wtx: WalletTx) -> None:
        """Add a transaction that is not there yet."""
        self.transactions[wtx.txid] = wtx
        insort(self.ordered, wtx, key=_position)
        if not wtx.tx.is_coinbase:
            for each in wtx.tx.inputs:
                self.spends.setdefault(each.prevout, []).append(wtx.txid)
                self._watch_for(_PREVOUT.pack(*each.prevout))
        self.find_own(wtx)
        self.touch(wtx)

    def remove(self, wtx: WalletTx) -> None:
        """Forget a transaction."""
        txid = wtx.txid
        self.touch(wtx)
        del self.transactions[txid]
        self.excluded.discard(txid)
        self.ordered.remove(wtx)
        for each in wtx.tx.inputs:
            spenders = self.spends.get(each.prevout)
            if spenders is not None and txid in spenders:
                spenders.remove(txid)
                if not spenders:
                    del self.spends[each.prevout]
                    self._unwatch(each.prevout)
        for index in range(len(wtx.tx.outputs)):
            if self.own.pop((txid, index), None) is not None:
                self._unwatch((txid, index))

    def _watch_for(self, outpoint: bytes) -> None:
        self.watched.add(outpoint)
        self._watch.add_outpoint(outpoint)

    def _unwatch(self, outpoint: tuple[bytes, int]) -> None:
        if outpoint not in self.own and outpoint not in self.spends:
            self.watched.discard(_PREVOUT.pack(*outpoint))

    def find_own(self, wtx: WalletTx) -> None:
        """Look for outputs of a transaction that pay the wallet, as after an import of descriptors."""
        for index, output in enumerate(wtx.tx.outputs):
            if self._is_mine(output.script_pubkey):
                outpoint = (wtx.txid, index)
                self.own[outpoint] = OwnOutput(wtx, output)
                self._watch_for(_PREVOUT.pack(*outpoint))

    def find_all_own(self) -> None:
        """Look again at all transactions for outputs that pay the wallet."""
        for wtx in self.transactions.values():
            self.find_own(wtx)
            self.touch(wtx)

    def touch(self, wtx: WalletTx) -> None:
        """Note that a transaction changed."""
        self.changed.add(wtx.txid)

    def spenders(self, outpoint: tuple[bytes, int]) -> Iterator[WalletTx]:
        """Return the transactions that spend an output."""
        return (self.transactions[txid] for txid in self.spends.get(outpoint, ()))

    def children(self, wtx: WalletTx) -> Iterator[WalletTx]:
        """Return the transactions that spend outputs of this one; twice those that spend two."""
        for index in range(len(wtx.tx.outputs)):
            yield from self.spenders((wtx.txid, index))

    def conflicts(self, wtx: WalletTx) -> set[bytes]:
        """Return the ids of other transactions that spend what this one spends."""
        found = {txid for each in wtx.tx.inputs for txid in self.spends.get(each.prevout, ())}
        return found - {wtx.txid}

    def is_spent(self, outpoint: tuple[bytes, int]) -> bool:
        """Whether a transaction that may stand spends this output."""
        return any(wtx.is_spending for wtx in self.spenders(outpoint))

    def has_spent_output(self, wtx: WalletTx) -> bool:
        """Whether an output of this transaction is spent."""
        return any(self.is_spent((wtx.txid, index)) for index in range(len(wtx.tx.outputs)))

    def depth(self, wtx: WalletTx) -> int:
        """Return the confirmations, negative for those of a conflicting block, 0 for none."""
        state = wtx.state
        if type(state) is Confirmed:
            return self.height - state.height + 1
        if type(state) is BlockConflicted:
            return state.height - self.height - 1
        return 0

    def blocks_to_maturity(self, wtx: WalletTx) -> int:
        """Return after how many blocks the outputs may be spent; 0 unless it is a coinbase."""
        return max(0, COINBASE_MATURITY + 1 - self.depth(wtx)) if wtx.tx.is_coinbase else 0

    def own_output(self, outpoint: tuple[bytes, int]) -> TxOut | None:
        """Return an output if it pays the wallet."""
        found = self.own.get(outpoint)
        return None if found is None else found.output

    def debit(self, tx: Transaction) -> int:
        """Return what a transaction spends of the wallet's."""
        own = self.own
        return sum(own[each.prevout].output.value for each in tx.inputs if each.prevout in own)

    def is_from_me(self, tx: Transaction) -> bool:
        """Whether a transaction spends anything of the wallet's."""
        return any(each.prevout in self.own for each in tx.inputs)

    def pays_me(self, tx: Transaction) -> bool:
        """Whether an output pays the wallet."""
        return any(self._is_mine(output.script_pubkey) for output in tx.outputs)

    def own_outpoints(self, wtx: WalletTx) -> Iterable[OutPoint | tuple[bytes, int]]:
        """Return the wallet's outputs whose being spent depends on this transaction: its own and those it spends."""
        for index in range(len(wtx.tx.outputs)):
            if (wtx.txid, index) in self.own:
                yield (wtx.txid, index)
        for each in wtx.tx.inputs:
            if each.prevout in self.own:
                yield each.prevout
