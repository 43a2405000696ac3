"""Coins looked up in the kernel's own memory."""

from pathlib import Path

from block_factory import block_hash, build_block, double_sha256
from chain_recorder import branch, feed, open_chain

from node.coin import Coin
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

SIZES = (0, 1, 22, 34, 35, 36, 37, 38, 71, 520, 10_000)


def test_coins_are_what_blocks_made(tmp_path: Path) -> None:
    chain = open_chain(tmp_path)
    try:
        blocks = branch(101)
        feed(chain, blocks)
        reward = Transaction.parse_from(blocks[0], 81)[0]
        outputs = tuple(TxOut(1000 + size, b"\x51" * size) for size in SIZES)
        made = Transaction(2, (TxIn(OutPoint(reward.txid, 0), b"", 0),), (*outputs, TxOut(7, b"\x6a")), 0)
        feed(chain, [build_block(block_hash(blocks[-1]), 102, transactions=[made.serialize()])])
        chain.flush()
        with chain.processing:
            coins = chain.coins()
            for index, output in enumerate(outputs):
                key = made.txid + index.to_bytes(4, "little")
                for _ in range(2):  # From the cache, then from the disk.
                    found = coins.get(key)
                    assert found == Coin(output.value, output.script_pubkey, 102, is_coinbase=False)
                    assert coins.is_cached(key)
                    coins.uncache(key)
                    assert not coins.is_cached(key)
            assert coins.get(made.txid + len(outputs).to_bytes(4, "little")) is None  # Nobody can spend it.
            assert coins.get(reward.txid + bytes(4)) is None  # It is spent.
            assert coins.get(double_sha256(b"") + bytes(4)) is None
            other = Transaction.parse_from(blocks[1], 81)[0]
            found = coins.get(other.txid + bytes(4))
            assert found is not None
            assert (found.height, found.is_coinbase, found.value) == (2, True, other.outputs[0].value)
    finally:
        chain.close()
