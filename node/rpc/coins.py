"""RPC methods about single coins and all of them (Core: gettxout, gettxoutsetinfo in src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node import coin_statistics
from node.coin_statistics import CoinHash
from node.indexes.coin_stats import BlockStats, CoinStats
from node.mempool.coin_view import look_up_coin
from node.policy.consensus import MEMPOOL_HEIGHT
from node.rpc.block_arguments import block_at
from node.rpc.index_access import all_coins, indexes_of, synced_coins
from node.rpc.mempool_access import mempool_of
from rpc.arguments import parse_hash
from rpc.errors import RPC_INTERNAL_ERROR, RPC_INVALID_PARAMETER, RpcError
from rpc.help import example_cli, example_cli_named, example_rpc, examples
from rpc.json import Amount
from rpc.method import Arg, Kind, Num, Result, method
from rpc.script_json import script_fields

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.indexes.coin_stats import CoinStatsIndex
    from node.indexes.thread import IndexThread
    from node.rpc.context import RpcContext
    from rpc.json import Json

_HASH_EXAMPLE: Final = "00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09"


@method(
    "blockchain",
    "gettxout",
    Arg("txid", Kind.STR, "The id of the transaction"),
    Arg("n", Kind.NUM, "The index of the output", number=Num.UINT),
    Arg(
        "include_mempool",
        Kind.BOOL,
        "Whether to look at the mempool too: outputs that it makes are there, those it spends are not",
        default=True,
    ),
    result=(
        Result(Kind.NONE, condition="If there is no such coin"),
        Result(
            Kind.OBJ,
            inner=(
                Result(Kind.STR_HEX, "bestblock", "The hash of the tip"),
                Result(Kind.NUM, "confirmations", "How many blocks confirm it"),
                Result(Kind.STR_AMOUNT, "value", "Its value in BTC"),
                Result(
                    Kind.OBJ,
                    "scriptPubKey",
                    inner=(
                        Result(Kind.STR, "asm", "The script in words"),
                        Result(Kind.STR, "desc", "A descriptor for the script"),
                        Result(Kind.STR_HEX, "hex", "The script in hex"),
                        Result(Kind.STR, "type", "Its type, such as pubkeyhash"),
                        Result(Kind.STR, "address", "Its address, if scripts of this type have one", optional=True),
                    ),
                ),
                Result(Kind.BOOL, "coinbase", "Whether a coinbase made it"),
            ),
            condition="Otherwise",
        ),
    ),
    help="Returns an output that is not spent.",
    examples=examples("gettxout", '"txid" 1', '"txid", 1'),
)
def gettxout(context: RpcContext, txid: str, n: int, include_mempool: bool) -> Json:
    """Return a coin."""
    outpoint = parse_hash(txid, "txid") + n.to_bytes(4, "little")
    coin, is_known = look_up_coin(mempool_of(context), outpoint) if include_mempool else (None, False)
    coins = synced_coins(context)
    with coins.reading() as best:
        if not is_known:
            coin = coins.index.get(outpoint)
    if coin is None or best is None:
        return None
    return {
        "bestblock": best.hash[::-1].hex(),
        "confirmations": 0 if coin.height == MEMPOOL_HEIGHT else best.height - coin.height + 1,
        "value": Amount(coin.value),
        "scriptPubKey": script_fields(coin.script_pubkey, context.node.chain),
        "coinbase": coin.is_coinbase,
    }


_AMOUNT: Final = Kind.STR_AMOUNT


@method(
    "blockchain",
    "gettxoutsetinfo",
    Arg(
        "hash_type",
        Kind.STR,
        "Which hash of all coins to compute: 'hash_serialized_3' (one hash over all, the old way), 'muhash', 'none'.",
        default="hash_serialized_3",
    ),
    Arg(
        "hash_or_height",
        Kind.NUM,
        "The hash or height of the block after which to look (only with coinstatsindex).",
        hint="the current best block",
        skip_type_check=True,
        type_text=("", "string or numeric"),
    ),
    Arg("use_index", Kind.BOOL, "Whether to use coinstatsindex, if it is there.", default=True),
    result=Result(
        Kind.OBJ,
        inner=(
            Result(Kind.NUM, "height", "The height of the block that the numbers are of"),
            Result(Kind.STR_HEX, "bestblock", "Its hash"),
            Result(Kind.NUM, "txouts", "The number of coins"),
            Result(Kind.NUM, "bogosize", "A number that grows with the set, whatever the database"),
            Result(Kind.STR_HEX, "hash_serialized_3", "The hash, if it was asked for", optional=True),
            Result(Kind.STR_HEX, "muhash", "The hash, if it was asked for", optional=True),
            Result(
                Kind.NUM,
                "transactions",
                "The number of transactions with coins (without coinstatsindex)",
                optional=True,
            ),
            Result(
                Kind.NUM,
                "disk_size",
                "About how much room the set takes on disk (without coinstatsindex)",
                optional=True,
            ),
            Result(_AMOUNT, "total_amount", "The value of all coins"),
            Result(_AMOUNT, "total_unspendable_amount", "What is lost for ever (with coinstatsindex)", optional=True),
            Result(
                Kind.OBJ,
                "block_info",
                "What this block did (with coinstatsindex)",
                (
                    Result(_AMOUNT, "prevout_spent", "The value of all outputs it spent"),
                    Result(_AMOUNT, "coinbase", "The value its coinbase made"),
                    Result(_AMOUNT, "new_outputs_ex_coinbase", "The value of all other outputs it made"),
                    Result(_AMOUNT, "unspendable", "What it lost for ever"),
                    Result(
                        Kind.OBJ,
                        "unspendables",
                        "How it was lost",
                        (
                            Result(_AMOUNT, "genesis_block", "The reward of the first block"),
                            Result(_AMOUNT, "bip30", "Coinbases that another of the same id overwrote (see BIP30)"),
                            Result(_AMOUNT, "scripts", "Sent to scripts that nobody can satisfy, such as OP_RETURN"),
                            Result(_AMOUNT, "unclaimed_rewards", "Rewards that the miner did not take"),
                        ),
                    ),
                ),
                optional=True,
            ),
        ),
    ),
    help="Returns statistics about all coins.\nThis takes a while unless coinstatsindex is used.",
    examples=example_cli("gettxoutsetinfo")
    + example_cli("gettxoutsetinfo", '"none"')
    + example_cli("gettxoutsetinfo", '"none" 1000')
    + example_cli("gettxoutsetinfo", f'"none" \'"{_HASH_EXAMPLE}"\'')
    + example_cli_named("gettxoutsetinfo", {"hash_type": "muhash", "use_index": "false"})
    + example_rpc("gettxoutsetinfo")
    + example_rpc("gettxoutsetinfo", '"none"')
    + example_rpc("gettxoutsetinfo", '"none", 1000')
    + example_rpc("gettxoutsetinfo", f'"none", "{_HASH_EXAMPLE}"'),
)
def gettxoutsetinfo(context: RpcContext, hash_type: str, hash_or_height: Json, use_index: bool) -> Json:
    """Return statistics of all coins."""
    kind = _hash_kind(hash_type)
    stats = indexes_of(context).coin_stats
    entry = None
    if hash_or_height is not None:
        if stats is None:
            raise RpcError(RPC_INVALID_PARAMETER, "Querying specific block heights requires coinstatsindex")
        if kind is CoinHash.SERIALIZED:
            text = "hash_serialized_3 hash type cannot be queried for a specific block"
            raise RpcError(RPC_INVALID_PARAMETER, text)
        if not use_index:
            raise RpcError(RPC_INVALID_PARAMETER, "Cannot set use_index to false when querying for a specific block")
        entry = block_at(context.node.chainstate, hash_or_height)
    if use_index and stats is not None:
        best = entry or context.node.chainstate.tip()  # What comes meanwhile may not be indexed yet.
        _wait_for(stats, entry)
        if kind is not CoinHash.SERIALIZED:
            return _from_index(stats, best, kind)
    return _from_coins(context, kind)


def _hash_kind(name: str) -> CoinHash:
    try:
        return CoinHash(name)
    except ValueError:
        raise RpcError(RPC_INVALID_PARAMETER, f"'{name}' is not a valid hash_type") from None


def _wait_for(stats: IndexThread[CoinStatsIndex], entry: BlockEntry | None) -> None:
    if not stats.wait_until_synced():
        height = 0 if stats.best is None else stats.best.height
        if entry is not None and entry.height > height:
            text = f"Unable to get data because coinstatsindex is still syncing. Current height: {height}"
            raise RpcError(RPC_INTERNAL_ERROR, text)


def _from_index(stats: IndexThread[CoinStatsIndex], entry: BlockEntry, kind: CoinHash) -> Json:
    found = _stats_of(stats, entry)
    previous = entry.previous
    before = CoinStats() if previous is None else _stats_of(stats, previous).stats
    now = found.stats
    result: dict[str, Json] = {
        "height": entry.height,
        "bestblock": entry.hash[::-1].hex(),
        "txouts": now.output_count,
        "bogosize": now.bogo_size,
    }
    if kind is CoinHash.MUHASH:
        result["muhash"] = found.muhash[::-1].hex()
    result |= {
        "total_amount": Amount(now.total_amount),
        "total_unspendable_amount": Amount(now.unspendable),
        "block_info": {
            "prevout_spent": Amount(now.spent - before.spent),
            "coinbase": Amount(now.coinbase - before.coinbase),
            "new_outputs_ex_coinbase": Amount(now.made - before.made),
            "unspendable": Amount(now.unspendable - before.unspendable),
            "unspendables": {
                "genesis_block": Amount(now.unspendable_genesis - before.unspendable_genesis),
                "bip30": Amount(now.unspendable_bip30 - before.unspendable_bip30),
                "scripts": Amount(now.unspendable_scripts - before.unspendable_scripts),
                "unclaimed_rewards": Amount(now.unclaimed - before.unclaimed),
            },
        },
    }
    return result


def _stats_of(stats: IndexThread[CoinStatsIndex], entry: BlockEntry) -> BlockStats:
    with stats.reading():
        found = stats.index.stats_of(entry)
    if found is None:
        raise RpcError(RPC_INTERNAL_ERROR, "Unable to read UTXO set")
    return found


def _from_coins(context: RpcContext, kind: CoinHash) -> Json:
    with all_coins(context) as (best, coins):
        found = coin_statistics.compute(coins, kind, context.server.check_interrupt)
    result: dict[str, Json] = {
        "height": best.height,
        "bestblock": best.hash[::-1].hex(),
        "txouts": found.coins,
        "bogosize": found.bogo_size,
    }
    if kind is not CoinHash.NONE:
        result[kind.value] = found.hash[::-1].hex()
    result |= {
        "total_amount": Amount(found.total_amount),
        "transactions": found.transactions,
        "disk_size": coins.disk_size,
    }
    return result


METHODS: Final = (gettxout, gettxoutsetinfo)
