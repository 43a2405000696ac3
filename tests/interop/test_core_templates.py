"""Templates beside Core's: the same transactions, fees, sigops and coinbase, by JSON-RPC and over IPC."""

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bad_solutions import SOLUTIONS, Change, solution
from json_rpc_node import CORE, PYNODE, JsonRpcNode, core, json_rpc_node
from mempool_chain import SCRIPT, Coin, coins_of, spend

from cli.program_init import ProgramInit
from interfaces.mining import BlockCreateOptions, BlockTemplate, BlockValidation, BlockWaitOptions, Mining
from ipc import Ipc, UnimplementedError
from primitives.block import Block, BlockHeader
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

TIME = 1_800_000_000
OPTIONS = (f"-mocktime={TIME}", "-ipcbind=unix", "-checkmempool=0")
SEGWIT = {"rules": ["segwit"]}
SIGNING = b"\x51" + b"\xac" * 15
FEES = (120, 200, 200, 500, 1000, 1000, 5000, 20_000)


@dataclass
class Pair:
    theirs: JsonRpcNode
    ours: JsonRpcNode
    miners: tuple[Mining, Mining]

    def both(self, method: str, *params: Any) -> Any:
        theirs, ours = self.theirs.reply(method, *params), self.ours.reply(method, *params)
        assert ours == theirs, (method, params)
        return theirs[0]

    def create(self, options: BlockCreateOptions) -> tuple[BlockTemplate, BlockTemplate]:
        theirs, ours = (miner.create_new_block(options, cooldown=False) for miner in self.miners)
        assert theirs is not None
        assert ours is not None
        return theirs, ours


@pytest.fixture(params=CORE)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        theirs = stack.enter_context(json_rpc_node(core(request.param), tmp_path / "theirs", *OPTIONS))
        ours = stack.enter_context(json_rpc_node(PYNODE, tmp_path / "ours", *OPTIONS))
        ipc = stack.enter_context(Ipc("pyclient", sys.argv[0], ProgramInit()))
        miners = []
        for node in (theirs, ours):
            init = ipc.connect_address(f"unix:{node.network_dir}/node.sock")
            assert init is not None
            mining = init.make_mining()
            assert mining is not None
            miners.append(mining)
        yield Pair(theirs, ours, (miners[0], miners[1]))


def prepare(pair: Pair, count: int) -> list[Coin]:
    """Give both the same chain with coins."""
    hashes = pair.theirs.rpc("generatetodescriptor", 110, "raw(51)")
    for block in pair.theirs.batch([("getblock", [each, 0]) for each in hashes]):
        assert pair.ours.rpc("submitblock", block) is None
    coinbase = Transaction.parse(bytes.fromhex(pair.theirs.rpc("getblock", hashes[0], 2)["tx"][0]["hex"]))
    value = coinbase.outputs[0].value // count
    fan = Transaction(2, (TxIn(OutPoint(coinbase.txid, 0), b"", 0),), (TxOut(value, SCRIPT),) * count, 0)
    pair.theirs.rpc("generateblock", "raw(51)", [fan.serialize().hex()])
    block = pair.theirs.rpc("getblock", pair.theirs.rpc("getbestblockhash"), 0)
    assert pair.ours.rpc("submitblock", block) is None
    return coins_of(fan)


def traffic(coins: list[Coin], chosen: random.Random, count: int) -> Iterator[Transaction]:
    """Spend coins and what was made of them, by chance."""
    for _ in range(count):
        inputs = [coins.pop(chosen.randrange(len(coins))) for _ in range(chosen.choice((1, 1, 1, 2, 3)))]
        extra = (TxOut(1000, SIGNING),) if chosen.random() < 0.1 else ()
        padding = chosen.choice((0, 0, 0, 500, 5000))
        made = spend(
            inputs,
            fee=chosen.choice(FEES) * (1 + padding // 200),
            outputs=chosen.choice((1, 1, 2, 3)),
            extra=extra,
            padding=padding,
        )
        coins += coins_of(made)
        yield made


def told(template: dict[str, Any]) -> dict[str, Any]:
    """Return all but what counts changes, which begins elsewhere."""
    return {**template, "longpollid": template["longpollid"][:64]}


def seen(template: BlockTemplate) -> tuple[object, ...]:
    block = Block.parse(template.get_block())
    return (
        block,
        template.get_block_header(),
        template.get_tx_fees(),
        template.get_tx_sigops(),
        template.get_coinbase_merkle_path(),
        template.get_coinbase_tx(),
    )


@pytest.mark.parametrize("seed", range(3))
def test_same_templates(pair: Pair, seed: int) -> None:
    chosen = random.Random(seed)
    coins = prepare(pair, 300)
    for number in range(3):
        for made in traffic(coins, chosen, 60):
            pair.both("sendrawtransaction", made.serialize().hex(), 0)
        names = pair.both("getrawmempool")
        for name in chosen.sample(sorted(names), 5):
            pair.both("prioritisetransaction", name, 0, chosen.choice((-500, 1000, 100_000)))
        # What was served last is served again for a few seconds.
        assert told(pair.ours.rpc("getblocktemplate", SEGWIT)) == told(pair.theirs.rpc("getblocktemplate", SEGWIT))
        pair.both("setmocktime", TIME + 10 * (number + 1))
        template = pair.ours.rpc("getblocktemplate", SEGWIT)
        assert told(template) == told(pair.theirs.rpc("getblocktemplate", SEGWIT))
        assert len(template["transactions"]) > 20
        for reserved in (2000, 8000, 3_900_000, 3_980_000, 4_000_000):
            theirs, ours = pair.create(BlockCreateOptions(True, reserved, chosen.choice((0, 400, 79_000))))
            assert seen(ours) == seen(theirs)
        theirs, ours = pair.create(BlockCreateOptions())
        tip = solve(ours)
        assert pair.theirs.rpc("submitblock", ours.get_block().hex()) is None
        assert pair.both("getbestblockhash") == tip
        for before in (theirs, ours):
            assert before.wait_next(BlockWaitOptions(0.0)) is not None
        assert len(pair.both("getrawmempool")) == len(names) - len(template["transactions"])
        # The time of the next block must be later than that of most before.
        assert told(pair.ours.rpc("getblocktemplate", SEGWIT)) == told(pair.theirs.rpc("getblocktemplate", SEGWIT))


def solve(template: BlockTemplate) -> str:
    verdict = template.submit_solution(*solution(template))
    assert verdict.result, verdict
    return BlockHeader.parse(template.get_block_header()).hash[::-1].hex()


def test_same_verdicts_on_solutions(pair: Pair) -> None:
    prepare(pair, 1)

    def submit(change: Change | None = None) -> BlockValidation | bool:
        """Submit to both, as clients of Core's version do."""
        theirs, ours = pair.create(BlockCreateOptions())
        made = solution(ours, change)
        try:
            expected: BlockValidation | bool = theirs.submit_solution(*made)
            assert ours.submit_solution(*made) == expected
        except UnimplementedError:
            expected = theirs.submit_solution_old7(*made)
            assert ours.submit_solution_old7(*made) is expected
        assert ours.get_block() == theirs.get_block()
        return expected

    for reason, change in SOLUTIONS.items():
        found = submit(change)
        assert isinstance(found, bool) or found.reason == reason.rstrip()
    assert submit() in {True, BlockValidation("", "", result=True)}
    pair.both("getbestblockhash")
