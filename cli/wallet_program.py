"""The wallets of a process as its options ask for them."""

from __future__ import annotations

import logging
import shlex
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Final

from cli.commands import Commands
from cli.startup import log_path
from cli.wallet_settings import make_remember, wallet_directory, wallet_names, wallet_settings
from primitives.fee_rate import FeeRate
from rpc.server import RpcOptions
from wallet.context import WalletContext
from wallet.database import FILE_NAME
from wallet.served import LocalWalletLoader
from wallet.transaction import Confirmed

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments
    from cli.startup import Place
    from interfaces.wallet import ChainSource
    from wallet.transaction import WalletTx
    from wallet.wallet import Wallet


log: Final = logging.getLogger()


def _nothing() -> None:
    pass


def _never() -> bool:
    return False


def _ignore(names: list[str]) -> None:
    del names


def _notify(commands: Commands, command: str, wallet: Wallet, wtx: WalletTx) -> None:
    """Run -walletnotify (Core: CWallet::AddToWallet)."""
    state = wtx.state
    values = {
        "%s": wtx.txid[::-1].hex(),
        "%b": state.block[::-1].hex() if isinstance(state, Confirmed) else "unconfirmed",
        "%h": str(state.height) if isinstance(state, Confirmed) else "-1",
        "%w": shlex.quote(wallet.name),
    }
    for name, value in values.items():
        command = command.replace(name, value)
    commands.start(command)


def make_loader(
    arguments: Arguments,
    place: Place,
    node: ChainSource | None = None,
    shutdown: Callable[[], None] = _nothing,
    shutdown_requested: Callable[[], bool] = _never,
) -> LocalWalletLoader:
    """Make what has the wallets, offline without `node`. Raises StartError with Core's texts."""
    folder, names = wallet_directory(arguments, place), wallet_names(arguments)
    if names is None:  # A wallet that has no name is loaded where nobody says anything of wallets.
        names = first = [""] if (folder / FILE_NAME).is_file() else []
    else:
        first = []
    log.info("Using wallet directory %s", folder)
    log.info("Using SQLite Version %s", sqlite3.sqlite_version)
    chain = None if node is None else node.make_chain()
    context = WalletContext(
        place.chain,
        folder,
        wallet_settings(arguments, None if chain is None else FeeRate(chain.relay_min_fee())),
        chain=chain,
        make_events=None if node is None else node.make_events,
        remember=make_remember(arguments, place, first),
        shutdown=shutdown,
        shutdown_requested=shutdown_requested,
        tell_loaded=_ignore if node is None else node.hear_loaded,
    )
    command = arguments.get("walletnotify")
    if command and command != "0":
        context.notify = partial(_notify, Commands(), command)
    options = RpcOptions(deprecated=frozenset(arguments.get_list("deprecatedrpc")), log_path=log_path(arguments, place))
    skip_failing = not arguments.on_command_line("wallet")
    return LocalWalletLoader(context, names, options, skip_failing=skip_failing)
