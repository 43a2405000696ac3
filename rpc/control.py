"""RPC methods that control any program (Core: src/rpc/server.cpp, src/rpc/node.cpp)."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from common.log_categories import CATEGORIES, parse_category
from common.version import CLIENT_NAME
from rpc.errors import RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import examples
from rpc.json import to_str
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from rpc.context import AnyContext
    from rpc.json import Json

_STOPPING: Final = f"{CLIENT_NAME} stopping"


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
def help_(context: AnyContext, command: str | None) -> Json:
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
def stop(context: AnyContext, wait: int | None) -> Json:
    """End the program."""
    context.owner.shutdown()
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
def uptime(context: AnyContext) -> Json:
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
def getrpcinfo(context: AnyContext) -> Json:
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
def logging_(context: AnyContext, include: list[Json] | None, exclude: list[Json] | None) -> Json:
    """Switch categories on and off."""
    del context
    _switch(include, on=True)
    _switch(exclude, on=False)
    return {name: logging.getLogger(name).level <= logging.DEBUG for name in CATEGORIES}


_ECHO_ARGS: Final = tuple(Arg(f"arg{i}", Kind.STR, optional=True, skip_type_check=True) for i in range(10))
_ECHO_HELP: Final = (
    "Returns its arguments. This command is for tests.\n\n"
    "With arg9='trigger_internal_bug' it fails as a bug of the node would.\n\n"
    "echo and echojson differ only for a command line client, which reads the arguments of echojson as JSON."
)


def _echo(context: AnyContext, *values: Json) -> Json:
    if values[9] == "trigger_internal_bug":
        text = 'request.params[9].get_str() != "trigger_internal_bug"'
        raise RpcError(RPC_MISC_ERROR, f"Internal bug detected: {text}")
    return context.request.params


_ECHO_RESULT: Final = Result(Kind.ANY, "", "What was given")
echo = method("hidden", "echo", *_ECHO_ARGS, result=_ECHO_RESULT, help=_ECHO_HELP)(_echo)
echojson = method("hidden", "echojson", *_ECHO_ARGS, result=_ECHO_RESULT, help=_ECHO_HELP)(_echo)


METHODS: Final = (help_, stop, uptime, getrpcinfo, logging_, echo, echojson)
