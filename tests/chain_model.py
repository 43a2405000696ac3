"""A chain in memory, as indexes see one, with random transactions and forks; and its coins by the plainest means."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING

from node.block_scanner import ScannedTransaction, scan_block
from node.coin import Coin, decode_coin
from node.indexes.chain import Entry, Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def double_sha256(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()


@dataclass(frozen=True, slots=True)
class ModelEntry:
    hash: bytes
    height: int
    previous: ModelEntry | None
    data: bytes
    undo: list[list[Coin]]
    coins: dict[bytes, bytes]

    def ancestor(self, height: int) -> ModelEntry:
        entry = self
        while entry.height > height:
            assert entry.previous is not None
            entry = entry.previous
        return entry

    def transactions(self) -> list[ScannedTransaction]:
        return scan_block(self.bytes())

    def bytes(self) -> bytes:
        return self.data


def compact(number: int) -> bytes:
    return bytes((number,)) if number < 0xFD else b"\xfd" + struct.pack("<H", number)


def transaction(
    prevouts: list[bytes], outputs: list[tuple[int, bytes]], *, witness: bool = False
) -> tuple[bytes, bytes]:
    """Return id and bytes."""
    body = compact(len(prevouts)) + b"".join(prevout + b"\0\xff\xff\xff\xff" for prevout in prevouts)
    body += compact(len(outputs)) + b"".join(struct.pack("<q", v) + compact(len(s)) + s for v, s in outputs)
    plain = b"\2\0\0\0" + body + bytes(4)
    if not witness:
        return double_sha256(plain), plain
    return double_sha256(plain), b"\2\0\0\0\0\1" + body + b"\1\2ab" * len(prevouts) + bytes(4)


@dataclass
class ChainModel:
    """Grows by `extend`, changes by `activate`."""

    random: Random = field(default_factory=lambda: Random(1))
    entries: dict[bytes, ModelEntry] = field(default_factory=dict)
    best: list[ModelEntry] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    pruned: int | None = None
    flushed: list[ModelEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        genesis = self.make(None)
        self.best.append(genesis)
        self.flushed.append(genesis)

    def make(self, parent: ModelEntry | None) -> ModelEntry:
        """Make a block of random transactions on `parent`."""
        random = self.random
        height = 0 if parent is None else parent.height + 1
        coins = {} if parent is None else dict(parent.coins)
        parts, undo = [], []
        for number in range(random.randrange(1, 5)):
            spendable = sorted(coins) if number else []
            spent = random.sample(spendable, min(len(spendable), random.randrange(1, 4)))
            if number and not spent:
                continue
            outputs = []
            for _ in range(random.randrange(1, 4)):
                script = random.choice(
                    (b"", b"\x6aab", b"\x51", random.randbytes(22), random.randbytes(300), bytes(10_001))
                )
                outputs.append((random.randrange(10**9), script))
            ins = spent or [bytes(32) + random.randbytes(4)]
            txid, data = transaction(ins, outputs, witness=random.random() < 0.5)
            parts.append(data)
            if number:
                undo.append([decode_coin(coins.pop(prevout)) for prevout in spent])
            for index, (value, script) in enumerate(outputs):
                if height and not script.startswith(b"\x6a") and len(script) <= 10_000:
                    raw = struct.pack("<Iq", height << 1 | (not number), value) + compact(len(script)) + script
                    coins[txid + index.to_bytes(4, "little")] = raw
        header = b"\0\0\0\x20" + (bytes(32) if parent is None else parent.hash) + random.randbytes(44)
        data = header + compact(len(parts)) + b"".join(parts)
        entry = ModelEntry(double_sha256(header), height, parent, data, undo, coins)
        self.entries[entry.hash] = entry
        return entry

    def extend(self, count: int = 1) -> ModelEntry:
        for _ in range(count):
            self.activate(self.make(self.best[-1]))
        return self.best[-1]

    def activate(self, entry: ModelEntry) -> None:
        """Make `entry` the tip, block by block."""
        branch = [entry]
        while not self.contains(branch[-1]):
            assert branch[-1].previous is not None
            branch.append(branch[-1].previous)
        fork = branch.pop()
        while self.best[-1] is not fork:
            gone = self.best.pop()
            for listener in self.listeners:
                listener.block_disconnected(gone, gone)
        for each in reversed(branch):
            self.best.append(each)
            for listener in self.listeners:
                listener.block_connected(each, each)
        for listener in self.listeners:
            listener.tip_changed(entry, False)

    def tip(self) -> ModelEntry:
        return self.best[-1]

    def at(self, height: int) -> ModelEntry | None:
        best = self.best
        return best[height] if 0 <= height < len(best) else None

    def entry(self, block_hash: bytes, /) -> ModelEntry | None:
        return self.entries.get(block_hash)

    def contains(self, entry: Entry) -> bool:
        return self.at(entry.height) is self.entries[entry.hash]

    def read_block(self, entry: Entry) -> bytes:
        return self.entries[entry.hash].data

    def read_undo(self, entry: Entry) -> Sequence[Sequence[Coin]]:
        return self.entries[entry.hash].undo

    def flush(self) -> None:
        self.flushed = list(self.best)

    def prune_height(self) -> int | None:
        return self.pruned

    def fork_point(self, entry: Entry) -> ModelEntry:
        found = self.entries[entry.hash]
        while not self.contains(found):
            assert found.previous is not None
            found = found.previous
        return found

    def add_listener(self, listener: Listener) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)
