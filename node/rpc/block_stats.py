"""RPC method that sums up one block (Core: getblockstats in src/rpc/blockchain.cpp). Amounts are satoshis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from node.rpc.block_arguments import block_at
from node.rpc.block_json import hash_hex, read_block_checked, read_undo_checked
from primitives.block import Block
from primitives.encoding import compact_size
from primitives.script import is_unspendable
from rpc import json
from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import example_cli, example_rpc
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.coin import Coin
    from node.rpc.context import RpcContext
    from primitives.transaction import Transaction
    from rpc.json import Json

_OVERHEAD: Final = 36 + 4
"""Bytes of a coin beside its output: the outpoint, and height with coinbase flag."""
_REPEATED_COINBASES: Final = frozenset(
    {
        (91842, bytes.fromhex("00000000000a4d0a398161ffc163c503763b1f4360639393e0e4c8e300e0caec")[::-1]),
        (91880, bytes.fromhex("00000000000743f190a18c5577a3c2d2a1f610ae9601ac046a38084ccb7cd721")[::-1]),
    }
)
"""Blocks whose coinbase repeats an earlier one (BIP30; Core: IsBIP30Repeat in src/validation.cpp)."""
_EXAMPLE: Final = "00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09"
_PERCENTILES: Final = ((1, 10), (1, 4), (1, 2), (3, 4), (9, 10))
_STATS: Final = {
    "avgfee": "The mean fee",
    "avgfeerate": "The mean feerate, in satoshis per virtual byte",
    "avgtxsize": "The mean size of a transaction",
    "blockhash": "The hash of the block",
    "feerate_percentiles": "The feerates that 10, 25, 50, 75 and 90 percent of the weight stay below or at, "
    "in satoshis per virtual byte",
    "height": "The height of the block",
    "ins": "The number of inputs, without the coinbase",
    "maxfee": "The highest fee",
    "maxfeerate": "The highest feerate, in satoshis per virtual byte",
    "maxtxsize": "The size of the largest transaction",
    "medianfee": "The median fee, rounded down",
    "mediantime": "The median time of the block and the ten before it",
    "mediantxsize": "The median size of a transaction, rounded down",
    "minfee": "The lowest fee",
    "minfeerate": "The lowest feerate, in satoshis per virtual byte",
    "mintxsize": "The size of the smallest transaction",
    "outs": "The number of outputs",
    "subsidy": "What the block may create",
    "swtotal_size": "The size of all segwit transactions",
    "swtotal_weight": "The weight of all segwit transactions",
    "swtxs": "The number of segwit transactions",
    "time": "The time of the block",
    "total_out": "The sum of all outputs, without the coinbase",
    "total_size": "The size of all transactions, without the coinbase",
    "total_weight": "The weight of all transactions, without the coinbase",
    "totalfee": "The sum of all fees",
    "txs": "The number of transactions, with the coinbase",
    "utxo_increase": "How many more outputs it makes than it spends",
    "utxo_size_inc": "The bytes by which the set of unspent outputs grows",
    "utxo_increase_actual": "The same as utxo_increase, without outputs that nobody can spend",
    "utxo_size_inc_actual": "The same as utxo_size_inc, without outputs that nobody can spend",
}


def _result(key: str, text: str) -> Result:
    if key == "blockhash":
        return Result(Kind.STR_HEX, key, text, optional=True)
    if key == "feerate_percentiles":
        names = ("10th", "25th", "50th", "75th", "90th")
        inner = tuple(Result(Kind.NUM, f"{name}_percentile_feerate", f"At {name}") for name in names)
        return Result(Kind.ARR_FIXED, key, text, inner, optional=True)
    return Result(Kind.NUM, key, text, optional=True)


@method(
    "blockchain",
    "getblockstats",
    Arg(
        "hash_or_height",
        Kind.NUM,
        "The hash or the height of the block",
        skip_type_check=True,
        type_text=("", "string or numeric"),
    ),
    Arg(
        "stats",
        Kind.ARR,
        "Which values to return (see below)",
        (
            Arg("height", Kind.STR, "A value", optional=True),
            Arg("time", Kind.STR, "A value", optional=True),
        ),
        hint="all values",
        oneline="stats",
    ),
    result=Result(Kind.OBJ, "", "", tuple(_result(key, text) for key, text in _STATS.items())),
    help="Computes sums, means and medians of one block. All amounts are in satoshis.\n"
    "Where blocks were pruned it does not work.",
    examples=example_cli("getblockstats", f'\'"{_EXAMPLE}"\' \'["minfeerate","avgfeerate"]\'')
    + example_cli("getblockstats", '1000 \'["minfeerate","avgfeerate"]\'')
    + example_rpc("getblockstats", f'"{_EXAMPLE}", ["minfeerate","avgfeerate"]')
    + example_rpc("getblockstats", '1000, ["minfeerate","avgfeerate"]'),
)
def getblockstats(context: RpcContext, hash_or_height: Json, stats: list[Json] | None) -> Json:
    """Return the values asked for."""
    chainstate = context.node.chainstate
    entry = block_at(chainstate, hash_or_height)
    wanted = sorted({json.to_str(name) for name in stats or ()})
    data, undo = read_block_checked(chainstate, entry), read_undo_checked(chainstate, entry)
    with chainstate.symbols() as symbols:
        subsidy = symbols.subsidy(entry.height)
    found = _Summary(entry, Block.parse(data), undo).result(subsidy)
    if not wanted:
        return found
    for name in wanted:
        if name not in found:
            raise RpcError(RPC_INVALID_PARAMETER, f"Invalid selected statistic '{name}'")
    return {name: found[name] for name in wanted}


def _coin_size(script: bytes) -> int:
    return 8 + len(compact_size(len(script))) + len(script) + _OVERHEAD


class _Summary:
    """Adds up the transactions of a block."""

    def __init__(self, entry: BlockEntry, block: Block, undo: list[list[Coin]]) -> None:
        self._entry = entry
        self._block = block
        self._fees: list[int] = []
        self._rates: list[tuple[int, int]] = []
        self._sizes: list[int] = []
        self._weight = self._ins = self._outs = self._coins = self._total_out = 0
        self._segwit_count = self._segwit_size = self._segwit_weight = 0
        self._growth = self._actual_growth = 0
        for number, transaction in enumerate(block.transactions):
            out = self._add_outputs(transaction)
            if number:
                self._add_transaction(transaction, undo[number - 1], out)

    def _add_outputs(self, transaction: Transaction) -> int:
        entry = self._entry
        lost = entry.height == 0 or (transaction.is_coinbase and (entry.height, entry.hash) in _REPEATED_COINBASES)
        total = 0
        self._outs += len(transaction.outputs)
        for value, script in transaction.outputs:
            total += value
            size = _coin_size(script)
            self._growth += size
            if not lost and not is_unspendable(script):
                self._coins += 1
                self._actual_growth += size
        return total

    def _add_transaction(self, transaction: Transaction, spent: list[Coin], out: int) -> None:
        size, weight = transaction.total_size, transaction.weight
        self._ins += len(transaction.inputs)
        self._total_out += out
        self._sizes.append(size)
        self._weight += weight
        if transaction.has_witness:
            self._segwit_count += 1
            self._segwit_size += size
            self._segwit_weight += weight
        freed = sum(_coin_size(coin.script_pubkey) for coin in spent)
        self._growth -= freed
        self._actual_growth -= freed
        fee = sum(coin.value for coin in spent) - out
        self._fees.append(fee)
        self._rates.append((fee * 4 // weight, weight))

    def result(self, subsidy: int) -> dict[str, Any]:
        """Return all values."""
        fees, sizes = self._fees, self._sizes
        rates = [rate for rate, _ in self._rates]
        count = len(fees)
        return {
            "avgfee": sum(fees) // count if count else 0,
            "avgfeerate": sum(fees) * 4 // self._weight if self._weight else 0,
            "avgtxsize": sum(sizes) // count if count else 0,
            "blockhash": hash_hex(self._entry),
            "feerate_percentiles": percentiles(self._rates, self._weight),
            "height": self._entry.height,
            "ins": self._ins,
            "maxfee": max(fees, default=0),
            "maxfeerate": max(rates, default=0),
            "maxtxsize": max(sizes, default=0),
            "medianfee": truncated_median(fees),
            "mediantime": self._entry.median_time_past,
            "mediantxsize": truncated_median(sizes),
            "minfee": min(fees, default=0),
            "minfeerate": min(rates, default=0),
            "mintxsize": min(sizes, default=0),
            "outs": self._outs,
            "subsidy": subsidy,
            "swtotal_size": self._segwit_size,
            "swtotal_weight": self._segwit_weight,
            "swtxs": self._segwit_count,
            "time": self._entry.time,
            "total_out": self._total_out,
            "total_size": sum(sizes),
            "total_weight": self._weight,
            "totalfee": sum(fees),
            "txs": len(self._block.transactions),
            "utxo_increase": self._outs - self._ins,
            "utxo_size_inc": self._growth,
            "utxo_increase_actual": self._coins - self._ins,
            "utxo_size_inc_actual": self._actual_growth,
        }


def truncated_median(values: list[int]) -> int:
    """Return the median, of an even number the mean of the middle two rounded down; 0 of nothing."""
    if not values:
        return 0
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def percentiles(rates: list[tuple[int, int]], total_weight: int) -> list[int]:
    """Return the feerates at 10, 25, 50, 75 and 90 percent of the weight, from pairs of feerate and weight."""
    if not rates:
        return [0] * len(_PERCENTILES)
    result: list[int] = []
    weight = 0
    ordered = sorted(rates)
    for rate, part in ordered:
        weight += part
        while len(result) < len(_PERCENTILES):
            share, of = _PERCENTILES[len(result)]
            if weight * of < total_weight * share:
                break
            result.append(rate)
    return result + [ordered[-1][0]] * (len(_PERCENTILES) - len(result))


METHODS: Final = (getblockstats,)
