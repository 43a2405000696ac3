"""Solutions of a template that break one rule each, by Core's reject reason: a miner decides on header and coinbase."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from interfaces.mining import BlockTemplate, CoinbaseTx
from node.block_builder import solve_header
from primitives.block import BlockHeader
from primitives.merkle import root_of_path
from primitives.script import push_number
from primitives.transaction import OutPoint, Transaction, TxOut

ANYONE: Final = b"\x51"
MOST: Final = 2_100_000_000_000_000
Solution = tuple[int, int, int, bytes]
Change = Callable[[BlockHeader, Transaction], tuple[BlockHeader, Transaction]]


def solution(template: BlockTemplate, change: Change | None = None, *, solved: bool = True) -> Solution:
    """Solve a template after a change to its header and coinbase; without `solved` miss its target."""
    parts = template.get_coinbase_tx()
    header, coinbase = BlockHeader.parse(template.get_block_header()), _coinbase(parts)
    if change is not None:
        header, coinbase = change(header, coinbase)
    root = root_of_path(coinbase.txid, template.get_coinbase_merkle_path(), 0)
    header = replace(header, merkle_root=root, nonce=0)
    if solved:
        found, _ = solve_header(header, 10_000)
        assert found is not None
        header = found
    else:
        while header.is_solved:
            header = replace(header, nonce=header.nonce + 1)
    return header.version & 0xFFFFFFFF, header.time, header.nonce, coinbase.serialize()


def _coinbase(parts: CoinbaseTx) -> Transaction:
    return parts.build([TxOut(parts.block_reward_remaining, ANYONE)], data=b"\4test")


def _script(script: bytes) -> Change:
    return lambda header, coinbase: (
        header, replace(coinbase, inputs=(coinbase.inputs[0]._replace(script_sig=script),))
    )  # fmt: skip


def _height(height: int) -> Change:
    return _script(push_number(height) + b"\0")


def _output(output: TxOut) -> Change:
    return lambda header, coinbase: (header, replace(coinbase, outputs=(output, *coinbase.outputs[1:])))


def _more(*outputs: TxOut) -> Change:
    return lambda header, coinbase: (header, replace(coinbase, outputs=(*outputs, *coinbase.outputs[1:])))


def _witness(*items: bytes) -> Change:
    return lambda header, coinbase: (
        header, replace(coinbase, inputs=(coinbase.inputs[0]._replace(witness=items),))
    )  # fmt: skip


def _without_commitment(header: BlockHeader, coinbase: Transaction) -> tuple[BlockHeader, Transaction]:
    return header, replace(coinbase, outputs=coinbase.outputs[:1])


def _other_commitment(header: BlockHeader, coinbase: Transaction) -> tuple[BlockHeader, Transaction]:
    first, commitment = coinbase.outputs
    changed = commitment._replace(script_pubkey=commitment.script_pubkey[:-1] + b"\0")
    return header, replace(coinbase, outputs=(first, changed))


SOLUTIONS: Final[dict[str, Change]] = {
    "bad-version(0x00000003)": lambda header, coinbase: (replace(header, version=3), coinbase),
    "time-too-old": lambda header, coinbase: (replace(header, time=1), coinbase),
    "time-too-new": lambda header, coinbase: (replace(header, time=2**32 - 1), coinbase),
    "bad-cb-missing": lambda header, coinbase: (
        header,
        replace(coinbase, inputs=(coinbase.inputs[0]._replace(prevout=OutPoint(b"\7" * 32, 0)),)),
    ),
    "bad-cb-missing ": lambda header, coinbase: (header, replace(coinbase, inputs=coinbase.inputs * 2)),
    "bad-cb-length": _script(b"\1"),
    "bad-cb-length ": _script(bytes(101)),
    "bad-cb-height": _height(9999),
    "bad-cb-amount": _output(TxOut(51 * 10**8, ANYONE)),
    "bad-blk-length": _output(TxOut(1, bytes(1_000_000))),
    "bad-blk-sigops": _output(TxOut(1, b"\xac" * 20_001)),
    "bad-txns-vout-empty": lambda header, coinbase: (header, replace(coinbase, outputs=())),
    "bad-txns-vout-negative": _output(TxOut(-1, ANYONE)),
    "bad-txns-vout-toolarge": _output(TxOut(MOST + 1, ANYONE)),
    "bad-txns-txouttotal-toolarge": _more(TxOut(MOST, ANYONE), TxOut(1, ANYONE)),
    "bad-txns-nonfinal": lambda header, coinbase: (
        header,
        replace(coinbase, inputs=(coinbase.inputs[0]._replace(sequence=0),), lock_time=2**32 - 1),
    ),
    "bad-witness-nonce-size": _witness(),
    "bad-witness-nonce-size ": _witness(bytes(31)),
    "bad-witness-merkle-match": _witness(b"\1" * 32),
    "bad-witness-merkle-match ": _other_commitment,
    "unexpected-witness": _without_commitment,
}
