"""RPC methods about the fees that transactions need (Core: src/rpc/fees.cpp of v31)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from node.fees.estimate import Estimate, FeerateRange, Horizon
from node.rpc.errors import RPC_INTERNAL_ERROR, RPC_INVALID_PARAMETER, RpcError
from node.rpc.help import examples
from node.rpc.json import Amount, Real
from node.rpc.mempool_access import mempool_of
from node.rpc.method import Arg, Kind, Num, Result, method

if TYPE_CHECKING:
    from node.fees.estimator import FeeEstimator
    from node.rpc.json import Json
    from node.rpc.request import RpcContext

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


def _estimator(context: RpcContext) -> FeeEstimator:
    fees = context.node.fees
    if fees is None:
        raise RpcError(RPC_INTERNAL_ERROR, "Fee estimation disabled")
    return fees.estimator


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
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "feerate", "The rate in BTC/kvB, if there is one", optional=True),
            _ERRORS,
            Result(
                Kind.NUM,
                "blocks",
                "For how many blocks it holds: what was asked for, but at least 2 and at most what is known for",
            ),
        ),
    ),
    help="Estimates the fee rate at which a transaction is confirmed within so many blocks, by virtual size (BIP141).",
    examples=examples("estimatesmartfee", "6"),
)
def estimatesmartfee(context: RpcContext, conf_target: int, estimate_mode: str) -> Json:
    """Ask the estimator for no less than the mempool takes."""
    estimator = _estimator(context)
    _check_target(estimator, conf_target)
    mode = estimate_mode.lower()
    if mode not in _MODES:
        text = 'Invalid estimate_mode parameter, must be one of: "unset", "economical", "conservative"'
        raise RpcError(RPC_INVALID_PARAMETER, text)
    smart = estimator.smart(conf_target, conservative=mode == "conservative")
    if not smart.feerate:
        return {"errors": ["Insufficient data or no feerate found"], "blocks": smart.target}
    pool = mempool_of(context)
    least = max(pool.min_fee(), pool.options.min_relay).per_kvb
    return {"feerate": Amount(max(smart.feerate, least)), "blocks": smart.target}


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
    estimator = _estimator(context)
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
