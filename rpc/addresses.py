"""RPC methods about addresses (Core: src/rpc/output_script.cpp)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from coincurve import PublicKey

from primitives import address
from primitives.descriptor_checksum import add_checksum
from primitives.descriptor_inference import infer
from primitives.errors import AddressError
from primitives.hashes import hash160, sha256
from primitives.script import (
    MAX_PUBKEYS_PER_MULTISIG,
    MAX_SCRIPT_ELEMENT_SIZE,
    multisig_script,
    script_hash_script,
    witness_script,
)
from rpc import json
from rpc.address_json import describe_address
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError
from rpc.help import example_cli, example_rpc, examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from rpc.context import AnyContext
    from rpc.json import Json

_EXAMPLE: Final = '"bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl"'
_EXAMPLE_KEYS: Final = (
    '["03789ed0bb717d88f7d321a368d905e7430207ebbd82bd342cf11ae157a7ace5fd",'
    '"03dbc6764b8884a92e871274b87583e6d5c2a58819473e17e107ef3f6aa5a61626"]'
)
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+", re.ASCII)


@method(
    "util",
    "validateaddress",
    Arg("address", Kind.STR, "The bitcoin address to validate"),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.BOOL, "isvalid", "Whether it is an address of this chain"),
            Result(Kind.STR, "address", "The address", optional=True),
            Result(Kind.STR_HEX, "scriptPubKey", "The output script it stands for, in hex", optional=True),
            Result(Kind.BOOL, "isscript", "Whether it is the hash of a script", optional=True),
            Result(Kind.BOOL, "iswitness", "Whether it is a witness program", optional=True),
            Result(Kind.NUM, "witness_version", "The version of the witness program", optional=True),
            Result(Kind.STR_HEX, "witness_program", "The witness program in hex", optional=True),
            Result(Kind.STR, "error", "What is wrong with it", optional=True),
            Result(
                Kind.ARR,
                "error_locations",
                "Where it is likely wrong, if that is known",
                (Result(Kind.NUM, "index", "The index of a character"),),
                optional=True,
            ),
        ),
    ),
    help="Return information about the given bitcoin address.",
    examples=examples("validateaddress", _EXAMPLE),
)
def validateaddress(context: AnyContext, text: str) -> Json:
    """Return what an address is, or what is wrong with it."""
    chain = context.chain
    try:
        script = address.decode(text, chain)
    except AddressError as error:
        return {"isvalid": False, "error_locations": list(error.locations), "error": str(error)}
    return {
        "isvalid": True,
        "address": address.encode(script, chain),
        "scriptPubKey": script.hex(),
        **describe_address(script),
    }


@method(
    "util",
    "createmultisig",
    Arg("nrequired", Kind.NUM, "How many of the keys must sign"),
    Arg(
        "keys",
        Kind.ARR,
        "The public keys in hex",
        (Arg("key", Kind.STR_HEX, "A public key in hex", optional=True),),
    ),
    Arg(
        "address_type",
        Kind.STR,
        'The type of the address: "legacy", "p2sh-segwit" or "bech32"',
        default="legacy",
    ),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.STR, "address", "The address"),
            Result(Kind.STR_HEX, "redeemScript", "The script that the address is the hash of, in hex"),
            Result(Kind.STR, "descriptor", "A descriptor for the address"),
            Result(Kind.ARR, "warnings", "Anything to be warned of", (Result(Kind.STR),), optional=True),
        ),
    ),
    help="Makes an address whose coins are spent with signatures of some of several keys.",
    examples="\nMake an address that takes both of two keys\n"
    + example_cli("createmultisig", f'2 "{_EXAMPLE_KEYS.replace(chr(34), chr(92) + chr(34))}"')
    + "\nThe same over HTTP\n"
    + example_rpc("createmultisig", f"2, {_EXAMPLE_KEYS}"),
)
def createmultisig(context: AnyContext, required: int, keys: list[Json], address_type: str) -> Json:
    """Return address, script and descriptor."""
    chain = context.chain
    pubkeys = [parse_pubkey(json.to_str(key)) for key in keys]
    if address_type not in {"legacy", "p2sh-segwit", "bech32", "bech32m"}:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"Unknown address type '{address_type}'")
    if address_type == "bech32m":
        text = "createmultisig cannot create bech32m multisig addresses"
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
    _check_counts(required, len(pubkeys))
    script = multisig_script(required, pubkeys)
    kind = address_type if all(len(key) == 33 for key in pubkeys) else "legacy"
    if kind == "legacy" and len(script) > MAX_SCRIPT_ELEMENT_SIZE:
        text = f"redeemScript exceeds size limit: {len(script)} > {MAX_SCRIPT_ELEMENT_SIZE}"
        raise RpcError(RPC_INVALID_PARAMETER, text)
    descriptor = f"multi({required},{','.join(key.hex() for key in pubkeys)})"
    output = script
    if kind != "legacy":
        output, descriptor = witness_script(0, sha256(script)), f"wsh({descriptor})"
    if kind != "bech32":
        output, descriptor = script_hash_script(hash160(output)), f"sh({descriptor})"
    is_hybrid = any(key[0] in {6, 7} for key in pubkeys)
    result: dict[str, Json] = {
        "address": address.encode(output, chain),
        "redeemScript": script.hex(),
        "descriptor": infer(output, chain) if is_hybrid else add_checksum(descriptor),
    }
    if kind != address_type:
        text = "Unable to make chosen address type, please ensure no uncompressed public keys are present."
        result["warnings"] = [text]
    return result


def _check_counts(required: int, given: int) -> None:
    if required < 1:
        text = "a multisignature address must require at least one key to redeem"
    elif given < required:
        text = f"not enough keys supplied (got {given} keys, but need at least {required} to redeem)"
    elif given > MAX_PUBKEYS_PER_MULTISIG:
        most = MAX_PUBKEYS_PER_MULTISIG
        text = f"Number of keys involved in the multisignature address creation > {most}\nReduce the number"
    else:
        return
    raise RpcError(RPC_INVALID_PARAMETER, text)


def parse_pubkey(text: str) -> bytes:
    """Return a public key from its hex text. Raises RpcError (Core: HexToPubKey)."""
    if not _HEX.fullmatch(text):
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f'Pubkey "{text}" must be a hex string')
    if len(text) not in {66, 130}:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f'Pubkey "{text}" must have a length of either 33 or 65 bytes')
    data = bytes.fromhex(text)
    try:
        PublicKey(data)
    except ValueError:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f'Pubkey "{text}" must be cryptographically valid.') from None
    return data


METHODS: Final = (createmultisig, validateaddress)
