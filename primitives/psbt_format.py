"""PSBTs from bytes and to bytes (BIP174, 370, 371, 373), with Core's words for what is wrong (Core: src/psbt.h)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final, TypeVar

from primitives.bip32 import KeyOrigin, public_from_bytes
from primitives.encoding import compact_size, read_bytes, read_compact_size, sized
from primitives.errors import DecodeError, PsbtError
from primitives.keys import COMPRESSED_SIZE, UNCOMPRESSED_SIZE, is_fully_valid, key_id
from primitives.message_signing import decode_base64
from primitives.miniscript_types import Fragment
from primitives.psbt import Proprietary, Psbt, PsbtInput, PsbtOutput
from primitives.script import is_valid_signature_encoding
from primitives.taproot import LEAF_VERSION_MASK, MAX_DEPTH, depths_are_complete
from primitives.transaction import Transaction, TxOut, witness_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from primitives.bip32 import ExtendedKey
    from primitives.psbt import LeafOrigins

T = TypeVar("T")

MAGIC: Final = b"psbt\xff"
HIGHEST_VERSION: Final = 2

_LOCKTIME_THRESHOLD: Final = 500_000_000
_XPUB_SIZE: Final = 78
_NONCE_SIZE: Final = 66
_PREIMAGES: Final = {
    0x0A: (Fragment.RIPEMD160, "RIPEMD160", 20),
    0x0B: (Fragment.SHA256, "SHA256", 32),
    0x0C: (Fragment.HASH160, "Hash160", 20),
    0x0D: (Fragment.HASH256, "Hash256", 32),
}


def decode_psbt(text: str) -> Psbt:
    """Read a PSBT in base64. Raises PsbtError."""
    data = decode_base64(text)
    if data is None:
        raise PsbtError("invalid base64")
    return parse_psbt(data)


def encode_psbt(psbt: Psbt) -> str:
    """Write a PSBT in base64."""
    return base64.b64encode(serialize_psbt(psbt)).decode()


def parse_psbt(data: bytes) -> Psbt:
    """Read a PSBT that is all of `data`. Raises PsbtError."""
    reader = _Reader(data)
    try:
        psbt = _read_psbt(reader)
    except DecodeError as error:
        text = "SpanReader::read(): end of data" if str(error) == "end of data" else str(error)
        raise PsbtError(f"{text}: iostream error") from None
    if not reader.is_empty():
        raise PsbtError("extra data after PSBT")
    return psbt


# Reading. DecodeError with Core's text inside; Core's exceptions add what kind they are.


class _Reader:
    """A place in bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def is_empty(self) -> bool:
        return self._at >= len(self._data)

    def rest(self) -> bytes:
        return self._data[self._at :]

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise DecodeError("end of data")
        found = self._data[self._at : end]
        self._at = end
        return found

    def size(self) -> int:
        found, self._at = read_compact_size(self._data, self._at)
        return found

    def vector(self) -> bytes:
        found, self._at = read_bytes(self._data, self._at)
        return found

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def transaction(self, *, allow_witness: bool) -> Transaction:
        found, self._at = Transaction.parse_from(self._data, self._at, allow_witness=allow_witness)
        return found

    def stated(self, read: Callable[[], T]) -> T:
        """Read a value behind its size, which must be what the value takes."""
        expected = self.size()
        start = self._at
        value = read()
        if self._at - start != expected:
            raise DecodeError("Size of value was not the stated size")
        return value

    def stated_number(self, size: int, *, signed: bool = False) -> int:
        return self.stated(lambda: self.number(size, signed=signed))

    def stated_bytes(self, size: int) -> bytes:
        return self.stated(lambda: self.take(size))

    def output(self) -> TxOut:
        return TxOut(self.number(8, signed=True), self.vector())

    def stack(self) -> tuple[bytes, ...]:
        return tuple(self.vector() for _ in range(self.size()))


