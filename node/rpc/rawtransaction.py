"""RPC methods that make and read transactions and scripts (Core: src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.rpc.transaction_lookup import find_by_index, find_in_block, spent_coins
from primitives.address import script_hash_address
from primitives.descriptor_of_script import infer_descriptor
from primitives.errors import DecodeError
from primitives.hashes import hash160, sha256
from primitives.script import TxoutType, has_valid_ops, is_success, is_unspendable, iterate, solve, witness_script
from primitives.signing_data import SigningData
from primitives.transaction_hex import decode_transaction
from rpc import json
from rpc.arguments import parse_hash, parse_hex, parse_verbosity
from rpc.construct_transaction import construct_transaction
from rpc.errors import RPC_DESERIALIZATION_ERROR, RPC_INVALID_ADDRESS_OR_KEY, RpcError
from rpc.help import example_cli, example_rpc, examples
from rpc.method import Arg, Kind, Result, method
from rpc.script_json import script_fields
from rpc.transaction_doc import BLOCK_OF_TRANSACTION, OUTPUT_TYPES, creation_args, transaction_doc
from rpc.transaction_json import transaction_members, transaction_text

if TYPE_CHECKING:
    from common.chains import ChainParams
    from node.block_tree import BlockEntry
    from node.context import NodeContext
    from node.rpc.context import RpcContext
    from rpc.json import Json

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
    "getrawtransaction",
    Arg("txid", Kind.STR_HEX, "The transaction's id"),
    Arg(
        "verbosity|verbose",
        Kind.NUM,
        "0 for the transaction in hex, 1 for its JSON, 2 for its JSON with fee and the outputs spent",
        default=0,
        skip_type_check=True,
    ),
    Arg("blockhash", Kind.STR_HEX, "The block to look in", optional=True),
    result=(
        Result(Kind.STR, "data", "The transaction in hex", condition="if verbosity is not set or set to 0"),
        Result(
            Kind.OBJ,
            "",
            "",
            (*BLOCK_OF_TRANSACTION, *transaction_doc(hex_=True)),
            condition="if verbosity is set to 1",
        ),
        Result(
            Kind.OBJ,
            "",
            "",
            (*BLOCK_OF_TRANSACTION, *transaction_doc(prevout=True, fee=True, hex_=True)),
            condition="for verbosity = 2",
        ),
    ),
    help="Returns a transaction.\n"
    "With a block hash it is looked for in that block, else in the mempool and the index that -txindex keeps.\n\n"
    "With verbosity 0 the answer is the transaction in hex.\n"
    "With verbosity 1 it is a JSON object.\n"
    "With verbosity 2 that object also tells the fee and the outputs spent.",
    examples=example_cli("getrawtransaction", '"mytxid"')
    + example_cli("getrawtransaction", '"mytxid" 1')
    + example_rpc("getrawtransaction", '"mytxid", 1')
    + example_cli("getrawtransaction", '"mytxid" 0 "myblockhash"')
    + example_cli("getrawtransaction", '"mytxid" 1 "myblockhash"')
    + example_cli("getrawtransaction", '"mytxid" 2 "myblockhash"'),
)
def getrawtransaction(context: RpcContext, txid: str, verbosity: Json, blockhash: str | None) -> Json:
    """Return a transaction in hex or as an object."""
    node = context.node
    wanted = parse_hash(txid, "parameter 1")
    genesis = node.chainstate.at(0)
    if genesis and wanted == genesis.header.merkle_root:
        text = "The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved"
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
    detail = parse_verbosity(verbosity, 0)
    if blockhash is None:
        waiting = node.mempool.get(wanted) if node.mempool is not None else None
        if waiting is not None:
            if detail <= 0:
                return waiting.data.hex()
            members = transaction_members(waiting.transaction(), node.chain)
            return json.Raw(f'{{"vsize_adjusted":{waiting.vsize},{members}}}')
        found = find_by_index(node, wanted)
    else:
        entry = node.chainstate.entry(parse_hash(blockhash, "parameter 3"))
        if entry is None:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Block hash not found")
        found = find_in_block(node, wanted, entry)
    if detail <= 0:
        return found.transaction.serialize().hex()
    is_active = node.chainstate.contains(found.entry)
    spent = spent_coins(node, found) if detail > 1 else None
    members = transaction_members(found.transaction, node.chain, spent=spent, show_prevouts=True)
    first = "" if blockhash is None else f'"in_active_chain":{"true" if is_active else "false"},'
    return json.Raw(f"{{{first}{members}{_block_members(node, found.entry, is_active=is_active)}}}")


def _block_members(node: NodeContext, entry: BlockEntry, *, is_active: bool) -> str:
    block = f',"blockhash":"{entry.hash[::-1].hex()}","confirmations":'
    if not is_active:
        return f"{block}0"
    confirmations = 1 + node.chainstate.tip().height - entry.height
    return f'{block}{confirmations},"time":{entry.time},"blocktime":{entry.time}'


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
    known = SigningData()
    if kind == TxoutType.PUBKEY:
        wrapped = witness_script(0, hash160(solutions[0]))
    elif kind == TxoutType.PUBKEYHASH:
        wrapped = witness_script(0, solutions[0])
    else:
        wrapped = witness_script(0, sha256(script))
        known.add_script(script)
    fields = script_fields(wrapped, chain, descriptor=infer_descriptor(wrapped, chain, known).text())
    fields["p2sh-segwit"] = script_hash_address(hash160(wrapped), chain)
    return fields


METHODS: Final = (createrawtransaction, decoderawtransaction, decodescript, getrawtransaction)
