"""Whatever happens, the mempool is what one gets who works it out anew."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from mempool_chain import SEQUENCE, Coin, MempoolChain, coins_of, mempool_chain, spend
from mempool_model import check

from node.mempool.results import ResultKind
from node.policy.options import MempoolOptions
from primitives.transaction import Transaction

OPTIONS = MempoolOptions(max_bytes=14_000, cluster_count=6, cluster_size_vbytes=1_000, expiry=2_000)
START = 2_000_000_000
FEES = st.one_of(st.integers(0, 200), st.integers(100, 5_000), st.integers(1_000, 50_000))


class Machine(RuleBasedStateMachine):
    """Sends, replaces, mines, undoes and waits."""

    node: MempoolChain

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._open = mempool_chain(Path(self._folder.name), 12, OPTIONS)
        self.coins: list[Coin] = []
        self.extra = 0

    @initialize()
    def start(self) -> None:
        self.node = self._open.__enter__()
        self.now = START
        self.node.clock.set_mock(self.now)
        self.base = self.node.chain.tip().height
        self.coins += self.node.coins

    def teardown(self) -> None:
        self.node.clock.set_mock(0)
        self._open.__exit__(None, None, None)
        self._folder.cleanup()

    def some(self, chosen: list[int]) -> list[Coin]:
        """Return different coins, mostly late ones; they may be spent, or not be there any more."""
        return list({self.coins[-1 - number % len(self.coins)]: None for number in chosen})

    @rule(
        chosen=st.lists(st.integers(0, 30), min_size=1, max_size=3),
        fee=FEES,
        outputs=st.integers(1, 3),
        version=st.sampled_from([2, 2, 3]),
        padding=st.sampled_from([0, 0, 100, 400]),
        sequence=st.sampled_from([SEQUENCE, SEQUENCE, 1, 2]),
        wait=st.sampled_from([None, None, 0, -1]),
    )
    def send(
        self, chosen: list[int], fee: int, outputs: int, version: int, padding: int, sequence: int, wait: int | None
    ) -> None:
        lock_time = 0 if wait is None else self.node.chain.tip().height + wait
        tx = spend(
            self.some(chosen),
            fee=fee,
            outputs=outputs,
            version=version,
            padding=padding,
            sequence=sequence,
            lock_time=lock_time,
        )
        if min(out.value for out in tx.outputs[:outputs]) < 1000:
            return
        result = self.node.acceptance.accept(tx)
        assert (result.kind is ResultKind.VALID) == (self.node.pool.by_wtxid(tx.wtxid) is not None) or (
            result.rejection is not None and result.rejection.reason == "txn-already-in-mempool"
        )
        if result.kind is ResultKind.VALID:
            self.coins += coins_of(tx)

    @rule(chosen=st.lists(st.integers(0, 20), min_size=1, max_size=2), low=st.integers(0, 100), high=FEES)
    def send_package(self, chosen: list[int], low: int, high: int) -> None:
        parent = spend(self.some(chosen), fee=low, outputs=2)
        child = spend(coins_of(parent), fee=high)
        if min(out.value for tx in (parent, child) for out in tx.outputs) < 1000:
            return
        result = self.node.acceptance.accept_package([parent, child])
        if result.rejection is None:
            self.coins += [*coins_of(parent), *coins_of(child)]

    @rule(number=st.integers(0, 30), delta=st.integers(-2000, 2000))
    def prioritise(self, number: int, delta: int) -> None:
        waiting = [*self.node.txids()]
        if waiting:
            self.node.pool.prioritise(sorted(waiting)[number % len(waiting)], delta)

    @rule(count=st.integers(0, 10))
    def mine(self, count: int) -> None:
        self.extra += 1
        chunks = [nodes for nodes, _, _ in self.node.pool.graph.mining_order()][:count]
        entries = [self.node.pool.get(node.txid) for nodes in chunks for node in nodes]
        self.node.mine([entry.transaction() for entry in entries if entry is not None], extra=self.extra)

    @rule(number=st.integers(0, 20), fee=FEES)
    def mine_another(self, number: int, fee: int) -> None:
        """Mine what the mempool may have in another form."""
        chain, tx = self.node.chain, spend(self.some([number]), fee=fee + 7)
        if tx.outputs[0].value > 1000 and self._is_confirmed(tx):
            self.extra += 1
            assert chain.process_block(self.node.block([tx], extra=self.extra).serialize()).accepted

    def _is_confirmed(self, tx: Transaction) -> bool:
        with self.node.chain.processing:
            coins = self.node.chain.coins()
            return all(coins.get(each.prevout.txid + each.prevout.index.to_bytes(4, "little")) for each in tx.inputs)

    @precondition(lambda self: self.node.chain.tip().height > self.base)
    @rule(count=st.integers(1, 3))
    def undo(self, count: int) -> None:
        self.node.undo(min(count, self.node.chain.tip().height - self.base))

    @rule(seconds=st.sampled_from([1, 15, 300, 1500]))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.node.clock.set_mock(self.now)

    @invariant()
    def is_what_it_should_be(self) -> None:
        if hasattr(self, "node"):
            check(self.node.pool)
            assert self.node.pool.usage <= OPTIONS.max_bytes


Machine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_mempool = Machine.TestCase
