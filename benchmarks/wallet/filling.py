"""A wallet of many transactions, and the blocks that hold them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.node.chain_of_blocks import ChainOfBlocks
from common.chains import REGTEST
from primitives.descriptor import OutputType
from primitives.descriptor_checksum import add_checksum
from primitives.descriptor_parsing import parse_descriptor
from primitives.hashes import sha256d
from primitives.signing_data import SigningData
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.importing import add_descriptor
from wallet.wallet import Wallet

if TYPE_CHECKING:
    from pathlib import Path

PAYMENTS: Final = 10_000
_PER_BLOCK: Final = 100
_MATURITY: Final = 100
_ADDRESSES: Final = 5_000
_ANYBODY: Final = b"\x51"
_OWN: Final = b"\x52"
"""Anybody may spend it too, but the wallet watches it, so that what spends it was sent."""
_STRANGER: Final = b"\x00\x14" + b"\x07" * 20
_FEE: Final = 200


@dataclass(frozen=True, slots=True)
class Filled:
    """A wallet that has not seen the blocks yet, in the folder `name` of a wallet directory."""

    name: str
    blocks: list[bytes]


def fill(wallet_dir: Path) -> Filled:
    """Make a wallet, and a chain with 10,000 transactions of it.

    Half pay 5,000 addresses of the wallet, a quarter a script that it watches, and a quarter spend from that.
    """
    wallet = Wallet.create("many", WalletDatabase(wallet_dir / "many", REGTEST), WalletContext(REGTEST, wallet_dir), 0)
    descriptor = parse_descriptor(add_checksum(f"raw({_OWN.hex()})"), REGTEST).descriptors[0]
    add_descriptor(wallet, descriptor, SigningData(), 1, (0, 0), 0)
    with wallet.database.transaction():
        scripts = [wallet.keypool.new_address(OutputType.BECH32, "") for _ in range(_ADDRESSES)]
    wallet.close()
    return Filled("many", _blocks(scripts))


def _blocks(scripts: list[bytes]) -> list[bytes]:
    chain = ChainOfBlocks()
    first = chain.add()
    for _ in range(_MATURITY):
        chain.add()
    value = 50 * 10**8 // PAYMENTS
    fan_out = _transaction(sha256d(first[81:]) + bytes(4), [(value, _ANYBODY)] * PAYMENTS)
    chain.add([fan_out])
    coins = [sha256d(fan_out) + struct.pack("<I", index) for index in range(PAYMENTS)]
    transactions = []
    for number, coin in enumerate(coins[: PAYMENTS * 3 // 4]):
        if number % 3 < 2:
            script = scripts[(number * 2 // 3) % len(scripts)]
            transactions.append(_transaction(coin, [(value // 2, script), (value // 2 - _FEE, _STRANGER)]))
        else:
            received = _transaction(coin, [(value - _FEE, _OWN)])
            transactions.append(received)
            spent = sha256d(received) + bytes(4)
            transactions.append(_transaction(spent, [(value // 4, _STRANGER), (value // 2, _OWN)]))
    for start in range(0, len(transactions), _PER_BLOCK):
        chain.add(transactions[start : start + _PER_BLOCK])
    return chain.blocks


def _transaction(prevout: bytes, outputs: list[tuple[int, bytes]]) -> bytes:
    count = bytes((len(outputs),)) if len(outputs) < 0xFD else b"\xfd" + struct.pack("<H", len(outputs))
    made = b"".join(struct.pack("<qB", value, len(script)) + script for value, script in outputs)
    return struct.pack("<iB", 2, 1) + prevout + b"\0\xff\xff\xff\xff" + count + made + bytes(4)
