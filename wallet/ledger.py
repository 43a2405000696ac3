"""What a wallet has: balances, coins, and the history as a list of payments (Core: src/wallet/receive.cpp).

Which outputs are spent is kept from call to call, and looked at again only for transactions that changed. All under
the wallet's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from wallet.history import COINBASE_MATURITY
from wallet.transaction import Confirmed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from primitives.transaction import TxOut
    from wallet.history import History, OwnOutput
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Balances:
    """Satoshis by what can be done with them."""

    trusted: int = 0
    untrusted_pending: int = 0
    immature: int = 0
    used: int = 0
    """On addresses that were spent from, where the wallet avoids reuse."""
    nonmempool: int = 0
    """What is spent by transactions that are not in the mempool, negative. Counted in the others as if unspent."""


class Category(StrEnum):
    """What a line of the history is."""

    SEND = "send"
    RECEIVE = "receive"
    GENERATE = "generate"
    IMMATURE = "immature"
    ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Payment:
    """One line of the history: an output of a transaction, as sent or as received."""

    wtx: WalletTx
    category: Category
    script: bytes
    amount: int
    """Negative for what was sent."""
    index: int
    fee: int = 0
    """Negative; of what was sent only."""


@dataclass(frozen=True, slots=True)
class _Amounts:
    """The outputs of a transaction that matter, by index, and its fee if the wallet paid it."""

    sent: tuple[int, ...]
    received: tuple[int, ...]
    fee: int


class Ledger:
    """Looks at the history of a wallet."""

    def __init__(self, wallet: Wallet) -> None:
        """Look at nothing yet."""
        self._wallet = wallet
        self._history: History = wallet.history
        self._open: dict[tuple[bytes, int], OwnOutput] = {}
        self._pending: set[tuple[bytes, int]] = set()
        self._is_stale = True
        self._balances: dict[tuple[int, bool, bool], Balances] = {}
        self._height = -1
        self._amounts: dict[bytes, _Amounts] = {}
        self._book_version = -1

    def forget(self) -> None:
        """Look at everything again."""
        self._is_stale = True

    def _refresh(self) -> None:
        history = self._history
        if self._is_stale:
            self._is_stale = False
            self._open, self._pending = {}, set()
            self._balances.clear()
            self._amounts.clear()
            for outpoint in history.own:
                self._look_at(outpoint)
        elif history.changed:
            self._balances.clear()
            for txid in history.changed:
                self._amounts.pop(txid, None)
                wtx = history.get(txid)
                if wtx is not None:
                    for outpoint in history.own_outpoints(wtx):
                        self._look_at(outpoint)
                    for child in history.children(wtx):
                        self._amounts.pop(child.txid, None)
        history.changed.clear()
        if self._height != history.height:
            self._height = history.height
            self._balances.clear()
        if self._book_version != self._wallet.book.version:
            self._book_version = self._wallet.book.version
            self._amounts.clear()
            self._balances.clear()

    def _look_at(self, outpoint: tuple[bytes, int]) -> None:
        """Sort an output of the wallet's: spent by what is sure, or spent only by what no mempool has, or not spent."""
        self._open.pop(outpoint, None)
        self._pending.discard(outpoint)
        for wtx in self._history.spenders(outpoint):
            if wtx.is_confirmed or wtx.in_mempool:
                return
            if wtx.is_spending:
                self._pending.add(outpoint)
        self._open[outpoint] = self._history.own[outpoint]

    def balances(self, min_depth: int = 0, *, avoid_reuse: bool = True, include_nonmempool: bool = False) -> Balances:
        """Return the balances; `min_depth` is for what is trusted only (Core: GetBalance).

        `include_nonmempool` counts as unspent what is spent by transactions that are not in the mempool.
        """
        self._refresh()
        key = (min_depth, avoid_reuse and self._wallet.avoids_reuse, include_nonmempool)
        found = self._balances.get(key)
        if found is None:
            found = self._balances[key] = self._sum(*key)
        return found

    def _sum(self, min_depth: int, split_used: bool, include_nonmempool: bool) -> Balances:
        trusted = pending = immature = used = nonmempool = 0
        known: dict[bytes, bool] = {}
        height = self._history.height
        for outpoint, (wtx, output) in self._open.items():
            is_spent = outpoint in self._pending
            if is_spent and not include_nonmempool:
                continue
            state, value = wtx.state, output.value
            goes_to_trusted = goes_to_immature = False
            if type(state) is Confirmed:
                depth = height - state.height + 1
                goes_to_immature = state.index == 0 and depth <= COINBASE_MATURITY and wtx.tx.is_coinbase
                goes_to_trusted = not goes_to_immature and depth >= min_depth
                if not (goes_to_immature or goes_to_trusted):
                    continue
            elif self.is_trusted(wtx, known):
                if min_depth > 0:
                    continue
                goes_to_trusted = True
            elif not wtx.in_mempool:
                continue
            if split_used and self._wallet.book.is_used(output.script_pubkey):
                used += value
            elif goes_to_trusted:
                trusted += value
            elif goes_to_immature:
                immature += value
            else:
                pending += value
            if is_spent:
                nonmempool -= value
        return Balances(trusted, pending, immature, used, nonmempool)

    def is_trusted(self, wtx: WalletTx, known: dict[bytes, bool] | None = None) -> bool:
        """Whether a transaction will stand: it is confirmed, or in the mempool and spends only of the wallet.

        `known` remembers answers from call to call while nothing changes.
        """
        known = {} if known is None else known
        found = known.get(wtx.txid)
        if found is None:
            found = known[wtx.txid] = wtx.is_confirmed or self._is_own_and_in_mempool(wtx, known)
        return found

    def _is_own_and_in_mempool(self, wtx: WalletTx, known: dict[bytes, bool]) -> bool:
        wallet, history = self._wallet, self._history
        if not wtx.in_mempool or not wallet.settings.spend_zero_conf_change or not history.is_from_me(wtx.tx):
            return False
        for each in wtx.tx.inputs:
            parent = history.get(each.prevout.txid)
            if parent is None or each.prevout not in history.own or not self.is_trusted(parent, known):
                return False
        return True

    def unspent(self) -> Iterator[tuple[tuple[bytes, int], OwnOutput]]:
        """Return the wallet's outputs that no transaction spends which may stand, confirmed or not, and locked ones."""
        self._refresh()
        pending = self._pending
        return ((outpoint, own) for outpoint, own in self._open.items() if outpoint not in pending)

    def is_change(self, script: bytes) -> bool:
        """Whether paying this script is giving change: it is the wallet's and not in the address book."""
        return self._wallet.is_mine(script) and not self._wallet.book.is_known(script)

    def debit(self, wtx: WalletTx) -> int:
        """Return what a transaction spends of the wallet's."""
        return self._history.debit(wtx.tx)

    def credit(self, wtx: WalletTx) -> int:
        """Return what a transaction pays the wallet; 0 for a coinbase that is immature."""
        if self._history.blocks_to_maturity(wtx):
            return 0
        own, txid = self._history.own, wtx.txid
        return sum(output.value for index, output in enumerate(wtx.tx.outputs) if (txid, index) in own)

    def change(self, wtx: WalletTx) -> int:
        """Return what a transaction gives as change."""
        return sum(output.value for output in wtx.tx.outputs if self.is_change(output.script_pubkey))

    def _amounts_of(self, wtx: WalletTx, *, include_change: bool) -> _Amounts:
        found = None if include_change else self._amounts.get(wtx.txid)
        if found is None:
            found = self._split(wtx, include_change)
            if not include_change:
                self._amounts[wtx.txid] = found
        return found

    def _split(self, wtx: WalletTx, include_change: bool) -> _Amounts:
        """Tell what is sent from what is received (Core: CachedTxGetAmounts)."""
        history, tx, txid = self._history, wtx.tx, wtx.txid
        debit = history.debit(tx)
        received = [index for index in range(len(tx.outputs)) if (txid, index) in history.own]
        if debit <= 0:
            return _Amounts((), tuple(received), 0)
        is_known = self._wallet.book.is_known
        shown = [
            index
            for index, output in enumerate(tx.outputs)
            if include_change or (txid, index) not in history.own or is_known(output.script_pubkey)
        ]
        fee = debit - sum(output.value for output in tx.outputs)
        return _Amounts(tuple(shown), tuple(index for index in received if index in shown), fee)

    def fee(self, wtx: WalletTx) -> int | None:
        """Return what the wallet paid beyond the outputs; None if it paid nothing."""
        debit = self._history.debit(wtx.tx)
        return debit - sum(output.value for output in wtx.tx.outputs) if debit else None

    def payments(
        self, wtx: WalletTx, min_depth: int = 0, label: str | None = None, *, include_change: bool = False
    ) -> list[Payment]:
        """Return a transaction's lines in the history: first what was sent, then what was received.

        With a label only what addresses of that label received; `min_depth` is for what was received.
        """
        self._refresh()
        amounts = self._amounts_of(wtx, include_change=include_change)
        outputs, lines = wtx.tx.outputs, []
        if label is None:
            for index in amounts.sent:
                output = outputs[index]
                lines.append(Payment(wtx, Category.SEND, output.script_pubkey, -output.value, index, -amounts.fee))
        if amounts.received and self._history.depth(wtx) >= min_depth:
            category = self._received_as(wtx)
            for index in amounts.received:
                output = outputs[index]
                if label is None or self._label(output) == label:
                    lines.append(Payment(wtx, category, output.script_pubkey, output.value, index))
        return lines

    def _label(self, output: TxOut) -> str:
        entry = self._wallet.book.entry(output.script_pubkey)
        return "" if entry is None else entry.label or ""

    def _received_as(self, wtx: WalletTx) -> Category:
        if not wtx.tx.is_coinbase:
            return Category.RECEIVE
        if self._history.depth(wtx) < 1:
            return Category.ORPHAN
        return Category.IMMATURE if self._history.blocks_to_maturity(wtx) else Category.GENERATE

    def last_payments(self, count: int, skip: int = 0, label: str | None = None) -> list[Payment]:
        """Return `count` lines of the history before the last `skip`, oldest first (Core: listtransactions)."""
        lines: list[Payment] = []
        for wtx in reversed(self._history.ordered):
            lines += self.payments(wtx, label=label)
            if len(lines) >= count + skip:
                break
        return lines[skip : skip + count][::-1]
