"""The RPC method that lists a wallet's descriptors (Core: listdescriptors in src/wallet/rpc/backup.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_WALLET_ERROR, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method
from wallet.errors import WalletError
from wallet.flags import DISABLE_PRIVATE_KEYS
from wallet.rpc.context import ensure_unlocked

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.descriptor_keys import DescriptorKeys
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet


@method(
    "wallet",
    "listdescriptors",
    Arg("private", Kind.BOOL, "Whether to show private keys", default=False),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "wallet_name", "The name of the wallet"),
            Result(
                Kind.ARR,
                "descriptors",
                "The descriptors, sorted by their texts",
                (
                    Result(
                        Kind.OBJ,
                        "",
                        "",
                        (
                            Result(Kind.STR, "desc", "The descriptor"),
                            Result(Kind.NUM, "timestamp", "When it was made"),
                            Result(Kind.BOOL, "active", "Whether it makes new addresses"),
                            Result(
                                Kind.BOOL,
                                "internal",
                                "Whether those are for change, or to be paid at. Of active descriptors",
                                optional=True,
                            ),
                            Result(
                                Kind.ARR_FIXED,
                                "range",
                                "The positions that are watched. Of ranged descriptors",
                                (
                                    Result(Kind.NUM, "", "The first one"),
                                    Result(Kind.NUM, "", "The last one"),
                                ),
                                optional=True,
                            ),
                            Result(Kind.NUM, "next", "The same as next_index, by its old name", optional=True),
                            Result(
                                Kind.NUM,
                                "next_index",
                                "The position of the next address. Of ranged descriptors",
                                optional=True,
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
    help="Lists all descriptors of the wallet.",
    examples=examples("listdescriptors") + examples("listdescriptors", "true"),
)
def listdescriptors(context: RpcContext, private: bool) -> Json:
    """List them."""
    wallet = context.synced_wallet()
    if private and wallet.flags & DISABLE_PRIVATE_KEYS:
        raise RpcError(RPC_WALLET_ERROR, "Can't get private descriptor string for watch-only wallets")
    with wallet.lock:
        if private:
            ensure_unlocked(wallet)
        try:
            listed = [_describe(wallet, keys, private=private) for keys in wallet.descriptors.by_id.values()]
        except WalletError as error:
            raise RpcError(RPC_WALLET_ERROR, str(error)) from error
    return {"wallet_name": wallet.name, "descriptors": sorted(listed, key=lambda each: each["desc"])}


def _describe(wallet: Wallet, keys: DescriptorKeys, *, private: bool) -> dict[str, Json]:
    internal = wallet.descriptors.is_internal(keys)
    told: dict[str, Json] = {
        "desc": keys.private_text() if private else keys.public_text_or_fail(),
        "timestamp": keys.creation_time,
        "active": internal is not None,
    }
    if internal is not None:
        told["internal"] = internal
    if keys.descriptor.is_range():
        told["range"] = [keys.range_start, keys.range_end - 1]
        told["next"] = told["next_index"] = keys.next_index
    return told


METHODS: Final = (listdescriptors,)
