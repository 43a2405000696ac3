"""All coins in a file, as of now or of an earlier block (Core: src/node/utxo_snapshot.h, dumptxoutset)."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from node.block_scanner import script_of
from node.coin import encode_coin
from node.coin_statistics import in_order
from primitives.block import Block
from primitives.compression import compress_coin
from primitives.encoding import compact_size
from primitives.hashes import sha256d

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from node.block_tree import BlockEntry
    from node.chainstate import Chainstate

MAGIC: Final = b"utxo\xff"
VERSION: Final = 2
_CHECK_INTERVAL: Final = 5000
CHAIN_STARTS: Final = {
    "main": bytes.fromhex("f9beb4d9"),
    "test": bytes.fromhex("0b110907"),
    "testnet4": bytes.fromhex("1c163f28"),
    "regtest": bytes.fromhex("fabfb5da"),
}
"""What each message of a network begins with; that of a signet follows from its challenge."""


def message_start(chain: str, signet_challenge: bytes) -> bytes:
    """Return the four bytes that begin each message of a network; those of a signet follow from its challenge."""
    if chain == "signet":
        return sha256d(compact_size(len(signet_challenge)) + signet_challenge)[:4]
    return CHAIN_STARTS[chain]


class RolledBackCoins:
    """The coins of an earlier block: those of now with later blocks undone. Holds the difference in memory."""

    def __init__(self, coins: Iterable[tuple[bytes, bytes]]) -> None:
        """Start with the coins of now, outpoint and stored form, sorted by outpoint."""
        self._coins = coins
        self._changed: dict[bytes, bytes | None] = {}
        self.count = 0

    def undo(self, chainstate: Chainstate, last: BlockEntry, target: BlockEntry, check: Callable[[], None]) -> None:
        """Undo the blocks from `last` down to that above `target`. Raises BlockMissingError and what `check` does."""
        entry = last
        while entry != target:
            check()
            block = Block.parse(chainstate.read_block(entry))
            undo = chainstate.read_undo(entry)
            for number in range(len(block.transactions) - 1, -1, -1):
                transaction = block.transactions[number]
                for i in range(len(transaction.outputs)):
                    self._changed[transaction.txid + i.to_bytes(4, "little")] = None
                for each, coin in zip(transaction.inputs, undo[number - 1] if number else (), strict=False):
                    self._changed[each.prevout.txid + each.prevout.index.to_bytes(4, "little")] = encode_coin(coin)
            entry = entry.ancestor(entry.height - 1)
        self.count = sum(1 for _ in self)

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Give outpoint and coin, sorted by outpoint."""
        changed = self._changed
        same = (item for item in self._coins if item[0] not in changed)
        back = ((key, value) for key, value in sorted(changed.items(), key=_key) if value is not None)
        return heapq.merge(same, back, key=_key)


def _key(item: tuple[bytes, object]) -> bytes:
    return item[0]


def write_snapshot(
    file: BinaryIO,
    start: bytes,
    base: bytes,
    count: int,
    coins: Iterable[tuple[bytes, bytes]],
    check: Callable[[], None],
) -> int:
    """Write `count` coins of block `base` (internal order) and return how many there were; `check` may raise."""
    file.write(MAGIC + VERSION.to_bytes(2, "little") + start + base + count.to_bytes(8, "little"))
    written = 0
    txid = b""
    group: list[bytes] = []

    def write_group() -> None:
        if group:
            file.write(txid + compact_size(len(group)) + b"".join(group))
            group.clear()

    for key, value in in_order(coins):
        if written % _CHECK_INTERVAL == 0:
            check()
        if key[:32] != txid:
            write_group()
            txid = key[:32]
        code, amount = int.from_bytes(value[:4], "little"), int.from_bytes(value[4:12], "little")
        index = int.from_bytes(key[32:], "little")
        group.append(compact_size(index) + compress_coin(amount, script_of(value[4:]), code))
        written += 1
    write_group()
    return written
