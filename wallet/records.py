"""The records of a wallet's database, by kind: what is read and written, not what it means (Core: walletdb.cpp).

Descriptors and their keys are in `wallet.descriptor_records`. Addresses are their texts; hashes are in internal order.
Reading raises RecordError for what cannot be read.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from primitives.encoding import compact_size, sized
from primitives.transaction import OutPoint
from wallet.errors import RecordError
from wallet.record_encoding import Reader, int32, int64, text, uint32, uint64

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wallet.database import WalletDatabase

LEGACY_KINDS: Final = (
    *("ckey", "cscript", "defaultkey", "hdchain", "keymeta", "key"),
    *("wkey", "pool", "watchmeta", "watchs"),
)
"""What only legacy wallets have (Core: LEGACY_TYPES)."""
DEFAULT_ITERATIONS: Final = 25_000
_LOCATOR_VERSION: Final = 70016
_PRESENT: Final = b"1"


@dataclass(frozen=True, slots=True)
class MasterKeyRecord:
    """The key that encrypts private keys, encrypted itself by a passphrase (Core: CMasterKey)."""

    encrypted: bytes
    salt: bytes
    method: int
    iterations: int
    other_parameters: bytes = b""

    def serialize(self) -> bytes:
        """Return the record's value."""
        return (
            sized(self.encrypted)
            + sized(self.salt)
            + uint32(self.method)
            + uint32(self.iterations)
            + sized(self.other_parameters)
        )


