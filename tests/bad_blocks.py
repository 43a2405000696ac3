"""Blocks on a chain of regtest that break one rule each, by Core's reject reason, and what they are made of."""

from collections.abc import Callable
from typing import Final

from block_factory import GENESIS_TIME, block_hash
from chain_recorder import branch

from node.block_builder import commit, solve, with_root
from primitives.block import Block, BlockHeader
from primitives.script import push_number
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

MATURITY: Final = 100
ANYONE: Final = b"\x51"
COIN: Final = 10**8
NULL: Final = OutPoint(bytes(32), 0xFFFFFFFF)
BASE: Final = branch(MATURITY + 2)
TIP: Final = block_hash(BASE[-1])
HEIGHT: Final = len(BASE) + 1
TIME: Final = GENESIS_TIME + HEIGHT * 600
COINS: Final = [Block.parse(block).transactions[0] for block in BASE]


def coinbase(
    script: bytes | None = None, value: int = 50 * COIN, witness: tuple[bytes, ...] = (), inputs: int = 1
) -> Transaction:
    script = push_number(HEIGHT) + b"\0" if script is None else script
    first = TxIn(NULL, script, 0xFFFFFFFF, witness)
    return Transaction(1, (first,) * inputs, (TxOut(value, ANYONE),), 0)


def spend(*sources: Transaction, fee: int = 0, script_sig: bytes = b"", lock_time: int = 0, sequence: int = 0xFFFFFFFF,
          witness: tuple[bytes, ...] = (), outputs: tuple[TxOut, ...] | None = None) -> Transaction:  # fmt: skip
    value = sum(source.outputs[0].value for source in sources)
    return Transaction(
        2,
        tuple(TxIn(OutPoint(source.txid, 0), script_sig, sequence, witness) for source in sources),
        (TxOut(value - fee, ANYONE),) if outputs is None else outputs,
        lock_time,
    )


def block(
    *transactions: Transaction,
    first: Transaction | None = None,
    parent: bytes = TIP,
    version: int = 0x20000000,
    time: int = TIME,
    bits: int = 0x207FFFFF,
    commits: bool = False,
) -> Block:
    header = BlockHeader(version, parent, bytes(32), time, bits, 0)
    made = Block(header, (coinbase() if first is None else first, *transactions))
    return solved(commit(made, has_witness=True) if commits else made)


def solved(made: Block) -> Block:
    made = with_root(made)
    if made.header.bits != 0x207FFFFF:
        return made
    found, _ = solve(made, 1000)
    assert found is not None
    return found


def unsolved() -> Block:
    made = with_root(block())
    for nonce in range(1000):
        header = made.header
        bad = BlockHeader(header.version, header.previous, header.merkle_root, header.time, header.bits, nonce)
        if bad.hash[31] >= 0x80:
            return Block(bad, made.transactions)
    raise AssertionError


def wrong_root() -> Block:
    made = block()
    header = made.header
    while True:
        header = BlockHeader(header.version, TIP, b"\1" * 32, header.time, header.bits, header.nonce + 1)
        if header.hash[31] < 0x7F:
            return Block(header, made.transactions)


def doubled() -> Block:
    """Return a block whose merkle root also fits without its last transactions (CVE-2012-2459)."""
    first, second = spend(COINS[0]), spend(COINS[1])
    good = block(first, second)
    return Block(good.header, (*good.transactions, good.transactions[-1]))


SIGOPS = spend(COINS[0], outputs=(TxOut(1, b"\xac" * 20_001),))
UNKNOWN = Transaction(2, (TxIn(OutPoint(b"\7" * 32, 0), b"", 0xFFFFFFFF),), (TxOut(1, ANYONE),), 0)


def _changed_witness() -> Block:
    made = block(spend(COINS[0], witness=(b"\1",)), commits=True)
    return Block(made.header, (made.transactions[0], spend(COINS[0], witness=(b"\2",))))


