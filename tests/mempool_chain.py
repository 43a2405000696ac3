"""A chain with coins that anybody may spend, its mempool, and short ways to make transactions and blocks."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from block_factory import build_block
from chain_recorder import open_chain

from node.block_builder import commit, solve, with_root
from node.chainstate import Chainstate
from node.clock import Clock
from node.mempool.acceptance import Acceptance
from node.mempool.chain_follower import ChainFollower
from node.mempool.entry import MempoolEntry
from node.mempool.mempool import Addition, Mempool, RemovalReason
from node.mempool.results import AcceptResult, ResultKind
from node.policy.options import MempoolOptions
from primitives.block import Block
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

SCRIPT = b"\x00\x20" + sha256(b"\x51").digest()
"""P2WSH of OP_TRUE: standard, and spent without a signature."""
WITNESS = (b"\x51",)
MATURITY = 100
SEQUENCE = 0xFFFFFFFD
VALUE = 1_000_000


@dataclass(frozen=True)
class Coin:
    """An output to spend."""

    prevout: OutPoint
    value: int


def coins_of(tx: Transaction) -> list[Coin]:
    """Return the outputs of a transaction that can be spent."""
    return [Coin(OutPoint(tx.txid, i), out.value) for i, out in enumerate(tx.outputs) if out.script_pubkey == SCRIPT]


def spend(
    coins: Sequence[Coin],
    *,
    fee: int = 1000,
    outputs: int = 1,
    version: int = 2,
    sequence: int = SEQUENCE,
    lock_time: int = 0,
    extra: Iterable[TxOut] = (),
    padding: int = 0,
) -> Transaction:
    """Make a transaction whose outputs share what is left of `coins`; `padding` bytes of data make it larger."""
    more = [*extra, TxOut(0, b"\x6a" + b"\x00" * padding)] if padding else [*extra]
    left = sum(coin.value for coin in coins) - fee - sum(out.value for out in more)
    inputs = tuple(TxIn(coin.prevout, b"", sequence, WITNESS) for coin in coins)
    made = [TxOut(left // outputs, SCRIPT) for _ in range(outputs)]
    if made:
        made[0] = TxOut(left - sum(out.value for out in made[1:]), SCRIPT)
    return Transaction(version, inputs, (*made, *more), lock_time)


@dataclass
class Listener:
    """Writes down what it hears."""

    heard: list[tuple[str, bytes, int]] = field(default_factory=list)
    additions: list[Addition] = field(default_factory=list)
    blocks: list[tuple[list[bytes], int]] = field(default_factory=list)

    def transaction_added(self, entry: MempoolEntry, sequence: int, addition: Addition) -> None:
        self.heard.append(("added", entry.txid, sequence))
        self.additions.append(addition)

    def transaction_removed(self, entry: MempoolEntry, reason: RemovalReason, sequence: int) -> None:
        self.heard.append((reason.value, entry.txid, sequence))

    def removed_for_block(self, entries: Sequence[MempoolEntry], height: int) -> None:
        self.blocks.append(([entry.txid for entry in entries], height))

    def take(self) -> list[tuple[str, bytes]]:
        """Return what happened since the last time."""
        taken = [(word, txid) for word, txid, _ in self.heard]
        self.heard.clear()
        return taken


def failed(text: str) -> None:
    raise AssertionError(text)


class MempoolChain:
    """See above."""

    def __init__(self, chain: Chainstate, options: MempoolOptions) -> None:
        self.chain = chain
        self.clock = Clock()
        self.pool = Mempool(options, self.clock)
        self.acceptance = Acceptance(chain, self.pool)
        self.follower = ChainFollower(chain, self.acceptance, failed)
        self.listener = Listener()
        self.pool.add_listener(self.listener)
        self.coins: list[Coin] = []

    def prepare(self, count: int) -> None:
        """Have so many confirmed coins."""
        first = self.mine()
        for _ in range(MATURITY):
            self.mine()
        reward = first.transactions[0]
        fan = spend([Coin(OutPoint(reward.txid, 0), reward.outputs[0].value)], fee=0, outputs=count)
        fan = Transaction(2, fan.inputs, tuple(TxOut(VALUE, SCRIPT) for _ in range(count)), 0)
        inputs = tuple(each._replace(witness=()) for each in fan.inputs)
        fan = Transaction(2, inputs, fan.outputs, 0)
        self.mine([fan])
        self.coins = coins_of(fan)

    def take(self, count: int = 1) -> list[Coin]:
        """Return coins nobody else got."""
        taken, self.coins = self.coins[:count], self.coins[count:]
        assert len(taken) == count
        return taken

    def block(self, transactions: Sequence[Transaction] = (), *, extra: int = 0) -> Block:
        """Make a block on the tip."""
        tip = self.chain.tip()
        block = Block.parse(build_block(tip.hash, tip.height + 1, extra=extra))
        if transactions:
            block = Block(block.header, (*block.transactions, *transactions))
            if any(tx.has_witness for tx in transactions):
                block = commit(block, has_witness=True)
            solved, _ = solve(with_root(Block(replace(block.header, nonce=0), block.transactions)), 1000)
            assert solved is not None
            block = solved
        return block

    def mine(self, transactions: Sequence[Transaction] = (), *, extra: int = 0) -> Block:
        """Add a block to the chain."""
        block = self.block(transactions, extra=extra)
        verdict = self.chain.process_block(block.serialize())
        assert verdict.accepted, verdict
        assert self.chain.tip().hash == block.header.hash
        return block

    def mine_all(self) -> Block:
        """Add a block that has all of the mempool."""
        chunks = [nodes for nodes, _, _ in self.pool.graph.mining_order()]
        entries = (self.pool.get(node.txid) for nodes in chunks for node in nodes)
        return self.mine([entry.transaction() for entry in entries if entry is not None])

    def undo(self, count: int = 1) -> None:
        """Leave blocks, as if they were invalid."""
        self.chain.invalidate_block(self.chain.tip().ancestor(self.chain.tip().height - count + 1))

    def send(self, tx: Transaction) -> AcceptResult:
        """Send a transaction that should come in."""
        result = self.acceptance.accept(tx)
        assert result.kind is ResultKind.VALID, result
        return result

    def refused(self, tx: Transaction) -> str:
        """Send a transaction that should not come in, and return why it did not."""
        before = self.pool.sequence, len(self.pool)
        result = self.acceptance.accept(tx)
        assert result.kind is ResultKind.INVALID
        assert result.rejection is not None
        assert (self.pool.sequence, len(self.pool)) == before
        return result.rejection.text

    def txids(self) -> set[bytes]:
        """Return the ids of all in the mempool."""
        return {entry.txid for entry in self.pool.entries()}

    def close(self) -> None:
        self.follower.close()
        self.chain.close()


@contextmanager
def mempool_chain(folder: Path, coins: int = 20, options: MempoolOptions | None = None) -> Iterator[MempoolChain]:
    """Open a chain with coins in a folder."""
    made = MempoolChain(open_chain(folder), options or MempoolOptions())
    try:
        made.prepare(coins)
        yield made
    finally:
        made.close()
