"""`pycli`: asks a running node from the shell, ours or Bitcoin Core's, as Core's bitcoin-cli does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from cli import json_text
from cli.cli_options import CLIENT
from cli.common_options import CHAIN, IPC_CLIENT
from cli.errors import StartError
from cli.options import COMMANDS, Program

if TYPE_CHECKING:
    from cli.arguments import Arguments
    from cli.rpc_client import RpcClient
    from cli.startup import Place

PROGRAM: Final = Program(
    "pycli",
    "Asks a running node. A command is a JSON-RPC method: `help` lists them, `help <command>` explains one. With "
    "-named, parameters may be given as name=value. Four commands use IPC: `echoipc <text>` has the text said back; "
    "`ipcinterfaces` lists what the process offers; `ipccall <Interface.method> [argument...]` calls a method with "
    "JSON arguments, bytes as hex, and prints JSON; `ipctemplate [options]` has a block built as miners over IPC get "
    "it, with options as JSON, such as '{\"block_reserved_weight\": 4000}', and tells what is in it.",
    (*CLIENT, *CHAIN, *IPC_CLIENT),
    usage="[options] <command> [params]\nor:    pycli [options] -named <command> [name=value]...",
    takes_words=True,
)
FAILURE: Final = 1
COMMANDS_OVER_IPC: Final = frozenset({"echoipc", "ipccall", "ipcinterfaces", "ipctemplate"})
_WALLET_NOT_SPECIFIED: Final = -19
_PASSPHRASE: Final = "walletpassphrase"  # noqa: S105 - a method's name


def main() -> None:
    """Run the program."""
    sys.exit(_main(sys.argv))


def _main(argv: list[str]) -> int:
    from common.log import hold_log

    hold_log()
    try:
        if len(argv) == 3 and argv[1] == "-ipcfd":
            return _serve(argv)
        return _run(argv)
    except KeyboardInterrupt:
        return 130


def _serve(argv: list[str]) -> int:
    """Be the child of another program, which it asked for by a mistake of its own."""
    from cli.program_init import ProgramInit
    from ipc import Ipc

    init = ProgramInit()
    with Ipc(PROGRAM.name, argv[0], init) as ipc:
        init.ipc = ipc
        return int(not ipc.start_spawned_process(argv))


def _run(argv: list[str]) -> int:
    from cli.arguments import parse

    try:
        arguments = parse(PROGRAM, argv[1:])
    except StartError as error:
        return _fail(str(error))
    if len(argv) < 2 or _print_help_or_version(arguments):
        if len(argv) < 2:
            _print_help(arguments)
            return _fail("Error: too few parameters")
        return 0
    try:
        place = _place(arguments)
    except StartError as error:
        text = str(error)
        return _fail(text if text.startswith("Error ") else f"Error: {text}")
    try:
        return _command(argv[0], arguments, place)
    except StartError as error:
        return _fail(f"error: {error}")


def _fail(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return FAILURE


def _print_help_or_version(arguments: Arguments) -> bool:
    from cli.startup import help_requested

    if arguments.get_bool("version"):
        from common.version import CLIENT_NAME, VERSION

        sys.stdout.write(f"{CLIENT_NAME} RPC client version v{VERSION}\n")
        return True
    if help_requested(arguments):
        _print_help(arguments)
        return True
    return False


def _print_help(arguments: Arguments) -> None:
    from cli.options import help_text
    from common.version import CLIENT_NAME, VERSION

    text = help_text(PROGRAM, debug=arguments.get_bool("help-debug"))
    sys.stdout.write(f"{CLIENT_NAME} RPC client version v{VERSION}\n\n{text}")
    sys.stdout.flush()


def _place(arguments: Arguments) -> Place:
    from cli.startup import prepare

    return prepare(arguments, create=False, look_for_ignored=False)


def _command(argv0: str, arguments: Arguments, place: Place) -> int:
    from cli.rpc_client import RpcClient

    client = RpcClient(arguments, place, argv0)
    words = _read_standard_input(arguments, client, list(arguments.words))
    chosen = [option.name for option in PROGRAM.options if option.group == COMMANDS and arguments.is_set(option.name)]
    if len(chosen) > 1:
        raise StartError(f"Only one of {', '.join(f'-{name}' for name in sorted(chosen))} may be specified.")
    if words and words[0] in COMMANDS_OVER_IPC and not chosen:
        from cli.ipc_commands import run_command

        return run_command(argv0, arguments, place, words)
    reply = _reply(arguments, place, client, words)
    if reply is None:
        return 0
    error = reply.get("error")
    if error is not None:
        return _print_error(error)
    result = reply.get("result")
    if result is not None:
        text = result if isinstance(result, str) else json_text.dumps(result, indent=2)
        if text:
            sys.stdout.write(f"{text}\n".encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return 0


def _reply(arguments: Arguments, place: Place, client: RpcClient, words: list[str]) -> dict[str, Any] | None:
    """Return the node's reply, None if there is nothing to ask it."""
    wallet = arguments.get("rpcwallet") if arguments.is_set("rpcwallet") else None
    if arguments.is_negated("rpcwallet"):
        wallet = None
    if arguments.get_bool("getinfo"):
        from cli.node_overview import get_info

        return get_info(client, arguments, words, wallet)
    if arguments.get_bool("netinfo"):
        from cli import netinfo

        if words[:1] in (["h"], ["help"]):
            sys.stdout.write(f"{netinfo.HELP}\n")
            return None
        return netinfo.net_info(client, words, wallet, place.chain.name)
    if arguments.get_bool("generate"):
        from cli.node_overview import generate

        return generate(client, words, wallet)
    if arguments.get_bool("addrinfo"):
        from cli.node_overview import address_info

        return address_info(client, words, wallet)
    return _ask(arguments, client, words, wallet)


