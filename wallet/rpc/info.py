"""RPC methods on a wallet as a whole (Core: src/wallet/rpc/wallet.cpp)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import UNIX_EPOCH_TIME, examples
from rpc.json import Real
from rpc.method import Arg, Kind, Result, method
from wallet import flags
from wallet.rpc.context import LAST_PROCESSED_BLOCK, last_processed_block

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.rpc.context import RpcContext

_LATEST_LEGACY_VERSION: Final = 169_900
_CAVEATS: Final = {
    flags.AVOID_REUSE: "You need to rescan the blockchain in order to correctly mark used destinations in the past. "
    "Until this is done, some destinations may be considered unused, even if the opposite is the case.",
}


@method(
    "wallet",
    "getwalletinfo",
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "walletname", "The name of the wallet"),
            Result(Kind.NUM, "walletversion", "The version of the last kind of legacy wallets, always 169900"),
            Result(Kind.STR, "format", "The format of the database, always sqlite"),
            Result(Kind.NUM, "txcount", "How many transactions there are"),
            Result(Kind.NUM, "keypoolsize", "How many keys are made ahead for receiving"),
            Result(Kind.NUM, "keypoolsize_hd_internal", "How many keys are made ahead for change", optional=True),
            Result(
                Kind.NUM_TIME,
                "unlocked_until",
                f"The {UNIX_EPOCH_TIME} until which the keys can be used, 0 if they cannot. Of encrypted wallets",
                optional=True,
            ),
            Result(Kind.BOOL, "private_keys_enabled", "Whether there may be private keys"),
            Result(Kind.BOOL, "avoid_reuse", "Whether used addresses are spent apart"),
            Result(
                Kind.OBJ,
                "scanning",
                "How far the scan of the chain is, false if there is none",
                (
                    Result(Kind.NUM, "duration", "Seconds since it began"),
                    Result(Kind.NUM, "progress", "The fraction that is done, from 0 to 1"),
                ),
                skip_type_check=True,
            ),
            Result(Kind.BOOL, "descriptors", "Whether descriptors say what is ours"),
            Result(Kind.BOOL, "external_signer", "Whether a device signs"),
            Result(Kind.BOOL, "blank", "Whether it was meant to have no keys, scripts or descriptors"),
            Result(
                Kind.NUM_TIME,
                "birthtime",
                "The time from which blocks matter. An import of an older descriptor makes it earlier",
                optional=True,
            ),
            Result(Kind.ARR, "flags", "The flags that are set", (Result(Kind.STR, "flag", "The name of a flag"),)),
            LAST_PROCESSED_BLOCK,
        ),
    ),
    help="Tells of the wallet.",
    examples=examples("getwalletinfo"),
)
def getwalletinfo(context: RpcContext) -> Json:
    """Tell of it."""
    wallet = context.synced_wallet()
    with wallet.lock:
        external, internal = wallet.keypool.sizes()
        scan = wallet.rescan
        result: dict[str, Json] = {
            "walletname": wallet.name,
            "walletversion": _LATEST_LEGACY_VERSION,
            "format": "sqlite",
            "txcount": len(wallet.transactions),
            "keypoolsize": external,
            "keypoolsize_hd_internal": internal,
        }
        if wallet.encryption.is_encrypted:
            result["unlocked_until"] = wallet.encryption.relock_time
        result |= {
            "private_keys_enabled": not wallet.flags & flags.DISABLE_PRIVATE_KEYS,
            "avoid_reuse": bool(wallet.flags & flags.AVOID_REUSE),
            "scanning": scan.is_running
            and {"duration": int(time.monotonic() - scan.started), "progress": Real(scan.progress)},
            "descriptors": bool(wallet.flags & flags.DESCRIPTORS),
            "external_signer": bool(wallet.flags & flags.EXTERNAL_SIGNER),
            "blank": bool(wallet.flags & flags.BLANK),
        }
        if wallet.birth_time is not None:
            result["birthtime"] = wallet.birth_time
        result["flags"] = flags.flag_names(wallet.flags)
        result["lastprocessedblock"] = last_processed_block(wallet)
    return result


_MUTABLE: Final = ", ".join(sorted(name for flag, name in flags.NAMES.items() if flag & flags.MUTABLE))


@method(
    "wallet",
    "setwalletflag",
    Arg("flag", Kind.STR, f"The name of the flag. Those that can be changed are: {_MUTABLE}"),
    Arg("value", Kind.BOOL, "What it is to be", default=True),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "flag_name", "The name of the flag"),
            Result(Kind.BOOL, "flag_state", "What it is now"),
            Result(Kind.STR, "warnings", "What follows from that", optional=True),
        ),
    ),
    help="Sets a flag of the wallet, or takes it back.",
    examples=examples("setwalletflag", "avoid_reuse", '"avoid_reuse"'),
)
def setwalletflag(context: RpcContext, flag: str, value: bool) -> Json:
    """Change one."""
    wallet = context.wallet()
    found = next((bit for bit, name in flags.NAMES.items() if name == flag), None)
    if found is None:
        raise RpcError(RPC_INVALID_PARAMETER, f"Unknown wallet flag: {flag}")
    if not found & flags.MUTABLE:
        raise RpcError(RPC_INVALID_PARAMETER, f"Wallet flag is immutable: {flag}")
    with wallet.lock:
        if bool(wallet.flags & found) is value:
            text = f"Wallet flag is already set to {'true' if value else 'false'}: {flag}"
            raise RpcError(RPC_INVALID_PARAMETER, text)
        wallet.set_flags(wallet.flags | found if value else wallet.flags & ~found)
    result: dict[str, Json] = {"flag_name": flag, "flag_state": value}
    if value and found in _CAVEATS:
        result["warnings"] = _CAVEATS[found]
    return result


METHODS: Final = (getwalletinfo, setwalletflag)
