"""RPC methods that make and read transactions and scripts (Core: src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc import json
from node.rpc.arguments import parse_hex
from node.rpc.construct_transaction import construct_transaction
from node.rpc.errors import RPC_DESERIALIZATION_ERROR, RpcError
from node.rpc.help import example_cli, example_rpc, examples
from node.rpc.method import Arg, Kind, Result, method
from node.rpc.script_json import script_fields
from node.rpc.transaction_doc import OUTPUT_TYPES, creation_args, transaction_doc
from node.rpc.transaction_json import transaction_text
from primitives.address import script_hash_address
from primitives.errors import DecodeError
from primitives.hashes import hash160, sha256
from primitives.script import TxoutType, has_valid_ops, is_success, is_unspendable, iterate, solve, witness_script
from primitives.transaction_hex import decode_transaction

if TYPE_CHECKING:
    from common.chains import ChainParams
    from node.rpc.json import Json
    from node.rpc.request import RpcContext

_EXAMPLE_INPUTS: Final = '"[{\\"txid\\":\\"myid\\",\\"vout\\":0}]"'
_EXAMPLE_INPUTS_RPC: Final = '[{"txid":"myid","vout":0}]'
_MAY_BE_WRAPPED: Final = frozenset(
    {
        TxoutType.MULTISIG,
        TxoutType.NONSTANDARD,
        TxoutType.PUBKEY,
        TxoutType.PUBKEYHASH,
        TxoutType.WITNESS_V0_KEYHASH,
        TxoutType.WITNESS_V0_SCRIPTHASH,
    }
)


@method(
    "rawtransactions",
    "createrawtransaction",
    *creation_args(),
    result=Result(Kind.STR_HEX, "transaction", "The transaction in hex"),
    help="Makes a transaction that spends the given inputs and has the given outputs.\n"
    "Outputs are addresses or data.\n"
    "Returns the transaction in hex.\n"
    "It is not signed, kept in a wallet or sent to anyone.",
    examples=example_cli("createrawtransaction", f'{_EXAMPLE_INPUTS} "[{{\\"address\\":0.01}}]"')
    + example_cli("createrawtransaction", f'{_EXAMPLE_INPUTS} "[{{\\"data\\":\\"00010203\\"}}]"')
    + example_rpc("createrawtransaction", f'{_EXAMPLE_INPUTS_RPC}, [{{"address":0.01}}]')
    + example_rpc("createrawtransaction", f'{_EXAMPLE_INPUTS_RPC}, [{{"data":"00010203"}}]'),
)
def createrawtransaction(
    context: RpcContext, inputs: Json, outputs: Json, locktime: int, replaceable: bool | None, version: int
) -> Json:
    """Return a new transaction."""
    made = construct_transaction(context.node.chain, inputs, outputs, locktime, replaceable, version)
    return made.serialize().hex()


@method(
    "rawtransactions",
    "decoderawtransaction",
    Arg("hexstring", Kind.STR_HEX, "The transaction in hex"),
    Arg(
        "iswitness",
        Kind.BOOL,
        "Whether the transaction is in the form that has room for witnesses.\n"
        "If left out, what makes sense decides.\n"
        "With true only that form is tried, with false only the form without.\n"
        "Whoever knows that it has inputs, as each transaction of the chain has, should say true.",
        hint="depends on heuristic tests",
    ),
    result=Result(Kind.OBJ, "", "", transaction_doc()),
    help="Returns the JSON of a transaction given in hex.",
    examples=examples("decoderawtransaction", '"hexstring"'),
)
def decoderawtransaction(context: RpcContext, hexstring: str, is_witness: bool | None) -> Json:
    """Return a transaction's object."""
    try:
        transaction = decode_transaction(
            hexstring, try_no_witness=is_witness is not True, try_witness=is_witness is not False
        )
    except DecodeError:
        raise RpcError(RPC_DESERIALIZATION_ERROR, "TX decode failed") from None
    return json.Raw(transaction_text(transaction, context.node.chain, with_hex=False))


@method(
    "rawtransactions",
    "decodescript",
    Arg("hexstring", Kind.STR_HEX, "The script in hex"),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "asm", "The script in words"),
            Result(Kind.STR, "desc", "A descriptor for the script"),
            Result(Kind.STR, "type", f"The type (one of: {OUTPUT_TYPES})"),
            Result(Kind.STR, "address", "The address, if scripts of this type have one", optional=True),
            Result(Kind.STR, "p2sh", "The address of P2SH with this script, if that makes sense", optional=True),
            Result(
                Kind.OBJ,
                "segwit",
                "The output script of a witness with this script, if that makes sense",
                (
                    Result(Kind.STR, "asm", "The output script in words"),
                    Result(Kind.STR_HEX, "hex", "Its bytes in hex"),
                    Result(Kind.STR, "type", "Its type (witness_v0_keyhash or witness_v0_scripthash)"),
                    Result(Kind.STR, "address", "Its address", optional=True),
                    Result(Kind.STR, "desc", "A descriptor for it"),
                    Result(Kind.STR, "p2sh-segwit", "The address of P2SH with it"),
                ),
                optional=True,
            ),
        ),
    ),
    help="Decodes a script given in hex.",
    examples=examples("decodescript", '"hexstring"'),
)
def decodescript(context: RpcContext, hexstring: str) -> Json:
    """Return what a script is and how it may be wrapped."""
    chain = context.node.chain
    script = parse_hex(hexstring, "argument") if hexstring else b""
    result: dict[str, Json] = dict(script_fields(script, chain, with_hex=False))
    kind, solutions = solve(script)
    if not _can_wrap(script, kind):
        return result
    result["p2sh"] = script_hash_address(hash160(script), chain)
    if _can_wrap_in_witness(kind, solutions):
        result["segwit"] = _segwit(script, kind, solutions, chain)
    return result


def _can_wrap(script: bytes, kind: TxoutType) -> bool:
    if kind not in _MAY_BE_WRAPPED or not has_valid_ops(script) or is_unspendable(script):
        return False
    return not any(is_success(opcode) for opcode, _ in iterate(script))


def _can_wrap_in_witness(kind: TxoutType, solutions: list[bytes]) -> bool:
    if kind in {TxoutType.MULTISIG, TxoutType.PUBKEY}:
        return all(len(each) in {1, 33} for each in solutions)
    return kind in {TxoutType.NONSTANDARD, TxoutType.PUBKEYHASH}


def _segwit(script: bytes, kind: TxoutType, solutions: list[bytes], chain: ChainParams) -> dict[str, str]:
    if kind == TxoutType.PUBKEY:
        wrapped = witness_script(0, hash160(solutions[0]))
    elif kind == TxoutType.PUBKEYHASH:
        wrapped = witness_script(0, solutions[0])
    else:
        wrapped = witness_script(0, sha256(script))
    fields = script_fields(wrapped, chain)
    fields["p2sh-segwit"] = script_hash_address(hash160(wrapped), chain)
    return fields


METHODS: Final = (createrawtransaction, decoderawtransaction, decodescript)