def _nonce(nonce: bytes) -> Block:
    made = block(spend(COINS[0], witness=(b"\1",)), commits=True)
    first = made.transactions[0]
    inputs = (TxIn(NULL, first.inputs[0].script_sig, first.inputs[0].sequence, (nonce,)),)
    changed = Transaction(first.version, inputs, first.outputs, first.lock_time)
    return Block(made.header, (changed, *made.transactions[1:]))


CASES: Final[dict[str, Callable[[], Block]]] = {
    "high-hash": unsolved,
    "bad-diffbits": lambda: block(bits=0x207FFFFE),
    "bad-txnmrklroot": wrong_root,
    "bad-txns-duplicate": doubled,
    "time-too-old": lambda: block(time=GENESIS_TIME + (HEIGHT - 7) * 600),
    "time-too-new": lambda: block(time=2**32 - 1),
    "bad-version(0x00000003)": lambda: block(version=3),
    "prev-blk-not-found": lambda: block(parent=b"\7" * 32),
    "bad-cb-missing": lambda: block(first=spend(COINS[0])),
    "bad-cb-multiple": lambda: block(coinbase(b"\1\1")),
    "bad-cb-length": lambda: block(first=coinbase(b"\1")),
    "bad-cb-length ": lambda: block(first=coinbase(b"\1" * 101)),
    "bad-cb-height": lambda: block(first=coinbase(push_number(HEIGHT + 1))),
    "bad-cb-amount": lambda: block(first=coinbase(value=50 * COIN + 1)),
    "bad-cb-amount ": lambda: block(spend(COINS[0], fee=5), first=coinbase(value=50 * COIN + 6)),
    "bad-blk-length": lambda: block(spend(COINS[0], script_sig=b"\0" * 1_000_000)),
    "bad-blk-sigops": lambda: block(SIGOPS),
    "bad-txns-vin-empty": lambda: block(Transaction(2, (), (), 0)),
    "bad-txns-vout-empty": lambda: block(spend(COINS[0], outputs=())),
    "bad-txns-vout-negative": lambda: block(spend(COINS[0], outputs=(TxOut(-1, ANYONE),))),
    "bad-txns-vout-toolarge": lambda: block(spend(COINS[0], outputs=(TxOut(21_000_000 * COIN + 1, ANYONE),))),
    "bad-txns-txouttotal-toolarge": lambda: block(
        spend(COINS[0], outputs=(TxOut(21_000_000 * COIN, ANYONE), TxOut(1, ANYONE)))
    ),
    "bad-txns-inputs-duplicate": lambda: block(spend(COINS[0], COINS[0])),
    "bad-txns-prevout-null": lambda: block(
        Transaction(2, (TxIn(OutPoint(COINS[0].txid, 0), b"", 0), TxIn(NULL, b"", 0)), (TxOut(1, ANYONE),), 0)
    ),
    "bad-txns-inputs-missingorspent": lambda: block(UNKNOWN),
    "bad-txns-inputs-missingorspent ": lambda: block(spend(COINS[0]), spend(COINS[0], fee=1)),
    "bad-txns-premature-spend-of-coinbase": lambda: block(spend(COINS[-1])),
    "bad-txns-in-belowout": lambda: block(spend(COINS[0], fee=-1)),
    "bad-txns-nonfinal": lambda: block(spend(COINS[0], lock_time=HEIGHT, sequence=0)),
    "bad-txns-nonfinal ": lambda: block(spend(COINS[0], sequence=1000)),
    "block-script-verify-flag-failed (Operation not valid with the current stack size)": lambda: block(
        spend(COINS[0], outputs=(TxOut(50 * COIN, b"\x75"),)),
        spend(spend(COINS[0], outputs=(TxOut(50 * COIN, b"\x75"),))),
    ),
    "bad-witness-merkle-match": _changed_witness,
    "bad-witness-nonce-size": lambda: _nonce(b"\0" * 31),
    "unexpected-witness": lambda: block(spend(COINS[0], witness=(b"\1",))),
}
