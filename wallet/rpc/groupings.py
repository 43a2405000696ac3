"""The RPC method that tells which addresses others can know to be one owner's (Core: listaddressgroupings)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import address
from rpc.help import examples
from rpc.json import Amount
from rpc.method import Kind, Result, method
from wallet.destinations import destination_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet


@method(
    "wallet",
    "listaddressgroupings",
    result=Result(
        Kind.ARR,
        "",
        "",
        (
            Result(
                Kind.ARR,
                "",
                "",
                (
                    Result(
                        Kind.ARR_FIXED,
                        "",
                        "",
                        (
                            Result(Kind.STR, "address", "The address"),
                            Result(Kind.STR_AMOUNT, "amount", "What it holds in BTC"),
                            Result(Kind.STR, "label", "The label of the address", optional=True),
                        ),
                    ),
                ),
            ),
        ),
    ),
    help="Lists the wallet's addresses in groups. That those of a group have one owner became public, as they were\n"
    "spent together, or one took the change of the others.",
    examples=examples("listaddressgroupings"),
)
def listaddressgroupings(context: RpcContext) -> Json:
    """Group them."""
    wallet = context.synced_wallet()
    with wallet.lock:
        held = _held(wallet)
        groups = [sorted(group, key=destination_order) for group in _groups(wallet)]
        groups.sort(key=lambda group: [destination_order(script) for script in group])
        return [[_describe(wallet, script, held.get(script, 0)) for script in group] for group in groups]


def _describe(wallet: Wallet, script: bytes, amount: int) -> Json:
    told: list[Json] = [address.encode(script, wallet.params), Amount(amount)]
    entry = wallet.book.entry(script)
    return told if entry is None else [*told, entry.label or ""]


def _held(wallet: Wallet) -> dict[bytes, int]:
    """Return what addresses hold of what is trusted and can be spent (Core: GetAddressBalances)."""
    found: dict[bytes, int] = {}
    trusted: dict[bytes, bool] = {}
    history, ledger = wallet.history, wallet.ledger
    for _, (wtx, output) in ledger.unspent():
        if not ledger.is_trusted(wtx, trusted) or history.blocks_to_maturity(wtx):
            continue
        if history.depth(wtx) >= (0 if history.is_from_me(wtx.tx) else 1):
            found[output.script_pubkey] = found.get(output.script_pubkey, 0) + output.value
    return found


def _groups(wallet: Wallet) -> list[set[bytes]]:
    """Return the groups (Core: GetAddressGroupings); none has an address of another."""
    group_of: dict[bytes, set[bytes]] = {}
    for wtx in wallet.history.ordered:
        for together in _together(wallet, wtx):
            group = set(together)
            for script in together:
                group |= group_of.get(script, set())
            for script in group:
                group_of[script] = group
    return list({id(group): group for group in group_of.values()}.values())


def _together(wallet: Wallet, wtx: WalletTx) -> Iterator[set[bytes]]:
    """Return what one transaction shows to be together: its inputs with its change; and each address it pays."""
    own, outputs = wallet.history.own, wtx.tx.outputs
    spent = {own[each.prevout].output.script_pubkey for each in wtx.tx.inputs if each.prevout in own}
    if spent:
        change = {output.script_pubkey for output in outputs if wallet.ledger.is_change(output.script_pubkey)}
        yield set(filter(wallet.has_address, spent | change))
    for output in outputs:
        if wallet.is_mine(output.script_pubkey) and wallet.has_address(output.script_pubkey):
            yield {output.script_pubkey}


METHODS: Final = (listaddressgroupings,)
