"""RPC methods that control a node (Core: src/rpc/node.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import UNIX_EPOCH_TIME, examples
from rpc.method import Arg, Kind, Num, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json

_MAX_TIME: Final = 2**32 - 1
_MOST_FORWARD: Final = 60 * 60


def _require_regtest(context: RpcContext, name: str) -> None:
    if context.node.chain.name != "regtest":
        raise RpcError(RPC_MISC_ERROR, f"{name} is for regression testing (-regtest mode) only")


@method(
    "hidden",
    "setmocktime",
    Arg("timestamp", Kind.NUM, f"{UNIX_EPOCH_TIME}\nWith 0 the clock runs again.", number=Num.INT64),
    result=Result(Kind.NONE),
    help="Stops the node's clock at a time (-regtest only)",
)
def setmocktime(context: RpcContext, timestamp: int) -> Json:
    """Set the clock."""
    _require_regtest(context, "setmocktime")
    if not 0 <= timestamp <= _MAX_TIME:
        text = f"Mocktime must be in the range [0, {_MAX_TIME}], not {timestamp}."
        raise RpcError(RPC_INVALID_PARAMETER, text)
    context.node.clock.set_mock(timestamp)
    return None


@method(
    "hidden",
    "mockscheduler",
    Arg("delta_time", Kind.NUM, "By how many seconds to bring forward what is due later", number=Num.INT64),
    result=Result(Kind.NONE),
    help="Brings forward what the node does from time to time (-regtest only).",
)
def mockscheduler(context: RpcContext, delta_time: int) -> Json:
    """Bring forward when fee estimates are written."""
    _require_regtest(context, "mockscheduler")
    if not 0 < delta_time <= _MOST_FORWARD:
        raise RpcError(RPC_MISC_ERROR, "delta_time must be between 1 and 3600 seconds (1 hr)")
    if context.node.fees is not None:
        context.node.fees.bring_forward(delta_time)
    if context.node.bring_wallets_forward is not None:
        context.node.bring_wallets_forward(delta_time)
    return None


@method(
    "hidden",
    "echoipc",
    Arg("arg", Kind.STR, "The text to return"),
    result=Result(Kind.STR, "echo", "The text"),
    help="Returns its argument, which another process has sent back. This command is for tests.",
    examples=examples("echoipc", '"Hello world"'),
)
def echoipc(context: RpcContext, arg: str) -> Json:
    """Have a process spawned for it send a text back."""
    return context.node.echo_elsewhere(arg)


METHODS: Final = (setmocktime, mockscheduler, echoipc)
