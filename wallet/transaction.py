"""A transaction of a wallet: its state in the chain, what the wallet notes of it, and how both are stored.

The stored form is Core's (src/wallet/transaction.h), so either program reads the other's wallets.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from primitives.encoding import compact_size, read_bytes, read_compact_size, sized
from primitives.errors import DecodeError
from primitives.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NO_POSITION: Final = -1
"""The order position of a transaction that has none."""
TRUC_VERSION: Final = 3

_NO_BLOCK: Final = bytes(32)
_ABANDONED: Final = b"\x01" + bytes(31)
_INT32: Final = struct.Struct("<i")
_TAIL: Final = struct.Struct("<II??")
_TEXTS: Final = {"from": "sender", "message": "message", "comment": "comment", "to": "comment_to"}
_TXIDS: Final = {"replaces_txid": "replaces", "replaced_by_txid": "replaced_by"}
_DIGITS: Final = re.compile(r"[ \f\n\r\t\v]*(?:\+(?!-))?(-?[0-9]+)")
_MOST_DIGITS: Final = 20
_MOST: Final = 2**62
"""No position is beyond: so far can be counted on from any."""
_OLD_KEYS: Final = {"fromaccount", "spent"}


@dataclass(frozen=True, slots=True)
class Confirmed:
    """In a block of the chain. The height is unknown, -1, from loading until the node was asked."""

    block: bytes
    height: int
    index: int

    def __str__(self) -> str:
        return f"Confirmed (block={self.block[::-1].hex()}, height={self.height}, index={self.index})"


@dataclass(frozen=True, slots=True)
class InMempool:
    """In the node's mempool."""

    def __str__(self) -> str:
        return "InMempool"


@dataclass(frozen=True, slots=True)
class BlockConflicted:
    """A block of the chain has a transaction that spends the same, or an ancestor has this state."""

    block: bytes
    height: int

    def __str__(self) -> str:
        return f"BlockConflicted (block={self.block[::-1].hex()}, height={self.height})"


@dataclass(frozen=True, slots=True)
class Inactive:
    """Neither in a block nor in the mempool, and in no known conflict with a block."""

    abandoned: bool = False

    def __str__(self) -> str:
        return f"Inactive (abandoned={int(self.abandoned)})"


@dataclass(frozen=True, slots=True)
class Unrecognized:
    """Stored by a program that knows more states. Kept as it is, and treated as inactive."""

    block: bytes
    index: int

    def __str__(self) -> str:
        return f"Unrecognized (block={self.block[::-1].hex()}, index={self.index})"


State = Confirmed | InMempool | BlockConflicted | Inactive | Unrecognized

IN_MEMPOOL: Final = InMempool()
INACTIVE: Final = Inactive()
ABANDONED: Final = Inactive(abandoned=True)


def _stored_state(state: State) -> tuple[bytes, int]:
    match state:
        case Confirmed(block, _, index) | Unrecognized(block, index):
            return block, index
        case BlockConflicted(block):
            return block, -1
        case Inactive(abandoned=True):
            return _ABANDONED, -1
        case _:
            return _NO_BLOCK, 0


def _loaded_state(block: bytes, index: int) -> State:
    if block == _NO_BLOCK and index == 0:
        return INACTIVE
    if block == _ABANDONED and index == -1:
        return ABANDONED
    if block not in {_NO_BLOCK, _ABANDONED}:
        if index >= 0:
            return Confirmed(block, -1, index)
        if index == -1:
            return BlockConflicted(block, -1)
    return Unrecognized(block, index)


