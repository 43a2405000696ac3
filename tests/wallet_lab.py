"""A wallet without a node, its scripts without keys: what a test says happens to it.

And its balances by the plainest means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from block_factory import build_block

from common.chains import REGTEST
from primitives.block import Block
from primitives.script import witness_script
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.flags import BLANK
from wallet.history import COINBASE_MATURITY
from wallet.history_loading import settle
from wallet.ledger import Balances
from wallet.records import Records
from wallet.tracker import BlockPlace, RemovalReason
from wallet.wallet import Wallet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from wallet.transaction import WalletTx

GENESIS = bytes(32)
OTHERS = witness_script(0, b"\xee" * 20)
"""A script that is nobody's here."""


@dataclass(eq=False)
class FakeKeys:
    """A descriptor of fixed scripts; after a use of one, those up to it count as used."""

    known: list[bytes]
    id: bytes = bytes(32)
    creation_time: int = 1
    on_scripts: Callable[[Iterable[bytes]], None] | None = None
    next_index: int = 0
    has_private_keys = False
    is_encrypted = False

    def scripts(self) -> list[bytes]:
        return list(self.known)

    def mark_used(self, script: bytes) -> list[bytes]:
        end = self.known.index(script) + 1
        used = self.known[self.next_index : end]
        self.next_index = max(self.next_index, end)
        return used

    def grow(self, script: bytes) -> None:
        self.known.append(script)
        assert self.on_scripts is not None
        self.on_scripts([script])

    def top_up(self, size: int = 0) -> bool:
        del size
        return True


def script_of(number: int) -> bytes:
    """Return the wallet's script of a number."""
    return witness_script(0, b"\x11" * 16 + number.to_bytes(4, "big"))


@dataclass
class Lab:
    """A wallet, the chain it was told of, and the mempool."""

    wallet: Wallet
    keys: FakeKeys
    blocks: list[tuple[bytes, bytes]] = field(default_factory=lambda: [(GENESIS, b"")])
    """Hash and bytes, the first is genesis."""
    mempool: dict[bytes, Transaction] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)

    @property
    def height(self) -> int:
        return len(self.blocks) - 1

    def tx(self, prevouts: Sequence[tuple[bytes, int]], *outputs: tuple[int, bytes], version: int = 2) -> Transaction:
        """Make a transaction, unlike any other, that pays values to scripts."""
        inputs = tuple(TxIn(OutPoint(*each), b"", 0xFFFFFFFD) for each in prevouts)
        paid = tuple(TxOut(value, script) for value, script in outputs)
        return Transaction(version, inputs, paid, next(self.numbers))

    def outside(self) -> tuple[bytes, int]:
        """Return an outpoint that nobody here knows."""
        return next(self.numbers).to_bytes(32, "big"), 0

    def pay(self, value: int, number: int = 0) -> Transaction:
        """Make a transaction in which others pay the wallet."""
        return self.tx([self.outside()], (value, script_of(number)), (7, OTHERS))

    def coinbase(self, script: bytes, value: int = 5_000) -> Transaction:
        prevout = OutPoint(bytes(32), 0xFFFFFFFF)
        own = next(self.numbers).to_bytes(4, "big")
        return Transaction(1, (TxIn(prevout, b"\4" + own, 0xFFFFFFFF),), (TxOut(value, script),), 0)

    def connect(self, *transactions: Transaction, coinbase: Transaction | None = None) -> bytes:
        """Tell of another block. What excludes others from the mempool has them removed first, as a node does."""
        spent = {each.prevout for tx in transactions for each in tx.inputs}
        included = {tx.txid for tx in transactions}
        self._drop(lambda tx: tx.txid not in included and any(each.prevout in spent for each in tx.inputs))
        for txid in included & set(self.mempool):
            del self.mempool[txid]
        plain = Block.parse(build_block(self.blocks[-1][0], self.height + 1, extra=next(self.numbers)))
        first = coinbase or plain.transactions[0]
        data = Block(plain.header, (first, *transactions)).serialize()
        place = BlockPlace(plain.hash, self.height + 1, plain.header.time)
        self.blocks.append((plain.hash, data))
        self.wallet.tracker.block_connected(data, place)
        self.wallet.last_block = plain.hash
        return plain.hash

    def connect_empty(self, number: int) -> None:
        for _ in range(number):
            self.connect()

    def disconnect(self, *, returning: bool = True) -> list[Transaction]:
        """Take the last block back; what it had goes to the mempool if it can, or else nowhere."""
        hash_, data = self.blocks.pop()
        self.wallet.tracker.block_disconnected(hash_, self.height + 1)
        self.wallet.last_block = self.blocks[-1][0]
        coinbase, *transactions = Block.parse(data).transactions
        self._drop(lambda tx: any(each.prevout.txid == coinbase.txid for each in tx.inputs))
        for tx in transactions:
            spent = {each.prevout for other in self.mempool.values() for each in other.inputs}
            if returning and not any(each.prevout in spent or each.prevout.txid == coinbase.txid for each in tx.inputs):
                self.enter(tx)
            else:
                self._drop_children(tx)
        return transactions

    def _drop_children(self, tx: Transaction) -> None:
        self._drop(lambda other: any(each.prevout.txid == tx.txid for each in other.inputs), RemovalReason.OTHER)

    def enter(self, tx: Transaction) -> None:
        """Let a transaction into the mempool; what spends the same is replaced."""
        spent = {each.prevout for each in tx.inputs}
        self._drop(lambda other: any(each.prevout in spent for each in other.inputs), RemovalReason.OTHER)
        self.mempool[tx.txid] = tx
        self.wallet.tracker.added_to_mempool(tx)

    def leave(self, tx: Transaction) -> None:
        """Let a transaction and what spends it out of the mempool."""
        self._drop(lambda other: other.txid == tx.txid, RemovalReason.OTHER)

    def _drop(self, which: Callable[[Transaction], bool], reason: RemovalReason = RemovalReason.CONFLICT) -> None:
        gone = {txid for txid, tx in self.mempool.items() if which(tx)}
        while True:
            more = {
                txid for txid, tx in self.mempool.items() if any(each.prevout.txid in gone for each in tx.inputs)
            } - gone
            if not more:
                break
            gone |= more
        for txid in gone:
            del self.mempool[txid]
        for txid in gone:
            self.wallet.tracker.removed_from_mempool(txid, reason)

    def balances(self) -> tuple[int, int, int]:
        """Return what is trusted, pending and immature."""
        found = self.wallet.ledger.balances()
        return found.trusted, found.untrusted_pending, found.immature

    def reloaded(self) -> Lab:
        """Load the wallet again, as if it had been killed, and tell it of chain and mempool."""
        path = self.wallet.database.directory
        assert path is not None
        self.wallet.database.close()
        wallet = open_wallet(path, self.keys)
        heights = {hash_: height for height, (hash_, _) in enumerate(self.blocks)}
        wallet.history.height, wallet.last_block = self.height, self.blocks[-1][0]
        settle(wallet, heights)
        for tx in self.mempool.values():
            wallet.tracker.added_to_mempool(tx)
        return Lab(wallet, self.keys, self.blocks, self.mempool, self.numbers)


