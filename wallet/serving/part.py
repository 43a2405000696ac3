"""What the parts of a served wallet have in common: the wallet, as long as it is loaded, and how failures are told."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from interfaces.wallet import Wallet as WalletInterface
from interfaces.wallet import WalletFailedError
from wallet.errors import WalletError
from wallet.rpc.context import NOT_FOUND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interfaces.deliveries import Deliveries
    from wallet.wallet import Wallet


@contextmanager
def told() -> Iterator[None]:
    """Tell the other process what went wrong."""
    try:
        yield
    except WalletError as error:
        raise WalletFailedError(str(error)) from error


class WalletPart(WalletInterface):
    """Answers some of the methods."""

    def __init__(self, wallet: Wallet, deliveries: Deliveries) -> None:
        """Answer from `wallet`, whose news go out by `deliveries`."""
        self._served = wallet
        self._deliveries = deliveries

    @property
    def _wallet(self) -> Wallet:
        """The wallet. Raises WalletFailedError if it was unloaded."""
        if self._served.is_closed:
            raise WalletFailedError(NOT_FOUND)
        return self._served
