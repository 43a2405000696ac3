"""The RPC method that lists coins (Core: listunspent in src/wallet/rpc/coins.cpp, AvailableCoins in spend.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.descriptor_of_script import infer_descriptor
from primitives.errors import AddressError
from primitives.hashes import ripemd160
from primitives.satisfaction_size import input_weight
from primitives.script import TxoutType, solve
from primitives.transaction import MAX_MONEY
from rpc import json
from rpc.arguments import check_object, parse_amount
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError
from rpc.help import example_cli, example_rpc
from rpc.json import Amount
from rpc.method import Arg, Kind, Num, Result, method
from wallet.rpc.parents import PARENTS, ParentDescriptors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from primitives.signing_data import SigningData
    from primitives.transaction import TxOut
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

_MAX_DEPTH: Final = 9_999_999
_ADDRESSES: Final = '["bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl","bc1q02ad21edsxd23d32dfgqqsz4vv4nmtfzuklhy3"]'
_QUOTED: Final = '"' + _ADDRESSES.replace('"', '\\"') + '"'


@dataclass(slots=True)
class _Filter:
    """Which coins to list."""

    min_depth: int
    max_depth: int
    scripts: set[bytes]
    """All if empty."""
    unsafe: bool
    min_amount: int = 0
    max_amount: int = MAX_MONEY
    min_sum: int = MAX_MONEY
    max_count: int = 0
    """0: no limit."""
    immature: bool = False


@dataclass(frozen=True, slots=True)
class _Coin:
    outpoint: tuple[bytes, int]
    output: TxOut
    depth: int
    safe: bool


@method(
    "wallet",
    "listunspent",
    Arg("minconf", Kind.NUM, "At least so many confirmations", default=1),
    Arg("maxconf", Kind.NUM, "At most so many confirmations", default=_MAX_DEPTH),
    Arg(
        "addresses",
        Kind.ARR,
        "Coins on these addresses only",
        (Arg("address", Kind.STR, "An address", optional=True),),
        hint="[]",
    ),
    Arg(
        "include_unsafe", Kind.BOOL, 'Whether to list coins that are not safe to spend, see "safe" below', default=True
    ),
    Arg(
        "query_options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg("minimumAmount", Kind.AMOUNT, "At least so many BTC each", default="0.00"),
            Arg("maximumAmount", Kind.AMOUNT, "At most so many BTC each", hint="unlimited"),
            Arg("maximumCount", Kind.NUM, "At most so many coins", hint="unlimited", number=Num.INT64),
            Arg("minimumSumAmount", Kind.AMOUNT, "No more coins once they add up to so many BTC", hint="unlimited"),
            Arg("include_immature_coinbase", Kind.BOOL, "Whether to list coinbases that are too young", default=False),
        ),
        optional=True,
        oneline="query_options",
    ),
    result=Result(
        Kind.ARR,
        "",
        "",
        (
            Result(
                Kind.OBJ,
                "",
                "",
                (
                    Result(Kind.STR_HEX, "txid", "The id of the transaction"),
                    Result(Kind.NUM, "vout", "The number of its output"),
                    Result(Kind.STR, "address", "The address", optional=True),
                    Result(Kind.STR, "label", 'The label of the address; "" is the default one', optional=True),
                    Result(Kind.STR, "scriptPubKey", "The output script"),
                    Result(Kind.STR_AMOUNT, "amount", "What it holds in BTC"),
                    Result(Kind.NUM, "confirmations", "The confirmations"),
                    Result(
                        Kind.NUM,
                        "ancestorcount",
                        "How many ancestors the transaction has in the mempool with itself, if it is there",
                        optional=True,
                    ),
                    Result(Kind.NUM, "ancestorsize", "Their virtual size", optional=True),
                    Result(Kind.STR_AMOUNT, "ancestorfees", "Their modified fees in satoshis", optional=True),
                    Result(Kind.STR_HEX, "redeemScript", "The redeem script of a P2SH output", optional=True),
                    Result(Kind.STR, "witnessScript", "The witness script behind a P2WSH program", optional=True),
                    Result(Kind.BOOL, "spendable", "(DEPRECATED) Always true"),
                    Result(Kind.BOOL, "solvable", "Whether it is known what it takes to spend it, but for keys"),
                    Result(
                        Kind.BOOL,
                        "reused",
                        "Whether the address was spent from before. Of wallets with the avoid_reuse flag",
                        optional=True,
                    ),
                    Result(Kind.STR, "desc", "A descriptor of the output, if it is solvable", optional=True),
                    PARENTS,
                    Result(
                        Kind.BOOL,
                        "safe",
                        "Whether it is safe to spend: not what others paid and is not confirmed, nor what replaces\n"
                        "another transaction and is not confirmed. What is not safe is not spent unless asked for",
                    ),
                ),
            ),
        ),
    ),
    help="Returns the wallet's unspent outputs that have between minconf and maxconf confirmations,\n"
    "all or those on some addresses.",
    examples=example_cli("listunspent")
    + example_cli("listunspent", f"6 9999999 {_QUOTED}")
    + example_rpc("listunspent", f"6, 9999999, {_ADDRESSES}")
    + example_cli("listunspent", "6 9999999 '[]' true '{ \"minimumAmount\": 0.005 }'")
    + example_rpc("listunspent", '6, 9999999, [] , true, { "minimumAmount": 0.005 } '),
)
def listunspent(
    context: RpcContext,
    minconf: int,
    maxconf: int,
    addresses: list[Json] | None,
    include_unsafe: bool,
    options: dict[str, Json] | None,
) -> Json:
    """List them."""
    wallet = context.wallet()
    wanted = _Filter(minconf, maxconf, _scripts(wallet, addresses or []), include_unsafe)
    if options is not None:
        _read_options(wanted, options)
    wallet.wait_until_synced()
    with wallet.lock:
        coins = [coin for coin in _coins(wallet, wanted) if not wanted.scripts or coin.output[1] in wanted.scripts]
        parents = ParentDescriptors(wallet)
        entries = [(coin, *_describe(wallet, parents, coin)) for coin in coins]
    ancestry = _ancestry(context, {coin.outpoint[0] for coin in coins if not coin.depth})
    return [{**head, **ancestry.get(coin.outpoint[0], {}), **tail} for coin, head, tail in entries]


def _scripts(wallet: Wallet, addresses: list[Json]) -> set[bytes]:
    found: set[bytes] = set()
    for each in addresses:
        text = json.to_str(each)
        try:
            script = address.decode(text, wallet.params)
        except AddressError as error:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"Invalid Bitcoin address: {text}") from error
        if script in found:
            raise RpcError(RPC_INVALID_PARAMETER, f"Invalid parameter, duplicated address: {text}")
        found.add(script)
    return found


def _read_options(wanted: _Filter, options: dict[str, Json]) -> None:
    kinds = {
        "minimumAmount": None,
        "maximumAmount": None,
        "minimumSumAmount": None,
        "maximumCount": "number",
        "include_immature_coinbase": "bool",
    }
    check_object(options, kinds, allow_null=True, strict=True)
    if "minimumAmount" in options:
        wanted.min_amount = parse_amount(options["minimumAmount"])
    if "maximumAmount" in options:
        wanted.max_amount = parse_amount(options["maximumAmount"])
    if "minimumSumAmount" in options:
        wanted.min_sum = parse_amount(options["minimumSumAmount"])
    if "maximumCount" in options:
        wanted.max_count = json.to_int64(options["maximumCount"])
    if "include_immature_coinbase" in options:
        wanted.immature = json.to_bool(options["include_immature_coinbase"])


def _coins(wallet: Wallet, wanted: _Filter) -> Iterator[_Coin]:
    """Return what may be spent: neither locked, nor of a transaction that is nowhere known."""
    history = wallet.history
    trusted: dict[bytes, bool] = {}
    count = total = 0
    for outpoint, (wtx, output) in wallet.ledger.unspent():
        depth = history.depth(wtx)
        if (
            depth < 0
            or (not depth and not wtx.in_mempool)
            or not wanted.min_depth <= depth <= wanted.max_depth
            or not wanted.min_amount <= output.value <= wanted.max_amount
            or outpoint in wallet.locked_coins
            or (not wanted.immature and history.blocks_to_maturity(wtx))
        ):
            continue
        is_replacement = not depth and (wtx.replaces is not None or wtx.replaced_by is not None)
        safe = wallet.ledger.is_trusted(wtx, trusted) and not is_replacement
        if not safe and not wanted.unsafe:
            continue
        yield _Coin(outpoint, output, depth, safe)
        count += 1
        total += output.value
        if (wanted.min_sum != MAX_MONEY and total >= wanted.min_sum) or 0 < wanted.max_count <= count:
            return


def _describe(wallet: Wallet, parents: ParentDescriptors, coin: _Coin) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return what stands before and after what the node knows of the coin."""
    value, script = coin.output
    managers = wallet.descriptors_of(script)
    known = managers[0].solving_data(script) if managers else None
    head: dict[str, Json] = {"txid": coin.outpoint[0][::-1].hex(), "vout": coin.outpoint[1]}
    text = address.encode(script, wallet.params)
    if text is not None:
        head["address"] = text
        entry = wallet.book.entry(script)
        if entry is not None:
            head["label"] = entry.label or ""
        if known is not None:
            head |= _scripts_behind(script, known)
    head |= {"scriptPubKey": script.hex(), "amount": Amount(value), "confirmations": coin.depth}
    tail: dict[str, Json] = {"spendable": True, "solvable": False}
    if known is not None:
        descriptor = infer_descriptor(script, wallet.params, known)
        if input_weight(descriptor) is not None:
            tail |= {"solvable": True, "desc": descriptor.text()}
    tail["parent_descs"] = parents.of(script)
    if wallet.avoids_reuse:
        tail["reused"] = wallet.book.is_used(script)
    tail["safe"] = coin.safe
    return head, tail


def _scripts_behind(script: bytes, known: SigningData) -> dict[str, Json]:
    """Return the scripts that an output script is the hash of, as far as they are known."""
    found: dict[str, Json] = {}
    kind, solutions = solve(script)
    if kind is TxoutType.SCRIPTHASH:
        inner = known.scripts.get(solutions[0])
        if inner is None:
            return found
        found["redeemScript"] = inner.hex()
        kind, solutions = solve(inner)
    if kind is TxoutType.WITNESS_V0_SCRIPTHASH:
        inner = known.scripts.get(ripemd160(solutions[0]))
        if inner is not None:
            found["witnessScript"] = inner.hex()
    return found


def _ancestry(context: RpcContext, txids: set[bytes]) -> dict[bytes, dict[str, Json]]:
    """Ask the node what hangs together with transactions in its mempool."""
    chain = context.owner.chain
    found: dict[bytes, dict[str, Json]] = {}
    if chain is None:
        return found
    for txid in txids:
        told = chain.get_transaction_ancestry(txid)
        if told.ancestors:
            found[txid] = {
                "ancestorcount": told.ancestors,
                "ancestorsize": told.ancestor_size,
                "ancestorfees": told.ancestor_fees,
            }
    return found


METHODS: Final = (listunspent,)
