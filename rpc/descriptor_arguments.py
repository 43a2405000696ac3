"""Output descriptors among the arguments of RPC methods (Core: src/rpc/util.cpp, src/rpc/mining.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.descriptor_parsing import parse_descriptor
from primitives.errors import AddressError, DescriptorError
from primitives.signing_data import SigningData
from rpc import json
from rpc.arguments import parse_range
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RpcError

if TYPE_CHECKING:
    from common.chains import ChainParams
    from primitives.descriptor_parsing import ParsedDescriptor
    from rpc.json import Json

_DEFAULT_SCAN: Final = (0, 1000)


def read_descriptor(text: str, chain: ChainParams, *, require_checksum: bool = False) -> ParsedDescriptor:
    """Read a descriptor. Raises RpcError."""
    try:
        return parse_descriptor(text, chain, require_checksum=require_checksum)
    except DescriptorError as error:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, str(error)) from error


def scanned_scripts(
    value: Json, chain: ChainParams, *, known: SigningData | None = None, with_private: bool = False
) -> tuple[list[bytes], SigningData]:
    """Return the scripts of a descriptor given as text or with a range, and the keys and scripts that solve them.

    The latter are added to `known`, if that is given; with `with_private` the private keys at each position too.
    Raises RpcError (Core: EvalDescriptorStringOrObject).
    """
    first, last = _DEFAULT_SCAN
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict):
        if value.get("desc") is None:
            raise RpcError(RPC_INVALID_PARAMETER, "Descriptor needs to be provided in scan object")
        text = json.to_str(value["desc"])
        if value.get("range") is not None:
            first, last = parse_range(value["range"])
    else:
        raise RpcError(RPC_INVALID_PARAMETER, "Scan object needs to be either a string or an object")
    parsed = read_descriptor(text, chain)
    if not parsed.descriptors[0].is_range():
        first = last = 0
    scripts = []
    data = SigningData() if known is None else known
    data.merge(parsed.data)
    for position in range(first, last + 1):
        for descriptor in parsed.descriptors:
            expansion = descriptor.expand(position, data)
            if expansion is None:
                raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, f"Cannot derive script without private keys: '{text}'")
            scripts += expansion.scripts
            data.merge(expansion.data)
            if with_private:
                for key in descriptor.expand_private(position, data):
                    data.add_private_key(key)
    return scripts, data


def descriptor_script(text: str, chain: ChainParams) -> bytes:
    """Return the one script of a descriptor; of a combo the one of segwit, else P2PKH. Raises RpcError."""
    return _one_script(read_descriptor(text, chain))


def output_script(text: str, chain: ChainParams) -> bytes:
    """Return the script of a descriptor or else an address. Raises RpcError."""
    try:
        parsed = parse_descriptor(text, chain)
    except DescriptorError:
        try:
            return address.decode(text, chain)
        except AddressError:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Error: Invalid address or descriptor") from None
    return _one_script(parsed)


def _one_script(parsed: ParsedDescriptor) -> bytes:
    if len(parsed.descriptors) > 1:
        raise RpcError(RPC_INVALID_PARAMETER, "Multipath descriptor not accepted")
    (descriptor,) = parsed.descriptors
    if descriptor.is_range():
        text = "Ranged descriptor not accepted. Maybe pass through deriveaddresses first?"
        raise RpcError(RPC_INVALID_PARAMETER, text)
    expansion = descriptor.expand(0, parsed.data)
    if expansion is None:
        raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Cannot derive script without private keys")
    match expansion.scripts:
        case [script] | [_, script] | [_, _, script, _]:
            return script
        case _:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Descriptor has no script")
