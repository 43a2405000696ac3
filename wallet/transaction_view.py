"""What is told of a wallet's transactions and coins (Core: MakeWalletTx and the like in src/wallet/interfaces.cpp).

All with the wallet's lock.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from interfaces.wallet_transactions import NO_HEIGHT, TxOut, WalletTx, WalletTxDetails, WalletTxOut, WalletTxStatus
from primitives import address
from wallet.errors import WalletError
from wallet.transaction import BlockConflicted, Confirmed

if TYPE_CHECKING:
    from wallet import transaction
    from wallet.wallet import Wallet

_MOST: Final = 1000
_PAGE_BYTES: Final = 1_000_000
_position: Final = attrgetter("position")


def describe(wallet: Wallet, wtx: transaction.WalletTx) -> WalletTx:
    """Return what a transaction is to the wallet."""
    tx, ledger, own = wtx.tx, wallet.ledger, wallet.history.own
    scripts = [output.script_pubkey for output in tx.outputs]
    is_mine = [wallet.is_mine(script) for script in scripts]
    addresses = [address.encode(script, wallet.params) for script in scripts]
    return WalletTx(
        wtx.txid,
        tx.serialize(),
        [each.prevout in own for each in tx.inputs],
        is_mine,
        [ledger.is_change(script) for script in scripts],
        [text or "" for text in addresses],
        [mine and text is not None for mine, text in zip(is_mine, addresses, strict=True)],
        ledger.credit(wtx),
        ledger.debit(wtx),
        ledger.change(wtx),
        wtx.time,
        wtx.comment,
        wtx.comment_to,
        tx.is_coinbase,
    )


def status(wallet: Wallet, wtx: transaction.WalletTx) -> WalletTxStatus:
    """Return how far a transaction is."""
    history, state = wallet.history, wtx.state
    return WalletTxStatus(
        state.height if isinstance(state, Confirmed | BlockConflicted) else NO_HEIGHT,
        history.blocks_to_maturity(wtx),
        history.depth(wtx),
        wtx.time_received,
        wtx.tx.lock_time,
        wallet.ledger.is_trusted(wtx),
        wtx.is_abandoned,
        wtx.tx.is_coinbase,
        wtx.is_confirmed,
    )


def details(wallet: Wallet, wtx: transaction.WalletTx) -> WalletTxDetails:
    """Return all of a transaction."""
    return WalletTxDetails(
        describe(wallet, wtx),
        status(wallet, wtx),
        list(wtx.messages),
        list(wtx.payment_requests),
        wtx.in_mempool,
        wallet.last_block_height,
    )


def page(wallet: Wallet, before: bytes, count: int) -> list[WalletTx]:
    """Return a page of `Wallet.get_wallet_txs`. Raises WalletError if `before` is not there."""
    ordered = wallet.history.ordered
    end = len(ordered)
    if before:
        last = wallet.history.get(before)
        if last is None:
            raise WalletError("Invalid or non-wallet transaction id")
        end = bisect_left(ordered, last.position, key=_position)
        while ordered[end] is not last:
            end += 1
    told: list[WalletTx] = []
    size = 0
    for index in range(end - 1, max(-1, end - 1 - min(count, _MOST)), -1):
        found = describe(wallet, ordered[index])
        size += len(found.tx)
        if told and size > _PAGE_BYTES:
            break
        told.append(found)
    return told


def output_of(wallet: Wallet, outpoint: tuple[bytes, int]) -> WalletTxOut:
    """Return an output of a transaction of the wallet's, as little as there is."""
    wtx = wallet.history.get(outpoint[0])
    depth = -1 if wtx is None else wallet.history.depth(wtx)
    if wtx is None or depth < 0 or outpoint[1] >= len(wtx.tx.outputs):
        return WalletTxOut(TxOut(-1, b""), 0, -1, False)
    value, script = wtx.tx.outputs[outpoint[1]]
    return WalletTxOut(TxOut(value, script), wtx.time, depth, wallet.history.is_spent(outpoint))
