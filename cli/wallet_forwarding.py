"""The wallets of a node's wallet process, as the node gives them to a desktop program."""

from __future__ import annotations

from types import new_class
from typing import TYPE_CHECKING, Any, Final

from interfaces.wallet import WalletFailedError, WalletLoader

if TYPE_CHECKING:
    from collections.abc import Callable

_NODES_OWN: Final = {"load_wallets", "unload_wallets", "set_mock_time", "bring_forward"}
"""What only the node asks of its wallets."""


def forwarded(find: Callable[[], WalletLoader]) -> WalletLoader:
    """Return an object whose methods are those of what `find` returns at the time; closing it closes nothing else."""
    return _class(find)()


def _class(find: Callable[[], WalletLoader]) -> Callable[[], WalletLoader]:
    """Return a subclass, of however many methods the interface has."""

    def forward(name: str) -> Callable[..., Any]:
        def method(_: WalletLoader, *values: Any, **named: Any) -> Any:
            return getattr(find(), name)(*values, **named)

        return method

    def refuse(_: WalletLoader, *values: Any) -> Any:
        del values
        raise WalletFailedError("Only the node itself may ask this of its wallets")

    methods = {name: refuse if name in _NODES_OWN else forward(name) for name in WalletLoader.__abstractmethods__}
    return new_class("ForwardedWalletLoader", (WalletLoader,), exec_body=lambda names: names.update(methods))