class Records:
    """All records of a database but descriptors. Writes are part of the database's transaction, if there is one."""

    def __init__(self, database: WalletDatabase) -> None:
        """Leave the database to its owner."""
        self.database = database

    # What there is once.

    def flags(self) -> int | None:
        """Return the wallet's flags, None for a new wallet."""
        value = self.database.get(text("flags"))
        return None if value is None else Reader(value).unsigned(8)

    def write_flags(self, flags: int) -> None:
        """Write the flags."""
        self.database.put(text("flags"), uint64(flags))

    def version(self) -> int | None:
        """Return the version of the software that last loaded the wallet; None if it is unknown or unreadable."""
        value = self.database.get(text("version"))
        with suppress(RecordError):
            return None if value is None else Reader(value).signed(4)
        return None

    def write_version(self, version: int) -> None:
        """Write the version of the software."""
        self.database.put(text("version"), int32(version))

    def minimum_version(self) -> int | None:
        """Return the version of the format that the wallet asks for."""
        value = self.database.get(text("minversion"))
        return None if value is None else Reader(value).signed(4)

    def write_minimum_version(self, version: int) -> None:
        """Write the version of the format."""
        self.database.put(text("minversion"), int32(version))

    def best_block(self) -> list[bytes]:
        """Return the locator of the last block processed, newest first; empty if there is none that can be read."""
        for kind in ("bestblock", "bestblock_nomerkle"):
            value = self.database.get(text(kind))
            with suppress(RecordError):
                hashes = [] if value is None else _read_locator(value)
                if hashes:
                    return hashes
        return []

    def write_best_block(self, locator: Sequence[bytes]) -> None:
        """Write the locator; the older record is emptied, so that software that knows only that one rescans."""
        self.database.put(text("bestblock"), _locator(()))
        self.database.put(text("bestblock_nomerkle"), _locator(locator))

    def order_position_next(self) -> int | None:
        """Return the position in the wallet's order that the next transaction gets."""
        value = self.database.get(text("orderposnext"))
        return None if value is None else Reader(value).signed(8)

    def write_order_position_next(self, position: int) -> None:
        """Write the next position."""
        self.database.put(text("orderposnext"), int64(position))

    # The address book.

    def names(self) -> dict[str, str]:
        """Return the label of each address that has one."""
        return {key.text(): Reader(value).text() for key, value in self._items("name")}

    def write_name(self, address: str, label: str) -> None:
        """Write an address's label."""
        self.database.put(text("name") + text(address), text(label))

    def erase_name(self, address: str) -> None:
        """Remove an address's label."""
        self.database.erase(text("name") + text(address))

    def purposes(self) -> dict[str, str]:
        """Return what each address is for: "receive", "send", "refund" or what else was written."""
        return {key.text(): Reader(value).text() for key, value in self._items("purpose")}

    def write_purpose(self, address: str, purpose: str) -> None:
        """Write what an address is for."""
        self.database.put(text("purpose") + text(address), text(purpose))

    def erase_purpose(self, address: str) -> None:
        """Remove what an address is for."""
        self.database.erase(text("purpose") + text(address))

    def address_data(self) -> list[tuple[str, str, str]]:
        """Return what is known of addresses: address, name of the fact, value; see the two kinds written here."""
        return [(key.text(), key.text(), Reader(value).text()) for key, value in self._items("destdata")]

    def previously_spent(self) -> set[str]:
        """Return the addresses that were spent from in a wallet that avoids reuse."""
        return {address for address, name, _ in self.address_data() if name == "used"}

    def write_previously_spent(self, address: str, spent: bool) -> None:
        """Write whether an address was spent from."""
        key = text("destdata") + text(address) + text("used")
        if spent:
            self.database.put(key, text("1"))
        else:
            self.database.erase(key)

    def write_receive_request(self, address: str, identifier: str, request: str) -> None:
        """Write a request for payment to an address, as a GUI keeps it."""
        self.database.put(text("destdata") + text(address) + text("rr" + identifier), text(request))

    def erase_receive_request(self, address: str, identifier: str) -> None:
        """Remove a request for payment."""
        self.database.erase(text("destdata") + text(address) + text("rr" + identifier))

    def erase_address_data(self, address: str) -> None:
        """Remove all that `address_data` has of an address."""
        self.database.erase_prefix(text("destdata") + text(address))

    # Transactions, as `wallet.transaction` writes them.

    def transactions(self) -> list[tuple[bytes, bytes]]:
        """Return ids and what is written of each."""
        return [(key.take(32), value) for key, value in self._items("tx")]

    def write_transaction(self, txid: bytes, value: bytes) -> None:
        """Write a transaction."""
        self.database.put(text("tx") + txid, value)

    def erase_transaction(self, txid: bytes) -> None:
        """Remove a transaction and its variants."""
        self.database.erase(text("tx") + txid)
        self.database.erase_prefix(text("wtxvariant") + txid)

    def variants(self) -> list[tuple[bytes, bytes]]:
        """Return the txid and bytes of transactions with each of the witnesses that they were seen with (Core v32)."""
        prefix = text("wtxvariant")
        return [(key[len(prefix) :][:32], value) for key, value in self.database.items(prefix)]

    def write_variant(self, txid: bytes, wtxid: bytes, transaction: bytes) -> None:
        """Write a transaction with one of its witnesses."""
        self.database.put(text("wtxvariant") + txid + wtxid, transaction)

    def locked_coins(self) -> list[OutPoint]:
        """Return the outputs that are locked for good."""
        return [OutPoint(key.take(32), key.unsigned(4)) for key, _ in self._items("lockedutxo")]

    def write_locked_coin(self, coin: OutPoint) -> None:
        """Lock an output for good."""
        self.database.put(text("lockedutxo") + coin.txid + uint32(coin.index), _PRESENT)

    def erase_locked_coin(self, coin: OutPoint) -> None:
        """Unlock an output."""
        self.database.erase(text("lockedutxo") + coin.txid + uint32(coin.index))

    # Encryption.

    def master_keys(self) -> dict[int, MasterKeyRecord]:
        """Return the master keys by their numbers."""
        return {key.unsigned(4): _read_master_key(value) for key, value in self._items("mkey")}

    def write_master_key(self, number: int, key: MasterKeyRecord) -> None:
        """Write a master key."""
        self.database.put(text("mkey") + uint32(number), key.serialize())

    def erase_master_key(self, number: int) -> None:
        """Remove a master key."""
        self.database.erase(text("mkey") + uint32(number))

    # Which descriptors make addresses.

    def active_descriptors(self, *, internal: bool) -> dict[int, bytes]:
        """Return the ids of the descriptors that make addresses, by the number of the kind of address."""
        kind = _active(internal=internal)
        return {key.unsigned(1): Reader(value).take(32) for key, value in self._items(kind)}

    def write_active_descriptor(self, kind: int, descriptor: bytes, *, internal: bool) -> None:
        """Let a descriptor make addresses of a kind."""
        self.database.put(text(_active(internal=internal)) + bytes((kind,)), descriptor)

    def erase_active_descriptor(self, kind: int, *, internal: bool) -> None:
        """Let no descriptor make addresses of a kind."""
        self.database.erase(text(_active(internal=internal)) + bytes((kind,)))

    # All kinds.

    def has(self, kinds: Iterable[str]) -> bool:
        """Whether there is a record of one of these kinds."""
        return any(self.database.items(text(kind)) for kind in kinds)

    def erase_kinds(self, kinds: Iterable[str]) -> None:
        """Remove all records of these kinds."""
        for kind in kinds:
            self.database.erase_prefix(text(kind))

    def _items(self, kind: str) -> list[tuple[Reader, bytes]]:
        """Return all of a kind, the keys behind the kind's name."""
        prefix = text(kind)
        return [(Reader(key[len(prefix) :]), value) for key, value in self.database.items(prefix)]


def _active(*, internal: bool) -> str:
    return "activeinternalspk" if internal else "activeexternalspk"


def _locator(hashes: Sequence[bytes]) -> bytes:
    return uint32(_LOCATOR_VERSION) + compact_size(len(hashes)) + b"".join(hashes)


def _read_locator(value: bytes) -> list[bytes]:
    reader = Reader(value)
    reader.take(4)
    return [reader.take(32) for _ in range(reader.size())]


def _read_master_key(value: bytes) -> MasterKeyRecord:
    reader = Reader(value)
    return MasterKeyRecord(reader.sized(), reader.sized(), reader.unsigned(4), reader.unsigned(4), reader.sized())