@dataclass(slots=True, eq=False)
class WalletTx:
    """One transaction of a wallet. Changes only under the wallet's lock."""

    tx: Transaction
    """The form that counts: the confirmed one, else the lightest of those with witnesses."""
    state: State
    time_received: int = 0
    time_smart: int = 0
    """When to say that it happened; orders as the transactions came. 0 if unknown."""
    position: int = NO_POSITION
    """Its place among all of the wallet's transactions."""
    sender: str | None = None
    message: str | None = None
    comment: str | None = None
    comment_to: str | None = None
    replaces: bytes | None = None
    """The id of the transaction that this one replaced, and the other way around."""
    replaced_by: bytes | None = None
    messages: list[str] = field(default_factory=list)
    """Messages of payment URIs (BIP21)."""
    payment_requests: list[str] = field(default_factory=list)
    others: dict[bytes, Transaction] = field(default_factory=dict)
    """The same transaction with other witnesses, by wtxid."""
    mempool_conflicts: set[bytes] = field(default_factory=set)
    """Transactions of the mempool that exclude this one. Not stored."""
    truc_child: bytes | None = None
    """The version 3 transaction of the mempool that spends this one. Not stored."""
    removals: int = 0
    """How many times it was heard of that it left the mempool. Not stored."""

    @property
    def txid(self) -> bytes:
        """The id."""
        return self.tx.txid

    @property
    def time(self) -> int:
        """When to say that it happened."""
        return self.time_smart or self.time_received

    @property
    def is_confirmed(self) -> bool:
        """Whether it is in a block of the chain."""
        return type(self.state) is Confirmed

    @property
    def in_mempool(self) -> bool:
        """Whether it is in the node's mempool."""
        return type(self.state) is InMempool

    @property
    def is_block_conflicted(self) -> bool:
        """Whether a block excludes it."""
        return type(self.state) is BlockConflicted

    @property
    def is_abandoned(self) -> bool:
        """Whether its owner gave it up."""
        return self.state == ABANDONED

    @property
    def is_inactive(self) -> bool:
        """Whether it is known from nowhere else, abandoned or not."""
        return type(self.state) is Inactive

    @property
    def is_spending(self) -> bool:
        """Whether what it spends counts as spent: nothing excludes it and it is not abandoned."""
        return not (self.is_block_conflicted or self.mempool_conflicts or self.is_abandoned)

    @property
    def is_unconfirmed(self) -> bool:
        """Whether it still may confirm."""
        return self.is_spending and not self.is_confirmed

    def update(self, tx: Transaction, state: State) -> bool:
        """Take another state, and maybe another form of the transaction. Return whether anything changed."""
        changed = tx.wtxid != self.tx.wtxid and tx.wtxid not in self.others
        if changed:
            self.others[tx.wtxid] = tx
        if state != self.state:
            self.state = state
            changed = True
            if type(state) is Confirmed:
                self._make_canonical(tx)
        return self.choose_canonical() or changed

    def choose_canonical(self) -> bool:
        """Unless it is confirmed, let the lightest form with witnesses count. Return whether that is another one."""
        if not self.others or self.is_confirmed:
            return False
        best = min((self.tx, *self.others.values()), key=lambda tx: (not tx.has_witness, tx.weight, tx.wtxid))
        return self._make_canonical(best)

    def _make_canonical(self, tx: Transaction) -> bool:
        if tx.wtxid == self.tx.wtxid:
            return False
        self.others[self.tx.wtxid] = self.tx
        self.tx = self.others.pop(tx.wtxid)
        return True

    def copy_notes(self, other: WalletTx) -> None:
        """Take over what the owner noted of `other`, which is the same transaction signed differently."""
        for name in (*_TEXTS.values(), *_TXIDS.values(), "time_smart"):
            setattr(self, name, getattr(other, name))
        self.messages = list(other.messages)
        self.payment_requests = list(other.payment_requests)

    def is_equivalent(self, other: WalletTx) -> bool:
        """Whether both differ only in what signs their inputs."""
        mine, its = self.tx, other.tx
        return (
            (mine.version, mine.outputs, mine.lock_time) == (its.version, its.outputs, its.lock_time)
            and [(each.prevout, each.sequence) for each in mine.inputs]
            == [(each.prevout, each.sequence) for each in its.inputs]
        )  # fmt: skip

    def serialize(self) -> bytes:
        """Return the stored form."""
        block, index = _stored_state(self.state)
        values = {"fromaccount": ""}
        for key, name in _TEXTS.items():
            if (text := getattr(self, name)) is not None:
                values[key] = text
        for key, name in _TXIDS.items():
            if (txid := getattr(self, name)) is not None:
                values[key] = txid[::-1].hex()
        if self.position != NO_POSITION:
            values["n"] = str(self.position)
        if self.time_smart:
            values["timesmart"] = str(self.time_smart)
        notes = [("Message", text) for text in self.messages]
        notes += [("PaymentRequest", text) for text in self.payment_requests]
        return b"".join((
            self.tx.serialize(), block, b"\0", _INT32.pack(index), b"\0",
            _pairs(sorted(values.items())), _pairs(notes), _TAIL.pack(0, self.time_received, False, False),
        ))  # fmt: skip

    @classmethod
    def parse(cls, data: bytes, others: Mapping[bytes, Transaction] | None = None) -> WalletTx:
        """Read the stored form; `others` are all stored forms of the transaction by wtxid. Raises DecodeError."""
        tx, offset = Transaction.parse_from(data, 0)
        block, offset = data[offset : offset + 32], offset + 32
        offset = _skip_hashes(data, offset)
        try:
            (index,) = _INT32.unpack_from(data, offset)
            offset = _skip_old_parents(data, offset + 4)
            values, offset = _read_pairs(data, offset)
            notes, offset = _read_pairs(data, offset)
            _, time_received, _, _ = _TAIL.unpack_from(data, offset)
        except struct.error:
            raise DecodeError("end of data") from None
        wtx = cls(tx, _loaded_state(block, index), time_received)
        for key, value in values:
            _take_value(wtx, key, value)
        for key, value in notes:
            if key not in {"Message", "PaymentRequest"}:
                raise DecodeError("Unknown type in CWalletTx messages and requests vector")
            (wtx.messages if key == "Message" else wtx.payment_requests).append(value)
        if others:
            wtx.others = {wtxid: other for wtxid, other in others.items() if wtxid != tx.wtxid}
            if any(other.txid != tx.txid for other in wtx.others.values()):
                raise DecodeError("variant txid does not match wallet txid")
        return wtx


