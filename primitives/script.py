"""Scripts: read, write, print, classify (Core: src/script/script.cpp, src/script/solver.cpp, src/core_io.cpp)."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final

from primitives.errors import ScriptError
from primitives.opcodes import (
    MAX_OPCODE,
    OP_0,
    OP_1,
    OP_16,
    OP_CHECKMULTISIG,
    OP_CHECKMULTISIGVERIFY,
    OP_CHECKSIG,
    OP_CHECKSIGVERIFY,
    OP_DUP,
    OP_EQUAL,
    OP_EQUALVERIFY,
    OP_HASH160,
    OP_PUSHDATA1,
    OP_PUSHDATA2,
    OP_PUSHDATA4,
    OP_RETURN,
    OPCODE_NAMES,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SCRIPT_SIZE: Final = 10_000
MAX_SCRIPT_ELEMENT_SIZE: Final = 520
MAX_PUBKEYS_PER_MULTISIG: Final = 20

_CHECK_BYTE: Final = re.compile(b"[\xac-\xaf]").search
_MOST_KEYS_BY_NUMBER: Final = 16
_MOST_SHORT: Final = 0x4B
_MOST_OPERATIONS_OF_MULTISIG: Final = 1 + 20 + 2


def _short_pushes() -> Iterator[bytes]:
    """Yield expressions for pushes of up to 75 bytes, in all ways to write them."""
    for opcode, width in ((b"", 1), (rb"\x4c", 1), (rb"\x4d", 2), (rb"\x4e", 4)):
        sizes = range(0 if opcode else 1, _MOST_SHORT + 1)
        yield opcode + b"(?:" + b"|".join(b"\\x%02x%b.{%d}" % (n, rb"\0" * (width - 1), n) for n in sizes) + b")"


_NO_CHECK: Final = re.compile(b"(?:[^\x01-\x4e\xac-\xaf]++|" + b"|".join(_short_pushes()) + b")*+", re.DOTALL).match
"""Matches operations that are neither signature checks nor long pushes."""
_PUBKEY_SIZES: Final = {2: 33, 3: 33, 4: 65, 6: 65, 7: 65}
_SIGHASH_NAMES: Final = {
    0x01: "ALL",
    0x02: "NONE",
    0x03: "SINGLE",
    0x81: "ALL|ANYONECANPAY",
    0x82: "NONE|ANYONECANPAY",
    0x83: "SINGLE|ANYONECANPAY",
}


class TxoutType(StrEnum):
    """What a script asks of its spender; the values are Core's names."""

    NONSTANDARD = "nonstandard"
    PUBKEY = "pubkey"
    PUBKEYHASH = "pubkeyhash"
    SCRIPTHASH = "scripthash"
    MULTISIG = "multisig"
    NULL_DATA = "nulldata"
    ANCHOR = "anchor"
    WITNESS_V0_KEYHASH = "witness_v0_keyhash"
    WITNESS_V0_SCRIPTHASH = "witness_v0_scripthash"
    WITNESS_V1_TAPROOT = "witness_v1_taproot"
    WITNESS_UNKNOWN = "witness_unknown"


# Numbers and pushes


