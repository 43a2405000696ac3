"""The descriptor of a script about which nothing else is known (Core: InferDescriptor without keys and scripts).

`primitives.descriptor_of_script` says what more is possible where keys and scripts are known. This is for printing
whole blocks, with one for each output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives import address
from primitives.descriptor_checksum import add_checksum
from primitives.script import TxoutType, solve
from primitives.secp256k1 import parse_xonly

if TYPE_CHECKING:
    from common.chains import ChainParams


def infer(script: bytes, chain: ChainParams) -> str:
    """Return `pk`, `multi`, `rawtr`, else `addr` where the script has an address, else `raw`; with checksum."""
    kind, solutions = solve(script)
    if kind == TxoutType.PUBKEY and _is_plain(solutions[0]):
        return add_checksum(f"pk({solutions[0].hex()})")
    if kind == TxoutType.MULTISIG and all(map(_is_plain, solutions[1:-1])):
        return add_checksum(f"multi({solutions[0][0]},{','.join(key.hex() for key in solutions[1:-1])})")
    if kind == TxoutType.WITNESS_V1_TAPROOT and is_xonly_key(solutions[0]):
        return add_checksum(f"rawtr({solutions[0].hex()})")
    found = address.encode(script, chain)
    return add_checksum(f"raw({script.hex()})" if found is None else f"addr({found})")


def _is_plain(pubkey: bytes) -> bool:
    """Whether the first byte says compressed or uncompressed, not hybrid."""
    return pubkey[0] in {2, 3, 4}


def is_xonly_key(data: bytes) -> bool:
    """Whether 32 bytes are the x coordinate of a point of the curve."""
    return parse_xonly(data) is not None
