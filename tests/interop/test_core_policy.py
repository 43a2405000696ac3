"""Our policy beside Core's: the same verdicts, in the same words, on transactions made by chance."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chain_recorder import feed, open_chain
from json_rpc_node import CORE, JsonRpcNode, core, json_rpc_node
from policy_cases import KINDS, Kind, Spendable, anybody, transaction

from node.chainstate import Chainstate
from node.coin import Coin
from node.input_scripts import InputScripts
from node.policy import ephemeral, standard, truc
from node.policy.consensus import check_inputs, check_transaction, is_final, sequence_locks
from node.policy.options import MempoolOptions
from node.policy.reject import Rejection, TxResult
from primitives.block import Block
from primitives.fee_rate import FeeRate
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

pytestmark = pytest.mark.skipif(not CORE, reason="neither BITCOIN_NODE_V31 nor BITCOIN_NODE_V32 is set")
NONSTANDARD_INPUTS = "bad-txns-nonstandard-inputs"
CASES = 1500
COUNT = 12
"""Coins of each kind."""
STRICT = MempoolOptions(
    min_relay=FeeRate(1000),
    dust_relay=FeeRate(10_000),
    permit_bare_multisig=False,
    max_datacarrier=83,
    bytes_per_sigop=300,
)
STRICT_OPTIONS = (
    "-minrelaytxfee=0.00001",
    "-dustrelayfee=0.0001",
    "-permitbaremultisig=0",
    "-datacarriersize=83",
    "-bytespersigop=300",
)


class World:
    """A chain that both know, with coins of every kind."""

    def __init__(self, node: JsonRpcNode, chain: Chainstate) -> None:
        self.node = node
        self.chain = chain
        self.coins: dict[OutPoint, Coin] = {}
        self.spendable: list[Spendable] = []
        node.rpc("generatetodescriptor", 101 + COUNT, "raw(51)")
        for number in range(COUNT):
            coinbase = Block.parse(self.block(number + 1)).transactions[0]
            value = coinbase.outputs[0].value // len(KINDS)
            made = tuple(TxOut(value - random.randrange(1000), kind.script) for kind in KINDS)
            spend = TxIn(OutPoint(coinbase.txid, 0), b"", 0xFFFFFFFF)
            node.rpc("generateblock", "raw(51)", [Transaction(2, (spend,), made, 0).serialize().hex()])
        node.rpc("generatetodescriptor", 1, "raw(51)")
        anyone = Kind("coinbase", b"\x51", anybody())
        for height in range(1, node.rpc("getblockcount") + 1):
            data = self.block(height)
            feed(chain, [data])
            for tx in Block.parse(data).transactions:
                for index, output in enumerate(tx.outputs):
                    outpoint = OutPoint(tx.txid, index)
                    self.coins[outpoint] = Coin(*output, height, tx.is_coinbase)
                    kind = anyone if tx.is_coinbase else KINDS[index]
                    if output.value and (not tx.is_coinbase or height % 20 == 0):
                        self.spendable.append(Spendable(outpoint, output.value, kind))
                for each in tx.inputs:
                    self.coins.pop(each.prevout, None)
        self.spendable = [each for each in self.spendable if each.outpoint in self.coins]

    def block(self, height: int) -> bytes:
        return bytes.fromhex(self.node.rpc("getblock", self.node.rpc("getblockhash", height), 0))


def judge(world: World, tx: Transaction, options: MempoolOptions, scripts: InputScripts) -> Rejection | tuple[int, int]:
    """Return why a transaction is not taken into an empty mempool, or its size and its fee (Core: PreChecks)."""
    tip = world.chain.tip()
    if rejection := check_transaction(tx):
        return rejection
    if tx.is_coinbase:
        return Rejection(TxResult.CONSENSUS, "coinbase")
    if options.require_standard and (reason := standard.standard_reason(tx, options)):
        return Rejection(TxResult.NOT_STANDARD, reason)
    if tx.stripped_size < standard.MIN_STRIPPED_SIZE:
        return Rejection(TxResult.NOT_STANDARD, "tx-size-small")
    if not is_final(tx, tip.height + 1, tip.median_time_past):
        return Rejection(TxResult.PREMATURE_SPEND, "non-final")
    coins = [world.coins[each.prevout] for each in tx.inputs if each.prevout in world.coins]
    if len(coins) < len(tx.inputs):
        return Rejection(TxResult.MISSING_INPUTS, "missing-inputs")
    if not sequence_locks(tx, coins, tip).allow(tip.height + 1, tip.median_time_past):
        return Rejection(TxResult.PREMATURE_SPEND, "non-BIP68-final")
    fee = check_inputs(tx, coins, tip.height + 1)
    if isinstance(fee, Rejection):
        return fee
    if options.require_standard:
        if debug := standard.inputs_debug(tx, coins):
            return Rejection(TxResult.INPUTS_NOT_STANDARD, NONSTANDARD_INPUTS, debug)
        if tx.has_witness and (reason := standard.witness_reason(tx, coins)):
            return Rejection(TxResult.WITNESS_MUTATED, reason)
    sigops = standard.sigop_cost(tx, coins)
    vsize = standard.virtual_size(tx.weight, sigops, options.bytes_per_sigop)
    if options.require_standard:
        dust = standard.dust_outputs(tx, options.dust_relay)
        if rejection := ephemeral.check_dust_fee(dust, fee, fee):
            return rejection
    if sigops > standard.MAX_STANDARD_SIGOP_COST:
        return Rejection(TxResult.NOT_STANDARD, "bad-txns-too-many-sigops", str(sigops))
    if fee < (needed := options.min_relay.fee_for(vsize)):
        return Rejection(TxResult.RECONSIDERABLE, "min relay fee not met", f"{fee} < {needed}")
    if violation := truc.check_single(tx, vsize, (), frozenset(), lambda _: (), lambda _: ()):
        return Rejection(TxResult.MEMPOOL_POLICY, "TRUC-violation", violation.debug)
    if standard.adjusted_weight(tx.weight, sigops, options.bytes_per_sigop) > 4 * options.cluster_size_vbytes:
        return Rejection(TxResult.MEMPOOL_POLICY, "too-large-cluster")
    return scripts.check(tx, coins) or (vsize, fee)


@contextmanager
def world(folder: Path, version: str, *options: str) -> Iterator[World]:
    with json_rpc_node(core(version), folder / "core", *options) as node:
        chain = open_chain(folder / "ours")
        try:
            yield World(node, chain)
        finally:
            chain.close()


@pytest.mark.parametrize("version", CORE)
@pytest.mark.parametrize(
    ("options", "words", "seed"),
    [
        (MempoolOptions(), (), 1),
        (STRICT, STRICT_OPTIONS, 2),
        (MempoolOptions(require_standard=False, max_datacarrier=None), ("-acceptnonstdtxn", "-datacarrier=0"), 3),
    ],
    ids=["default", "strict", "anything"],
)
def test_verdicts_are_the_same(
    tmp_path: Path, version: str, options: MempoolOptions, words: tuple[str, ...], seed: int
) -> None:
    chance = random.Random(seed)
    reasons: dict[str, int] = {}
    with world(tmp_path, version, *words) as both:
        scripts = InputScripts(both.chain)
        tip = both.chain.tip()
        made = [transaction(chance, both.spendable, tip.height, tip.median_time_past) for _ in range(CASES)]
        calls = [("testmempoolaccept", [[tx.serialize().hex()], 0]) for tx in made if tx.inputs and tx.outputs]
        answers = [
            answer[0] for first in range(0, len(calls), 50) for answer in both.node.batch(calls[first : first + 50])
        ]
        for tx, theirs in zip((tx for tx in made if tx.outputs), answers, strict=True):
            ours = judge(both, tx, options, scripts)
            if isinstance(ours, Rejection):
                told = (theirs.get("reject-reason"), theirs.get("reject-details"))
                text = None if ours.reason == "missing-inputs" else ours.text
                if ours.reason == NONSTANDARD_INPUTS and version == "31":
                    text = ours.reason  # v31 says no more.
                assert told == (ours.reason, text), tx.serialize().hex()
                reasons[ours.reason] = reasons.get(ours.reason, 0) + 1
            else:
                assert theirs["allowed"], (theirs, tx.serialize().hex())
                assert (theirs["vsize"], theirs["fees"]["base"]) == (ours[0], f"{ours[1] / 10**8:.8f}")
                reasons["allowed"] = reasons.get("allowed", 0) + 1
    assert reasons["allowed"] > CASES / 10
    assert len(reasons) > 15, reasons