def encode_number(value: int) -> bytes:
    """Write a number as the script machine holds it: little-endian, the highest bit its sign, empty for 0."""
    if not value:
        return b""
    magnitude = abs(value)
    data = bytearray(magnitude.to_bytes(magnitude.bit_length() // 8 + 1, "little"))
    if value < 0:
        data[-1] |= 0x80
    return bytes(data)


def decode_number(data: bytes, *, minimal: bool = False, max_size: int = 4) -> int:
    """Read a script number. ScriptError if it is longer than `max_size`, or could be shorter though `minimal`."""
    if len(data) > max_size:
        raise ScriptError("script number overflow")
    if not data:
        return 0
    if minimal and not data[-1] & 0x7F and (len(data) == 1 or not data[-2] & 0x80):
        raise ScriptError("non-minimally encoded script number")
    value = int.from_bytes(data, "little")
    sign = 0x80 << 8 * (len(data) - 1)
    return -(value & ~sign) if value & sign else value


def push_data(data: bytes) -> bytes:
    """Write the shortest push that names a length; small numbers are not made opcodes (use push_number)."""
    size = len(data)
    if size < OP_PUSHDATA1:
        return bytes((size,)) + data
    if size <= 0xFF:
        return bytes((OP_PUSHDATA1, size)) + data
    if size <= 0xFFFF:
        return bytes((OP_PUSHDATA2,)) + size.to_bytes(2, "little") + data
    return bytes((OP_PUSHDATA4,)) + size.to_bytes(4, "little") + data


def push_number(value: int) -> bytes:
    """Write the push of a number, one opcode for -1 to 16."""
    if value == -1 or 1 <= value <= 16:
        return bytes((OP_1 - 1 + value,))
    return bytes((OP_0,)) if value == 0 else push_data(encode_number(value))


# Reading

_PUSHES_OF_ONE_BYTE: Final = re.compile(rb"[\x00\x4f-\x60]*")


def iterate(script: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each opcode with what it pushes. Raises ScriptError where a push runs over the end."""
    offset, end = 0, len(script)
    while offset < end:
        opcode = script[offset]
        offset += 1
        if opcode > OP_PUSHDATA4:
            yield opcode, b""
            continue
        size = opcode
        if opcode >= OP_PUSHDATA1:
            width = 1 << (opcode - OP_PUSHDATA1)
            if offset + width > end:
                raise ScriptError("A push without its length")
            size = int.from_bytes(script[offset : offset + width], "little")
            offset += width
        if offset + size > end:
            raise ScriptError("A push over the end of the script")
        yield opcode, script[offset : offset + size]
        offset += size


def is_push_only(script: bytes) -> bool:
    """Whether the script does nothing but push."""
    # Outputs with data may be as long as a transaction and are all looked at, so this is fast.
    offset, end = 0, len(script)
    while offset < end:
        opcode = script[offset]
        offset += 1
        if opcode < OP_PUSHDATA1 and opcode:
            offset += opcode
        elif OP_PUSHDATA1 <= opcode <= OP_PUSHDATA4:
            width = 1 << (opcode - OP_PUSHDATA1)
            size = int.from_bytes(script[offset : offset + width], "little")
            offset += width + size
        elif opcode > OP_16:
            return False
        else:
            run = _PUSHES_OF_ONE_BYTE.match(script, offset)
            offset = run.end() if run else offset
    return offset == end


def has_valid_ops(script: bytes) -> bool:
    """Whether each opcode means something and no push is too long to ever run."""
    try:
        return all(opcode <= MAX_OPCODE and len(data) <= MAX_SCRIPT_ELEMENT_SIZE for opcode, data in iterate(script))
    except ScriptError:
        return False


def is_unspendable(script: bytes) -> bool:
    """Whether nothing can ever spend it, so no coin is kept for it."""
    return script[:1] == b"\x6a" or len(script) > MAX_SCRIPT_SIZE


def is_minimal_push(opcode: int, data: bytes) -> bool:
    """Whether no shorter opcode pushes `data`; `opcode` is at most OP_PUSHDATA4."""
    size = len(data)
    if size == 0:
        return opcode == OP_0
    if size == 1 and (1 <= data[0] <= 16 or data[0] == 0x81):
        return False
    if size < OP_PUSHDATA1:
        return opcode == size
    if size <= 0xFF:
        return opcode == OP_PUSHDATA1
    return opcode == OP_PUSHDATA2 if size <= 0xFFFF else True


def is_success(opcode: int) -> bool:
    """Whether the opcode alone makes a tapscript valid (BIP342)."""
    return (
        opcode in {80, 98, 137, 138, 141, 142}
        or 126 <= opcode <= 129
        or 131 <= opcode <= 134
        or 149 <= opcode <= 153
        or 187 <= opcode <= 254
    )


def count_sigops(script: bytes, *, accurate: bool = False) -> int:
    """Count signature checks; `accurate` reads how many keys a multisig has (Core: GetSigOpCount)."""
    if not _CHECK_BYTE(script):
        return 0
    # Strangers choose how long it takes, so all that checks nothing is skipped in one go.
    count = offset = 0
    end = len(script)
    while True:
        start, offset = offset, _skip(script, offset, end)
        if offset == end:
            return count
        opcode = script[offset]
        if opcode in {OP_CHECKSIG, OP_CHECKSIGVERIFY}:
            count += 1
        elif opcode in {OP_CHECKMULTISIG, OP_CHECKMULTISIGVERIFY}:
            keys = script[offset - 1] - OP_1 + 1 if accurate and offset > start else 0
            # The byte before may be data: it is not if what comes before it is whole too.
            known = 1 <= keys <= _MOST_KEYS_BY_NUMBER and _skip(script, start, offset - 1) == offset - 1
            count += keys if known else MAX_PUBKEYS_PER_MULTISIG
        elif opcode < OP_PUSHDATA1:
            return count  # What stands before the broken push counts.
        else:
            data = offset + 1 + (1 << (opcode - OP_PUSHDATA1))
            offset = data + int.from_bytes(script[offset + 1 : data], "little")
            if offset > end:
                return count
            continue
        offset += 1


def _skip(script: bytes, offset: int, end: int) -> int:
    found = _NO_CHECK(script, offset, end)
    return offset if found is None else found.end()


# Printing


def is_valid_signature_encoding(signature: bytes) -> bool:
    """Whether this is strict DER and a sighash byte (BIP66)."""
    size = len(signature)
    if not 9 <= size <= 73 or signature[0] != 0x30 or signature[1] != size - 3:
        return False
    r_size = signature[3]
    if 5 + r_size >= size:
        return False
    s_size = signature[5 + r_size]
    if r_size + s_size + 7 != size:
        return False
    for tag, length, start in ((2, r_size, 4), (4 + r_size, s_size, 6 + r_size)):
        if signature[tag] != 0x02 or not length or signature[start] & 0x80:
            return False
        if length > 1 and not signature[start] and not signature[start + 1] & 0x80:
            return False
    return True


def to_asm(script: bytes, *, sighash_decode: bool = False) -> str:
    """Print a script as Core does; `sighash_decode` names the sighash type of what looks like a signature."""
    sighash_decode = sighash_decode and not is_unspendable(script)
    words = []
    try:
        for opcode, data in iterate(script):
            if opcode > OP_PUSHDATA4:
                words.append(OPCODE_NAMES[opcode])
            elif len(data) <= 4:
                words.append(str(decode_number(data)))
            elif sighash_decode and (sighash := _SIGHASH_NAMES.get(data[-1])) and is_valid_signature_encoding(data):
                words.append(f"{data[:-1].hex()}[{sighash}]")
            else:
                words.append(data.hex())
    except ScriptError:
        words.append("[error]")
    return " ".join(words)


# Classifying


def is_pay_to_script_hash(script: bytes) -> bool:
    """Whether this is P2SH (BIP16)."""
    return len(script) == 23 and script[0] == OP_HASH160 and script[1] == 20 and script[22] == OP_EQUAL


def witness_program(script: bytes) -> tuple[int, bytes] | None:
    """Return version and program of a witness script (BIP141), or None."""
    if not 4 <= len(script) <= 42 or script[1] + 2 != len(script):
        return None
    first = script[0]
    if first == OP_0:
        return 0, script[2:]
    return (first - OP_1 + 1, script[2:]) if OP_1 <= first <= OP_16 else None


def is_valid_pubkey_size(data: bytes) -> bool:
    """Whether the first byte announces a public key of this length (Core: CPubKey::ValidSize)."""
    return bool(data) and _PUBKEY_SIZES.get(data[0]) == len(data)


def solve(script: bytes) -> tuple[TxoutType, list[bytes]]:
    """Return the script's type and the hashes, keys or numbers that fill its template."""
    size = len(script)
    if size == 23 and is_pay_to_script_hash(script):
        return TxoutType.SCRIPTHASH, [script[2:22]]
    if program := witness_program(script):
        return _solve_witness(*program)
    if size and script[0] == OP_RETURN and is_push_only(script[1:]):
        return TxoutType.NULL_DATA, []
    if size in {35, 67} and script[0] == size - 2 and script[-1] == OP_CHECKSIG and is_valid_pubkey_size(script[1:-1]):
        return TxoutType.PUBKEY, [script[1:-1]]
    if (
        size == 25
        and script.startswith(bytes((OP_DUP, OP_HASH160, 20)))
        and script.endswith(bytes((OP_EQUALVERIFY, OP_CHECKSIG)))
    ):
        return TxoutType.PUBKEYHASH, [script[3:23]]
    if size and script[-1] == OP_CHECKMULTISIG and (multisig := _match_multisig(script)):
        required, keys = multisig
        return TxoutType.MULTISIG, [bytes((required,)), *keys, bytes((len(keys),))]
    return TxoutType.NONSTANDARD, []


def _solve_witness(version: int, program: bytes) -> tuple[TxoutType, list[bytes]]:
    if version == 0:
        if len(program) == 20:
            return TxoutType.WITNESS_V0_KEYHASH, [program]
        if len(program) == 32:
            return TxoutType.WITNESS_V0_SCRIPTHASH, [program]
        return TxoutType.NONSTANDARD, []
    if version == 1 and len(program) == 32:
        return TxoutType.WITNESS_V1_TAPROOT, [program]
    if version == 1 and program == b"\x4e\x73":
        return TxoutType.ANCHOR, []
    return TxoutType.WITNESS_UNKNOWN, [bytes((version,)), program]


def small_number(opcode: int, data: bytes, least: int, most: int) -> int | None:
    """Return the number an opcode pushes in the shortest way, if it is within bounds (Core: GetScriptNumber)."""
    if OP_1 <= opcode <= OP_16:
        number = opcode - OP_1 + 1
    elif opcode <= OP_PUSHDATA4 and is_minimal_push(opcode, data):
        try:
            number = decode_number(data, minimal=True)
        except ScriptError:
            return None
    else:
        return None
    return number if least <= number <= most else None


def _match_multisig(script: bytes) -> tuple[int, list[bytes]] | None:
    try:
        operations = list(islice(iterate(script), _MOST_OPERATIONS_OF_MULTISIG + 1))
    except ScriptError:
        return None
    if not 3 <= len(operations) <= _MOST_OPERATIONS_OF_MULTISIG:
        return None
    required = small_number(*operations[0], 1, MAX_PUBKEYS_PER_MULTISIG)
    if required is None or operations[-1][0] != OP_CHECKMULTISIG:
        return None
    keys = [data for _, data in operations[1:-2]]
    count = small_number(*operations[-2], required, MAX_PUBKEYS_PER_MULTISIG)
    if count != len(keys) or not all(map(is_valid_pubkey_size, keys)):
        return None
    return required, keys


# Making


def pubkey_script(pubkey: bytes) -> bytes:
    """Return P2PK."""
    return push_data(pubkey) + bytes((OP_CHECKSIG,))


def pubkey_hash_script(key_hash: bytes) -> bytes:
    """Return P2PKH."""
    return b"\x76\xa9\x14" + key_hash + b"\x88\xac"


def script_hash_script(script_hash: bytes) -> bytes:
    """Return P2SH."""
    return b"\xa9\x14" + script_hash + b"\x87"


def witness_script(version: int, program: bytes) -> bytes:
    """Return the script of a witness program."""
    return push_number(version) + push_data(program)


def multisig_script(required: int, keys: list[bytes]) -> bytes:
    """Return bare multisig: `required` signatures of `keys`, in this order."""
    pushes = b"".join(map(push_data, keys))
    return push_number(required) + pushes + push_number(len(keys)) + bytes((OP_CHECKMULTISIG,))
