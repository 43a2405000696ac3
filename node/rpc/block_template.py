"""RPC method that gives a miner a block to solve (BIP22, BIP23, BIP9, BIP145; Core: src/rpc/mining.cpp)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from common.version import CLIENT_NAME
from interfaces import cancellation
from node.http.workers import long_wait
from node.rpc.block_json import target_hex
from node.rpc.deployments import consensus_params
from node.rpc.mining import decode_block
from node.templates.assembly import least_time
from node.templates.kinds_of_waits import LongPollWait
from node.templates.options import MAX_SIGOPS_COST, MAX_WEIGHT
from node.version_bits import DeploymentChecker, DeploymentState
from rpc.arguments import parse_hash
from rpc.errors import (
    RPC_CLIENT_NOT_CONNECTED,
    RPC_DESERIALIZATION_ERROR,
    RPC_INVALID_PARAMETER,
    RPC_TYPE_ERROR,
    RPC_VERIFY_ERROR,
    RpcError,
)
from rpc.help import UNIX_EPOCH_TIME, examples
from rpc.json import to_str
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.rpc.context import RpcContext
    from rpc.json import Json

_MAX_SIZE: Final = 4_000_000
"""Bytes of a block with witnesses."""
_WITNESS_SCALE_FACTOR: Final = 4
_SCRIPT_OFFSET: Final = 9
"""Where the script of a short output begins."""
_INTEGER: Final = re.compile(r"\s*([+-]?\d+)", re.ASCII)
_MASK_32: Final = 0xFFFFFFFF
_VALID_SCRIPTS: Final = 5

_REQUEST: Final = Arg(
    "template_request",
    Kind.OBJ,
    "What is wanted",
    inner=(
        Arg("mode", Kind.STR, '"template", which it is without, or "proposal" (BIP23)', optional=True),
        Arg(
            "capabilities",
            Kind.ARR,
            "What the client can do",
            inner=(
                Arg(
                    "str",
                    Kind.STR,
                    "'longpoll', 'coinbasevalue', 'proposal', 'serverlist', 'workid'; the node looks at none of them",
                    optional=True,
                ),
            ),
            optional=True,
        ),
        Arg(
            "rules",
            Kind.ARR,
            "The rules the client knows",
            inner=(
                Arg("segwit", Kind.STR, "This one it has to know"),
                Arg("str", Kind.STR, "Another one, such as signet on a signet", optional=True),
            ),
        ),
        Arg("longpollid", Kind.STR, "Wait until something else than the template of this id is better", optional=True),
        Arg("data", Kind.STR_HEX, "The block to judge in hex, for a proposal", optional=True),
    ),
)

_TRANSACTION: Final = (
    Result(Kind.STR_HEX, "data", "The transaction in hex"),
    Result(Kind.STR_HEX, "txid", "Its id"),
    Result(Kind.STR_HEX, "hash", "Its hash with witnesses"),
    Result(
        Kind.ARR,
        "depends",
        "What it needs",
        (Result(Kind.NUM, "", "The place in this list, from 1 on, of a transaction that must be in the block too"),),
    ),
    Result(Kind.NUM, "fee", "What it pays, in satoshis"),
    Result(Kind.NUM, "sigops", "What its signature checks cost of the limit"),
    Result(Kind.NUM, "weight", "Its weight"),
)

_TEMPLATE: Final = (
    Result(Kind.NUM, "version", "The version the block should have"),
    Result(
        Kind.ARR,
        "rules",
        "The rules of the block",
        (Result(Kind.STR, "", "The name of a rule; after a ! one that the client has to know (BIP9)"),),
    ),
    Result(
        Kind.OBJ_DYN,
        "vbavailable",
        "The changes of rules that miners signal for (BIP9)",
        (Result(Kind.NUM, "rulename", "The bit of the version that signals for it"),),
    ),
    Result(
        Kind.ARR, "capabilities", "What the node can do", (Result(Kind.STR, "value", "A feature, such as 'proposal'"),)
    ),
    Result(Kind.NUM, "vbrequired", "The bits of the version that must be set"),
    Result(Kind.STR, "previousblockhash", "The hash of the block to build on"),
    Result(
        Kind.ARR,
        "transactions",
        "What the block should hold besides the coinbase",
        (Result(Kind.OBJ, "", "", _TRANSACTION),),
    ),
    Result(
        Kind.OBJ_DYN,
        "coinbaseaux",
        "What the script of the coinbase should hold",
        (Result(Kind.STR_HEX, "key", "Data, whatever the key is"),),
    ),
    Result(Kind.NUM, "coinbasevalue", "The most the coinbase may pay: subsidy and fees, in satoshis"),
    Result(Kind.STR, "longpollid", "What to ask with for what is better than this"),
    Result(Kind.STR, "target", "The target"),
    Result(Kind.NUM_TIME, "mintime", f"The earliest time for the block, as {UNIX_EPOCH_TIME}, with regard to BIP94"),
    Result(
        Kind.ARR,
        "mutable",
        "What of the block may be changed",
        (Result(Kind.STR, "value", "'time', 'transactions', 'prevblock'"),),
    ),
    Result(Kind.STR_HEX, "noncerange", "The first and the last nonce"),
    Result(Kind.NUM, "sigoplimit", "The most that signature checks may cost"),
    Result(Kind.NUM, "sizelimit", "The most bytes"),
    Result(Kind.NUM, "weightlimit", "The most weight", optional=True),
    Result(Kind.NUM_TIME, "curtime", f"The present time, as {UNIX_EPOCH_TIME}, with regard to BIP94"),
    Result(Kind.STR, "bits", "The target in its compact form"),
    Result(Kind.NUM, "height", "The height of the block"),
    Result(Kind.STR_HEX, "signet_challenge", "The script that has to be solved (only on a signet)", optional=True),
    Result(
        Kind.STR_HEX,
        "default_witness_commitment",
        "The script of the output that commits to the witnesses of these transactions",
        optional=True,
    ),
)


@method(
    "mining",
    "getblocktemplate",
    _REQUEST,
    result=(
        Result(Kind.NONE, condition="If a proposal is good"),
        Result(Kind.STR, "", "According to BIP22", condition="If a proposal is not"),
        Result(Kind.OBJ, "", "", _TEMPLATE, condition="Otherwise"),
    ),
    help=(
        "Returns what is needed to build a block, or judges one that is proposed.\nSee BIP22, BIP23, BIP9 and BIP145."
    ),
    examples=examples("getblocktemplate", '\'{"rules": ["segwit"]}\'', '{"rules": ["segwit"]}'),
)
def getblocktemplate(context: RpcContext, template_request: dict[str, Json]) -> Json:
    """Return a template, or judge a proposal."""
    mode = template_request.get("mode")
    if mode is not None and not isinstance(mode, str):
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid mode")
    if mode == "proposal":
        return _judge(context.node.chainstate, template_request.get("data"))
    rules = template_request.get("rules")
    known = {to_str(rule) for rule in rules} if isinstance(rules, list) else set()
    if mode not in {None, "template"}:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid mode")
    _require_peers(context)
    polled = template_request.get("longpollid")
    if polled is not None:
        _wait(context, polled)
    challenge = _challenge(context.node.chainstate)
    if challenge is not None and "signet" not in known:
        _refuse("signet", '["segwit", "signet"]')
    if "segwit" not in known:
        _refuse("segwit", '["segwit"]')
    return _template(context, challenge)


def _refuse(rule: str, rules: str) -> None:
    text = f'getblocktemplate must be called with the {rule} rule set (call with {{"rules": {rules}}})'
    raise RpcError(RPC_INVALID_PARAMETER, text)


def _challenge(chainstate: Chainstate) -> bytes | None:
    """Return what solves a block of a signet, None on other chains."""
    if chainstate.chain.name != "signet":
        return None
    with chainstate.symbols() as symbols:
        return symbols.signet_challenge()


def _judge(chainstate: Chainstate, text: Json) -> Json:
    """Say what is wrong with a block, None if nothing is."""
    if not isinstance(text, str):
        raise RpcError(RPC_TYPE_ERROR, "Missing data String key for proposal")
    block = decode_block(text)
    known = chainstate.entry(block.hash)
    if known is not None:
        status = known.status
        if status.failed:
            return "duplicate-invalid"
        return "duplicate" if status.valid_level >= _VALID_SCRIPTS else "duplicate-inconclusive"
    with chainstate.processing:
        try:
            verdict = chainstate.check_block(bytes.fromhex(text), check_pow=False)
        except ValueError as error:
            raise RpcError(RPC_DESERIALIZATION_ERROR, "Block decode failed") from error
    if verdict.error:
        raise RpcError(RPC_VERIFY_ERROR, f"{verdict.reason}, {verdict.debug}" if verdict.debug else verdict.reason)
    return None if verdict.accepted else verdict.reason or "rejected"


def _require_peers(context: RpcContext) -> None:
    chainstate = context.node.chainstate
    if not chainstate.chain.is_test_chain:
        raise RpcError(RPC_CLIENT_NOT_CONNECTED, f"{CLIENT_NAME} is not connected!")


def _wait(context: RpcContext, polled: Json) -> None:
    """Wait until there is something better than what an id names."""
    node, miner = context.node, context.node.miner
    tip, changes = node.chainstate.tip().hash, miner.rpc_template.changes
    if isinstance(polled, str):
        # What looks like a hash is taken for one, so what is no id of ours ends the wait at once.
        tip = parse_hash(polled[:64], "longpollid")
        found = _INTEGER.match(polled[64:])
        changes = int(found[1]) & _MASK_32 if found else 0
    with long_wait():
        found = miner.wait(LongPollWait(miner, tip, changes, (cancellation.current(),)))
    if found is None:
        raise RpcError(RPC_CLIENT_NOT_CONNECTED, "Shutting down")


def _template(context: RpcContext, challenge: bytes | None) -> Json:
    chainstate = context.node.chainstate
    served = context.node.miner.rpc_template.current()
    template, header = served.template, served.header
    tip = chainstate.entry(header.previous)
    if tip is None:
        raise AssertionError
    with chainstate.symbols() as symbols:
        has_segwit = template.height >= symbols.segwit_height
    scale = 1 if has_segwit else _WITNESS_SCALE_FACTOR
    rules = ["csv", *(["!segwit", "taproot"] if has_segwit else []), *([] if challenge is None else ["!signet"])]
    available, active, bits = _deployments(chainstate, tip)
    parts = template.coinbase_parts()
    result: dict[str, Json] = {
        "capabilities": ["proposal"],
        "version": header.version | bits,
        "rules": rules + active,
        "vbavailable": available,
        "vbrequired": 0,
        "previousblockhash": header.previous[::-1].hex(),
        "transactions": served.transactions,
        "coinbaseaux": {},
        "coinbasevalue": parts.block_reward_remaining,
        "longpollid": f"{header.previous[::-1].hex()}{served.changes}",
        "target": target_hex(header.bits),
        "mintime": least_time(chainstate, tip),
        "mutable": ["time", "transactions", "prevblock"],
        "noncerange": "00000000ffffffff",
        "sigoplimit": MAX_SIGOPS_COST // scale,
        "sizelimit": _MAX_SIZE // scale,
    }
    if has_segwit:
        result["weightlimit"] = MAX_WEIGHT
    result |= {"curtime": header.time, "bits": f"{header.bits:08x}", "height": template.height}
    if challenge is not None:
        result["signet_challenge"] = challenge.hex()
    if parts.required_outputs:
        result["default_witness_commitment"] = parts.required_outputs[0][_SCRIPT_OFFSET:].hex()
    return result


def _deployments(chainstate: Chainstate, tip: BlockEntry) -> tuple[dict[str, int], list[str], int]:
    """Return the bits that signal, the rules that are active by signals, and what bits the version must have set.

    There is one such deployment, which a client need not know (Core: VersionBitsDeploymentInfo in deploymentinfo.cpp).
    """
    dummy = consensus_params(chainstate).testdummy
    state = DeploymentChecker(dummy).state(tip)
    if state is DeploymentState.ACTIVE:
        return {}, ["testdummy"], 0
    if state is DeploymentState.STARTED:
        return {"testdummy": dummy.bit}, [], 0
    if state is DeploymentState.LOCKED_IN:
        return {"testdummy": dummy.bit}, [], 1 << dummy.bit
    return {}, [], 0


METHODS: Final = (getblocktemplate,)
