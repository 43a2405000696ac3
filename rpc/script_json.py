"""JSON of scripts (Core: ScriptToUniv in src/core_io.cpp).

A block prints one for each output and each coin spent: the common kinds are written as text at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives import address
from primitives.descriptor_checksum import add_checksum
from primitives.descriptor_inference import infer, is_xonly_key
from primitives.script import solve, to_asm
from rpc import json

if TYPE_CHECKING:
    from common.chains import ChainParams


def script_fields(script: bytes, chain: ChainParams, *, descriptor: str = "", with_hex: bool = True) -> dict[str, str]:
    """Return asm, desc, hex, address where there is one, and type; `descriptor` if more is known of the script."""
    kind, _ = solve(script)
    fields = {"asm": to_asm(script), "desc": descriptor or infer(script, chain)}
    if with_hex:
        fields["hex"] = script.hex()
    found = address.encode(script, chain)
    if found is not None:
        fields["address"] = found
    fields["type"] = kind
    return fields


def script_text(script: bytes, chain: ChainParams) -> str:
    """Return `script_fields` as JSON text."""
    size = len(script)
    if size in {22, 34} and script[1] == size - 2 and (script[0] == 0 or (script[0] == 0x51 and size == 34)):
        return _witness_text(script, chain)
    if size == 25 and script[:3] == b"\x76\xa9\x14" and script[23:] == b"\x88\xac":
        hexed = script.hex()
        found = address.pubkey_hash_address(script[3:23], chain)
        return (
            f'{{"asm":"OP_DUP OP_HASH160 {hexed[6:46]} OP_EQUALVERIFY OP_CHECKSIG",'
            f'"desc":"{add_checksum(f"addr({found})")}","hex":"{hexed}","address":"{found}","type":"pubkeyhash"}}'
        )
    if size == 23 and script[:2] == b"\xa9\x14" and script[22] == 0x87:
        hexed = script.hex()
        found = address.script_hash_address(script[2:22], chain)
        return (
            f'{{"asm":"OP_HASH160 {hexed[4:44]} OP_EQUAL","desc":"{add_checksum(f"addr({found})")}",'
            f'"hex":"{hexed}","address":"{found}","type":"scripthash"}}'
        )
    return json.dumps(script_fields(script, chain)).decode()


def _witness_text(script: bytes, chain: ChainParams) -> str:
    version = 1 if script[0] else 0
    program = script[2:]
    hexed = script.hex()
    found = address.witness_address(version, program, chain)
    descriptor = f"rawtr({hexed[4:]})" if version and is_xonly_key(program) else f"addr({found})"
    kind = "witness_v1_taproot" if version else f"witness_v0_{'key' if len(program) == 20 else 'script'}hash"
    return (
        f'{{"asm":"{version} {hexed[4:]}","desc":"{add_checksum(descriptor)}",'
        f'"hex":"{hexed}","address":"{found}","type":"{kind}"}}'
    )
