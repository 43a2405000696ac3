"""Statistics and hash of all coins (Core: src/kernel/coinstats.cpp)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from node.block_scanner import script_of
from node.store import StoreError
from primitives.muhash import MuHash3072

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BOGO_SIZE: Final = 32 + 4 + 4 + 8 + 2
"""What Core counts for a coin besides its script."""
_CHECK_INTERVAL: Final = 4096
_HEAD: Final = 12


class CoinHash(Enum):
    """How to hash them, by the names RPC has."""

    SERIALIZED = "hash_serialized_3"
    MUHASH = "muhash"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CoinSetStatistics:
    """What there is to say of all coins."""

    transactions: int
    coins: int
    bogo_size: int
    total_amount: int
    hash: bytes
    """Internal order; empty if none was wanted."""


class Coins(Protocol):
    """All coins of a block."""

    count: int

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Give outpoint and coin, in stored form, sorted by outpoint as bytes."""


def compute(coins: Coins, kind: CoinHash, check: Callable[[], None]) -> CoinSetStatistics:
    """Look at all coins, calling `check` now and then. Raises StoreError, and what `check` does."""
    transactions = count = bogo_size = amount = 0
    serialized, muhash = hashlib.sha256(), MuHash3072()
    last = b""
    for key, value in in_order(coins):
        if key[:32] != last:
            last = key[:32]
            transactions += 1
        count += 1
        if not count % _CHECK_INTERVAL:
            check()
        amount += int.from_bytes(value[4:_HEAD], "little")
        bogo_size += BOGO_SIZE + len(script_of(value[4:]))
        if kind is CoinHash.SERIALIZED:
            serialized.update(key + value)
        elif kind is CoinHash.MUHASH:
            muhash.insert(key + value)
    if count != coins.count:
        raise StoreError(f"{count} coins are there where {coins.count} should be")
    hash_ = b""
    if kind is CoinHash.SERIALIZED:
        hash_ = hashlib.sha256(serialized.digest()).digest()
    elif kind is CoinHash.MUHASH:
        hash_ = muhash.digest()
    return CoinSetStatistics(transactions, count, bogo_size, amount, hash_)


def in_order(coins: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Give the coins by transaction and, as numbers, by index; keys have the index little-endian."""
    group: list[tuple[bytes, bytes]] = []
    last = b""
    for item in coins:
        txid = item[0][:32]
        if txid != last:
            last = txid
            yield from sorted(group, key=_index) if len(group) > 1 else group
            group = []
        group.append(item)
    yield from sorted(group, key=_index)


def _index(item: tuple[bytes, bytes]) -> int:
    return int.from_bytes(item[0][32:], "little")
