"""JSON of transactions (Core: TxToUniv in src/core_io.cpp).

`getblock` prints thousands at once, so a transaction is written as text, which `json.Raw` puts into an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from primitives.script import to_asm
from primitives.transaction import COIN
from rpc.script_json import script_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from common.chains import ChainParams
    from primitives.block import Block
    from primitives.transaction import Transaction, TxIn


class SpentCoin(Protocol):
    """What undo data says of a coin."""

    @property
    def value(self) -> int:
        """Satoshis."""

    @property
    def script_pubkey(self) -> bytes:
        """Its script."""

    @property
    def height(self) -> int:
        """Height of the block that made it."""

    @property
    def is_coinbase(self) -> bool:
        """Whether a coinbase made it."""


_EMPTY_SCRIPT: Final = '"scriptSig":{"asm":"","hex":""}'


def amount_text(value: int) -> str:
    """Return satoshis as bitcoins with eight decimals (Core: ValueFromAmount)."""
    if value < 0:
        return f"-{-value // COIN}.{-value % COIN:08d}"
    return f"{value // COIN}.{value % COIN:08d}"


def transaction_members(
    transaction: Transaction,
    chain: ChainParams,
    *,
    with_hex: bool = True,
    spent: Sequence[SpentCoin] | None = None,
    show_prevouts: bool = False,
) -> str:
    """Return the members of a transaction's object, without braces.

    `spent` are the coins of its inputs, in order: with them there is a fee, and `show_prevouts` shows each.
    """
    raw = transaction.serialize()
    stripped = transaction.stripped_size
    weight = stripped * 3 + len(raw)
    if transaction.is_coinbase:
        inputs = _coinbase_text(transaction.inputs[0])
    elif spent is not None and show_prevouts:
        pairs = zip(transaction.inputs, spent, strict=True)
        inputs = ",".join([_input_text(each, _prevout_text(coin, chain)) for each, coin in pairs])
    else:
        inputs = ",".join([_input_text(each, "") for each in transaction.inputs])
    outputs = ",".join(
        [
            f'{{"value":{amount_text(value)},"n":{index},"scriptPubKey":{script_text(script, chain)}}}'
            for index, (value, script) in enumerate(transaction.outputs)
        ]
    )
    fee = ""
    if spent is not None and not transaction.is_coinbase:
        paid = sum(coin.value for coin in spent) - sum(output.value for output in transaction.outputs)
        fee = f',"fee":{amount_text(paid)}'
    hexed = f',"hex":"{raw.hex()}"' if with_hex else ""
    return (
        f'"txid":"{transaction.txid[::-1].hex()}","hash":"{transaction.wtxid[::-1].hex()}",'
        f'"version":{transaction.version},"size":{len(raw)},"vsize":{(weight + 3) // 4},"weight":{weight},'
        f'"locktime":{transaction.lock_time},"vin":[{inputs}],"vout":[{outputs}]{fee}{hexed}'
    )


def _coinbase_text(coinbase: TxIn) -> str:
    return (
        f'{{"coinbase":"{coinbase.script_sig.hex()}"{_witness_text(coinbase.witness)},"sequence":{coinbase.sequence}}}'
    )


def _input_text(each: TxIn, prevout: str) -> str:
    (txid, index), script, sequence, witness = each
    signature = _EMPTY_SCRIPT
    if script:
        signature = f'"scriptSig":{{"asm":"{to_asm(script, sighash_decode=True)}","hex":"{script.hex()}"}}'
    return (
        f'{{"txid":"{txid[::-1].hex()}","vout":{index},{signature}{_witness_text(witness)}{prevout},'
        f'"sequence":{sequence}}}'
    )


def _witness_text(witness: Sequence[bytes]) -> str:
    if not witness:
        return ""
    items = '","'.join([item.hex() for item in witness])
    return f',"txinwitness":["{items}"]'


def _prevout_text(coin: SpentCoin, chain: ChainParams) -> str:
    return (
        f',"prevout":{{"generated":{"true" if coin.is_coinbase else "false"},"height":{coin.height},'
        f'"value":{amount_text(coin.value)},"scriptPubKey":{script_text(coin.script_pubkey, chain)}}}'
    )


def transaction_text(
    transaction: Transaction,
    chain: ChainParams,
    *,
    with_hex: bool = True,
    spent: Sequence[SpentCoin] | None = None,
    show_prevouts: bool = False,
) -> str:
    """Return a transaction's object; see `transaction_members`."""
    members = transaction_members(transaction, chain, with_hex=with_hex, spent=spent, show_prevouts=show_prevouts)
    return f"{{{members}}}"


def block_transactions_text(
    block: Block,
    chain: ChainParams,
    undo: Iterable[Sequence[SpentCoin]] | None = None,
    *,
    show_prevouts: bool = False,
) -> str:
    """Return the array of a block's transactions; `undo` are the coins spent by each but the coinbase."""
    coinbase, *others = block.transactions
    texts = [transaction_text(coinbase, chain)]
    if undo is None:
        texts += [transaction_text(each, chain) for each in others]
    else:
        texts += [
            transaction_text(each, chain, spent=spent, show_prevouts=show_prevouts)
            for each, spent in zip(others, undo, strict=True)
        ]
    return f"[{','.join(texts)}]"
