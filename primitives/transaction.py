"""Transactions and their serialisation (Core: src/primitives/transaction.h; BIP144).

Blocks hold thousands, so parts are named tuples, which are quick to make and to hash, and a parsed transaction keeps
its bytes: its ids, sizes and serialisation are read from them when asked for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from primitives.encoding import compact_size, read_bytes, read_long_size, sized
from primitives.errors import DecodeError
from primitives.hashes import sha256d

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

COIN: Final = 100_000_000
MAX_MONEY: Final = 21_000_000 * COIN
SEQUENCE_FINAL: Final = 0xFFFFFFFF
WITNESS_SCALE_FACTOR: Final = 4

_UINT32: Final = struct.Struct("<I")
_INT64: Final = struct.Struct("<q")
_PREVOUT: Final = struct.Struct("<32sI")


class OutPoint(NamedTuple):
    """An output of a transaction: its id in internal order and its index."""

    txid: bytes
    index: int  # type: ignore[assignment] # Hides the method of tuples, which nobody needs here.

    @property
    def is_null(self) -> bool:
        """Whether this is what a coinbase spends."""
        return self.index == 0xFFFFFFFF and self.txid == bytes(32)


class TxIn(NamedTuple):
    """An input."""

    prevout: OutPoint
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()


class TxOut(NamedTuple):
    """An output; its value in satoshis."""

    value: int
    script_pubkey: bytes

    def serialize(self) -> bytes:
        """Return the output as a transaction holds it."""
        return _INT64.pack(self.value) + sized(self.script_pubkey)

    @classmethod
    def parse(cls, data: bytes) -> TxOut:
        """Read an output that is all of `data`. Raises DecodeError."""
        if len(data) < _INT64.size:
            raise DecodeError("end of data")
        script, end = read_bytes(data, _INT64.size)
        if end != len(data):
            raise DecodeError(f"{len(data) - end} bytes behind the output")
        return cls(_INT64.unpack_from(data)[0], script)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction; `version` is unsigned. Two are equal when their fields are."""

    version: int
    inputs: tuple[TxIn, ...]
    outputs: tuple[TxOut, ...]
    lock_time: int
    _raw: bytes = field(default=b"", init=False, repr=False, compare=False)  # Everything, with witnesses.
    _witness_at: int = field(default=0, init=False, repr=False, compare=False)  # Their offset in it; 0 without.
    _txid: bytes = field(default=b"", init=False, repr=False, compare=False)
    _wtxid: bytes = field(default=b"", init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, data: bytes, *, allow_witness: bool = True) -> Transaction:
        """Read a transaction that is all of `data`. Raises DecodeError."""
        data = bytes(data)
        transaction, end = cls.parse_from(data, 0, allow_witness=allow_witness)
        if end != len(data):
            raise DecodeError(f"{len(data) - end} bytes behind the transaction")
        return transaction

    @classmethod
    def parse_from(cls, data: bytes, offset: int, *, allow_witness: bool = True) -> tuple[Transaction, int]:
        """Read a transaction at `offset`; return it and the offset behind it. Raises DecodeError.

        Without `allow_witness` a transaction of no inputs is just that, not the mark of the extended form.
        """
        try:
            return _read_transaction(data, offset, allow_witness)
        except (IndexError, struct.error):
            raise DecodeError("end of data") from None

    def serialize(self, *, witness: bool = True) -> bytes:
        """Return the bytes, in the extended form if there are witnesses and `witness` asks for them."""
        raw = self._raw or self._write()
        if witness or not self._witness_at:
            return raw
        return raw[:4] + raw[6 : self._witness_at] + raw[-4:]

    def _write(self) -> bytes:
        inputs, outputs = self.inputs, self.outputs
        parts = [compact_size(len(inputs))]
        for prevout, script_sig, sequence, _ in inputs:
            parts += (_PREVOUT.pack(*prevout), sized(script_sig), _UINT32.pack(sequence))
        parts.append(compact_size(len(outputs)))
        for value, script_pubkey in outputs:
            parts += (_INT64.pack(value), sized(script_pubkey))
        core = b"".join(parts)
        version, lock_time = _UINT32.pack(self.version), _UINT32.pack(self.lock_time)
        if any(each.witness for each in inputs):
            witnesses = b"".join(witness_stack(each.witness) for each in inputs)
            _set_witness_at(self, 6 + len(core))
            raw = b"".join((version, b"\x00\x01", core, witnesses, lock_time))
        else:
            raw = b"".join((version, core, lock_time))
        _set_raw(self, raw)
        return raw

    @property
    def txid(self) -> bytes:
        """The id, which leaves out witnesses; internal order."""
        if not self._txid:
            _set_txid(self, sha256d(self.serialize(witness=False)))
        return self._txid

    @property
    def wtxid(self) -> bytes:
        """The id over everything; internal order."""
        if not self._wtxid:
            _set_wtxid(self, sha256d(self.serialize()) if self.has_witness else self.txid)
        return self._wtxid

    @property
    def has_witness(self) -> bool:
        """Whether an input has a witness."""
        if not self._raw:
            self._write()
        return bool(self._witness_at)

    @property
    def is_coinbase(self) -> bool:
        """Whether it makes coins: one input, which spends nothing."""
        return len(self.inputs) == 1 and self.inputs[0].prevout.is_null

    @property
    def total_size(self) -> int:
        """Bytes with witnesses."""
        return len(self.serialize())

    @property
    def stripped_size(self) -> int:
        """Bytes without witnesses."""
        raw = self.serialize()
        return self._witness_at + 2 if self._witness_at else len(raw)

    @property
    def weight(self) -> int:
        """Weight units (BIP141)."""
        return self.stripped_size * (WITNESS_SCALE_FACTOR - 1) + self.total_size

    @property
    def vsize(self) -> int:
        """Virtual bytes: a quarter of the weight, rounded up."""
        return (self.weight + WITNESS_SCALE_FACTOR - 1) // WITNESS_SCALE_FACTOR


