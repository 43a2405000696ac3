"""RPC methods that update, sign and finish PSBTs (Core: src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.coin_lookup import find_coins, find_transactions
from primitives.psbt_signing import (
    PsbtSigner,
    SigningError,
    drop_unneeded_transactions,
    spent_outputs,
    update_output,
)
from primitives.psbt_writing import encode_psbt
from primitives.script import TxoutType, solve, witness_program
from primitives.script_check import ScriptChecker
from primitives.signing_data import SigningData
from rpc.descriptor_arguments import scanned_scripts
from rpc.help import example_cli
from rpc.method import Arg, Kind, Result, method
from rpc.psbt_arguments import DESCRIPTORS_INNER, PSBT_ARG, read_psbt, signing_error
from rpc.psbt_finishing import finish_psbt
from rpc.transaction_signing import SIGHASH_ARG, parse_sighash

if TYPE_CHECKING:
    from node.context import NodeContext
    from node.rpc.context import RpcContext
    from primitives.psbt import Psbt
    from rpc.json import Json


@method(
    "rawtransactions",
    "utxoupdatepsbt",
    PSBT_ARG,
    Arg("descriptors", Kind.ARR, "Descriptors, each as text or with a range", DESCRIPTORS_INNER, optional=True),
    result=Result(Kind.STR, "", "The PSBT in base64"),
    help="Adds to the segwit inputs and the outputs of a PSBT what descriptors, the coins of the chain and the "
    "transaction index tell.",
    examples=example_cli("utxoupdatepsbt", '"psbt"'),
)
def utxoupdatepsbt(context: RpcContext, text: str, descriptors: Json) -> Json:
    """Update a PSBT."""
    known = SigningData()
    for each in descriptors or ():
        scanned_scripts(each, context.node.chain, known=known)
    known.keys.clear()  # Nothing is to be signed.
    psbt = read_psbt(text)
    _process(psbt, context.node, known, hash_type=None, finalize=False)
    return encode_psbt(psbt)


@method(
    "rawtransactions",
    "descriptorprocesspsbt",
    PSBT_ARG,
    Arg("descriptors", Kind.ARR, "Descriptors, each as text or with a range", DESCRIPTORS_INNER),
    SIGHASH_ARG,
    Arg("bip32derivs", Kind.BOOL, "Add where keys come from, if that is known", default=True),
    Arg("finalize", Kind.BOOL, "Finish inputs whose signatures are there", default=True),
    result=Result(
        Kind.OBJ,
        inner=(
            Result(Kind.STR, "psbt", "The PSBT in base64"),
            Result(Kind.BOOL, "complete", "Whether no signature is missing"),
            Result(Kind.STR_HEX, "hex", "The transaction, if it is complete", optional=True),
        ),
    ),
    help="Adds to the segwit inputs of a PSBT what descriptors, the coins of the chain and the transaction index\n"
    "tell, and signs the inputs whose private keys are in the descriptors.",
    examples=example_cli("descriptorprocesspsbt", '"psbt" "[\\"descriptor1\\", \\"descriptor2\\"]"')
    + example_cli("descriptorprocesspsbt", '"psbt" "[{\\"desc\\":\\"mydescriptor\\", \\"range\\":21}]"'),
)
def descriptorprocesspsbt(
    context: RpcContext, text: str, descriptors: list[Json], sighash_type: Json, derivations: bool, finalize: bool
) -> Json:
    """Update and sign a PSBT."""
    known = SigningData()
    for each in descriptors:
        scanned_scripts(each, context.node.chain, known=known, with_private=True)
    hash_type = parse_sighash(sighash_type)
    if not derivations:
        known.origins.clear()
    psbt = read_psbt(text)
    complete = _process(psbt, context.node, known, hash_type=hash_type, finalize=finalize)
    result: dict[str, Json] = {"psbt": encode_psbt(psbt), "complete": complete}
    if complete:
        result["hex"] = finish_psbt(psbt)[1]
    return result


def _process(psbt: Psbt, node: NodeContext, known: SigningData, *, hash_type: int | None, finalize: bool) -> bool:
    """Add to a PSBT what is known and sign what can be; whether all inputs are complete (Core: ProcessPSBT)."""
    _add_spent(psbt, node, known)
    transaction = psbt.unsigned()
    if transaction is None:
        raise signing_error(SigningError.INVALID_TRANSACTION)
    with ScriptChecker(transaction, spent_outputs(psbt)) as checker:
        signer = PsbtSigner(psbt, transaction, checker)
        for index, each in enumerate(psbt.inputs):
            if each.is_final:
                continue
            error, _ = signer.sign(index, known, hash_type=hash_type, finalize=finalize)
            if error is SigningError.SIGHASH_MISMATCH:
                raise signing_error(error)
        for output in psbt.outputs:
            update_output(output, known)
        drop_unneeded_transactions(psbt)
        return all(signer.is_verified(index) for index in range(len(psbt.inputs)))


def _add_spent(psbt: Psbt, node: NodeContext, known: SigningData) -> None:
    """Add what inputs spend: the whole transaction if the index knows it, else the output if it is segwit's."""
    missing = [each for each in psbt.inputs if each.non_witness_utxo is None]
    transactions = find_transactions(node, {each.previous_txid for each in missing})
    for each in missing:
        each.non_witness_utxo = transactions.get(each.previous_txid)
    missing = [each for each in missing if each.non_witness_utxo is None]
    coins = find_coins(node, [each.outpoint for each in missing])
    for each in missing:
        coin = coins.get(each.outpoint)
        if coin is not None and _is_segwit(coin.script_pubkey, known):
            each.witness_utxo = coin


def _is_segwit(script: bytes, known: SigningData) -> bool:
    if witness_program(script) is not None:
        return True
    kind, solutions = solve(script)
    inner = known.scripts.get(solutions[0]) if kind is TxoutType.SCRIPTHASH else None
    return inner is not None and witness_program(inner) is not None


METHODS: Final = (utxoupdatepsbt, descriptorprocesspsbt)
