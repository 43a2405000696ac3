"""What a wallet's RPC method works with, and which wallet a request is about (Core: src/wallet/rpc/util.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from rpc.context import MethodContext
from rpc.errors import (
    RPC_INVALID_PARAMETER,
    RPC_WALLET_NOT_FOUND,
    RPC_WALLET_NOT_SPECIFIED,
    RPC_WALLET_UNLOCK_NEEDED,
    RpcError,
)
from rpc.method import Kind, Result
from wallet.context import WalletContext
from wallet.uses import UnloadedError

if TYPE_CHECKING:
    from common.chains import ChainParams
    from rpc.json import Json
    from wallet.wallet import Wallet

_ENDPOINT: Final = "/wallet/"
NOT_FOUND: Final = "Requested wallet does not exist or is not loaded"
RESCANNING: Final = "Wallet is currently rescanning. Abort existing rescan or wait."
UNLOCK_FIRST: Final = "Error: Please enter the wallet passphrase with walletpassphrase first."
MUST_BE_UNLOCKED: Final = "\nAn encrypted wallet must be unlocked with walletpassphrase first.\n"
LAST_PROCESSED_BLOCK: Final = Result(
    Kind.OBJ,
    "lastprocessedblock",
    "The block up to which this holds",
    (
        Result(Kind.STR_HEX, "hash", "The hash of the block"),
        Result(Kind.NUM, "height", "The height of the block"),
    ),
)


class RpcContext(MethodContext[WalletContext]):
    """The wallets, the request and the server that runs it."""

    __slots__ = ()

    @property
    def chain(self) -> ChainParams:
        """The chain that all is about."""
        return self.owner.params

    def endpoint_name(self) -> str | None:
        """Return the name of the wallet that the URI names, if it does."""
        uri = self.request.caller.uri
        if not uri.startswith(_ENDPOINT):
            return None
        return unquote_to_bytes(uri.removeprefix(_ENDPOINT)).decode(errors="surrogateescape")

    def wallet(self) -> Wallet:
        """Return the wallet that the request is about, which has seen all that the caller may know of. Raises RpcError.

        Bitcoin Core's node has told its wallets of a transaction by the time that sendrawtransaction returns; ours
        does not wait for another process there, so each method waits here.
        """
        wallet = self.wallet_as_it_is()
        wallet.wait_until_synced()
        return wallet

    synced_wallet = wallet
    """Where Core waits too."""

    def wallet_as_it_is(self) -> Wallet:
        """Return the wallet that the request is about, which stays loaded until the method ends. Raises RpcError."""
        found = self._find_wallet()
        try:
            self.until_end.enter_context(found.uses.one())
        except UnloadedError as error:
            raise RpcError(RPC_WALLET_NOT_FOUND, NOT_FOUND) from error
        return found

    def _find_wallet(self) -> Wallet:
        name = self.endpoint_name()
        if name is not None:
            found = self.owner.find(name)
            if found is None:
                raise RpcError(RPC_WALLET_NOT_FOUND, NOT_FOUND)
            return found
        wallets = self.owner.wallets()
        if len(wallets) == 1:
            return wallets[0]
        if not wallets:
            raise RpcError(
                RPC_WALLET_NOT_FOUND,
                "No wallet is loaded. Load a wallet using loadwallet or create a new one with createwallet. "
                "(Note: A default wallet is no longer automatically created)",
            )
        raise RpcError(
            RPC_WALLET_NOT_SPECIFIED,
            "Multiple wallets are loaded. Please select which wallet to use by requesting the RPC through the "
            "/wallet/<walletname> URI path.",
        )

    def unlocked_wallet(self) -> Wallet:
        """Return the wallet, whose keys can be used. Raises RpcError."""
        wallet = self.wallet()
        ensure_unlocked(wallet)
        return wallet

    def unique_name(self, name: str | None) -> str:
        """Return the name that URI or argument give, which may not differ. Raises RpcError."""
        endpoint = self.endpoint_name()
        if endpoint is None:
            if name is None:
                text = "Either the RPC endpoint wallet or the wallet name parameter must be provided"
                raise RpcError(RPC_INVALID_PARAMETER, text)
            return name
        if name is not None and name != endpoint:
            text = "The RPC endpoint wallet and the wallet name parameter specify different wallets"
            raise RpcError(RPC_INVALID_PARAMETER, text)
        return endpoint


def ensure_unlocked(wallet: Wallet) -> None:
    """Raise RpcError unless the keys can be used."""
    if wallet.encryption.is_locked:
        raise RpcError(RPC_WALLET_UNLOCK_NEEDED, UNLOCK_FIRST)


def last_processed_block(wallet: Wallet) -> dict[str, Json]:
    """Return up to which block the wallet knows the chain; hold its lock."""
    return {"hash": wallet.last_block[::-1].hex(), "height": wallet.last_block_height}
