"""The RPC method that tells of an address (Core: getaddressinfo in src/wallet/rpc/addresses.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.bip32 import format_path
from primitives.descriptor_of_script import infer_descriptor
from primitives.errors import AddressError
from primitives.hashes import ripemd160
from primitives.keys import is_compressed
from primitives.script import TxoutType, solve
from rpc.address_json import describe_address
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RpcError
from rpc.help import UNIX_EPOCH_TIME, examples
from rpc.method import Arg, Kind, Result, method
from wallet.rpc.labels import EXAMPLE_ADDRESS

if TYPE_CHECKING:
    from primitives.bip32 import KeyOrigin
    from primitives.signing_data import SigningData
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

_SCRIPT: Final = (
    Result(Kind.BOOL, "isscript", "Whether it is the hash of a script", optional=True),
    Result(Kind.BOOL, "iswitness", "Whether it is a witness program", optional=True),
    Result(Kind.NUM, "witness_version", "The version of the witness program", optional=True),
    Result(Kind.STR_HEX, "witness_program", "The witness program in hex", optional=True),
    Result(Kind.STR, "script", "The type of the script that it is the hash of, if that is known", optional=True),
    Result(Kind.STR_HEX, "hex", "The script that it is the hash of", optional=True),
    Result(Kind.ARR, "pubkeys", "The keys of that script, if it is multisig", (Result(Kind.STR, "pubkey"),), True),
    Result(Kind.NUM, "sigsrequired", "How many of them must sign", optional=True),
    Result(Kind.STR_HEX, "pubkey", "The public key of an address that has one", optional=True),
    Result(Kind.BOOL, "iscompressed", "Whether that key is compressed", optional=True),
)
_INNER: Final = (
    Result(Kind.STR, "address", "The address", optional=True),
    Result(Kind.STR_HEX, "scriptPubKey", "Its output script", optional=True),
    *_SCRIPT,
)
_EMBEDDED: Final = Result(
    Kind.OBJ,
    "embedded",
    "The same of the address inside of P2SH or P2WSH, without what is about the wallet",
    (*_INNER, Result(Kind.OBJ, "embedded", "", _INNER, optional=True)),
    optional=True,
)


@method(
    "wallet",
    "getaddressinfo",
    Arg("address", Kind.STR, "The address"),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "address", "The address"),
            Result(Kind.STR_HEX, "scriptPubKey", "Its output script"),
            Result(Kind.BOOL, "ismine", "Whether it is the wallet's"),
            Result(Kind.BOOL, "iswatchonly", "Always false"),
            Result(Kind.BOOL, "solvable", "Whether it is known what it takes to spend from it, but for private keys"),
            Result(Kind.STR, "desc", "Its descriptor, if it is solvable", optional=True),
            Result(Kind.STR, "parent_desc", "The wallet's descriptor that it comes from", optional=True),
            *_SCRIPT,
            _EMBEDDED,
            Result(Kind.BOOL, "ischange", "Whether it was used for change"),
            Result(Kind.NUM_TIME, "timestamp", f"When its key was made: {UNIX_EPOCH_TIME}", optional=True),
            Result(Kind.STR, "hdkeypath", "The path of its key", optional=True),
            Result(Kind.STR_HEX, "hdseedid", "The HASH160 of the seed", optional=True),
            Result(Kind.STR_HEX, "hdmasterfingerprint", "The fingerprint of the master key", optional=True),
            Result(Kind.ARR, "labels", "Its label, if it has one", (Result(Kind.STR, "label name", "The label"),)),
        ),
    ),
    help="Tells of an address, more if it is the wallet's.",
    examples=examples("getaddressinfo", EXAMPLE_ADDRESS),
)
def getaddressinfo(context: RpcContext, text: str) -> Json:
    """Tell of it."""
    wallet = context.wallet()
    try:
        script = address.decode(text, wallet.params)
    except AddressError as error:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, str(error) or "Invalid address") from error
    with wallet.lock:
        return _describe(wallet, script)


def _describe(wallet: Wallet, script: bytes) -> dict[str, Json]:
    result: dict[str, Json] = {
        "address": address.encode(script, wallet.params),
        "scriptPubKey": script.hex(),
        "ismine": wallet.is_mine(script),
    }
    managers = wallet.descriptors_of(script)
    known = managers[0].solving_data(script) if managers else None
    result["solvable"] = False
    if known is not None:
        inferred = infer_descriptor(script, wallet.params, known)
        result["solvable"] = inferred.is_solvable()
        if result["solvable"]:
            result["desc"] = inferred.text()
    if managers:
        parent = managers[0].public_text()
        if parent is not None:
            result["parent_desc"] = parent
    result["iswatchonly"] = False
    result |= describe_address(script)
    result |= _known_of(wallet, script, known)
    result["ischange"] = wallet.ledger.is_change(script)
    if managers and known is not None:
        origin = _origin_of(script, known)
        if origin is not None:
            result["timestamp"] = managers[0].creation_time
            result["hdkeypath"] = f"m{format_path(origin.path)}"
            result["hdseedid"] = bytes(20).hex()
            result["hdmasterfingerprint"] = origin.fingerprint.hex()
    entry = wallet.book.entry(script)
    result["labels"] = [] if entry is None else [entry.label or ""]
    return result


def _origin_of(script: bytes, known: SigningData) -> KeyOrigin | None:
    """Return where the key of an address that has one comes from (Core: GetKeyForDestination)."""
    kind, parts = solve(script)
    if kind in {TxoutType.PUBKEYHASH, TxoutType.WITNESS_V0_KEYHASH}:
        return known.origin(parts[0])
    if kind is TxoutType.SCRIPTHASH:
        inner = known.scripts.get(parts[0])
        found = solve(inner) if inner is not None else None
        return known.origin(found[1][0]) if found and found[0] is TxoutType.WITNESS_V0_KEYHASH else None
    if kind is TxoutType.WITNESS_V1_TAPROOT:
        spend = known.spend_data(parts[0])
        if spend is not None and spend.internal_key and not spend.merkle_root:
            return known.origin_by_xonly(spend.internal_key)
    return None


def _known_of(wallet: Wallet, script: bytes, known: SigningData | None) -> dict[str, Json]:
    """Return what is known of the key or script that an address is the hash of."""
    kind, parts = solve(script)
    if known is None:
        return {}
    if kind in {TxoutType.PUBKEYHASH, TxoutType.WITNESS_V0_KEYHASH}:
        pubkey = known.pubkeys.get(parts[0])
        if pubkey is None:
            return {}
        found: dict[str, Json] = {"pubkey": pubkey.hex()}
        if kind is TxoutType.PUBKEYHASH:
            found["iscompressed"] = is_compressed(pubkey)
        return found
    if kind is TxoutType.SCRIPTHASH:
        inner = known.scripts.get(parts[0])
    elif kind is TxoutType.WITNESS_V0_SCRIPTHASH:
        inner = known.scripts.get(ripemd160(parts[0]))
    else:
        return {}
    return {} if inner is None else _inner_script(wallet, inner, known)


def _inner_script(wallet: Wallet, script: bytes, known: SigningData) -> dict[str, Json]:
    kind, parts = solve(script)
    found: dict[str, Json] = {"script": str(kind), "hex": script.hex()}
    text = address.encode(script, wallet.params)
    if text is not None:
        inner = {**describe_address(script), **_known_of(wallet, script, known)}
        inner |= {"address": text, "scriptPubKey": script.hex()}
        if "pubkey" in inner:
            found["pubkey"] = inner["pubkey"]
        found["embedded"] = inner
    elif kind is TxoutType.MULTISIG:
        found["sigsrequired"] = parts[0][0]
        found["pubkeys"] = [key.hex() for key in parts[1:-1]]
    return found


METHODS: Final = (getaddressinfo,)
