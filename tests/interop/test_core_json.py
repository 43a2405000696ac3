"""Transactions, scripts and addresses: what Bitcoin Core's node answers, ours answers, digit for digit."""

import base64
import http.client
import json
import os
import random
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block, spend
from conftest import wait_until

from common.chains import REGTEST
from node.chainstate import Chainstate
from node.context import NodeContext
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from primitives import bech32
from primitives.address import encode
from primitives.block import Block
from primitives.script import (
    multisig_script,
    pubkey_hash_script,
    pubkey_script,
    push_data,
    push_number,
    script_hash_script,
    witness_script,
)
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc.request import Caller

VERSIONS = [v for v in ("31", "32") if os.environ.get(f"BITCOIN_NODE_V{v}")]
_POINT = (
    "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
)
KEYS = [bytes.fromhex(key) for key in (f"02{_POINT[:64]}", f"03{_POINT[:64]}", f"04{_POINT}", f"06{_POINT}")]
SIGNATURE = bytes.fromhex(
    "304502207fa7a6d1e0ee81132a269ad84e68d695483745cde8b541e3bf630749894e342a022100c1f7ab20e13e22fb95281a870f3dcf38d782"
    "e53023ee313d741ad0cfbc0c5090"
)


class Pair:
    """Core's node and ours, asked the same."""

    def __init__(self, port: int, cookie: bytes, chainstate: Chainstate, path: Path) -> None:
        self._headers = {"Authorization": f"Basic {base64.b64encode(cookie).decode()}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._server = RpcServer(full_table())
        self._server.finish_warmup(NodeContext(REGTEST, chainstate, path, lambda: None))

    def theirs(self, method: str, *params: object) -> bytes:
        body = json.dumps({"method": method, "params": params, "id": 1})
        self._connection.request("POST", "/", body, self._headers)
        return self._connection.getresponse().read().strip()

    def ours(self, method: str, *params: object) -> bytes:
        body = self._server.answer(json.dumps({"method": method, "params": params, "id": 1}), Caller()).body
        assert body is not None
        return bytes(body).strip()

    def agree(self, method: str, *params: object) -> Any:
        theirs, ours = self.theirs(method, *params), self.ours(method, *params)
        assert ours == theirs, f"{method} {params}"
        return json.loads(ours)["result"]

    def close(self) -> None:
        self._connection.close()


def build_chain() -> tuple[list[bytes], Transaction]:
    blocks = [build_block(REGTEST_GENESIS_HASH, 1)]
    while len(blocks) < 100:
        blocks.append(build_block(block_hash(blocks[-1]), len(blocks) + 1))
    coin = Block.parse(blocks[0]).transactions[0].txid + bytes(4)
    made = spend(coin, 25 * 10**8, 24 * 10**8)
    blocks.append(build_block(block_hash(blocks[-1]), 101, transactions=(made,)))
    return blocks, Transaction.parse(made)


@pytest.fixture(params=VERSIONS, scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    theirs, ours = tmp_path_factory.mktemp("core"), tmp_path_factory.mktemp("ours")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    process = subprocess.Popen(
        [
            os.environ[f"BITCOIN_NODE_V{request.param}"],
            "-regtest",
            f"-datadir={theirs}",
            "-listen=0",
            f"-rpcport={port}",
            "-printtoconsole=0",
        ]
    )
    try:
        cookie = theirs / "regtest" / ".cookie"
        log = theirs / "regtest" / "debug.log"
        wait_until(lambda: cookie.exists() and b"Done loading" in log.read_bytes(), "Core listens")
        chainstate = Chainstate(ours, REGTEST)
        pair = Pair(port, cookie.read_bytes(), chainstate, ours)
        for block in build_chain()[0]:
            chainstate.process_block(block)
            pair.theirs("submitblock", block.hex())
        yield pair
        pair.close()
        chainstate.close()
    finally:
        process.terminate()
        process.wait(30)


def any_script(dice: random.Random) -> bytes:
    """Return a script of any kind, perhaps damaged."""
    count = dice.choice([1, 2, 3, 16, 17, 20, 21])
    kinds: list[Callable[[], bytes]] = [
        lambda: pubkey_script(dice.choice(KEYS)),
        lambda: pubkey_hash_script(dice.randbytes(20)),
        lambda: script_hash_script(dice.randbytes(20)),
        lambda: witness_script(0, dice.randbytes(dice.choice([20, 32, 5]))),
        lambda: witness_script(1, dice.randbytes(dice.choice([2, 32, 40]))),
        lambda: witness_script(1, dice.choice(KEYS)[1:33]),
        lambda: witness_script(dice.randrange(2, 17), dice.randbytes(dice.randrange(2, 41))),
        lambda: multisig_script(dice.randrange(count + 2), [dice.choice(KEYS) for _ in range(count)]),
        lambda: b"\x6a" + b"".join(push_data(dice.randbytes(dice.choice([0, 1, 4, 80]))) for _ in range(3)),
        lambda: b"\x51\x02\x4e\x73",
        lambda: push_data(SIGNATURE + bytes([dice.choice([0, 1, 2, 3, 4, 0x81, 0x83])])) + push_data(KEYS[0]),
        lambda: b"".join(push_number(dice.choice([0, 1, -1, 16, 17, 255, -(2**31) + 1, 2**39])) for _ in range(4)),
        lambda: push_data(KEYS[0]) + b"\xad" + push_number(dice.choice([1, 144, 2**31])) + b"\xb2",
        lambda: dice.randbytes(dice.randrange(40)),
        lambda: bytes(dice.choice([0, 1, 0x4C, 0x4E, 0x4F, 0x50, 0x61, 0xAC, 0xB1, 0xBA, 0xFF]) for _ in range(6)),
    ]
    script = bytearray(dice.choice(kinds)())
    if script and dice.random() < 0.15:
        script[dice.randrange(len(script))] = dice.randrange(256)
    return bytes(script)


def any_transaction(dice: random.Random) -> Transaction:
    inputs = tuple(
        TxIn(
            OutPoint(dice.randbytes(32), dice.choice([0, 1, 2**32 - 1])),
            dice.choice([b"", any_script(dice)]),
            dice.choice([0, 5, 2**32 - 1]),
            dice.choice([(), tuple(dice.randbytes(dice.choice([0, 1, 71, 300])) for _ in range(3))]),
        )
        for _ in range(dice.randrange(1, 4))
    )
    if dice.random() < 0.1:
        inputs = (TxIn(OutPoint(bytes(32), 2**32 - 1), any_script(dice), 0, (bytes(32),)),)
    values = [0, 1, -1, 10**8, 2**63 - 1, -(2**63), 2_100_000_000_000_001]
    outputs = tuple(TxOut(dice.choice(values), any_script(dice)) for _ in range(dice.randrange(1, 6)))
    return Transaction(dice.choice([1, 2, 2**32 - 1]), inputs, outputs, dice.choice([0, 500_000_000]))


def test_transactions_are_printed_alike(pair: Pair) -> None:
    dice = random.Random(1)
    for _ in range(150):
        data = bytearray(any_transaction(dice).serialize())
        pair.agree("decoderawtransaction", data.hex(), True)
        for _ in range(2):
            data[dice.randrange(len(data))] = dice.choice([0, 1, 2, 253, 255])
            pair.agree("decoderawtransaction", data.hex(), dice.choice([None, True, False]))


def test_scripts_are_decoded_alike(pair: Pair) -> None:
    dice = random.Random(2)
    for _ in range(300):
        pair.agree("decodescript", any_script(dice).hex())


def test_addresses_are_read_alike(pair: Pair) -> None:
    dice = random.Random(3)
    for _ in range(300):
        address = list(encode(any_script(dice), REGTEST) or "2N2dk7esT78yBT8W5YwkQASdzH7m92u36Qh")
        for _ in range(dice.randrange(4)):
            address[dice.randrange(len(address))] = dice.choice([*bech32.CHARSET, "1", "Q", " ", "b", "\u00e4"])
        pair.agree("validateaddress", "".join(address))


def test_transactions_are_made_alike(pair: Pair) -> None:
    dice = random.Random(4)
    odd: list[object] = [None, True, 0, -1, 1, "foo", "1.000000001", 21_000_001, 2**31, 2**32, [], {}]
    for _ in range(150):
        inputs = [{"txid": "ab" * 32, "vout": dice.choice([0, 1, 1, *odd])}] if dice.random() < 0.7 else []
        pairs = {
            encode(witness_script(0, dice.randbytes(20)), REGTEST): dice.choice([0.1, 1, *odd]),
            "data": dice.choice(["aa", "00ff", "zz", 55, *odd]),
            "foo": 1,
        }
        chosen = {key: pairs[key] for key in dice.sample(list(pairs), dice.randrange(3))}
        outputs = dice.choice([chosen, [{key: value} for key, value in chosen.items()], dice.choice(odd)])
        options = [0, dice.choice([True, False, None])][: dice.randrange(3)]
        pair.agree("createrawtransaction", inputs, outputs, *options)
    for kind in ("legacy", "p2sh-segwit", "bech32", "bech32m", "foo"):
        for count in (1, 2, 16, 21):
            keys = [dice.choice(KEYS).hex() for _ in range(count)]
            pair.agree("createmultisig", dice.choice([0, 1, count, count + 1]), keys, kind)
            pair.agree("createmultisig", 1, [KEYS[0].hex()] * count, kind)


def test_transactions_of_the_chain_are_told_alike(pair: Pair) -> None:
    blocks, made = build_chain()
    last = block_hash(blocks[-1])[::-1].hex()
    first = block_hash(blocks[0])[::-1].hex()
    txids = [each.txid[::-1].hex() for each in (made, Block.parse(blocks[-1]).transactions[0])]
    for verbosity in (0, 1, 2, False, "x"):
        for txid in (*txids, "00" * 32, "zz"):
            for place in ([last], [first], ["00" * 32], ["zz"], []):
                pair.agree("getrawtransaction", txid, verbosity, *place)
