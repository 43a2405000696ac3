"""RPC methods about the fees that transactions need (Core: src/rpc/fees.cpp)."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from node.fees.estimate import Estimate, FeerateRange, Horizon
from node.fees.next_block import TARGET, NoEstimateError
from node.rpc.mempool_access import mempool_of
from primitives.fee_rate import ZERO, FeeRate
from rpc.arguments import check_object, parse_verbosity
from rpc.errors import RPC_INTERNAL_ERROR, RPC_INVALID_PARAMETER, RpcError
from rpc.help import examples
from rpc.json import Amount, Real
from rpc.method import Arg, Kind, Num, Result, method

if TYPE_CHECKING:
    from node.fees.estimator import FeeEstimator
    from node.fees.watcher import FeeWatcher
    from node.rpc.context import RpcContext
    from rpc.json import Json

_MODES: Final = ("unset", "economical", "conservative")
_RANGE: Final = (
    Result(Kind.NUM, "startrange", "Where the range of fee rates begins"),
    Result(Kind.NUM, "endrange", "Where it ends"),
    Result(Kind.NUM, "withintarget", "How many transactions of it were confirmed in time"),
    Result(Kind.NUM, "totalconfirmed", "How many were confirmed at all"),
    Result(Kind.NUM, "inmempool", "How many wait for at least the target"),
    Result(Kind.NUM, "leftmempool", "How many went away unconfirmed after the target"),
)
_ERRORS: Final = Result(Kind.ARR, "errors", "What went wrong", (Result(Kind.STR, "", "error"),), optional=True)
_HORIZON: Final = (
    Result(Kind.NUM, "feerate", "The rate in BTC/kvB", optional=True),
    Result(Kind.NUM, "decay", "By what the counts are multiplied with each block"),
    Result(Kind.NUM, "scale", "How many blocks are told apart as one"),
    Result(Kind.OBJ, "pass", "The lowest range of fee rates that was good enough", _RANGE, optional=True),
    Result(Kind.OBJ, "fail", "The highest range that was not", _RANGE, optional=True),
    _ERRORS,
)


def _fees(context: RpcContext) -> FeeWatcher:
    fees = context.node.fees
    if fees is None:
        raise RpcError(RPC_INTERNAL_ERROR, "Fee estimation disabled")
    return fees


def _check_target(estimator: FeeEstimator, target: int) -> None:
    most = estimator.longest_target(Horizon.LONG)
    if not 1 <= target <= most:
        raise RpcError(RPC_INVALID_PARAMETER, f"Invalid conf_target, must be between 1 and {most}")


@method(
    "util",
    "estimatesmartfee",
    Arg("conf_target", Kind.NUM, "Within how many blocks a transaction should be confirmed (1 - 1008)"),
    Arg(
        "estimate_mode",
        Kind.STR,
        "unset (as economical), economical (follows short drops of fees and may ask for less) or conservative (looks "
        "further back and may ask for more)",
        default="economical",
    ),
    Arg(
        "options",
        Kind.OBJ,
        "",
        (
            Arg(
                "fee_rate_estimator",
                Kind.STR,
                '"block_policy" learns from blocks of before, "mempool_policy" looks at what waits for the next block, '
                '"none", or anything else, takes the lower answer of both and fails if either has none.\n'
                'Without any options it is "block_policy", as before v32.',
                default="none",
            ),
            Arg("verbosity", Kind.NUM, "2 for mempool_health_statistics too", default=1),
        ),
        optional=True,
    ),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "feerate", "The rate in BTC/kvB, if there is one", optional=True),
            Result(Kind.STR, "estimator", 'Which one gave the answer, with "none"', optional=True),
            _ERRORS,
            Result(
                Kind.NUM,
                "blocks",
                "For how many blocks it holds: what was asked for, but at least 2 and at most what is known for; "
                'with "mempool_policy" 2',
            ),
            Result(
                Kind.ARR,
                "mempool_health_statistics",
                "How much of the last blocks had been in the mempool, without their coinbases",
                (
                    Result(
                        Kind.OBJ,
                        "",
                        "",
                        (
                            Result(Kind.NUM, "block_height", "The height"),
                            Result(Kind.NUM, "block_weight", "The weight of the block"),
                            Result(Kind.NUM, "mempool_txs_weight", "The weight of what was in the mempool"),
                        ),
                    ),
                ),
                optional=True,
            ),
        ),
    ),
    help="Estimates the fee rate at which a transaction is confirmed within so many blocks, by virtual size (BIP141).",
    examples=examples("estimatesmartfee", "6"),
)
def estimatesmartfee(
    context: RpcContext, conf_target: int, estimate_mode: str, options: dict[str, Json] | None
) -> Json:
    """Ask the estimators for no less than the mempool takes."""
    fees = _fees(context)
    _check_target(fees.estimator, conf_target)
    mode = estimate_mode.lower()
    if mode not in _MODES:
        text = 'Invalid estimate_mode parameter, must be one of: "unset", "economical", "conservative"'
        raise RpcError(RPC_INVALID_PARAMETER, text)
    if options is not None:
        check_object(options, {"fee_rate_estimator": "string", "verbosity": "number"}, allow_null=True, strict=True)
    wanted = "block_policy" if options is None else str(options.get("fee_rate_estimator") or "none").lower()
    verbosity = parse_verbosity(options.get("verbosity") if options else None, 1, allow_bool=False)
    answers = [
        ask(fees, conf_target, mode == "conservative")
        for name, ask in (("block_policy", _ask_blocks), ("mempool_policy", _ask_mempool))
        if wanted == name or wanted not in {"block_policy", "mempool_policy"}
    ]
    best = next((answer for answer in answers if answer.error), None) or min(answers, key=attrgetter("rate"))
    if best.error:
        result: dict[str, Json] = {"errors": [best.error]}
    else:
        pool = mempool_of(context)
        result = {"feerate": Amount(max(best.rate, pool.min_fee(), pool.options.min_relay).per_kvb)}
        if len(answers) > 1:
            result["estimator"] = best.estimator
    result["blocks"] = best.target
    if verbosity >= 2 and fees.next_block is not None:
        result["mempool_health_statistics"] = [
            {"block_height": each.height, "block_weight": each.block_weight, "mempool_txs_weight": each.mempool_weight}
            for each in reversed(fees.next_block.health())
        ]
    return result


class _Answer(NamedTuple):
    estimator: str
    target: int
    rate: FeeRate = ZERO
    error: str = ""


def _ask_blocks(fees: FeeWatcher, target: int, conservative: bool) -> _Answer:
    smart = fees.estimator.smart(target, conservative=conservative)
    error = "" if smart.feerate else "Insufficient data or no feerate found"
    return _Answer("block_policy", smart.target, FeeRate(smart.feerate), error)


def _ask_mempool(fees: FeeWatcher, target: int, conservative: bool) -> _Answer:
    del target
    try:
        if fees.next_block is None:
            raise NoEstimateError("mempool_policy: Mempool not loaded yet, no fee rate estimate available")
        return _Answer("mempool_policy", TARGET, fees.next_block.estimate(conservative=conservative))
    except NoEstimateError as error:
        return _Answer("mempool_policy", TARGET, error=str(error))


@method(
    "hidden",
    "estimaterawfee",
    Arg("conf_target", Kind.NUM, "Within how many blocks a transaction should be confirmed (1 - 1008)"),
    Arg(
        "threshold",
        Kind.NUM,
        "Which part of the transactions of a range must have been confirmed in time for a lower one to be looked at",
        default=0.95,
        number=Num.REAL,
    ),
    result=Result(
        Kind.OBJ,
        "",
        "Those horizons that reach as far as the target",
        tuple(
            Result(Kind.OBJ, horizon.value, f"The {horizon.value} horizon", _HORIZON, optional=True)
            for horizon in Horizon
        ),
    ),
    help="Shows what single statistics say about the fee rate at which a transaction is confirmed within so many "
    "blocks.\nArguments and results follow from how estimates are made, and change with it.",
    examples=examples("estimaterawfee", "6 0.9"),
)
def estimaterawfee(context: RpcContext, conf_target: int, threshold: float) -> Json:
    """Ask each horizon."""
    estimator = _fees(context).estimator
    _check_target(estimator, conf_target)
    if not 0 <= threshold <= 1:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid threshold")
    return {
        horizon.value: horizon_json(*estimator.raw(conf_target, threshold, horizon))
        for horizon in Horizon
        if conf_target <= estimator.longest_target(horizon)
    }


def horizon_json(feerate: int, estimate: Estimate) -> dict[str, Json]:
    """Describe what one horizon says; `feerate` in satoshis per kvB, 0 for none."""
    shown: dict[str, Json] = {"decay": Real(estimate.decay), "scale": estimate.scale}
    if feerate:
        shown = {"feerate": Amount(feerate), **shown, "pass": _range_json(estimate.passed)}
        if estimate.failed.start != -1:
            shown["fail"] = _range_json(estimate.failed)
        return shown
    error = "Insufficient data or no feerate found which meets threshold"
    return {**shown, "fail": _range_json(estimate.failed), "errors": [error]}


def _range_json(found: FeerateRange) -> dict[str, Json]:
    return {
        "startrange": Real(_round(found.start)),
        "endrange": Real(_round(found.end)),
        "withintarget": Real(_round(found.within_target * 100.0) / 100.0),
        "totalconfirmed": Real(_round(found.total_confirmed * 100.0) / 100.0),
        "inmempool": Real(_round(found.in_mempool * 100.0) / 100.0),
        "leftmempool": Real(_round(found.left_mempool * 100.0) / 100.0),
    }


def _round(value: float) -> float:
    """Round half away from zero, as C does."""
    whole = math.floor(abs(value))
    return math.copysign(whole + (abs(value) - whole >= 0.5), value)


METHODS: Final = (estimatesmartfee, estimaterawfee)
