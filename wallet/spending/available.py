"""The coins of a wallet that may be spent (Core: AvailableCoins in src/wallet/spend.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from primitives.transaction import MAX_MONEY, OutPoint
from wallet.spending.choosing import TRUC_VERSION, Coins
from wallet.spending.coin import Coin

if TYPE_CHECKING:
    from primitives.descriptor import OutputType
    from primitives.fee_rate import FeeRate
    from wallet.spending.coin_control import CoinControl
    from wallet.spending.node_view import NodeView
    from wallet.spending.sizes import InputSizes
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet


@dataclass(frozen=True, slots=True)
class CoinFilter:
    """Which coins are not looked at, whoever asks."""

    min_amount: int = 1
    max_amount: int = MAX_MONEY
    immature_coinbase: bool = False
    skip_locked: bool = True
    check_version: bool = True
    """Whether unconfirmed coins must be of a version that goes with the transaction's (BIP431)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A coin, the kind of its address, and the version of its transaction."""

    coin: Coin
    kind: OutputType | None
    version: int


class _Verdict(NamedTuple):
    """What holds for all outputs of a transaction."""

    usable: bool
    safe: bool
    depth: int
    from_me: bool


def find_coins(wallet: Wallet, sizes: InputSizes, control: CoinControl, wanted: CoinFilter) -> list[Found]:
    """Return what may be spent, but what is preset. To be called with the wallet's lock."""
    ledger = wallet.ledger
    allow_used = not (wallet.avoids_reuse and control.avoid_address_reuse)
    trusted: dict[bytes, bool] = {}
    verdicts: dict[bytes, _Verdict] = {}
    found = []
    for (txid, index), (wtx, output) in ledger.unspent():
        verdict = verdicts.get(txid)
        if verdict is None:
            verdict = verdicts[txid] = _verdict(wallet, wtx, control, wanted, trusted)
        if not verdict.usable or not wanted.min_amount <= output.value <= wanted.max_amount:
            continue
        outpoint = OutPoint(txid, index)
        script = output.script_pubkey
        if (
            outpoint in control.selected
            or (wanted.skip_locked and outpoint in wallet.locked_coins)
            or (not allow_used and wallet.book.is_used(script))
        ):
            continue
        size, kind = sizes.own(script)
        coin = Coin(outpoint, output, verdict.depth, size, verdict.safe, wtx.time, verdict.from_me)
        found.append(Found(coin, kind, wtx.tx.version))
    return found


def available_balance(wallet: Wallet, sizes: InputSizes, control: CoinControl) -> int:
    """Return what a transaction could spend: what is selected, if all of that is there, and others if they may be.

    To be called with the wallet's lock.
    """
    selected = [wallet.history.own_output(outpoint) or preset.output for outpoint, preset in control.selected.items()]
    total = 0 if None in selected else sum(output.value for output in selected if output is not None)
    if control.allow_other_inputs:
        total += sum(each.coin.output.value for each in find_coins(wallet, sizes, control, CoinFilter()))
    return total


def _verdict(
    wallet: Wallet, wtx: WalletTx, control: CoinControl, wanted: CoinFilter, trusted: dict[bytes, bool]
) -> _Verdict:
    """Look at a transaction whose outputs may be spent."""
    history = wallet.history
    depth = history.depth(wtx)
    refused = _Verdict(usable=False, safe=False, depth=depth, from_me=False)
    if not wanted.immature_coinbase and history.blocks_to_maturity(wtx):
        return refused
    if depth < 0 or (depth == 0 and not wtx.in_mempool):
        return refused
    # What replaces or was replaced may never confirm, and what spends it would have to be made once more.
    is_settled = depth > 0 or (wtx.replaces is None and wtx.replaced_by is None)
    safe = wallet.ledger.is_trusted(wtx, trusted) and is_settled
    if depth == 0 and wanted.check_version:
        is_truc = wtx.tx.version == TRUC_VERSION
        if is_truc != (control.version == TRUC_VERSION) or (is_truc and wtx.truc_child is not None):
            return refused
    if not (safe or control.include_unsafe) or not control.min_depth <= depth <= control.max_depth:
        return refused
    return _Verdict(usable=True, safe=safe, depth=depth, from_me=history.is_from_me(wtx.tx))


def price(
    found: list[Found], rate: FeeRate, long_term_rate: FeeRate, node: NodeView, *, check_version: bool = True
) -> Coins:
    """Return coins with their costs. Asks the node, so it is to be called without the wallet's lock."""
    if check_version:
        found = _one_truc_parent(found, node)
    bump_fees = node.bump_fees([each.coin.outpoint for each in found if each.coin.depth == 0], rate)
    coins = Coins()
    for each in found:
        bump_fee = bump_fees.get(each.coin.outpoint, 0)
        coins.add(each.kind, each.coin.at(rate, long_term_rate, bump_fee))
    return coins


def _one_truc_parent(found: list[Found], node: NodeView) -> list[Found]:
    """Leave of unconfirmed transactions of version 3 only one, for a child may have no other: the richest."""
    values: dict[bytes, int] = {}
    for each in found:
        if each.version == TRUC_VERSION and each.coin.depth == 0:
            txid = each.coin.outpoint.txid
            values[txid] = values.get(txid, 0) + each.coin.value
    if not values:
        return found
    # A transaction that has a parent itself must not have a child.
    candidates = {txid: value for txid, value in values.items() if node.ancestry(txid).ancestors <= 1}
    richest = max(candidates, key=lambda txid: candidates[txid], default=None)
    return [each for each in found if each.coin.outpoint.txid not in values or each.coin.outpoint.txid == richest]
