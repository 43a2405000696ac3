"""The coins of a wallet for a user to choose from, by address (Core: ListCoins in src/wallet/spend.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives import address
from wallet.spending.available import CoinFilter, find_coins
from wallet.spending.coin_control import CoinControl
from wallet.spending.sizes import InputSizes

if TYPE_CHECKING:
    from primitives.transaction import OutPoint, TxOut
    from wallet.spending.coin import Coin
    from wallet.wallet import Wallet


def list_coins(wallet: Wallet) -> dict[str, list[Coin]]:
    """Return what may be spent, locked or not; change goes with the address whose coins it comes from.

    To be called with the wallet's lock.
    """
    control = CoinControl()
    listed: dict[str, list[Coin]] = {}
    for found in find_coins(wallet, InputSizes(wallet, control), control, CoinFilter(skip_locked=False)):
        text = address.encode(_paid_first(wallet, found.coin.outpoint).script_pubkey, wallet.params)
        if text is not None:
            listed.setdefault(text, []).append(found.coin)
    return listed


def _paid_first(wallet: Wallet, outpoint: OutPoint) -> TxOut:
    """Return the output itself or, if it is change, the one that the first input spent, and so on."""
    history = wallet.history
    tx = history.transactions[outpoint.txid].tx
    output = tx.outputs[outpoint.index]
    while wallet.ledger.is_change(output.script_pubkey) and tx.inputs:
        spent = tx.inputs[0].prevout
        own = history.own.get(spent)
        if own is None:
            break
        tx, output = own.wtx.tx, own.output
    return output