def _take_value(wtx: WalletTx, key: str, value: str) -> None:
    if key == "n":
        wtx.position = _number(value)
    elif key == "timesmart":
        wtx.time_smart = _number(value) & 0xFFFFFFFF
    elif key in _TEXTS:
        setattr(wtx, _TEXTS[key], value)
    elif key in _TXIDS:
        setattr(wtx, _TXIDS[key], _txid(value))
    elif key not in _OLD_KEYS:
        raise DecodeError("Unexpected value in CWalletTx strings value map")


def _number(text: str) -> int:
    """Read a number as lenient as Core: what follows the digits is passed over, and none at all is 0."""
    found = _DIGITS.match(text)
    return 0 if found is None else max(-_MOST, min(int(found[1][:_MOST_DIGITS]), _MOST))


def _txid(text: str) -> bytes | None:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return data[::-1] if len(data) == 32 else None


def _pairs(pairs: Iterable[tuple[str, str]]) -> bytes:
    parts = [sized(text.encode("utf-8", "surrogateescape")) for pair in pairs for text in pair]
    return compact_size(len(parts) // 2) + b"".join(parts)


def _read_pairs(data: bytes, offset: int) -> tuple[list[tuple[str, str]], int]:
    count, offset = read_compact_size(data, offset)
    pairs = []
    for _ in range(count):
        key, offset = read_bytes(data, offset)
        value, offset = read_bytes(data, offset)
        pairs.append((key.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")))
    return pairs, offset


def _skip_hashes(data: bytes, offset: int) -> int:
    count, offset = read_compact_size(data, offset)
    return offset + 32 * count


def _skip_old_parents(data: bytes, offset: int) -> int:
    """Pass over the parents that wallets stored long ago."""
    count, offset = read_compact_size(data, offset)
    for _ in range(count):
        _, offset = Transaction.parse_from(data, offset)
        offset = _skip_hashes(data, offset + 32) + 4
    return offset
