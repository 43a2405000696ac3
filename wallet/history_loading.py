"""Reads a wallet's transactions and locked coins from its database (Core: LoadTxRecords in src/wallet/walletdb.cpp).

The blocks of transactions are looked up later, when there is a node to ask: see `settle`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from primitives.errors import DecodeError
from primitives.transaction import Transaction
from wallet.errors import CorruptWalletError
from wallet.transaction import INACTIVE, NO_POSITION, BlockConflicted, Confirmed, WalletTx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wallet.wallet import Wallet


def load_history(wallet: Wallet) -> bool:
    """Fill a wallet's history. Return whether the chain must be scanned again, as transactions are not what they say.

    Raises CorruptWalletError.
    """
    loaded, must_rescan = [], False
    variants: dict[bytes, list[bytes]] = defaultdict(list)
    for txid, value in wallet.records.variants():
        variants[txid].append(value)
    for txid, value in wallet.records.transactions():
        try:
            others = [  # What starts the record is the form parsed there.
                Transaction.parse_from(each, 0)[0]
                for each in variants.get(txid, ())
                if not (each and value.startswith(each))
            ]
            wtx = WalletTx.parse(value, {each.wtxid: each for each in others})
        except DecodeError as error:
            raise CorruptWalletError(f"Error: Corrupt tx record found: {error}") from error
        must_rescan |= wtx.txid != txid
        loaded.append(wtx)
    if len({wtx.txid for wtx in loaded}) != len(loaded):
        raise CorruptWalletError(
            "Error: Corrupt transaction found. This can be fixed by removing transactions from wallet and rescanning."
        )
    is_unordered = any(wtx.position == NO_POSITION for wtx in loaded)
    if is_unordered:
        _order(wallet, loaded)
    loaded.sort(key=lambda wtx: wtx.position)
    wallet.reserve_positions(loaded[-1].position + 1 if loaded else 0)
    for wtx in loaded:
        wallet.history.add(wtx)
        wallet.lower_birth_time(wtx.time)
    for outpoint, spenders in wallet.history.spends.items():
        if len(spenders) > 1:
            wallet.tracker.share_notes(outpoint)
    for coin in wallet.records.locked_coins():
        wallet.locked_coins[coin] = True
    _abandon_lost_coinbases(wallet)
    return must_rescan


def _order(wallet: Wallet, loaded: list[WalletTx]) -> None:
    """Give a position to those that have none, by when they were received (Core: ReorderTransactions)."""
    following, moved = 0, list[int]()
    with wallet.database.transaction():
        for wtx in sorted(loaded, key=lambda each: each.time_received):
            if wtx.position == NO_POSITION:
                wtx.position = following
                moved.append(following)
                following += 1
            else:
                shift = sum(wtx.position >= start for start in moved)
                wtx.position += shift
                following = max(following, wtx.position + 1)
                if not shift:
                    continue
            wallet.records.write_transaction(wtx.txid, wtx.serialize())
        wallet.set_next_position(following)


def _abandon_lost_coinbases(wallet: Wallet) -> None:
    """Give up coinbases that are in no block."""
    for wtx in list(wallet.transactions.values()):
        if wtx.is_inactive and not wtx.is_abandoned and wtx.tx.is_coinbase:
            wallet.abandon(wtx.txid)


def blocks_to_find(wallet: Wallet) -> list[bytes]:
    """Return the hashes of the blocks that `settle` asks for."""
    states = (wtx.state for wtx in wallet.transactions.values())
    return list({state.block for state in states if isinstance(state, Confirmed | BlockConflicted)})


def settle(wallet: Wallet, heights: Mapping[bytes, int]) -> None:
    """Give transactions the heights of their blocks; those whose block is not in the chain are in none any more.

    `heights` has what is in the chain of `blocks_to_find`.
    """
    history = wallet.history
    with wallet.lock:
        for wtx in history.transactions.values():
            state = wtx.state
            if isinstance(state, Confirmed | BlockConflicted):
                height = heights.get(state.block)
                wtx.state = INACTIVE if height is None else replace(state, height=height)
                wtx.choose_canonical()
                history.touch(wtx)
        for wtx in list(history.transactions.values()):
            state = wtx.state
            if type(state) is BlockConflicted:
                for child in list(history.children(wtx)):
                    wallet.tracker.mark_conflicted(state.block, state.height, child.txid)
        _abandon_lost_coinbases(wallet)