def _entries(reader: _Reader, name: str, end: str) -> Iterable[tuple[int, bytes]]:
    """Yield type and key of each entry of a map; the caller reads the value."""
    seen = set()
    while not reader.is_empty():
        key = reader.vector()
        if not key:
            return
        if key in seen:
            raise DecodeError(f'Duplicate Key, {name} key "{key.hex()}" already provided')
        seen.add(key)
        yield _Reader(key).size(), key
    raise DecodeError(f"Separator is missing at the end of {end} map")


def _expect_key(name: str, key: bytes, size: int = 1) -> None:
    if len(key) != size:
        raise DecodeError(f"Size of key was not {size} for the type {name}")


def _read_proprietary(reader: _Reader, key: bytes) -> Proprietary:
    inner = _Reader(key)
    inner.size()
    identifier = inner.vector()
    return Proprietary(identifier, inner.size(), key, reader.vector())


def _read_pubkey(key: bytes, text: str) -> bytes:
    if len(key) not in {UNCOMPRESSED_SIZE + 1, COMPRESSED_SIZE + 1}:
        raise DecodeError(f"Size of key was not the expected size for the type {text}")
    if not is_fully_valid(key[1:]):
        raise DecodeError("Invalid pubkey")
    return key[1:]


def _read_origin(reader: _Reader, size: int) -> KeyOrigin:
    if size % 4 or not size:
        raise DecodeError("Invalid length for HD key path")
    fingerprint = reader.take(4)
    return KeyOrigin(fingerprint, tuple(reader.number(4) for _ in range(size // 4 - 1)))


def _read_leaf_origin(reader: _Reader, name: str) -> tuple[set[bytes], KeyOrigin]:
    size = reader.size()
    before = len(reader.rest())
    leaves = {reader.take(32) for _ in range(reader.size())}
    taken = before - len(reader.rest())
    if taken > size:
        raise DecodeError(f"{name} Taproot BIP32 keypath has an invalid length")
    return leaves, _read_origin(reader, size - taken)


def _read_participants(reader: _Reader, key: bytes, name: str) -> tuple[bytes, tuple[bytes, ...]]:
    if not is_fully_valid(key[1:]):
        raise DecodeError(f"{name} musig2 aggregate pubkey is invalid")
    value = reader.vector()
    participants = [value[at : at + COMPRESSED_SIZE] for at in range(0, len(value) - 32, COMPRESSED_SIZE)]
    if not all(map(is_fully_valid, participants)):
        raise DecodeError(f"{name} musig2 participant pubkey is invalid")
    if len(value) % COMPRESSED_SIZE:
        raise DecodeError(f"{name} musig2 participants pubkeys value size is not a multiple of 33")
    return key[1:], tuple(participants)


def _read_participant(key: bytes, name: str) -> tuple[bytes, bytes, bytes]:
    """Return aggregate key, leaf hash and participant of a MuSig2 field's key."""
    if len(key) not in {2 * COMPRESSED_SIZE + 1, 2 * COMPRESSED_SIZE + 33}:
        raise DecodeError(f"Input musig2 {name} key is not expected size of 67 or 99 bytes")
    participant, aggregate, leaf = key[1:34], key[34:67], key[67:]
    if not is_fully_valid(aggregate):
        raise DecodeError("musig2 aggregate pubkey is invalid")
    if not is_fully_valid(participant):
        raise DecodeError("musig2 participant pubkey is invalid")
    return aggregate, b"" if leaf == bytes(32) else leaf, participant


def _null_if_zero(data: bytes) -> bytes:
    return b"" if not any(data) else data


def _read_input(reader: _Reader, version: int, each: PsbtInput | None) -> PsbtInput:
    found = each or PsbtInput(b"", 0)
    found_txid = found_index = False
    for kind, key in _entries(reader, "input", "an input"):
        match kind:
            case 0x00:
                _expect_key("Input Non-witness UTXO", key)
                found.non_witness_utxo = reader.stated(lambda: reader.transaction(allow_witness=True))
            case 0x01:
                _expect_key("Input Witness UTXO", key)
                output = reader.stated(reader.output)
                found.witness_utxo = None if output.value == -1 else output
            case 0x02:
                pubkey = _read_pubkey(key, "partial signature pubkey")
                signature = reader.vector()
                if not signature or not _is_signature(signature):
                    raise DecodeError("Signature is not a valid encoding")
                found.partial_signatures.setdefault(key_id(pubkey), (pubkey, signature))
            case 0x03:
                _expect_key("Input Sighash Type", key)
                found.sighash_type = reader.stated_number(4, signed=True)
            case 0x04:
                _expect_key("Input redeemScript", key)
                found.redeem_script = reader.vector()
            case 0x05:
                _expect_key("Input witnessScript", key)
                found.witness_script = reader.vector()
            case 0x06:
                pubkey = _read_pubkey(key, "BIP32 keypath")
                found.origins.setdefault(pubkey, _read_origin(reader, reader.size()))
            case 0x07:
                _expect_key("Input Final scriptSig", key)
                found.final_script_sig = reader.vector()
            case 0x08:
                _expect_key("Input Final scriptWitness", key)
                found.final_witness = reader.stated(reader.stack)
            case 0x0A | 0x0B | 0x0C | 0x0D:
                fragment, name, size = _PREIMAGES[kind]
                _expect_key(f"Input {name} Preimage", key, size + 1)
                found.preimages.setdefault((fragment, key[1:]), reader.vector())
            case 0x0E:
                _expect_key("Input Previous TXID", key)
                _require_v2(version, "Previous txid")
                found.previous_txid = reader.stated_bytes(32)
                found_txid = True
            case 0x0F:
                _expect_key("Input Previous Output's Index", key)
                _require_v2(version, "Previous output's index")
                found.previous_index = reader.stated_number(4)
                found_index = True
            case 0x10:
                _expect_key("Input Sequence", key)
                _require_v2(version, "Sequence")
                found.sequence = reader.stated_number(4)
            case 0x11:
                _expect_key("Input Required Time Based Locktime", key)
                _require_v2(version, "Required time based locktime")
                found.time_lock = reader.stated_number(4)
                if found.time_lock < _LOCKTIME_THRESHOLD:
                    raise DecodeError("Required time based locktime is invalid (less than 500000000)")
            case 0x12:
                _expect_key("Input Required Height Based Locktime", key)
                _require_v2(version, "Required height based locktime")
                found.height_lock = reader.stated_number(4)
                if found.height_lock >= _LOCKTIME_THRESHOLD:
                    text = "Required height based locktime is invalid (greater than or equal to 500000000)"
                    raise DecodeError(text)
                if not found.height_lock:
                    raise DecodeError("Required height based locktime is invalid (0)")
            case _:
                _read_taproot_input(reader, kind, key, found)
    if version >= 2 and not found_txid:
        raise DecodeError("Previous TXID is required in PSBTv2")
    if version >= 2 and not found_index:
        raise DecodeError("Previous output's index is required in PSBTv2")
    return found


def _read_taproot_input(reader: _Reader, kind: int, key: bytes, found: PsbtInput) -> None:
    match kind:
        case 0x13:
            _expect_key("Input Taproot Key Path Signature", key)
            found.key_path_signature = _schnorr(reader, "key path")
        case 0x14:
            _expect_key("Input Taproot Script Path Signature", key, 65)
            signature = _schnorr(reader, "script path")
            found.script_path_signatures.setdefault((key[1:33], key[33:]), signature)
        case 0x15:
            if len(key) < 34:
                raise DecodeError("Input Taproot leaf script key is not at least 34 bytes")
            if (len(key) - 2) % 32:
                raise DecodeError("Input Taproot leaf script key's control block size is not valid")
            script = reader.vector()
            if not script:
                raise DecodeError("Input Taproot leaf script must be at least 1 byte")
            controls = found.leaf_scripts.setdefault((script[:-1], script[-1]), [])
            controls.append(key[1:])
            controls.sort(key=lambda control: (len(control), control))
        case 0x16:
            _expect_key("Input Taproot BIP32 Keypath", key, 33)
            found.xonly_origins.setdefault(key[1:], _read_leaf_origin(reader, "Input"))
        case 0x17:
            _expect_key("Input Taproot Internal Key", key)
            found.internal_key = _null_if_zero(reader.stated_bytes(32))
        case 0x18:
            _expect_key("Input Taproot Merkle Root", key)
            found.merkle_root = _null_if_zero(reader.stated_bytes(32))
        case 0x1A:
            _expect_key("Input MuSig2 Participants Pubkeys", key, COMPRESSED_SIZE + 1)
            found.musig_participants.setdefault(*_read_participants(reader, key, "Input"))
        case 0x1B:
            place = _read_participant(key, "pubnonce")
            nonce = reader.vector()
            if len(nonce) != _NONCE_SIZE:
                raise DecodeError("Input musig2 pubnonce value is not 66 bytes")
            found.musig_nonces.setdefault(place, nonce)
        case 0x1C:
            place = _read_participant(key, "partial sig")
            found.musig_signatures.setdefault(place, reader.stated_bytes(32))
        case 0xFC:
            found.proprietary.setdefault(key, _read_proprietary(reader, key))
        case _:
            found.unknown[key] = reader.vector()


def _require_v2(version: int, name: str) -> None:
    if version < 2:
        raise DecodeError(f"{name} is not allowed in PSBTv0")


def _is_signature(signature: bytes) -> bool:
    return is_valid_signature_encoding(signature) and 1 <= signature[-1] & ~0x80 <= 3


def _schnorr(reader: _Reader, name: str) -> bytes:
    signature = reader.vector()
    if len(signature) < 64:
        raise DecodeError(f"Input Taproot {name} signature is shorter than 64 bytes")
    if len(signature) > 65:
        raise DecodeError(f"Input Taproot {name} signature is longer than 65 bytes")
    return signature


def _read_output(reader: _Reader, version: int, output: PsbtOutput | None) -> PsbtOutput:
    found = output or PsbtOutput(0, b"")
    found_amount = found_script = False
    for kind, key in _entries(reader, "output", "an output"):
        match kind:
            case 0x00:
                _expect_key("Output redeemScript", key)
                found.redeem_script = reader.vector()
            case 0x01:
                _expect_key("Output witnessScript", key)
                found.witness_script = reader.vector()
            case 0x02:
                pubkey = _read_pubkey(key, "BIP32 keypath")
                found.origins.setdefault(pubkey, _read_origin(reader, reader.size()))
            case 0x03:
                _expect_key("Output Amount", key)
                _require_v2(version, "Output amount")
                found.amount = reader.stated_number(8, signed=True)
                found_amount = True
            case 0x04:
                _expect_key("Output Script", key)
                _require_v2(version, "Output script")
                found.script = reader.vector()
                found_script = True
            case 0x05:
                _expect_key("Output Taproot Internal Key", key)
                found.internal_key = _null_if_zero(reader.stated_bytes(32))
            case 0x06:
                _expect_key("Output Taproot Tree Key", key)
                found.tree = _read_tree(_Reader(reader.vector()))
            case 0x07:
                _expect_key("Output Taproot BIP32 Keypath", key, 33)
                found.xonly_origins.setdefault(key[1:], _read_leaf_origin(reader, "Output"))
            case 0x08:
                _expect_key("Output MuSig2 Participants Pubkeys", key, COMPRESSED_SIZE + 1)
                found.musig_participants.setdefault(*_read_participants(reader, key, "Output"))
            case 0xFC:
                found.proprietary.setdefault(key, _read_proprietary(reader, key))
            case _:
                found.unknown[key] = reader.vector()
    if version >= 2 and not found_amount:
        raise DecodeError("Output amount is required in PSBTv2")
    if version >= 2 and not found_script:
        raise DecodeError("Output script is required in PSBTv2")
    return found


def _read_tree(reader: _Reader) -> tuple[tuple[int, int, bytes], ...]:
    if reader.is_empty():
        raise DecodeError("Output Taproot tree must not be empty")
    tree = []
    while not reader.is_empty():
        leaf = (reader.number(1), reader.number(1), reader.vector())
        if leaf[0] > MAX_DEPTH:
            raise DecodeError("Output Taproot tree has as leaf greater than Taproot maximum depth")
        if leaf[1] & ~LEAF_VERSION_MASK:
            raise DecodeError("Output Taproot tree has a leaf with an invalid leaf version")
        tree.append(leaf)
    if not depths_are_complete(depth for depth, _, _ in tree):
        raise DecodeError("Output Taproot tree is malformed")
    return tuple(tree)


class _Global:
    """What the first map says."""

    def __init__(self) -> None:
        self.psbt = Psbt(0, 0, None, [], [])
        self.transaction: Transaction | None = None
        self.input_count: int | None = None
        self.output_count: int | None = None
        self.tx_version: int | None = None
        self.fallback_lock_time: int | None = None


def _read_global(reader: _Reader) -> _Global:
    found = _Global()
    psbt = found.psbt
    for kind, key in _entries(reader, "global", "the global"):
        match kind:
            case 0x00:
                _expect_key("Global Unsigned TX", key)
                found.transaction = reader.stated(lambda: reader.transaction(allow_witness=False))
                if any(each.script_sig for each in found.transaction.inputs):
                    raise DecodeError("Unsigned tx does not have empty scriptSigs and scriptWitnesses.")
            case 0x01:
                _expect_key("Global XPUB", key, _XPUB_SIZE + 1)
                xpub = public_from_bytes(key[5:])
                if xpub is None:
                    raise DecodeError("Invalid pubkey")
                psbt.xpubs.setdefault((key[1:5], xpub), _read_origin(reader, reader.size()))
            case 0x02:
                _expect_key("Global Transaction Version", key)
                found.tx_version = reader.stated_number(4)
            case 0x03:
                _expect_key("Global Fallback Locktime", key)
                found.fallback_lock_time = reader.stated_number(4)
            case 0x04:
                _expect_key("Global Input Count", key)
                found.input_count = reader.stated(reader.size)
            case 0x05:
                _expect_key("Global Output Count", key)
                found.output_count = reader.stated(reader.size)
            case 0x06:
                _expect_key("Global TX Modifiable Flags", key)
                psbt.modifiable = reader.stated_number(1)
            case 0xFB:
                _expect_key("Global PSBT Version", key)
                psbt.version = reader.stated_number(4)
                if psbt.version > HIGHEST_VERSION:
                    raise DecodeError("Unsupported version number")
            case 0xFC:
                psbt.proprietary.setdefault(key, _read_proprietary(reader, key))
            case _:
                psbt.unknown[key] = reader.vector()
    return found


def _check_global(found: _Global) -> None:
    only_v2 = (
        ("PSBT_GLOBAL_TX_VERSION", found.tx_version),
        ("PSBT_GLOBAL_FALLBACK_LOCKTIME", found.fallback_lock_time),
        ("PSBT_GLOBAL_INPUT_COUNT", found.input_count),
        ("PSBT_GLOBAL_OUTPUT_COUNT", found.output_count),
        ("PSBT_GLOBAL_TX_MODIFIABLE", found.psbt.modifiable),
    )
    version = found.psbt.version
    if version == 1:
        raise DecodeError("There is no PSBT version 1")
    if version == 0:
        if found.transaction is None:
            raise DecodeError("No unsigned transaction was provided")
        for name, value in only_v2:
            if value is not None:
                raise DecodeError(f"{name} is not allowed in PSBTv0")
        return
    for at in (0, 2, 3):
        if only_v2[at][1] is None:
            raise DecodeError(f"{only_v2[at][0]} is required in PSBTv2")
    if found.transaction is not None:
        raise DecodeError("PSBT_GLOBAL_UNSIGNED_TX is not allowed in PSBTv2")


def _read_psbt(reader: _Reader) -> Psbt:
    if reader.take(5) != MAGIC:
        raise DecodeError("Invalid PSBT magic bytes")
    found = _read_global(reader)
    _check_global(found)
    psbt, transaction = found.psbt, found.transaction
    blank = None
    if transaction is not None:
        blank = Psbt.of(transaction, 0)
        psbt.tx_version, psbt.fallback_lock_time = transaction.version, transaction.lock_time
        found.input_count, found.output_count = len(transaction.inputs), len(transaction.outputs)
    else:
        psbt.tx_version, psbt.fallback_lock_time = found.tx_version or 0, found.fallback_lock_time
    while not reader.is_empty() and len(psbt.inputs) < (found.input_count or 0):
        each = _read_input(reader, psbt.version, blank.inputs[len(psbt.inputs)] if blank else None)
        psbt.inputs.append(each)
        if each.non_witness_utxo is not None:
            if each.non_witness_utxo.txid != each.previous_txid:
                raise DecodeError("Non-witness UTXO does not match outpoint hash")
            if each.previous_index >= len(each.non_witness_utxo.outputs):
                raise DecodeError("Input specifies output index that does not exist")
    if len(psbt.inputs) != found.input_count:
        raise DecodeError("Inputs provided does not match the number of inputs in transaction.")
    while not reader.is_empty() and len(psbt.outputs) < (found.output_count or 0):
        output = _read_output(reader, psbt.version, blank.outputs[len(psbt.outputs)] if blank else None)
        psbt.outputs.append(output)
    if len(psbt.outputs) != found.output_count:
        raise DecodeError("Outputs provided does not match the number of outputs in transaction.")
    return psbt


# Writing


def serialize_psbt(psbt: Psbt) -> bytes:
    """Write a PSBT."""
    parts = [MAGIC]
    if psbt.version < 2:
        transaction = psbt.unsigned()
        parts.append(_entry(0x00, b"", transaction.serialize() if transaction else b""))
    ordered = sorted(psbt.xpubs.items(), key=lambda item: (*origin_order(item[1]), *xpub_order(item[0][1])))
    for (prefix, xpub), origin in ordered:
        parts.append(_entry(0x01, prefix + xpub.to_bytes(), _origin(origin)))
    if psbt.version >= 2:
        parts.append(_entry(0x02, b"", psbt.tx_version.to_bytes(4, "little")))
        parts += _optional_number(0x03, psbt.fallback_lock_time)
        parts.append(_entry(0x04, b"", compact_size(len(psbt.inputs))))
        parts.append(_entry(0x05, b"", compact_size(len(psbt.outputs))))
        parts += _optional_number(0x06, psbt.modifiable, 1)
        parts.append(_entry(0xFB, b"", psbt.version.to_bytes(4, "little")))
    parts += _others(psbt.proprietary, psbt.unknown)
    parts.append(b"\0")
    parts += (_write_input(each, psbt.version) for each in psbt.inputs)
    parts += (_write_output(output, psbt.version) for output in psbt.outputs)
    return b"".join(parts)


def _entry(kind: int, key: bytes, value: bytes) -> bytes:
    return sized(compact_size(kind) + key) + sized(value)


def _optional(kind: int, value: bytes) -> list[bytes]:
    return [_entry(kind, b"", value)] if value else []


def _optional_number(kind: int, value: int | None, size: int = 4) -> list[bytes]:
    return [] if value is None else [_entry(kind, b"", value.to_bytes(size, "little"))]


def _origin(origin: KeyOrigin) -> bytes:
    return origin.fingerprint + b"".join(step.to_bytes(4, "little") for step in origin.path)


def origin_order(origin: KeyOrigin) -> tuple[bytes, int, tuple[int, ...]]:
    """Return what orders origins as Core does."""
    return origin.fingerprint, len(origin.path), origin.path


def xpub_order(xpub: ExtendedKey) -> tuple[bytes, bytes]:
    """Return what orders extended keys as Core does."""
    return xpub.public_key, xpub.chain_code


def _origins(kind: int, origins: dict[bytes, KeyOrigin]) -> list[bytes]:
    return [
        _entry(kind, pubkey, _origin(origin)) for pubkey, origin in sorted(origins.items(), key=lambda item: item[0])
    ]


def _leaf_origins(kind: int, origins: LeafOrigins) -> list[bytes]:
    return [
        _entry(kind, key, compact_size(len(leaves)) + b"".join(sorted(leaves)) + _origin(origin))
        for key, (leaves, origin) in sorted(origins.items(), key=lambda item: item[0])
    ]


def _participants(kind: int, participants: dict[bytes, tuple[bytes, ...]]) -> list[bytes]:
    return [_entry(kind, key, b"".join(keys)) for key, keys in sorted(participants.items())]


def _by_participant(kind: int, values: dict[tuple[bytes, bytes, bytes], bytes]) -> list[bytes]:
    ordered = sorted(values.items(), key=lambda item: (item[0][0], item[0][1] or bytes(32), item[0][2]))
    return [_entry(kind, key + aggregate + leaf, value) for (aggregate, leaf, key), value in ordered]


def _others(proprietary: dict[bytes, Proprietary], unknown: dict[bytes, bytes]) -> list[bytes]:
    known = [sized(key) + sized(each.value) for key, each in sorted(proprietary.items(), key=lambda item: item[0])]
    return known + [sized(key) + sized(value) for key, value in sorted(unknown.items())]


def _write_input(each: PsbtInput, version: int) -> bytes:
    parts = []
    if each.non_witness_utxo is not None:
        parts.append(_entry(0x00, b"", each.non_witness_utxo.serialize(witness=False)))
    if each.witness_utxo is not None:
        parts.append(_entry(0x01, b"", each.witness_utxo.serialize()))
    if not each.is_final:
        parts += _write_unfinished(each)
    parts += _optional(0x07, each.final_script_sig)
    if each.final_witness:
        parts.append(_entry(0x08, b"", witness_stack(each.final_witness)))
    if version >= 2:
        parts.append(_entry(0x0E, b"", each.previous_txid))
        parts.append(_entry(0x0F, b"", each.previous_index.to_bytes(4, "little")))
        parts += _optional_number(0x10, each.sequence)
        parts += _optional_number(0x11, each.time_lock)
        parts += _optional_number(0x12, each.height_lock)
    return b"".join([*parts, *_others(each.proprietary, each.unknown), b"\0"])


def _write_unfinished(each: PsbtInput) -> list[bytes]:
    parts = [_entry(0x02, pubkey, signature) for _, (pubkey, signature) in sorted(each.partial_signatures.items())]
    if each.sighash_type is not None:
        parts.append(_entry(0x03, b"", each.sighash_type.to_bytes(4, "little", signed=True)))
    parts += _optional(0x04, each.redeem_script)
    parts += _optional(0x05, each.witness_script)
    parts += _origins(0x06, each.origins)
    for kind, (fragment, _, _) in _PREIMAGES.items():
        found = sorted((digest, preimage) for (of, digest), preimage in each.preimages.items() if of is fragment)
        parts += (_entry(kind, digest, preimage) for digest, preimage in found)
    parts += _optional(0x13, each.key_path_signature)
    for (key, leaf), signature in sorted(each.script_path_signatures.items()):
        parts.append(_entry(0x14, key + leaf, signature))
    for (script, leaf_version), controls in sorted(each.leaf_scripts.items()):
        parts += (_entry(0x15, control, script + bytes((leaf_version,))) for control in controls)
    parts += _leaf_origins(0x16, each.xonly_origins)
    parts += _optional(0x17, each.internal_key)
    parts += _optional(0x18, each.merkle_root)
    parts += _participants(0x1A, each.musig_participants)
    parts += _by_participant(0x1B, each.musig_nonces)
    return parts + _by_participant(0x1C, each.musig_signatures)


def _write_output(output: PsbtOutput, version: int) -> bytes:
    parts = _optional(0x00, output.redeem_script)
    parts += _optional(0x01, output.witness_script)
    parts += _origins(0x02, output.origins)
    if version >= 2:
        parts.append(_entry(0x03, b"", output.amount.to_bytes(8, "little", signed=True)))
        parts.append(_entry(0x04, b"", output.script))
    parts += _others(output.proprietary, {})
    parts += _optional(0x05, output.internal_key)
    tree = b"".join(bytes((depth, leaf_version)) + sized(script) for depth, leaf_version, script in output.tree)
    parts += _optional(0x06, tree)
    parts += _leaf_origins(0x07, output.xonly_origins)
    parts += _participants(0x08, output.musig_participants)
    return b"".join([*parts, *_others({}, output.unknown), b"\0"])
