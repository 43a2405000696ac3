"""RPC methods that make, read, merge and join PSBTs (Core: src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from primitives.errors import DecodeError
from primitives.psbt import Psbt, combine
from primitives.psbt_analysis import Analysis, InputAnalysis, analyze
from primitives.psbt_signing import spent_outputs
from primitives.psbt_writing import encode_psbt
from primitives.script_check import ScriptChecker
from primitives.transaction_hex import decode_transaction
from rpc.construct_transaction import construct_transaction
from rpc.errors import RPC_DESERIALIZATION_ERROR, RPC_INVALID_PARAMETER, RpcError
from rpc.help import example_cli
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method
from rpc.psbt_arguments import PSBT_ARG, PSBTS_ARG, VERSION_ARG, check_version, read_psbt
from rpc.psbt_doc import ANALYZED_PSBT, DECODED_PSBT
from rpc.psbt_json import psbt_fields
from rpc.transaction_doc import creation_args

if TYPE_CHECKING:
    from rpc.context import AnyContext
    from rpc.json import Json

_PSBT_RESULT: Final = Result(Kind.STR, "", "The PSBT in base64")
_INPUTS_EXAMPLE: Final = '"[{\\"txid\\":\\"myid\\",\\"vout\\":0}]"'


@method(
    "rawtransactions",
    "decodepsbt",
    PSBT_ARG,
    result=Result(Kind.OBJ, inner=DECODED_PSBT),
    help="Returns all that a PSBT holds.",
    examples=example_cli("decodepsbt", '"psbt"'),
)
def decodepsbt(context: AnyContext, text: str) -> Json:
    """Show a PSBT."""
    return psbt_fields(read_psbt(text), context.chain)


@method(
    "rawtransactions",
    "combinepsbt",
    PSBTS_ARG,
    result=_PSBT_RESULT,
    help="Put what several PSBTs of one transaction hold into one.",
    examples=example_cli("combinepsbt", '\'["mybase64_1", "mybase64_2", "mybase64_3"]\''),
)
def combinepsbt(context: AnyContext, texts: list[Json]) -> Json:
    """Merge PSBTs."""
    del context
    if not texts:
        raise RpcError(RPC_INVALID_PARAMETER, "Parameter 'txs' cannot be empty")
    merged = combine([read_psbt(text) for text in texts])
    if merged is None:
        raise RpcError(RPC_INVALID_PARAMETER, "PSBTs not compatible (different transactions)")
    return encode_psbt(merged)


@method(
    "rawtransactions",
    "createpsbt",
    *creation_args(),
    VERSION_ARG,
    result=_PSBT_RESULT,
    help="Makes a PSBT of a transaction that spends the given inputs and has the given outputs.\n"
    "It is not signed, kept in a wallet or sent to anyone.",
    examples=example_cli("createpsbt", f'{_INPUTS_EXAMPLE} "[{{\\"address\\":0.01}}]"'),
)
def createpsbt(
    context: AnyContext,
    inputs: Json,
    outputs: Json,
    locktime: int,
    replaceable: bool | None,
    version: int,
    psbt_version: int,
) -> Json:
    """Make a PSBT."""
    transaction = construct_transaction(context.chain, inputs, outputs, locktime, replaceable, version)
    return encode_psbt(Psbt.of(transaction, check_version(psbt_version)))


@method(
    "rawtransactions",
    "converttopsbt",
    Arg("hexstring", Kind.STR_HEX, "A transaction in hex"),
    Arg(
        "permitsigdata",
        Kind.BOOL,
        "Leave out signatures that are there; without it they are an error.",
        default=False,
    ),
    Arg(
        "iswitness",
        Kind.BOOL,
        "Whether the transaction is in the form that has witnesses.\n"
        "Only that form is tried, or with false only the other.",
        hint="depends on what makes sense",
    ),
    VERSION_ARG,
    result=_PSBT_RESULT,
    help="Makes a PSBT of a transaction. For what createrawtransaction makes; new programs use createpsbt.",
    examples="\nMake a transaction\n"
    + example_cli("createrawtransaction", f'{_INPUTS_EXAMPLE} "[{{\\"data\\":\\"00010203\\"}}]"')
    + "\nMake a PSBT of it\n"
    + example_cli("converttopsbt", '"rawtransaction"'),
)
def converttopsbt(
    context: AnyContext, text: str, permit_signatures: bool, is_witness: bool | None, psbt_version: int
) -> Json:
    """Make a PSBT of a transaction."""
    del context
    try:
        transaction = decode_transaction(
            text, try_no_witness=is_witness is not True, try_witness=is_witness is not False
        )
    except DecodeError:
        raise RpcError(RPC_DESERIALIZATION_ERROR, "TX decode failed") from None
    if not permit_signatures and any(each.script_sig or each.witness for each in transaction.inputs):
        raise RpcError(RPC_DESERIALIZATION_ERROR, "Inputs must not have scriptSigs and scriptWitnesses")
    return encode_psbt(Psbt.of(transaction, check_version(psbt_version)))


@method(
    "rawtransactions",
    "joinpsbts",
    PSBTS_ARG,
    result=_PSBT_RESULT,
    help="Makes one PSBT, of version 0, of several of that version: with the inputs and outputs of all.\n"
    "No input may be in more than one of them.",
    examples=example_cli("joinpsbts", '"psbt"'),
)
def joinpsbts(context: AnyContext, texts: list[Json]) -> Json:
    """Join PSBTs of several transactions."""
    del context
    if len(texts) <= 1:
        raise RpcError(RPC_INVALID_PARAMETER, "At least two PSBTs are required to join PSBTs.")
    psbts = []
    for text in texts:
        psbts.append(read_psbt(text))
        if psbts[-1].version != 0:
            raise RpcError(RPC_INVALID_PARAMETER, "joinpsbts only operates on version 0 PSBTs")
    joined = Psbt(
        version=0,
        tx_version=max(1, *(each.tx_version for each in psbts)),
        fallback_lock_time=min(each.fallback_lock_time or 0 for each in psbts),
        inputs=[],
        outputs=[],
    )
    seen = set()
    for psbt in psbts:
        for each in psbt.inputs:
            if each.outpoint in seen:
                name = f"{each.previous_txid[::-1].hex()}:{each.previous_index}"
                raise RpcError(RPC_INVALID_PARAMETER, f"Input {name} exists in multiple PSBTs")
            seen.add(each.outpoint)
            each.partial_signatures.clear()
            each.final_script_sig, each.final_witness = b"", ()
            joined.inputs.append(each)
        joined.outputs += psbt.outputs
        for key, value in psbt.unknown.items():
            joined.unknown.setdefault(key, value)
    shuffle = secrets.SystemRandom().shuffle  # So that nobody sees what belongs together.
    shuffle(joined.inputs)
    shuffle(joined.outputs)
    return encode_psbt(joined)


@method(
    "rawtransactions",
    "analyzepsbt",
    PSBT_ARG,
    result=Result(Kind.OBJ, inner=ANALYZED_PSBT),
    help="Tells what a PSBT and its inputs still lack.",
    examples=example_cli("analyzepsbt", '"psbt"'),
)
def analyzepsbt(context: AnyContext, text: str) -> Json:
    """Tell what a PSBT lacks."""
    del context
    psbt = read_psbt(text)
    transaction = psbt.unsigned()
    if transaction is None:
        analysis = Analysis(error="PSBT cannot be made into a valid transaction")
    else:
        with ScriptChecker(transaction, spent_outputs(psbt)) as checker:
            analysis = analyze(psbt, transaction, checker)
    found: dict[str, Json] = {}
    if analysis.inputs:
        found["inputs"] = [_input_analysis(each) for each in analysis.inputs]
    if analysis.vsize is not None:
        found["estimated_vsize"] = analysis.vsize
    if analysis.fee_rate is not None:
        found["estimated_feerate"] = Amount(analysis.fee_rate)
    if analysis.fee is not None:
        found["fee"] = Amount(analysis.fee)
    found["next"] = analysis.next.name.lower()
    if analysis.error:
        found["error"] = analysis.error
    return found


def _input_analysis(each: InputAnalysis) -> dict[str, Json]:
    found: dict[str, Json] = {"has_utxo": each.has_utxo, "is_final": each.is_final, "next": each.next.name.lower()}
    if each.missing is not None:
        missing = {
            "pubkeys": [key_id.hex() for key_id in each.missing.missing_pubkeys],
            "redeemscript": each.missing.missing_redeem_script.hex(),
            "witnessscript": each.missing.missing_witness_script.hex(),
            "signatures": [key_id.hex() for key_id in each.missing.missing_signatures],
        }
        missing = {key: value for key, value in missing.items() if value}
        if missing:
            found["missing"] = missing
    return found


METHODS: Final = (decodepsbt, combinepsbt, createpsbt, converttopsbt, joinpsbts, analyzepsbt)
