"""`pycli`: asks a running process from the shell, ours or Bitcoin Core's."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from cli.common_options import CHAIN, HELP, IPC_CLIENT, PLACE
from cli.errors import StartError
from cli.options import Program
from cli.program_init import ProgramInit
from cli.running import FAILURE, not_running, run
from ipc import AddressError, Ipc, IpcError, UnimplementedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments
    from interfaces.init import PynodeInit

PROGRAM: Final = Program(
    "pycli",
    "Asks a running process. Commands: `echoipc <text>` says the text back; `ipcinterfaces` lists what the process "
    "offers; `ipccall <Interface.method> [argument...]` calls a method with JSON arguments, bytes as hex, and prints "
    "JSON; any other command is a JSON-RPC method of the node.",
    (*HELP, *PLACE, *CHAIN, *IPC_CLIENT),
    usage="[options] <command> [argument...]",
    takes_words=True,
)


def main() -> None:
    """Run the program."""
    sys.exit(run(PROGRAM.name, lambda: _main(sys.argv)))


def _main(argv: list[str]) -> int:
    init = ProgramInit()
    with Ipc(PROGRAM.name, argv[0], init) as ipc:
        init.ipc = ipc
        if ipc.start_spawned_process(argv):
            return 0
        from cli.arguments import parse
        from cli.startup import prepare, print_help_or_version

        try:
            arguments = parse(PROGRAM, argv[1:])
            if print_help_or_version(arguments):
                return 0
            if not arguments.words:
                raise StartError("too few parameters (need at least command)")
            ipc.data_dir = prepare(arguments, create=False).network_dir
            return _ask(ipc, arguments)
        except StartError as error:
            sys.stderr.write(f"error: {error}\n")
            return FAILURE


def _ask(ipc: Ipc, arguments: Arguments) -> int:
    from interfaces.init import PynodeInit

    address = arguments.get("ipcconnect", "auto") or "auto"
    if address == "0":
        raise StartError("-ipcconnect is off, and there is no other way to reach a node yet")
    try:
        init = ipc.connect_address("unix" if address == "auto" else address, PynodeInit)
    except AddressError as error:
        if str(error).startswith(("Unrecognized", "Unix address")):
            raise StartError(str(error)) from error
        raise StartError(f"{error}{not_running(arguments)}") from error
    if init is None:
        raise StartError("no address to connect to")
    with init:
        command, *words = arguments.words
        try:
            return _COMMANDS.get(command, _rpc)(init, arguments.words if command not in _COMMANDS else words)
        except UnimplementedError as error:
            raise StartError(f"the process does not serve this: {error}") from error
        except IpcError as error:
            raise StartError(str(error)) from error


def _print(value: Any) -> None:
    sys.stdout.write(value if isinstance(value, str) else json.dumps(value, indent=2))
    sys.stdout.write("\n")


def _value(word: str) -> Any:
    try:
        return json.loads(word)
    except ValueError:
        return word


def _echo(init: PynodeInit, words: list[str]) -> int:
    if len(words) != 1:
        raise StartError("echoipc takes one text")
    echo = init.make_echo()
    if echo is None:
        raise StartError("the process does not offer Echo")
    with echo:
        _print(echo.echo(words[0]))
    return 0


def _list_interfaces(init: PynodeInit, words: list[str]) -> int:
    from cli.inspection import describe, offered
    from interfaces.init import PynodeInit

    if words:
        raise StartError("ipcinterfaces takes no arguments")
    _print({interface.__name__: describe(interface) for interface in offered(init, PynodeInit)})
    return 0


def _call(init: PynodeInit, words: list[str]) -> int:
    from cli.inspection import call
    from interfaces.init import PynodeInit

    if not words:
        raise StartError("ipccall needs a method, such as Mining.getTip")
    _print(json.loads(json.dumps(call(init, PynodeInit, words[0], [_value(word) for word in words[1:]]))))
    return 0


def _rpc(init: PynodeInit, words: list[str]) -> int:
    rpc = init.make_rpc()
    if rpc is None:
        raise StartError("the process does not offer Rpc")
    request = {"method": words[0], "params": [_value(word) for word in words[1:]], "id": 1}
    with rpc:
        reply = json.loads(rpc.execute_rpc(json.dumps(request), "/", "pycli"))
    error = reply.get("error")
    if error is not None:
        sys.stderr.write(f"error code: {error['code']}\nerror message:\n{error['message']}\n")
        return abs(int(error["code"])) & 0xFF
    if reply["result"] is not None:
        _print(reply["result"])
    return 0


_COMMANDS: Final[dict[str, Callable[[PynodeInit, list[str]], int]]] = {
    "echoipc": _echo,
    "ipccall": _call,
    "ipcinterfaces": _list_interfaces,
}
