"""RPC methods that encrypt keys, and let them be used (Core: src/wallet/rpc/encrypt.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.errors import (
    RPC_INVALID_PARAMETER,
    RPC_WALLET_ENCRYPTION_FAILED,
    RPC_WALLET_ERROR,
    RPC_WALLET_PASSPHRASE_INCORRECT,
    RPC_WALLET_WRONG_ENC_STATE,
    RpcError,
)
from rpc.help import examples
from rpc.method import Arg, Kind, Num, Result, method
from wallet.errors import WalletError
from wallet.flags import DISABLE_PRIVATE_KEYS

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

_MOST_SECONDS: Final = 100_000_000
_NOTHING: Final = "passphrase cannot be empty"
_WRONG: Final = "Error: The wallet passphrase entered was incorrect."
_ENCRYPTED: Final = (
    "wallet encrypted; The keypool has been flushed and a new HD seed was generated. You need to make a new backup "
    "with the backupwallet RPC."
)


def _wrong_passphrase(given: str, *, old: bool) -> RpcError:
    if "\0" not in given:
        return RpcError(RPC_WALLET_PASSPHRASE_INCORRECT, _WRONG)
    name = "old " if old else ""
    text = (
        f"Error: The {name}wallet passphrase entered is incorrect. It contains a null character (ie - a zero byte). "
        f"If the {name}passphrase was set with a version of this software prior to 25.0, please try again with only "
        "the characters up to — but not including — the first null character."
    )
    if not old:
        text += " If this is successful, please set a new passphrase to avoid this issue in the future."
    return RpcError(RPC_WALLET_PASSPHRASE_INCORRECT, text)


def _require_encrypted(wallet: Wallet, name: str) -> None:
    if not wallet.encryption.is_encrypted:
        text = f"Error: running with an unencrypted wallet, but {name} was called."
        raise RpcError(RPC_WALLET_WRONG_ENC_STATE, text)


def _refuse_while_scanning(wallet: Wallet, what: str) -> None:
    if wallet.rescan.with_passphrase:
        raise RpcError(
            RPC_WALLET_ERROR,
            "Error: the wallet is currently being used to rescan the blockchain for related transactions. Please call "
            f"`abortrescan` before {what}.",
        )


@method(
    "wallet",
    "walletpassphrase",
    Arg("passphrase", Kind.STR, "The passphrase of the wallet"),
    Arg("timeout", Kind.NUM, f"For how many seconds, at most {_MOST_SECONDS} (about 3 years)", number=Num.INT64),
    result=Result(Kind.NONE),
    help="Lets the private keys be used for a while, as sending and signing need.\n"
    "\nCalled again before the time is up, the new time counts.",
    examples="\nFor 60 seconds\n" + examples("walletpassphrase", '"my pass phrase" 60', '"my pass phrase", 60'),
)
def walletpassphrase(context: RpcContext, passphrase: str, timeout: int) -> Json:
    """Unlock."""
    wallet = context.wallet_as_it_is()
    _require_encrypted(wallet, "walletpassphrase")
    if timeout < 0:
        raise RpcError(RPC_INVALID_PARAMETER, "Timeout cannot be negative.")
    if not passphrase:
        raise RpcError(RPC_INVALID_PARAMETER, _NOTHING)
    if not wallet.encryption.unlock(passphrase, min(timeout, _MOST_SECONDS)):
        raise _wrong_passphrase(passphrase, old=False)
    return None


@method(
    "wallet",
    "walletpassphrasechange",
    Arg("oldpassphrase", Kind.STR, "The passphrase so far"),
    Arg("newpassphrase", Kind.STR, "The passphrase from now on"),
    result=Result(Kind.NONE),
    help="Changes the passphrase of the wallet.",
    examples=examples("walletpassphrasechange", '"old one" "new one"', '"old one", "new one"'),
)
def walletpassphrasechange(context: RpcContext, oldpassphrase: str, newpassphrase: str) -> Json:
    """Change it."""
    wallet = context.wallet_as_it_is()
    _require_encrypted(wallet, "walletpassphrasechange")
    _refuse_while_scanning(wallet, "changing the passphrase")
    if not oldpassphrase or not newpassphrase:
        raise RpcError(RPC_INVALID_PARAMETER, _NOTHING)
    if not wallet.encryption.change_passphrase(oldpassphrase, newpassphrase):
        raise _wrong_passphrase(oldpassphrase, old=True)
    return None


@method(
    "wallet",
    "walletlock",
    result=Result(Kind.NONE),
    help="Forgets the key that decrypts the private keys: they can be used again after walletpassphrase.",
    examples=examples("walletlock"),
)
def walletlock(context: RpcContext) -> Json:
    """Lock."""
    wallet = context.wallet_as_it_is()
    _require_encrypted(wallet, "walletlock")
    _refuse_while_scanning(wallet, "locking the wallet")
    wallet.encryption.lock_keys()
    return None


@method(
    "wallet",
    "encryptwallet",
    Arg("passphrase", Kind.STR, "The passphrase, of at least one character, better many"),
    result=Result(Kind.STR, "", "What to do next"),
    help="Encrypts the private keys of a wallet that is not encrypted yet.\n"
    "From then on walletpassphrase must be called before they can be used, as for sending and signing;\n"
    "walletpassphrasechange changes the passphrase.\n"
    "** IMPORTANT **\n"
    "The wallet gets a new HD key and new active descriptors, so that no copy that is not encrypted has the keys of\n"
    "coins to come. Make a new copy with backupwallet at once.",
    examples=examples("encryptwallet", '"my pass phrase"'),
)
def encryptwallet(context: RpcContext, passphrase: str) -> Json:
    """Encrypt."""
    wallet = context.wallet_as_it_is()
    if wallet.flags & DISABLE_PRIVATE_KEYS:
        text = "Error: wallet does not contain private keys, nothing to encrypt."
        raise RpcError(RPC_WALLET_ENCRYPTION_FAILED, text)
    if wallet.encryption.is_encrypted:
        text = "Error: running with an encrypted wallet, but encryptwallet was called."
        raise RpcError(RPC_WALLET_WRONG_ENC_STATE, text)
    _refuse_while_scanning(wallet, "encrypting the wallet")
    if not passphrase:
        raise RpcError(RPC_INVALID_PARAMETER, _NOTHING)
    try:
        wallet.encryption.encrypt(passphrase)
    except WalletError as error:
        raise RpcError(RPC_WALLET_ENCRYPTION_FAILED, "Error: Failed to encrypt the wallet.") from error
    return _ENCRYPTED


METHODS: Final = (walletpassphrase, walletpassphrasechange, walletlock, encryptwallet)
