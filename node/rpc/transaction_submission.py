"""RPC methods that put transactions into the mempool or ask whether they could be (Core: src/rpc/mempool.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.mempool.broadcast import BroadcastError, BroadcastFailure, broadcast
from node.mempool.results import AcceptResult, PackageFailure, PackageResult, ResultKind
from node.policy.packages import MAX_COUNT, is_child_with_parents_tree
from node.policy.reject import TxResult
from node.rpc.mempool_access import acceptance_of, mempool_of
from primitives.errors import DecodeError
from primitives.fee_rate import FeeRate
from primitives.script import has_valid_ops, is_unspendable
from primitives.transaction_hex import decode_transaction
from rpc import json
from rpc.arguments import parse_amount, parse_fee_rate
from rpc.errors import (
    RPC_DESERIALIZATION_ERROR,
    RPC_INVALID_PARAMETER,
    RPC_VERIFY_ALREADY_IN_UTXO_SET,
    RPC_VERIFY_ERROR,
    RPC_VERIFY_REJECTED,
    RpcError,
)
from rpc.help import example_cli, example_rpc
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.rpc.context import RpcContext
    from primitives.transaction import Transaction
    from rpc.json import Json

_CODES: Final = {
    BroadcastFailure.MEMPOOL_REJECTED: RPC_VERIFY_REJECTED,
    BroadcastFailure.ALREADY_IN_UTXO_SET: RPC_VERIFY_ALREADY_IN_UTXO_SET,
}
_MAX_FEE_RATE: Final = Arg(
    "maxfeerate",
    Kind.AMOUNT,
    "Refuse what pays a higher fee rate than this, in BTC/kvB.\n"
    "Rates of 1 BTC/kvB and more are not accepted here.\n"
    "With 0 any fee rate will do.",
    default="0.10",
)
_MAX_BURN: Final = Arg(
    "maxburnamount",
    Kind.AMOUNT,
    "Refuse outputs that nobody can ever spend, such as those of OP_RETURN, with more value than this, in BTC.\n"
    "Whoever means to burn coins gives more here.\n"
    "That an output passes does not mean that it can be spent.",
    default="0.00",
)
_RAW_TRANSACTION: Final = Arg("rawtx", Kind.STR_HEX, optional=True)
_SIZES: Final = (
    Result(
        Kind.NUM,
        "vsize_adjusted",
        "The virtual size (BIP141), or more if there are many signature checks (-bytespersigop)",
        optional=True,
    ),
    Result(Kind.NUM, "vsize", "(DEPRECATED) As vsize_adjusted", optional=True),
    Result(Kind.NUM, "vsize_bip141", "The virtual size (BIP141)", optional=True),
)
_EXAMPLE_CREATE: Final = (
    "\nMake a transaction\n"
    + example_cli("createrawtransaction", '"[{\\"txid\\" : \\"mytxid\\",\\"vout\\":0}]" "{\\"myaddress\\":0.01}"')
    + "Sign it, which gives hex back\n"
    + example_cli("signrawtransactionwithwallet", '"myhex"')
)


def _error(failure: BroadcastFailure, text: str = "") -> RpcError:
    return RpcError(_CODES.get(failure, RPC_VERIFY_ERROR), text or failure.value)


def _check_burn(tx: Transaction, most: int) -> None:
    for value, script in tx.outputs:
        if value > most and (is_unspendable(script) or not has_valid_ops(script)):
            raise _error(BroadcastFailure.MAX_BURN_EXCEEDED)


def _some(values: Json) -> list[Json]:
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_COUNT:
        raise RpcError(RPC_INVALID_PARAMETER, f"Array must contain between 1 and {MAX_COUNT} transactions.")
    return values


def _decode(text: str) -> Transaction:
    try:
        return decode_transaction(text)
    except DecodeError:
        raise RpcError(
            RPC_DESERIALIZATION_ERROR, f"TX decode failed: {text} Make sure the tx has at least one input."
        ) from None


@method(
    "rawtransactions",
    "sendrawtransaction",
    Arg("hexstring", Kind.STR_HEX, "The transaction in hex"),
    _MAX_FEE_RATE,
    _MAX_BURN,
    result=Result(Kind.STR_HEX, "", "The transaction's id"),
    help="Puts a transaction, given in hex, into the mempool, to be sent to all peers.\n"
    "\nIt is sent even if the mempool has it already, which tells peers where it comes from: what is not of the\n"
    "wallet is not sent again otherwise.\n"
    "\nA transaction whose outputs are coins already is an error of its own (-27).\n"
    "\nRelated: createrawtransaction, signrawtransactionwithkey\n",
    examples=_EXAMPLE_CREATE
    + "Send it\n"
    + example_cli("sendrawtransaction", '"signedhex"')
    + "\nAs a JSON-RPC call\n"
    + example_rpc("sendrawtransaction", '"signedhex"'),
)
def sendrawtransaction(context: RpcContext, hexstring: str, maxfeerate: Json, maxburnamount: Json) -> Json:
    """Let a transaction in and have it sent."""
    max_burn = parse_amount(maxburnamount)
    try:
        tx = decode_transaction(hexstring)
    except DecodeError:
        text = "TX decode failed. Make sure the tx has at least one input."
        raise RpcError(RPC_DESERIALIZATION_ERROR, text) from None
    _check_burn(tx, max_burn)
    max_fee = parse_fee_rate(maxfeerate).fee_for(tx.vsize)
    _send(context, tx, max_fee)
    return tx.txid[::-1].hex()


def _send(context: RpcContext, tx: Transaction, max_fee: int = 0) -> None:
    try:
        broadcast(context.node.chainstate, acceptance_of(context), tx, max_fee)
    except BroadcastError as error:
        raise _error(error.failure, str(error)) from None


@method(
    "rawtransactions",
    "testmempoolaccept",
    Arg("rawtxs", Kind.ARR, "Transactions in hex", (_RAW_TRANSACTION,)),
    _MAX_FEE_RATE,
    result=Result(
        Kind.ARR,
        "",
        "What would become of each transaction, in the order given.\n"
        "One that was not looked at to the end, as another failed, has no 'allowed'.",
        (
            Result(
                Kind.OBJ,
                inner=(
                    Result(Kind.STR_HEX, "txid", "Its id"),
                    Result(Kind.STR_HEX, "wtxid", "Its id with witnesses"),
                    Result(
                        Kind.STR,
                        "package-error",
                        "What is wrong with all of them together, if there are several",
                        optional=True,
                    ),
                    Result(
                        Kind.BOOL,
                        "allowed",
                        "Whether it would come in and pays no more than maxfeerate",
                        optional=True,
                    ),
                    *_SIZES,
                    Result(
                        Kind.OBJ,
                        "fees",
                        "What it pays (only if 'allowed' is true)",
                        (
                            Result(Kind.STR_AMOUNT, "base", "Its fee in BTC"),
                            Result(
                                Kind.STR_AMOUNT,
                                "effective-feerate",
                                "The fee rate that counts, in BTC/kvB: with what prioritisetransaction added, and\n"
                                "perhaps that of the package.",
                            ),
                            Result(
                                Kind.ARR,
                                "effective-includes",
                                "The transactions whose fees and sizes effective-feerate is of",
                                (Result(Kind.STR_HEX, "", "The wtxid in hex"),),
                            ),
                        ),
                        optional=True,
                    ),
                    Result(Kind.STR, "reject-reason", "Why not (only if 'allowed' is false)", optional=True),
                    Result(
                        Kind.STR,
                        "reject-details",
                        "More of it (only if 'allowed' is false and there is more)",
                        optional=True,
                    ),
                ),
            ),
        ),
    ),
    help="Tells whether transactions, given in hex, would come into the mempool.\n"
    "\nOf several, parents come before children and the rules of packages hold: they conflict neither with the\n"
    "mempool nor with each other.\n"
    "\nIf one fails, others may not be looked at to the end (then 'allowed' is not there).\n"
    f"\nAt most {MAX_COUNT} transactions may be given.\n"
    "\nConsensus and policy are checked.\n"
    "\nSee sendrawtransaction.\n",
    examples=_EXAMPLE_CREATE
    + "\nAsk\n"
    + example_cli("testmempoolaccept", "'[\"signedhex\"]'")
    + "\nAs a JSON-RPC call\n"
    + example_rpc("testmempoolaccept", '["signedhex"]'),
)
def testmempoolaccept(context: RpcContext, rawtxs: Json, maxfeerate: Json) -> Json:
    """Say what would become of transactions."""
    values = _some(rawtxs)
    max_rate = parse_fee_rate(maxfeerate)
    txs = [_decode(json.to_str(value)) for value in values]
    acceptance = acceptance_of(context)
    if len(txs) > 1:
        package = acceptance.accept_package(txs, test=True)
    else:
        package = PackageResult(None, {txs[0].wtxid: acceptance.accept(txs[0], test=True)})
    answers: list[Json] = []
    done = False
    for tx in txs:
        answer: dict[str, Json] = {"txid": tx.txid[::-1].hex(), "wtxid": tx.wtxid[::-1].hex()}
        if package.rejection is not None and package.rejection.kind is PackageFailure.POLICY:
            answer["package-error"] = package.rejection.text
        result = package.results.get(tx.wtxid)
        if result is not None and not done:
            done = _tell_test(answer, tx, result, max_rate)
        answers.append(answer)
    return answers


def _tell_test(answer: dict[str, Json], tx: Transaction, result: AcceptResult, max_rate: FeeRate) -> bool:
    """Fill the answer for one transaction; whether the others' results mean nothing, as it pays too much."""
    if result.rejection is not None:
        answer["allowed"] = False
        if result.rejection.kind is TxResult.MISSING_INPUTS:
            answer["reject-reason"] = "missing-inputs"
        else:
            answer["reject-reason"] = result.rejection.reason
            answer["reject-details"] = result.rejection.text
        return False
    most = max_rate.fee_for(result.vsize or 0)
    if most and (result.base_fee or 0) > most:
        answer["allowed"] = False
        answer["reject-reason"] = "max-fee-exceeded"
        return True
    answer["allowed"] = True
    answer |= _sizes(tx, result)
    answer["fees"] = _fees(result)
    return False


