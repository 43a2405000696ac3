"""Commands for wallets that nobody has open, without a node: info, create, dump, createfromdump.

Core: src/bitcoin-wallet.cpp, src/wallet/wallettool.cpp. `pywallet` runs them when its command line names one;
`python -m cli.wallet_tool` takes the same command line as bitcoin-wallet, which does nothing without a command.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.common_options import CHAIN, HELP, PLACE
from cli.errors import StartError
from cli.options import DEBUG, Option, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.arguments import Arguments
    from common.chains import ChainParams
    from wallet.database import WalletDatabase
    from wallet.wallet import Wallet

FAILURE: Final = 1
DUMP_FILE: Final = Option(
    "dumpfile",
    "<file>",
    "The file that dump writes and createfromdump reads",
    negatable=False,
)
_COMMANDS: Final = {
    "info": "Show what a wallet has",
    "create": "Make a wallet with new keys",
    "dump": "Write all records of a wallet, private keys too, to -dumpfile",
    "createfromdump": "Make a wallet of the records in -dumpfile",
}
_WITH_DUMP_FILE: Final = {"dump", "createfromdump"}
_KEEP_DUMP: Final = (
    "The dumpfile may contain private keys. To ensure the safety of your Bitcoin, do not share the dumpfile.\n"
)
_SHARED: Final = {"datadir", *(option.name for option in CHAIN)}
PROGRAM: Final = Program(
    "pywallet",
    "Works on a wallet that nobody has open, without a node.",
    (
        *HELP,
        *(option for option in (*PLACE, *CHAIN) if option.name in _SHARED),
        Option("wallet", "<name>", "Work on this wallet", network_only=True),
        DUMP_FILE,
        Option("debug", "<category>", "Log details (default: 0)", DEBUG),
        Option("printtoconsole", "", "Write the log to the terminal (default: 1 with -debug)", DEBUG),
    ),
    usage="[options] <command>\n\n" + "\n".join(f"  {name:15} {text}" for name, text in _COMMANDS.items()),
    takes_words=True,
)


def names_command(argv: Sequence[str]) -> bool:
    """Whether a command line holds a word that is no option, as only ours do."""
    return any(not argument.startswith("-") for argument in argv[1:])


def main() -> None:
    """Run as a program of its own."""
    from cli.running import run

    sys.exit(run("pywallet", lambda: run_tool(sys.argv)))


def run_tool(argv: Sequence[str]) -> int:
    """Do what a command line says; return the exit status."""
    from cli.arguments import parse
    from cli.startup import choose_chain, print_help_or_version

    try:
        arguments = parse(PROGRAM, argv[1:])
    except StartError as error:
        return _fail(str(error))
    if arguments.words and arguments.words[0] not in _COMMANDS:
        return _fail(f"Error parsing command line arguments: Invalid command '{arguments.words[0]}'")
    if print_help_or_version(arguments):
        return 0
    data_dir = _data_dir(arguments)
    if data_dir is None:
        return _fail(f'Error: Specified data directory "{arguments.get("datadir")}" does not exist.')
    chain = choose_chain(arguments)
    if not arguments.words:
        return _fail("No method provided. Run `bitcoin-wallet -help` for valid methods.")
    command, *more = arguments.words
    if more:
        return _fail(
            f"Error: Additional arguments provided ({', '.join(more)}). Methods do not take arguments. "
            "Please refer to `-help`."
        )
    if arguments.is_set("dumpfile") and command not in _WITH_DUMP_FILE:
        return _fail(
            f"Error: Invalid arguments provided:\n- The -dumpfile option cannot be used with the '{command}' command."
        )
    _log(arguments)
    network_dir = data_dir / chain.data_dir_suffix
    wallets = network_dir / "wallets"
    return _execute(arguments, command, chain, wallets if wallets.is_dir() else network_dir)


def _data_dir(arguments: Arguments) -> Path | None:
    from common.paths import default_data_dir

    given = arguments.get_path("datadir")
    if given is None:
        return default_data_dir()
    return given.absolute() if given.is_dir() else None


def _log(arguments: Arguments) -> None:
    """Log to the terminal, if that is wanted."""
    import logging

    debug = arguments.get_bool("debug")
    if arguments.get_bool("printtoconsole", default=debug):
        logging.basicConfig(stream=sys.stdout, level=logging.DEBUG if debug else logging.INFO, format="%(message)s")


def _execute(arguments: Arguments, command: str, chain: ChainParams, wallets: Path) -> int:
    from wallet.database_files import berkeley_file, is_berkeley_file, open_database
    from wallet.dump import create_from_dump, dump, dump_legacy
    from wallet.errors import WalletError
    from wallet.names import wallet_path

    if command in {"create", "createfromdump"} and not arguments.is_set("wallet"):
        return _fail("Wallet name must be provided when creating a new wallet.")
    name = arguments.get("wallet")
    try:
        path = wallet_path(wallets, name)
        if command in {"create", "createfromdump"} and not name:
            return _fail("Wallet name cannot be empty")
        if command == "createfromdump":
            create_from_dump(_dump_file(arguments, command), path, chain)
            return 0
        if command == "dump" and is_berkeley_file(berkeley_file(path)):
            dump_legacy(berkeley_file(path), _dump_file(arguments, command))
            _print(_KEEP_DUMP)
            return 0
        with open_database(path, chain, must_exist=command != "create", must_be_new=command == "create") as database:
            if command == "dump":
                dump(database, _dump_file(arguments, command))
                _print(_KEEP_DUMP)
            else:
                _print(_made(name, database, wallets) if command == "create" else _loaded(name, database, wallets))
    except WalletError as error:
        return _fail(str(error))
    return 0


def _dump_file(arguments: Arguments, command: str) -> Path:
    from wallet.errors import WalletError

    given = arguments.get("dumpfile")
    if not given:
        raise WalletError(f"No dump file provided. To use {command}, -dumpfile=<filename> must be provided.")
    return Path(given).absolute()


def _made(name: str, database: WalletDatabase, wallets: Path) -> str:
    """Make a wallet in an empty database and tell what it has."""
    from wallet.context import WalletContext
    from wallet.wallet import Wallet

    wallet = Wallet.create(name, database, WalletContext(database.chain, wallets), 0)
    try:
        return "Topping up keypool...\n" + _info(wallet)
    finally:
        wallet.close()


def _loaded(name: str, database: WalletDatabase, wallets: Path) -> str:
    """Load a wallet, adding nothing to its keypool, and tell what it has."""
    from wallet.context import WalletContext
    from wallet.settings import WalletSettings
    from wallet.wallet import Wallet

    context = WalletContext(database.chain, wallets, WalletSettings(keypool=0))
    wallet, warnings = Wallet.load(name, database, context)
    try:
        for warning in warnings:
            sys.stderr.write(f"{warning}\n")
        return _info(wallet)
    finally:
        wallet.close()


def _info(wallet: Wallet) -> str:
    active = [keys for _, _, keys in wallet.descriptors.all_active()]
    is_hd = bool(active) and all(keys.is_ranged for keys in active)
    return (
        "Wallet info\n===========\n"
        f"Name: {wallet.name}\n"
        "Format: sqlite\n"
        "Descriptors: yes\n"
        f"Encrypted: {_yes(wallet.encryption.is_encrypted)}\n"
        f"HD (hd seed available): {_yes(is_hd)}\n"
        f"Keypool Size: {sum(keys.keypool_size for keys in active)}\n"
        f"Transactions: {len(wallet.transactions)}\n"
        f"Address Book: {sum(1 for _ in wallet.book.entries())}\n"
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _fail(text: str) -> int:
    sys.stderr.write(text.rstrip("\n") + "\n")
    return FAILURE


if __name__ == "__main__":
    main()
