"""RPC methods that control the program (Core: src/rpc/server.cpp, src/rpc/node.cpp)."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from common.log_categories import CATEGORIES, parse_category
from common.version import CLIENT_NAME
from rpc.errors import RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import UNIX_EPOCH_TIME, examples
from rpc.json import to_str
from rpc.method import Arg, Kind, Num, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json

_STOPPING: Final = f"{CLIENT_NAME} stopping"
_MAX_TIME: Final = 2**32 - 1
_MOST_FORWARD: Final = 60 * 60


@method(
    "control",
    "help",
    Arg("command", Kind.STR, "The command to explain", hint="all commands"),
    result=(
        Result(Kind.STR, "", "The help text"),
        Result(Kind.ANY, "", "All arguments, for dump_all_command_conversions", elided=""),
    ),
    help="List all commands, or explain one.",
)
def help_(context: RpcContext, command: str | None) -> Json:
    """Explain commands."""
    if command == "dump_all_command_conversions":
        return context.server.table.conversions()
    return context.server.table.help(command or "")


@method(
    "control",
    "stop",
    Arg("wait", Kind.NUM, "How many milliseconds to wait before answering", optional=True, hidden=True),
    result=Result(Kind.STR, "", f"The text '{_STOPPING}'"),
    help="Ask the node to end once it has answered what it is asked already.",
)
def stop(context: RpcContext, wait: int | None) -> Json:
    """End the program."""
    context.node.shutdown()
    if wait is not None and wait > 0:
        time.sleep(wait / 1000)
    return _STOPPING


@method(
    "control",
    "uptime",
    result=Result(Kind.NUM, "", "Seconds since the node was started"),
    help="Returns how long the node has been running.",
    examples=examples("uptime"),
    quick=True,
)
def uptime(context: RpcContext) -> Json:
    """Return the seconds since the start."""
    return int(time.monotonic() - context.server.started)


@method(
    "control",
    "getrpcinfo",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(
                Kind.ARR,
                "active_commands",
                "The methods that run",
                (
                    Result(
                        Kind.OBJ,
                        "",
                        "One of them",
                        (
                            Result(Kind.STR, "method", "Its name"),
                            Result(Kind.NUM, "duration", "For how many microseconds it has been running"),
                        ),
                    ),
                ),
            ),
            Result(Kind.STR, "logpath", "Where the log is written"),
        ),
    ),
    help="Returns what the RPC server is doing.",
    examples=examples("getrpcinfo"),
    quick=True,
)
def getrpcinfo(context: RpcContext) -> Json:
    """Tell of the server."""
    active = [{"method": name, "duration": duration} for name, duration in context.server.active()]
    return {"active_commands": active, "logpath": context.server.options.log_path}


_LOG_CATEGORIES: Final = ", ".join(CATEGORIES)


def _switch(names: list[Json] | None, *, on: bool) -> None:
    for name in names or ():
        categories = parse_category(to_str(name))
        if categories is None:
            raise RpcError(RPC_INVALID_PARAMETER, f"unknown logging category {name}")
        for category in categories:
            logging.getLogger(category).setLevel(logging.DEBUG if on else logging.INFO)


@method(
    "control",
    "logging",
    Arg(
        "include",
        Kind.ARR,
        "The categories whose details to log",
        (Arg("include_category", Kind.STR, "A category", optional=True),),
        optional=True,
    ),
    Arg(
        "exclude",
        Kind.ARR,
        "The categories whose details not to log",
        (Arg("exclude_category", Kind.STR, "A category", optional=True),),
        optional=True,
    ),
    result=Result(
        Kind.OBJ_DYN,
        "",
        "Each category, and whether its details are logged",
        (Result(Kind.BOOL, "category", "Whether its details are logged"),),
    ),
    help="Tells which categories the log has details of, and changes it.\n"
    "What is both included and excluded is excluded.\n"
    f"The valid logging categories are: {_LOG_CATEGORIES}\n"
    'Besides, "all" and "1" stand for all of them.',
    examples=examples("logging", '"[\\"all\\"]" "[\\"http\\"]"', '["all"], ["leveldb"]'),
)
def logging_(context: RpcContext, include: list[Json] | None, exclude: list[Json] | None) -> Json:
    """Switch categories on and off."""
    del context
    _switch(include, on=True)
    _switch(exclude, on=False)
    return {name: logging.getLogger(name).level <= logging.DEBUG for name in CATEGORIES}


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
    return None


_ECHO_ARGS: Final = tuple(Arg(f"arg{i}", Kind.STR, optional=True, skip_type_check=True) for i in range(10))
_ECHO_HELP: Final = (
    "Returns its arguments. This command is for tests.\n\n"
    "With arg9='trigger_internal_bug' it fails as a bug of the node would.\n\n"
    "echo and echojson differ only for a command line client, which reads the arguments of echojson as JSON."
)


def _echo(context: RpcContext, *values: Json) -> Json:
    if values[9] == "trigger_internal_bug":
        text = 'request.params[9].get_str() != "trigger_internal_bug"'
        raise RpcError(RPC_MISC_ERROR, f"Internal bug detected: {text}")
    return context.request.params


_ECHO_RESULT: Final = Result(Kind.ANY, "", "What was given")
echo = method("hidden", "echo", *_ECHO_ARGS, result=_ECHO_RESULT, help=_ECHO_HELP)(_echo)
echojson = method("hidden", "echojson", *_ECHO_ARGS, result=_ECHO_RESULT, help=_ECHO_HELP)(_echo)


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


METHODS: Final = (
    help_, stop, uptime, getrpcinfo, logging_, setmocktime, mockscheduler, echo, echojson, echoipc,
)  # fmt: skip
