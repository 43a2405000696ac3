"""Commands of `pycli` that look into a process over IPC: echoipc, ipcinterfaces, ipccall, ipctemplate."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

from cli.errors import StartError
from cli.inspection import call, describe, from_json, offered
from cli.program_init import ProgramInit
from cli.running import not_running
from cli.template_summary import summarise
from interfaces.init import PynodeInit
from interfaces.mining import BlockCreateOptions
from ipc import AddressError, Ipc, IpcError, UnimplementedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments
    from cli.startup import Place


def run_command(argv0: str, arguments: Arguments, place: Place, words: list[str]) -> int:
    """Run a command and return the exit status. Raises StartError."""
    address = arguments.get("ipcconnect", "auto") or "auto"
    if address == "0":
        raise StartError(f"-ipcconnect is off, and there is no other way for {words[0]}")
    with Ipc("pycli", argv0, ProgramInit(), data_dir=place.network_dir) as ipc:
        try:
            init = ipc.connect_address("unix" if address == "auto" else address, PynodeInit)
        except AddressError as error:
            raise StartError(f"{error}{not_running(arguments)}") from error
        if init is None:
            raise StartError("no address to connect to")
        with init:
            try:
                return _COMMANDS[words[0]](init, words[1:])
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
    if words:
        raise StartError("ipcinterfaces takes no arguments")
    _print({interface.__name__: describe(interface) for interface in offered(init, PynodeInit)})
    return 0


def _call(init: PynodeInit, words: list[str]) -> int:
    if not words:
        raise StartError("ipccall needs a method, such as Mining.getTip")
    _print(json.loads(json.dumps(call(init, PynodeInit, words[0], [_value(word) for word in words[1:]]))))
    return 0


def _show_template(init: PynodeInit, words: list[str]) -> int:
    if len(words) > 1:
        raise StartError("ipctemplate takes one object of options")
    options = from_json(_value(words[0]) if words else {}, BlockCreateOptions, "options")
    mining = init.make_mining()
    if mining is None:
        raise StartError("the process does not offer Mining")
    with mining:
        _print(summarise(mining, options))
    return 0


_COMMANDS: Final[dict[str, Callable[[PynodeInit, list[str]], int]]] = {
    "echoipc": _echo,
    "ipccall": _call,
    "ipcinterfaces": _list_interfaces,
    "ipctemplate": _show_template,
}
