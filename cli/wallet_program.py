"""The wallets of a process as its options ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.startup import log_path
from cli.wallet_settings import make_remember, wallet_directory, wallet_names, wallet_settings
from rpc.server import RpcOptions
from wallet.context import WalletContext
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
    context = WalletContext(
        place.chain,
        wallet_directory(arguments, place),
        wallet_settings(arguments),
        chain=None if node is None else node.make_chain(),
        make_events=None if node is None else node.make_events,
        remember=make_remember(arguments, place),
        shutdown=shutdown,
    )
    options = RpcOptions(deprecated=frozenset(arguments.get_list("deprecatedrpc")), log_path=log_path(arguments, place))
    skip_failing = not arguments.on_command_line("wallet")
    return LocalWalletLoader(context, wallet_names(arguments), options, skip_failing=skip_failing)
