"""The wallets of a process as its options ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.startup import log_path
from cli.wallet_settings import make_remember, wallet_directory, wallet_names, wallet_settings
from rpc.server import RpcOptions
from wallet.context import WalletContext
from wallet.database import FILE_NAME
from wallet.served import LocalWalletLoader

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments
    from cli.startup import Place
    from interfaces.wallet import ChainSource


def _nothing() -> None:
    pass


def make_loader(
    arguments: Arguments, place: Place, node: ChainSource | None = None, shutdown: Callable[[], None] = _nothing
) -> LocalWalletLoader:
    """Make what has the wallets, offline without `node`. Raises StartError with Core's texts."""
    folder, names = wallet_directory(arguments, place), wallet_names(arguments)
    if names is None:  # A wallet that has no name is loaded where nobody says anything of wallets.
        names = first = [""] if (folder / FILE_NAME).is_file() else []
    else:
        first = []
    context = WalletContext(
        place.chain,
        folder,
        wallet_settings(arguments),
        chain=None if node is None else node.make_chain(),
        make_events=None if node is None else node.make_events,
        remember=make_remember(arguments, place, first),
        shutdown=shutdown,
    )
    options = RpcOptions(deprecated=frozenset(arguments.get_list("deprecatedrpc")), log_path=log_path(arguments, place))
    skip_failing = not arguments.on_command_line("wallet")
    return LocalWalletLoader(context, names, options, skip_failing=skip_failing)
