"""RPC method about changes of consensus (Core: getdeploymentinfo in src/rpc/blockchain.cpp)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from common.consensus import CONSENSUS, NEVER_ACTIVE
from node.rpc.block_arguments import find_block
from node.rpc.block_json import hash_hex
from node.version_bits import DeploymentChecker, DeploymentState
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from common.consensus import ConsensusParams, VersionBitsDeployment
    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate
    from node.rpc.context import RpcContext
    from rpc.json import Json

_SIGNALLING: Final = (DeploymentState.STARTED, DeploymentState.LOCKED_IN)
_DEPLOYMENT_DOC: Final = (
    Result(Kind.STR, "type", 'How it is activated, "buried" or "bip9"'),
    Result(Kind.NUM, "height", "The first block that keeps it, if that is known", optional=True),
    Result(Kind.BOOL, "active", "Whether the next block must keep it"),
    Result(
        Kind.OBJ,
        "bip9",
        'How far miners are with it (only for "bip9")',
        (
            Result(Kind.NUM, "bit", "The bit of the version by which blocks signal, while they do", optional=True),
            Result(Kind.NUM_TIME, "start_time", "The median time from which on the bit means it"),
            Result(Kind.NUM_TIME, "timeout", "The median time at which it has failed unless locked in"),
            Result(Kind.NUM, "min_activation_height", "The height before which it is not active"),
            Result(Kind.STR, "status", "The state of this block (defined, started, locked_in, active, failed)"),
            Result(Kind.NUM, "since", "The height of the first block in this state"),
            Result(Kind.STR, "status_next", "The state of the next block"),
            Result(
                Kind.OBJ,
                "statistics",
                "How many blocks signalled, while they do",
                (
                    Result(Kind.NUM, "period", "The blocks of a period"),
                    Result(Kind.NUM, "threshold", "How many of them have to signal", optional=True),
                    Result(Kind.NUM, "elapsed", "The blocks of this period so far"),
                    Result(Kind.NUM, "count", "How many of those signalled"),
                    Result(Kind.BOOL, "possible", "Whether the threshold can still be reached", optional=True),
                ),
                optional=True,
            ),
            Result(Kind.STR, "signalling", "A # for each block that signalled, a - for each other", optional=True),
        ),
        optional=True,
    ),
)


@method(
    "blockchain",
    "getdeploymentinfo",
    Arg("blockhash", Kind.STR_HEX, "The hash of the block to look at", hint="hash of current chain tip"),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "hash", "The hash of the block"),
            Result(Kind.NUM, "height", "The height of the block"),
            Result(
                Kind.ARR,
                "script_flags",
                "The rules for scripts of this block",
                (Result(Kind.STR, "flag", "The name of a rule"),),
            ),
            Result(
                Kind.OBJ_DYN, "deployments", "", (Result(Kind.OBJ, "xxxx", "The name of the change", _DEPLOYMENT_DOC),)
            ),
        ),
    ),
    help="Returns how far changes of the consensus rules are at a block.\n"
    "Changes that hold from the genesis block on are not among them.",
    examples=examples("getdeploymentinfo"),
)
def getdeploymentinfo(context: RpcContext, blockhash: str | None) -> Json:
    """Return the state of each deployment."""
    chainstate = context.node.chainstate
    entry = chainstate.tip() if blockhash is None else find_block(chainstate, blockhash, "blockhash")
    params = consensus_params(chainstate)
    return {
        "hash": hash_hex(entry),
        "height": entry.height,
        "script_flags": script_flags(params, entry),
        "deployments": deployments(params, entry),
    }


def consensus_params(chainstate: Chainstate) -> ConsensusParams:
    """Return the rules of the chain, with what -testactivationheight and -vbparams change."""
    params = CONSENSUS[chainstate.chain.name]
    options = chainstate.options
    names = {"dersig": "bip66", "cltv": "bip65"}
    heights = {names.get(name, name): height for name, height in options.activation_heights}
    dummy = params.testdummy
    for name, changed in options.deployments:
        if name == "testdummy":
            dummy = replace(
                dummy,
                start_time=changed.start,
                timeout=changed.timeout,
                min_activation_height=changed.min_height,
            )
    return replace(params, buried=replace(params.buried, **heights), testdummy=dummy)


def script_flags(params: ConsensusParams, entry: BlockEntry) -> list[str]:
    """Return the names of the script rules of a block (Core: GetBlockScriptFlags in src/validation.cpp)."""
    flags = dict(params.script_flag_exceptions).get(entry.hash, ("P2SH", "WITNESS", "TAPROOT"))
    buried = params.buried
    later = (
        ("DERSIG", buried.bip66),
        ("CHECKLOCKTIMEVERIFY", buried.bip65),
        ("CHECKSEQUENCEVERIFY", buried.csv),
        ("NULLDUMMY", buried.segwit),
    )
    return sorted([*flags, *(name for name, height in later if entry.height >= height)])


def deployments(params: ConsensusParams, entry: BlockEntry) -> dict[str, Json]:
    """Return the state of each deployment at a block, by its name."""
    buried = params.buried
    heights = {
        "bip34": buried.bip34,
        "bip66": buried.bip66,
        "bip65": buried.bip65,
        "csv": buried.csv,
        "segwit": buried.segwit,
    }
    result: dict[str, Json] = {
        name: {"type": "buried", "active": entry.height + 1 >= height, "height": height}
        for name, height in heights.items()
    }
    if params.testdummy.start_time != NEVER_ACTIVE:
        result["testdummy"] = _signalled(params.testdummy, entry)
    return result


def _signalled(deployment: VersionBitsDeployment, entry: BlockEntry) -> dict[str, Json]:
    checker = DeploymentChecker(deployment)
    state, following = checker.state(entry.previous), checker.state(entry)
    since = checker.since(entry.previous)
    bip9: dict[str, Json] = {}
    if state in _SIGNALLING:
        bip9["bit"] = deployment.bit
    bip9 |= {
        "start_time": deployment.start_time,
        "timeout": deployment.timeout,
        "min_activation_height": deployment.min_activation_height,
        "status": state.value,
        "since": since,
        "status_next": following.value,
    }
    if state in _SIGNALLING:
        signals = checker.signals(entry)
        statistics: dict[str, Json] = {
            "period": deployment.period,
            "elapsed": len(signals.blocks),
            "count": signals.count,
        }
        if state is DeploymentState.STARTED:
            statistics |= {"threshold": deployment.threshold, "possible": signals.possible}
        bip9["statistics"] = statistics
        bip9["signalling"] = "".join("#" if signalled else "-" for signalled in signals.blocks)
    result: dict[str, Json] = {"type": "bip9"}
    height = None
    if state is DeploymentState.ACTIVE:
        height = since
    elif following is DeploymentState.ACTIVE:
        height = entry.height + 1
    if height is not None:
        result["height"] = height
    result["active"] = height is not None and height <= entry.height + 1
    result["bip9"] = bip9
    return result


METHODS: Final = (getdeploymentinfo,)