def _setter(name: str) -> Callable[[Transaction, object], None]:
    """How to set a slot of a frozen class: quicker than object.__setattr__, and only here."""
    setter: Callable[[Transaction, object], None] = getattr(Transaction, name).__set__
    return setter


_set_version: Final = _setter("version")
_set_inputs: Final = _setter("inputs")
_set_outputs: Final = _setter("outputs")
_set_lock_time: Final = _setter("lock_time")
_set_raw: Final = _setter("_raw")
_set_witness_at: Final = _setter("_witness_at")
_set_txid: Final = _setter("_txid")
_set_wtxid: Final = _setter("_wtxid")


def witness_stack(items: Iterable[bytes]) -> bytes:
    """Write one input's witness."""
    parts = [sized(item) for item in items]
    return compact_size(len(parts)) + b"".join(parts)


def _read_transaction(data: bytes, start: int, allow_witness: bool) -> tuple[Transaction, int]:
    # No slice here is checked against the end: a short one puts the next fixed field, at the latest the lock time,
    # behind the end, and reading that raises.
    offset = start + 5
    if data[start + 4] == 0 and allow_witness:
        flags = data[start + 5]
        offset = start + 6
    else:
        flags = 0
        offset = start + 4
    extended = offset == start + 6

    inputs: list[TxIn] = []
    outputs: tuple[TxOut, ...] = ()
    if flags or not extended:
        count = data[offset]
        offset += 1
        if count >= 253:
            count, offset = read_long_size(data, count, offset)
        read_prevout, read_uint32, new = _PREVOUT.unpack_from, _UINT32.unpack_from, tuple.__new__
        for _ in range(count):
            prevout = new(OutPoint, read_prevout(data, offset))
            size = data[offset + 36]
            offset += 37
            if size >= 253:
                size, offset = read_long_size(data, size, offset)
            end = offset + size
            inputs.append(new(TxIn, (prevout, data[offset:end], read_uint32(data, end)[0], ())))
            offset = end + 4
        outputs, offset = _read_outputs(data, offset)
    witness_at = 0
    if flags & 1:
        witness_at = offset - start
        offset = _read_witnesses(data, offset, inputs)
        if not any(each[3] for each in inputs):
            raise DecodeError("Superfluous witness record")
    if flags & ~1:
        raise DecodeError("Unknown transaction optional data")
    (lock_time,) = _UINT32.unpack_from(data, offset)
    offset += 4

    transaction = _new(Transaction)
    _set_version(transaction, _UINT32.unpack_from(data, start)[0])
    _set_inputs(transaction, tuple(inputs))
    _set_outputs(transaction, outputs)
    _set_lock_time(transaction, lock_time)
    _set_raw(transaction, data[start:offset])
    _set_witness_at(transaction, witness_at)
    _set_txid(transaction, b"")
    _set_wtxid(transaction, b"")
    return transaction, offset


_new: Final[Callable[[type[Transaction]], Transaction]] = object.__new__


def _read_outputs(data: bytes, offset: int) -> tuple[tuple[TxOut, ...], int]:
    count = data[offset]
    offset += 1
    if count >= 253:
        count, offset = read_long_size(data, count, offset)
    outputs: list[TxOut] = []
    read_int64, new = _INT64.unpack_from, tuple.__new__
    for _ in range(count):
        (value,) = read_int64(data, offset)
        size = data[offset + 8]
        offset += 9
        if size >= 253:
            size, offset = read_long_size(data, size, offset)
        end = offset + size
        outputs.append(new(TxOut, (value, data[offset:end])))
        offset = end
    return tuple(outputs), offset


def _read_witnesses(data: bytes, offset: int, inputs: list[TxIn]) -> int:
    """Give each input its witness; return the offset behind them."""
    new = tuple.__new__
    for index, (prevout, script_sig, sequence, _) in enumerate(inputs):
        count = data[offset]
        offset += 1
        if not count:
            continue
        if count >= 253:
            count, offset = read_long_size(data, count, offset)
        items = []
        for _ in range(count):
            size = data[offset]
            offset += 1
            if size >= 253:
                size, offset = read_long_size(data, size, offset)
            items.append(data[offset : offset + size])
            offset += size
        inputs[index] = new(TxIn, (prevout, script_sig, sequence, tuple(items)))
    return offset
