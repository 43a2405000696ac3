"""What RPC methods raise when a PSBT cannot be filled or signed, or a device fails."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rpc.errors import RPC_MISC_ERROR, RpcError
from rpc.psbt_arguments import signing_error
from wallet.errors import SignerError
from wallet.spending.signing import PsbtFillError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def filling() -> Iterator[None]:
    """Raise RpcError with Core's codes and texts."""
    try:
        yield
    except PsbtFillError as error:
        raise signing_error(error.error) from error
    except SignerError as error:
        raise RpcError(RPC_MISC_ERROR, str(error)) from error
