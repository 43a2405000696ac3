"""RPC methods that make blocks, for test chains (Core: src/rpc/mining.cpp)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from node.block_builder import commit, solve, solve_header, with_root
from node.templates.options import TemplateOptions
from node.use_gate import ClosedError
from primitives import address
from primitives.block import Block
from primitives.errors import AddressError, DecodeError
from primitives.transaction import Transaction
from primitives.transaction_hex import decode_transaction
from rpc import json
from rpc.descriptor_arguments import descriptor_script, output_script
from rpc.errors import (
    RPC_DESERIALIZATION_ERROR,
    RPC_INTERNAL_ERROR,
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_METHOD_NOT_FOUND,
    RPC_MISC_ERROR,
    RPC_VERIFY_ERROR,
    RpcError,
)
from rpc.help import example_cli
from rpc.method import Arg, Kind, Num, Result, method

if TYPE_CHECKING:
    from node.context import NodeContext
    from node.rpc.context import RpcContext
    from rpc.json import Json

_TRIES: Final = 1_000_000
_TXID: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_HASHES: Final = Result(Kind.ARR, "", "The hashes of the blocks", inner=(Result(Kind.STR_HEX, "", "blockhash"),))


def _options(node: NodeContext, script: bytes, *, use_mempool: bool = True) -> TemplateOptions:
    return TemplateOptions(use_mempool, node.mining.reserved_weight, script=script)


def _generate(context: RpcContext, script: bytes, count: int, tries: int) -> list[Json]:
    hashes: list[Json] = []
    node = context.node
    chainstate = node.chainstate
    while len(hashes) < count and not chainstate.is_stopping:
        try:
            template = node.miner.templates.create_apart(_options(node, script))
            header, tries = solve_header(template.complete_header(), tries)
            if header is None:
                if tries:
                    continue
                break
            if not chainstate.process_block(template.block(header, template.coinbase)).accepted:
                raise RpcError(RPC_INTERNAL_ERROR, "ProcessNewBlock, block not accepted")
        except ClosedError:
            break
        hashes.append(header.hash[::-1].hex())
    return hashes


@method(
    "hidden",
    "generatetoaddress",
    Arg("nblocks", Kind.NUM, "How many blocks to make."),
    Arg("address", Kind.STR, "Where the new bitcoins go."),
    Arg("maxtries", Kind.NUM, "How many hashes to try.", default=_TRIES, number=Num.UINT64),
    result=_HASHES,
    help="Makes blocks that pay to an address, and returns their hashes.",
    examples="\nMake 11 blocks that pay to myaddress\n" + example_cli("generatetoaddress", '11 "myaddress"'),
)
def generatetoaddress(context: RpcContext, nblocks: int, to: str, maxtries: int) -> Json:
    """Make blocks for an address."""
    try:
        script = address.decode(to, context.node.chain)
    except AddressError:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Error: Invalid address") from None
    return _generate(context, script, nblocks, maxtries)


@method(
    "hidden",
    "generatetodescriptor",
    Arg("num_blocks", Kind.NUM, "How many blocks to make."),
    Arg("descriptor", Kind.STR, "Where the new bitcoins go."),
    Arg("maxtries", Kind.NUM, "How many hashes to try.", default=_TRIES, number=Num.UINT64),
    result=_HASHES,
    help="Makes blocks that pay to a descriptor, and returns their hashes.",
    examples="\nMake 11 blocks that pay to mydesc\n" + example_cli("generatetodescriptor", '11 "mydesc"'),
)
def generatetodescriptor(context: RpcContext, num_blocks: int, descriptor: str, maxtries: int) -> Json:
    """Make blocks for a descriptor."""
    return _generate(context, descriptor_script(descriptor, context.node.chain), num_blocks, maxtries)


def _transaction(node: NodeContext, text: str) -> Transaction:
    if _TXID.fullmatch(text):
        found = None if node.mempool is None else node.mempool.get(bytes.fromhex(text)[::-1])
        if found is None:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"Transaction {text} not in mempool.")
        return found.transaction()
    try:
        return decode_transaction(text)
    except DecodeError:
        raise RpcError(
            RPC_DESERIALIZATION_ERROR,
            f"Transaction decode failed for {text}. Make sure the tx has at least one input.",
        ) from None


@method(
    "hidden",
    "generateblock",
    Arg("output", Kind.STR, "The address or descriptor where the new bitcoins go."),
    Arg(
        "transactions",
        Kind.ARR,
        "Raw transactions in hex, or ids of transactions in the mempool.\n"
        "All must be valid, in an order that is valid.",
        inner=(Arg("rawtx/txid", Kind.STR_HEX, optional=True),),
    ),
    Arg("submit", Kind.BOOL, "Whether to add the block to the chain, or only to return it.", default=True),
    result=Result(
        Kind.OBJ,
        inner=(
            Result(Kind.STR_HEX, "hash", "The hash of the block"),
            Result(Kind.STR_HEX, "hex", "The block, only with submit=false", optional=True),
        ),
    ),
    help=(
        "Makes a block of the given transactions that pays to an address or descriptor, and returns its hash.\n"
        "Nobody collects the fees of the transactions."
    ),
    examples=(
        "\nMake a block that pays to myaddress, with the transactions rawtx and mempool_txid\n"
        + example_cli("generateblock", '"myaddress" \'["rawtx", "mempool_txid"]\'')
    ),
)
def generateblock(context: RpcContext, output: str, transactions: list[str], submit: bool) -> Json:
    """Make one block."""
    node = context.node
    chainstate = node.chainstate
    script = output_script(output, node.chain)
    included = [_transaction(node, json.to_str(value)) for value in transactions]
    with chainstate.processing:
        plain = node.miner.templates.create_apart(_options(node, script, use_mempool=False))
        coinbase = Transaction.parse(plain.coinbase)
        bare = Transaction(coinbase.version, coinbase.inputs, coinbase.outputs[:-1], coinbase.lock_time)
        block = with_root(commit(Block(plain.header, (bare, *included)), has_witness=coinbase.has_witness))
        verdict = chainstate.check_block(block.serialize(), check_pow=False, check_merkle_root=False)
    if not verdict.accepted:
        reason = f"{verdict.reason}, {verdict.debug}" if verdict.debug else verdict.reason
        raise RpcError(RPC_VERIFY_ERROR, f"TestBlockValidity failed: {reason}")
    solved, _ = solve(block, _TRIES)
    if solved is None:
        raise RpcError(RPC_MISC_ERROR, "Failed to make block.")
    hash_ = solved.hash[::-1].hex()
    if not submit:
        return {"hash": hash_, "hex": solved.serialize().hex()}
    if not chainstate.process_block(solved.serialize()).accepted:
        raise RpcError(RPC_INTERNAL_ERROR, "ProcessNewBlock, block not accepted")
    return {"hash": hash_}


@method(
    "hidden",
    "generate",
    result=(),
    help="has been replaced by the -generate cli option. Refer to -help for more information.",
)
def generate(context: RpcContext) -> Json:
    """Say what to use instead."""
    del context
    from rpc.help import help_text

    raise RpcError(RPC_METHOD_NOT_FOUND, help_text(generate))


METHODS: Final = (generatetoaddress, generatetodescriptor, generateblock, generate)