def _sizes(tx: Transaction, result: AcceptResult) -> dict[str, Json]:
    return {"vsize_adjusted": result.vsize, "vsize": result.vsize, "vsize_bip141": tx.vsize}


def _fees(result: AcceptResult) -> dict[str, Json]:
    fees: dict[str, Json] = {"base": Amount(result.base_fee or 0)}
    if result.effective_feerate is not None:
        fees["effective-feerate"] = Amount(result.effective_feerate.per_kvb)
        fees["effective-includes"] = [wtxid[::-1].hex() for wtxid in result.wtxids_fee]
    return fees


@method(
    "rawtransactions",
    "submitpackage",
    Arg(
        "package",
        Kind.ARR,
        "Transactions in hex.\n"
        "They are one transaction, or one last and unconfirmed transactions that it spends, all or some of them.\n"
        "None of the parents may spend another. Parents that the mempool has need not be given.",
        (_RAW_TRANSACTION,),
    ),
    _MAX_FEE_RATE,
    _MAX_BURN,
    result=Result(
        Kind.OBJ,
        inner=(
            Result(
                Kind.STR,
                "package_msg",
                'What became of the package; with "success" the mempool has all of it',
            ),
            Result(
                Kind.OBJ_DYN,
                "tx-results",
                "What became of each transaction, by wtxid",
                (
                    Result(
                        Kind.OBJ,
                        "wtxid",
                        "The wtxid",
                        (
                            Result(Kind.STR_HEX, "txid", "Its id"),
                            Result(
                                Kind.STR_HEX,
                                "other-wtxid",
                                "The wtxid of the same transaction with another witness, which the mempool has: this "
                                "one was ignored",
                                optional=True,
                            ),
                            *_SIZES,
                            Result(
                                Kind.OBJ,
                                "fees",
                                "What it pays",
                                (
                                    Result(Kind.STR_AMOUNT, "base", "Its fee in BTC"),
                                    Result(
                                        Kind.STR_AMOUNT,
                                        "effective-feerate",
                                        "If the mempool did not have it, the fee rate that counted, in BTC/kvB",
                                        optional=True,
                                    ),
                                    Result(
                                        Kind.ARR,
                                        "effective-includes",
                                        "With effective-feerate, the transactions whose fees and sizes it is of",
                                        (Result(Kind.STR_HEX, "", "The wtxid in hex"),),
                                        optional=True,
                                    ),
                                ),
                                optional=True,
                            ),
                            Result(
                                Kind.STR,
                                "error",
                                'Why it was refused, "package-not-validated" if nobody looked at it',
                                optional=True,
                            ),
                        ),
                    ),
                ),
            ),
            Result(
                Kind.ARR,
                "replaced-transactions",
                "The transactions that had to go",
                (Result(Kind.STR_HEX, "", "The id"),),
                optional=True,
            ),
        ),
    ),
    help="Puts a package of transactions, given in hex, into the mempool.\n"
    "Each is checked by consensus and policy; any that pass come in.\n"
    "What this method answers may change.\n"
    "That it succeeds does not mean that the transactions spread in the network.\n",
    examples=example_rpc("submitpackage", '["raw-parent-tx-1", "raw-parent-tx-2", "raw-child-tx"]')
    + example_cli("submitpackage", "'[\"raw-tx-without-unconfirmed-parents\"]'"),
)
def submitpackage(context: RpcContext, package: Json, maxfeerate: Json, maxburnamount: Json) -> Json:
    """Let a package in."""
    values = _some(package)
    max_rate = parse_fee_rate(maxfeerate)
    max_burn = parse_amount(maxburnamount)
    txs = []
    for value in values:
        tx = _decode(json.to_str(value))
        _check_burn(tx, max_burn)
        txs.append(tx)
    if len(txs) > 1 and not is_child_with_parents_tree(txs):
        text = "package topology disallowed. not child-with-parents or parents depend on each other."
        raise _error(BroadcastFailure.INVALID_PACKAGE, text)
    acceptance, pool = acceptance_of(context), mempool_of(context)
    most = None if max_rate == FeeRate(0) else max_rate
    outcome = acceptance.accept_package(txs, client_max_feerate=most)
    rejection = outcome.rejection
    if rejection is not None and rejection.kind is PackageFailure.MEMPOOL_ERROR:
        raise _error(BroadcastFailure.MEMPOOL_ERROR, rejection.reason)
    sent = 0
    for tx in txs:
        if tx.txid in pool:
            try:
                broadcast(context.node.chainstate, acceptance, tx)
            except BroadcastError as error:
                text = f"transaction broadcast failed: {error} ({sent} transactions were broadcast successfully)"
                raise _error(error.failure, text) from None
            sent += 1
    return _tell_package(txs, outcome)


def _tell_package(txs: Sequence[Transaction], outcome: PackageResult) -> Json:
    results: dict[str, Json] = {}
    replaced: set[bytes] = set()
    for tx in txs:
        result = outcome.results.get(tx.wtxid)
        answer: dict[str, Json] = {"txid": tx.txid[::-1].hex()}
        if result is None:
            answer["error"] = "package-not-validated"
        elif result.rejection is not None:
            answer["error"] = result.rejection.text
        elif result.kind is ResultKind.DIFFERENT_WITNESS:
            answer["other-wtxid"] = (result.other_wtxid or b"")[::-1].hex()
        else:
            answer |= _sizes(tx, result)
            answer["fees"] = _fees(result)
            replaced.update(entry.txid for entry in result.replaced)
        results[tx.wtxid[::-1].hex()] = answer
    return {
        "package_msg": "success" if outcome.rejection is None else outcome.rejection.text,
        "tx-results": results,
        "replaced-transactions": [txid[::-1].hex() for txid in sorted(replaced)],
    }


METHODS: Final = (sendrawtransaction, testmempoolaccept, submitpackage)
