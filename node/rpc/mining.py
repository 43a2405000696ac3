"""RPC methods that submit blocks and tell about mining (Core: src/rpc/mining.cpp)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from node.block_builder import add_witness_nonce
from node.rpc.block_json import target_hex
from node.templates.assembly import next_time
from primitives.block import HEADER_SIZE, Block, BlockHeader
from primitives.errors import DecodeError
from primitives.work import difficulty
from rpc.errors import RPC_DESERIALIZATION_ERROR, RPC_INVALID_PARAMETER, RPC_VERIFY_ERROR, RpcError
from rpc.help import examples
from rpc.json import Amount, Real
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.chainstate import BlockVerdict, Chainstate
    from node.rpc.context import RpcContext
    from rpc.json import Json

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+", re.ASCII)
_LOOKUP: Final = 120
_INTERVALS: Final = {"regtest": 144}
_INTERVAL: Final = 2016


def decode_block(text: str) -> Block:
    """Return the block that hex begins with; what follows is ignored, as Core does. Raises RpcError."""
    try:
        return Block.parse_from(bytes.fromhex(text) if _HEX.fullmatch(text) else b"", 0)[0]
    except DecodeError:
        raise RpcError(RPC_DESERIALIZATION_ERROR, "Block decode failed") from None


@method(
    "mining",
    "submitblock",
    Arg("hexdata", Kind.STR_HEX, "The block in hex"),
    Arg("dummy", Kind.STR, "Ignored, for BIP22", hint="ignored", placeholder=True),
    result=(
        Result(Kind.NONE, condition="If the block was accepted"),
        Result(Kind.STR, "", "According to BIP22", condition="Otherwise"),
    ),
    help="Offers a block to the node. See BIP22.",
    examples=examples("submitblock", '"mydata"'),
)
def submitblock(context: RpcContext, hexdata: str, dummy: str | None) -> Json:
    """Process a block."""
    del dummy
    chainstate = context.node.chainstate
    block = decode_block(hexdata)
    data = bytes.fromhex(hexdata)
    previous = chainstate.entry(block.header.previous)
    if previous is not None:
        with chainstate.symbols() as symbols:
            has_witness = previous.height + 1 >= symbols.segwit_height
        completed = add_witness_nonce(block) if has_witness else block
        if completed is not block:
            data = completed.serialize()
    try:
        verdict = chainstate.process_block(data)
    except ValueError as error:
        raise RpcError(RPC_DESERIALIZATION_ERROR, str(error)) from error
    _raise_failure(verdict)
    return verdict.text or None


def _raise_failure(verdict: BlockVerdict) -> None:
    if verdict.error:
        raise RpcError(RPC_VERIFY_ERROR, f"{verdict.reason}, {verdict.debug}" if verdict.debug else verdict.reason)


@method(
    "mining",
    "submitheader",
    Arg("hexdata", Kind.STR_HEX, "The header of a block in hex"),
    result=Result(Kind.NONE, "", "None"),
    help="Offers the header of a block to the node.\nFails if it is not valid.",
    examples=examples("submitheader", '"aabbcc"'),
)
def submitheader(context: RpcContext, hexdata: str) -> Json:
    """Process a header."""
    chainstate = context.node.chainstate
    # As Core does, take the first 80 bytes.
    data = bytes.fromhex(hexdata) if _HEX.fullmatch(hexdata) else b""
    if len(data) < HEADER_SIZE:
        raise RpcError(RPC_DESERIALIZATION_ERROR, "Block header decode failed")
    header = BlockHeader.parse(data[:HEADER_SIZE])
    if chainstate.entry(header.previous) is None:
        raise RpcError(RPC_VERIFY_ERROR, f"Must submit previous header ({header.previous[::-1].hex()}) first")
    verdict = chainstate.process_header(data[:HEADER_SIZE])
    _raise_failure(verdict)
    if verdict.reason:
        raise RpcError(RPC_VERIFY_ERROR, verdict.reason)


@method(
    "mining",
    "getnetworkhashps",
    Arg(
        "nblocks",
        Kind.NUM,
        "Over how many blocks to look back, -1 for those since the last change of difficulty.",
        default=_LOOKUP,
    ),
    Arg("height", Kind.NUM, "Guess for the time of this height.", default=-1),
    result=Result(Kind.NUM, "", "Hashes per second"),
    help=(
        "Guesses from the last blocks how many hashes the network tries in a second.\n"
        "[nblocks] says how many blocks, -1 those since the last change of difficulty.\n"
        "[height] guesses for the time when that block was found."
    ),
    examples=examples("getnetworkhashps"),
)
def getnetworkhashps(context: RpcContext, nblocks: int, height: int) -> Json:
    """Guess the hash rate."""
    return network_hash_rate(context.node.chainstate, nblocks, height)


def network_hash_rate(chainstate: Chainstate, lookup: int, height: int) -> Json:
    """Return hashes per second. Raises RpcError."""
    if lookup < -1 or lookup == 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid nblocks. Must be a positive number or -1.")
    entry = chainstate.tip()
    if height < -1 or height > entry.height:
        raise RpcError(RPC_INVALID_PARAMETER, "Block does not exist at specified height")
    if height >= 0:
        entry = chainstate.at(height) or entry
    if not entry.height:
        return 0
    if lookup == -1:
        lookup = entry.height % _INTERVALS.get(chainstate.chain.name, _INTERVAL) + 1
    first: BlockEntry = entry
    earliest = latest = entry.time
    for _ in range(min(lookup, entry.height)):
        parent = first.previous
        if parent is None:
            break
        first = parent
        earliest, latest = min(earliest, first.time), max(latest, first.time)
    if earliest == latest:
        return 0
    return Real((entry.chain_work - first.chain_work) / (latest - earliest))


@method(
    "mining",
    "getmininginfo",
    result=Result(
        Kind.OBJ,
        inner=(
            Result(Kind.NUM, "blocks", "The height of the best block"),
            Result(
                Kind.NUM,
                "currentblockweight",
                "The weight of the block that was built last, with what is reserved (only if one was)",
                optional=True,
            ),
            Result(
                Kind.NUM,
                "currentblocktx",
                "How many transactions besides the coinbase the block has that was built last (only if one was)",
                optional=True,
            ),
            Result(Kind.STR_HEX, "bits", "The compact target of the best block"),
            Result(Kind.NUM, "difficulty", "Its difficulty"),
            Result(Kind.STR_HEX, "target", "Its target"),
            Result(Kind.NUM, "networkhashps", "Hashes the network tries in a second"),
            Result(Kind.NUM, "pooledtx", "How many transactions are in the mempool"),
            Result(Kind.STR_AMOUNT, "blockmintxfee", "The least fee of what goes into a block, in BTC/kvB"),
            Result(Kind.STR, "chain", "The chain (main, test, testnet4, signet, regtest)"),
            Result(Kind.STR_HEX, "signet_challenge", "What solves a block (only on a signet)", optional=True),
            Result(
                Kind.OBJ,
                "next",
                "The next block",
                inner=(
                    Result(Kind.NUM, "height", "Its height"),
                    Result(Kind.STR_HEX, "bits", "Its compact target"),
                    Result(Kind.NUM, "difficulty", "Its difficulty"),
                    Result(Kind.STR_HEX, "target", "Its target"),
                ),
            ),
            Result(
                Kind.ARR,
                "warnings",
                "What is wrong with the network or the chain (one text with -deprecatedrpc=warnings)",
                inner=(Result(Kind.STR, "", "warning"),),
                skip_type_check=True,
            ),
        ),
    ),
    help="Tells about mining.",
    examples=examples("getmininginfo"),
)
def getmininginfo(context: RpcContext) -> Json:
    """Tell about mining."""
    node = context.node
    chainstate = node.chainstate
    tip = chainstate.tip()
    time = next_time(chainstate, node.clock)
    with chainstate.symbols() as symbols:
        next_bits = symbols.next_bits(tip.address, time)
        challenge = symbols.signet_challenge()
    info: dict[str, Json] = {"blocks": tip.height}
    built = node.last_built
    if built is not None:
        info |= {"currentblockweight": built[0], "currentblocktx": built[1]}
    info |= {
        "bits": f"{tip.bits:08x}",
        "difficulty": Real(difficulty(tip.bits)),
        "target": target_hex(tip.bits),
        "networkhashps": network_hash_rate(chainstate, _LOOKUP, -1),
        "pooledtx": 0 if node.mempool is None else len(node.mempool),
        "blockmintxfee": Amount(node.mining.min_fee_rate.per_kvb),
        "chain": chainstate.chain.name,
        "next": {
            "height": tip.height + 1,
            "bits": f"{next_bits:08x}",
            "difficulty": Real(difficulty(next_bits)),
            "target": target_hex(next_bits),
        },
    }
    if chainstate.chain.name == "signet":
        info["signet_challenge"] = challenge.hex()
    info["warnings"] = context.server.warnings_result(chainstate.warnings.values())
    return info


METHODS: Final = (submitblock, submitheader, getnetworkhashps, getmininginfo)