def open_wallet(path: Path, keys: FakeKeys, flags: int = BLANK) -> Wallet:
    """Open a wallet of fixed scripts, or make it."""
    context = WalletContext(REGTEST, path.parent)
    database = WalletDatabase(path, REGTEST, unsafe_sync=True)
    if Records(database).flags() is None:
        wallet = Wallet.create("lab", database, context, flags)
    else:
        wallet, warnings = Wallet.load("lab", database, context)
        assert not warnings
    keys.on_scripts = None
    wallet.take_descriptor(keys)  # type: ignore[arg-type] # It has all that is asked here.
    wallet.history.find_all_own()
    wallet.history.height = 0
    return wallet


def make_lab(path: Path, scripts: int = 5, flags: int = BLANK) -> Lab:
    """Make a wallet of some scripts at the first block of a chain."""
    keys = FakeKeys([script_of(number) for number in range(scripts)])
    return Lab(open_wallet(path, keys, flags), keys)


def plain_balances(wallet: Wallet, *, include_nonmempool: bool = False) -> Balances:
    """Return the balances from all transactions, with nothing remembered and nothing clever."""
    transactions = wallet.transactions.values()
    trusted = pending = immature = used = nonmempool = 0

    def depth(wtx: WalletTx) -> int:
        return wallet.history.depth(wtx)

    def own_output(prevout: tuple[bytes, int]) -> TxOut | None:
        parent = wallet.transactions.get(prevout[0])
        output = None if parent is None else parent.tx.outputs[prevout[1]]
        return output if output is not None and wallet.is_mine(output.script_pubkey) else None

    def is_trusted(wtx: WalletTx) -> bool:
        if wtx.is_confirmed:
            return True
        if not wtx.in_mempool or not any(own_output(each.prevout) for each in wtx.tx.inputs):
            return False
        return all(
            own_output(each.prevout) is not None and is_trusted(wallet.transactions[each.prevout.txid])
            for each in wtx.tx.inputs
        )

    for wtx in transactions:
        for index, output in enumerate(wtx.tx.outputs):
            if not wallet.is_mine(output.script_pubkey):
                continue
            spenders = [
                other for other in transactions if any(each.prevout == (wtx.txid, index) for each in other.tx.inputs)
            ]
            if any(other.is_confirmed or other.in_mempool for other in spenders):
                continue
            is_spent = any(
                not other.is_abandoned and not other.is_block_conflicted and not other.mempool_conflicts
                for other in spenders
            )
            if is_spent and not include_nonmempool:
                continue
            is_immature = wtx.tx.is_coinbase and depth(wtx) <= COINBASE_MATURITY
            is_used = wallet.avoids_reuse and wallet.book.is_used(output.script_pubkey)
            value = output.value
            if wtx.is_confirmed and is_immature:
                immature, counted = immature + value * (not is_used), True
            elif is_trusted(wtx):
                trusted, counted = trusted + value * (not is_used), True
            elif wtx.in_mempool:
                pending, counted = pending + value * (not is_used), True
            else:
                counted = False
            used += value * (is_used and counted)
            nonmempool -= value * (is_spent and counted)
    return Balances(trusted, pending, immature, used, nonmempool)
