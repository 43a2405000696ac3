"""RPC methods that control the program (Core: src/rpc/server.cpp, src/rpc/node.cpp)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from node.rpc.errors import RPC_MISC_ERROR, RpcError
from node.rpc.help import examples
from node.rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.json import Json
    from node.rpc.request import RpcContext

_STOPPING: Final = "pynode stopping"


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
)
def uptime(context: RpcContext) -> Json:
    """Return the seconds since the start."""
    return int(time.monotonic() - context.server.started)


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

METHODS: Final = (help_, stop, uptime, echo, echojson)