def _ask(arguments: Arguments, client: RpcClient, words: list[str], wallet: str | None) -> dict[str, Any]:
    from cli.rpc_conversion import by_name, by_position, write_request

    if not words:
        raise StartError("too few parameters (need at least command)")
    method, *rest = words
    convert = by_name if arguments.get_bool("named") else by_position
    id_ = arguments.get("rpcid", "1")
    reply = client.ask(lambda: write_request(method, convert(method, rest), id_), wallet=wallet)
    if not isinstance(reply, dict):
        raise StartError("expected reply to have result, error and id properties")
    return reply


def _print_error(error: Any) -> int:
    """Print what the node complains of, and return the exit status."""
    if not isinstance(error, dict):
        return _fail(f"error: {json_text.dumps(error)}")
    code = json_text.text_of(error.get("code"))
    text = f"error code: {code}\n" if code else ""
    message = error.get("message")
    if isinstance(message, str):
        text += f"error message:\n{message}"
        if code == str(_WALLET_NOT_SPECIFIED):
            text += (
                ' Or for the CLI, specify the "-rpcwallet=<walletname>" option before the command '
                '(run "bitcoin-cli -h" for help or "bitcoin-cli listwallets" to see which wallets are currently '
                "loaded)."
            )
    _fail(text)
    return abs(int(code or 0)) & 0xFF


# --- standard input ----------------------------------------------------------------------------------------------


def _read_standard_input(arguments: Arguments, client: RpcClient, words: list[str]) -> list[str]:
    """Take password, passphrase and parameters from standard input as the options say, and return all words."""
    if arguments.get_bool("stdinrpcpass"):
        client.password = _read_secret("RPC password> ", "-stdinrpcpass")
    if arguments.get_bool("stdinwalletpassphrase"):
        if not words or not words[0].startswith(_PASSPHRASE):
            raise StartError("-stdinwalletpassphrase is only applicable for walletpassphrase(change)")
        words.insert(1, _read_secret("Wallet passphrase> ", "-stdinwalletpassphrase"))
    if arguments.get_bool("stdin"):
        words += [line.removesuffix("\n") for line in sys.stdin]
        if sys.stdin.isatty():
            sys.stdout.write("\n")
    return words


def _read_secret(prompt: str, option: str) -> str:
    """Read a line, which a terminal does not show."""
    if sys.stdin.isatty():
        from getpass import getpass

        try:
            return getpass(prompt)
        except EOFError:
            line = ""
    else:
        line = sys.stdin.readline()
    if not line:
        raise StartError(f"{option} specified but failed to read from standard input")
    return line.removesuffix("\n")
