"""Signing messages with the key of an address (Core: CWallet::SignMessage)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives import message_signing
from primitives.script import TxoutType, solve
from wallet.errors import WalletError

if TYPE_CHECKING:
    from wallet.wallet import Wallet


class NoKeyAddressError(WalletError):
    """An address is not that of one key."""

    def __init__(self) -> None:
        super().__init__("Address does not refer to key")


def sign_message(wallet: Wallet, script: bytes, message: str) -> str:
    """Return the signature in base64 by the key of a P2PKH script. Raises WalletError. Hold the wallet's lock."""
    kind, solutions = solve(script)
    if kind is not TxoutType.PUBKEYHASH:
        raise NoKeyAddressError
    for keys in wallet.descriptors_of(script):
        data = keys.signing_data(script)
        key = None if data is None else data.private_key(solutions[0])
        if key is not None:
            return message_signing.sign_message(key, message.encode())
    raise WalletError("Private key not available")
