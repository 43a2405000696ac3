"""How long scripts take on the way into the mempool, and how much sooner a block connects whose scripts are known."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.mempool.payments import PUBLIC, SCRIPT, SECRET, Coin, RecentChain
from benchmarks.node.figures import tell
from common.chains import REGTEST
from node.chainstate import Chainstate
from node.coin import Coin as SpentCoin
from node.input_scripts import InputScripts
from primitives.hashes import hash160
from primitives.script import pubkey_hash_script, push_data, script_hash_script
from primitives.script_check import ScriptChecker
from primitives.secp256k1 import sign_ecdsa, sign_schnorr
from primitives.sighash import Sighashes
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

_COUNT: Final = 5_000
_PER_FAN: Final = 500
_KINDS: Final = {
    "P2WPKH": SCRIPT,
    "P2TR": b"\x51\x20" + PUBLIC[1:],
    "P2SH-P2WPKH": script_hash_script(hash160(SCRIPT)),
}
_CODE: Final = pubkey_hash_script(SCRIPT[2:])


def measure(rounds: int) -> None:
    """Print the figures."""
    for name, script in _KINDS.items():
        print(f"{_COUNT} payments that spend one {name} each")
        chain, spent = _chain(script)
        made = [Transaction.parse(_spend(coin, script).serialize()) for coin in spent]
        before = list(chain.blocks)
        block = chain.add(made).serialize()
        coins = [SpentCoin(coin.value, script, 1, is_coinbase=False) for coin in spent]
        raw, checks, cold, warm = [], [], [], []
        for _ in range(rounds):
            raw.append(_verify(made, coins))
            cold.append(_connect(before, block, [], [])[1])
            check, connect = _connect(before, block, made, coins)
            checks.append(check)
            warm.append(connect)
        tell("one verification alone", raw, "us")
        tell("check for the mempool, by policy and consensus", checks, "us")
        tell("block connects", cold, "ms")
        tell("block connects whose scripts were checked", warm, "ms")


def _chain(script: bytes) -> tuple[RecentChain, list[Coin]]:
    """Return a chain with coins behind a script."""
    chain = RecentChain(_COUNT)
    made: list[Coin] = []
    for first in range(0, _COUNT, _PER_FAN):
        fan = _move(chain.coins[first : first + _PER_FAN], script)
        chain.add([fan])
        made += [Coin(OutPoint(fan.txid, index), output.value) for index, output in enumerate(fan.outputs)]
    return chain, made


def _move(coins: list[Coin], script: bytes) -> Transaction:
    """Return a transaction that puts each coin behind another script."""
    outputs = tuple(TxOut(coin.value, script) for coin in coins)
    unsigned = Transaction(2, tuple(TxIn(coin.outpoint, b"", 0xFFFFFFFE) for coin in coins), outputs, 0)
    digests = Sighashes(unsigned)
    signed = []
    for index, (each, coin) in enumerate(zip(unsigned.inputs, coins, strict=True)):
        signature = sign_ecdsa(SECRET, digests.segwit_v0(index, _CODE, coin.value, 1)) + b"\x01"
        signed.append(each._replace(witness=(signature, PUBLIC)))
    return Transaction(2, tuple(signed), outputs, 0)


def _spend(coin: Coin, script: bytes) -> Transaction:
    outputs = (TxOut(coin.value // 2, script), TxOut(coin.value // 2 - 1000, script))
    unsigned = Transaction(2, (TxIn(coin.outpoint, b"", 0xFFFFFFFE),), outputs, 0)
    digests = Sighashes(unsigned, [TxOut(coin.value, script)])
    if script == _KINDS["P2TR"]:
        digest = digests.taproot(0, 0)
        assert digest is not None
        signed = unsigned.inputs[0]._replace(witness=(sign_schnorr(SECRET, digest),))
    else:
        signature = sign_ecdsa(SECRET, digests.segwit_v0(0, _CODE, coin.value, 1)) + b"\x01"
        script_sig = b"" if script == SCRIPT else push_data(SCRIPT)
        signed = unsigned.inputs[0]._replace(script_sig=script_sig, witness=(signature, PUBLIC))
    return Transaction(2, (signed,), outputs, 0)


def _verify(made: list[Transaction], coins: list[SpentCoin]) -> float:
    total = 0.0
    for tx, coin in zip(made, coins, strict=True):
        output, each = TxOut(coin.value, coin.script_pubkey), tx.inputs[0]
        with ScriptChecker(tx, [output]) as checker:
            checker.error(0, output, b"\x51", ())  # Prepares.
            start = time.perf_counter()
            assert checker.error(0, output, each.script_sig, each.witness) is None
            total += time.perf_counter() - start
    return total / len(made) * 1e6


def _connect(before: list[bytes], block: bytes, made: list[Transaction], coins: list[SpentCoin]) -> tuple[float, float]:
    """Return how long a check takes in microseconds, and the block in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        chain = Chainstate(Path(folder), REGTEST)
        try:
            for each in before:
                assert chain.process_block(each).accepted
            start = time.perf_counter()
            with chain.processing:
                scripts = InputScripts(chain)
                for tx, coin in zip(made, coins, strict=True):
                    assert scripts.check(tx, [coin]) is None
            checked = time.perf_counter() - start
            start = time.perf_counter()
            chain.process_block(block)
            took = time.perf_counter() - start
            assert chain.tip().height == len(before) + 1
        finally:
            chain.close()
    return checked / (len(made) or 1) * 1e6, took * 1e3
