"""RPC methods on the extended keys of a wallet (Core: src/wallet/rpc/wallet.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import bip32
from primitives.bip32 import HARDENED, ExtendedKey, encode_private, encode_public, format_path
from primitives.descriptor_parsing import parse_descriptor
from primitives.errors import DescriptorError
from primitives.keys import key_id
from rpc import json
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RPC_WALLET_ERROR, RpcError
from rpc.help import example_cli_named, example_rpc_named, examples
from rpc.method import Arg, Kind, Result, method
from wallet.descriptor_setup import new_master_key
from wallet.errors import WalletError
from wallet.flags import DISABLE_PRIVATE_KEYS
from wallet.importing import add_descriptor, add_standard_descriptor, private_key
from wallet.root_keys import root_keys
from wallet.rpc.addresses import TYPES_HELP, parse_output_type
from wallet.rpc.context import MUST_BE_UNLOCKED, ensure_unlocked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rpc.json import Json
    from wallet.descriptor_keys import DescriptorKeys
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

_PRIVATE: Final[dict[str, Json]] = {"active_only": True, "private": True}


def _by_key(descriptors: Iterable[DescriptorKeys]) -> dict[ExtendedKey, list[DescriptorKeys]]:
    """Return the extended keys that descriptors name, in order, and which ones name each (Core: GetHDPubKeys)."""
    found: dict[ExtendedKey, list[DescriptorKeys]] = {}
    for keys in descriptors:
        for key in root_keys(keys.descriptor)[1]:
            found.setdefault(key, []).append(keys)
    return dict(sorted(found.items(), key=lambda each: (each[0].public_key, each[0].chain_code)))


def _active(wallet: Wallet) -> dict[ExtendedKey, list[DescriptorKeys]]:
    return _by_key({keys.id: keys for _, _, keys in wallet.descriptors.all_active()}.values())


def _unused(wallet: Wallet) -> dict[ExtendedKey, list[DescriptorKeys]]:
    return _by_key(keys for keys in wallet.descriptors.by_id.values() if not keys.descriptor.has_scripts())


def _private(wallet: Wallet, key: ExtendedKey) -> ExtendedKey:
    found = private_key(wallet, key_id(key.public_key))
    if found is None:
        text = f"Private key for {encode_public(key, wallet.params)} is not known"
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
    return key.with_secret(found.secret)


def _parse_xpub(wallet: Wallet, value: Json) -> ExtendedKey:
    found = bip32.decode_public(json.to_str(value), wallet.params)
    if found is None:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Unable to parse HD key. Please provide a valid xpub")
    return found


@method(
    "wallet",
    "gethdkeys",
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg("active_only", Kind.BOOL, "Whether only active descriptors count", default=False),
            Arg("private", Kind.BOOL, "Whether to show private keys", default=False),
        ),
        optional=True,
    ),
    result=Result(
        Kind.ARR,
        "",
        "",
        (
            Result(
                Kind.OBJ,
                "",
                "",
                (
                    Result(Kind.STR, "xpub", "The extended public key"),
                    Result(Kind.BOOL, "has_private", "Whether the wallet has its private key"),
                    Result(Kind.STR, "xprv", "The extended private key, if asked for", optional=True),
                    Result(
                        Kind.ARR,
                        "descriptors",
                        "The descriptors that name the key",
                        (
                            Result(
                                Kind.OBJ,
                                "",
                                "",
                                (
                                    Result(Kind.STR, "desc", "The public descriptor"),
                                    Result(Kind.BOOL, "active", "Whether it makes new addresses"),
                                ),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
    help="Lists the extended keys (BIP32) of the wallet, and the descriptors that name each.",
    examples=examples("gethdkeys")
    + example_cli_named("gethdkeys", _PRIVATE)
    + example_rpc_named("gethdkeys", _PRIVATE),
)
def gethdkeys(context: RpcContext, options: dict[str, Json] | None) -> Json:
    """List them."""
    wallet = context.wallet()
    given = options or {}
    with wallet.lock:
        active_only = json.to_bool(given["active_only"]) if "active_only" in given else False
        private = json.to_bool(given["private"]) if "private" in given else False
        if private:
            ensure_unlocked(wallet)
        found = _active(wallet) if active_only else _by_key(wallet.descriptors.by_id.values())
        try:
            return [_describe(wallet, key, users, private=private) for key, users in found.items()]
        except WalletError as error:
            raise RpcError(RPC_WALLET_ERROR, str(error)) from error


def _describe(wallet: Wallet, key: ExtendedKey, users: list[DescriptorKeys], *, private: bool) -> dict[str, Json]:
    named = key_id(key.public_key)
    told: dict[str, Json] = {
        "xpub": encode_public(key, wallet.params),
        "has_private": any(keys.has_private_key(named) for keys in users),
    }
    if private and told["has_private"]:
        told["xprv"] = encode_private(_private(wallet, key), wallet.params)
    listed = sorted((keys.public_text_or_fail(), wallet.descriptors.is_internal(keys) is not None) for keys in users)
    told["descriptors"] = [{"desc": text, "active": active} for text, active in listed]
    return told


@method(
    "wallet",
    "createwalletdescriptor",
    Arg("type", Kind.STR, f"The kind of addresses that it makes: {TYPES_HELP}"),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg(
                "internal",
                Kind.BOOL,
                "Whether to make only the one for change, or only the one for being paid",
                hint="Both are made unless this is given",
            ),
            Arg(
                "hdkey",
                Kind.STR,
                "The extended key to make it of, one that gethdkeys lists and whose private key the wallet has",
                hint="The one that all other active descriptors name",
            ),
        ),
        optional=True,
    ),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (Result(Kind.ARR, "descs", "The public descriptors that were made", (Result(Kind.STR),)),),
    ),
    help="Makes the descriptor of a kind of addresses that the wallet has none for yet.\n" + MUST_BE_UNLOCKED,
    examples=examples("createwalletdescriptor", "bech32m", '"bech32m"'),
)
def createwalletdescriptor(context: RpcContext, kind_text: str, options: dict[str, Json] | None) -> Json:
    """Make it."""
    wallet = context.wallet()
    kind = parse_output_type(kind_text, "")
    given = options or {}
    internal = given.get("internal")
    sides = (False, True) if internal is None else (json.to_bool(internal),)
    with wallet.lock:
        ensure_unlocked(wallet)
        if given.get("hdkey") is None:
            active = _active(wallet)
            if len(active) != 1:
                text = "Unable to determine which HD key to use from active descriptors. Please specify with 'hdkey'"
                raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
            (key,) = active
        else:
            key = _parse_xpub(wallet, given["hdkey"])
        master = _private(wallet, key)
        made = [add_standard_descriptor(wallet, master, kind, internal=side) for side in sides]
        new = [keys.public_text() for keys in made if keys is not None]
        if not new:
            raise RpcError(RPC_WALLET_ERROR, "Descriptor already exists")
    return {"descs": new}


@method(
    "wallet",
    "addhdkey",
    Arg("hdkey", Kind.STR, "The extended private key", hint="A new random one"),
    result=Result(Kind.OBJ, "", "", (Result(Kind.STR, "xpub", "The extended public key of what was added"),)),
    help="Adds an extended key (BIP32) to the wallet, which createwalletdescriptor can use.",
    examples=examples("addhdkey", "xprv", '"xprv"'),
)
def addhdkey(context: RpcContext, hdkey: str | None) -> Json:
    """Add it."""
    wallet = context.wallet()
    params = wallet.params
    if wallet.flags & DISABLE_PRIVATE_KEYS:
        raise RpcError(RPC_WALLET_ERROR, "addhdkey is not available for wallets without private keys")
    ensure_unlocked(wallet)
    if hdkey is None:
        key: ExtendedKey | None = new_master_key()
    else:
        key = bip32.decode_private(hdkey, params)
    if key is None:
        if hdkey is not None and bip32.decode_public(hdkey, params) is not None:
            text = "Extended public key (xpub) provided, but extended private key (xprv) is required"
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Could not parse HD key")
    parsed = parse_descriptor(f"unused({encode_private(key, params)})", params)
    (descriptor,) = parsed.descriptors
    with wallet.lock:
        if descriptor.id() in wallet.descriptors.by_id:
            raise RpcError(RPC_WALLET_ERROR, "HD key already exists")
        try:
            add_descriptor(wallet, descriptor, parsed.data, wallet.clock(), (0, 0), 0)
        except WalletError as error:
            raise RpcError(RPC_WALLET_ERROR, str(error)) from error
    return {"xpub": encode_public(key, params)}


_DERIVE: Final[dict[str, Json]] = {"path": "m/87h/0h/0h", "private": True}


@method(
    "wallet",
    "derivehdkey",
    Arg("path", Kind.STR, "The path (BIP32), with at least one hardened step"),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "",
        (
            Arg("private", Kind.BOOL, "Whether to show the private key", default=False),
            Arg(
                "hdkey",
                Kind.STR,
                "The extended key to begin at, one that gethdkeys lists and whose private key the wallet has",
                hint="The one of an unused(KEY) descriptor, else the one that active descriptors name",
            ),
        ),
        optional=True,
    ),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "origin", "Fingerprint and path, as descriptors have them"),
            Result(Kind.STR, "xpub", "The extended public key"),
            Result(Kind.STR, "xprv", "The extended private key, if asked for", optional=True),
        ),
    ),
    help="Derives an extended key from one of the wallet's, which takes its private key.\n" + MUST_BE_UNLOCKED,
    examples=examples("derivehdkey", "m/87h/0h/0h", '"m/87h/0h/0h"')
    + example_cli_named("derivehdkey", _DERIVE)
    + example_rpc_named("derivehdkey", _DERIVE),
)
def derivehdkey(context: RpcContext, path_text: str, options: dict[str, Json] | None) -> Json:
    """Derive it."""
    wallet = context.wallet()
    if wallet.flags & DISABLE_PRIVATE_KEYS:
        raise RpcError(RPC_WALLET_ERROR, "derivehdkey is not available for watch-only wallets")
    path = _parse_path(path_text)
    given = options or {}
    private = json.to_bool(given["private"]) if "private" in given else False
    if not any(step & HARDENED for step in path):
        raise RpcError(RPC_INVALID_PARAMETER, "Derivation path requires at least one hardened step")
    with wallet.lock:
        ensure_unlocked(wallet)
        if given.get("hdkey") is None:
            key = _default_key(wallet)
        else:
            key = _parse_xpub(wallet, given["hdkey"])
            if key not in _unused(wallet) and key not in _active(wallet):
                text = "HD key is not used by an active or unused(KEY) descriptor"
                raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
        root = _private(wallet, key)
    child = root.derive_path(path)
    if child is None:
        raise RpcError(RPC_INVALID_PARAMETER, "Unable to derive HD key at the requested path")
    told = {
        "origin": f"[{root.fingerprint().hex()}{format_path(path)}]",
        "xpub": encode_public(child, wallet.params),
    }
    if private:
        told["xprv"] = encode_private(child, wallet.params)
    return told


def _default_key(wallet: Wallet) -> ExtendedKey:
    unused = list(_unused(wallet))
    if len(unused) > 1:
        text = "Unable to determine which HD key to use. Please specify with 'hdkey'"
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
    if unused:
        return unused[0]
    active = list(_active(wallet))
    if not active:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "No active or unused(KEY) descriptor found")
    if len(active) > 1:
        text = "Unable to determine which HD key to use from active descriptors. Please specify with 'hdkey'"
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
    return active[0]


def _parse_path(text: str) -> tuple[int, ...]:
    """Read a path, with or without m in front (Core: ParseHDKeypath)."""
    parts = text.removesuffix("/").split("/") if text else []
    try:
        return tuple(map(bip32.parse_path_element, parts[1:] if parts[:1] == ["m"] else parts))
    except DescriptorError as error:
        raise RpcError(RPC_INVALID_PARAMETER, "Invalid BIP32 keypath") from error


METHODS: Final = (gethdkeys, createwalletdescriptor, addhdkey, derivehdkey)
