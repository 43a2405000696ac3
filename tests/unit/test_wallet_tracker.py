"""What a wallet makes of blocks and the mempool: balances, conflicts, reorganisations, abandoned transactions."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wallet_lab import OTHERS, Lab, make_lab, plain_balances, script_of

from interfaces.wallet_callbacks import ChangeType
from primitives.block import Block
from primitives.transaction import Transaction
from wallet.address_book import Purpose
from wallet.flags import AVOID_REUSE, BLANK
from wallet.ledger import Balances, Category
from wallet.tracker import BlockPlace
from wallet.transaction import ABANDONED, IN_MEMPOOL, INACTIVE, BlockConflicted, Confirmed, WalletTx


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = make_lab(tmp_path / "w")
    yield lab
    check(lab)
    lab.wallet.close()


def check(lab: Lab) -> None:
    """Compare what the ledger keeps with what all transactions say."""
    wallet = lab.wallet
    for include in (False, True):
        kept = wallet.ledger.balances(include_nonmempool=include)
        plain = plain_balances(wallet, include_nonmempool=include)
        assert kept == plain
    for wtx in wallet.transactions.values():
        assert wtx.in_mempool == (wtx.txid in lab.mempool)
    stored = {txid: wtx.serialize() for txid, wtx in wallet.transactions.items()}
    assert dict(wallet.records.transactions()) == stored


def state(lab: Lab, tx: Transaction) -> object:
    return lab.wallet.transactions[tx.txid].state


def test_a_payment_is_pending_then_trusted(lab: Lab) -> None:
    heard: list[tuple[bytes, ChangeType]] = []
    lab.wallet.listeners.append(lambda wtx, change: heard.append((wtx.txid, change)))
    tx = lab.pay(1000)
    lab.enter(tx)
    assert lab.balances() == (0, 1000, 0)
    block = lab.connect(lab.pay(1, 9), tx)
    assert lab.balances() == (1000, 0, 0)
    assert state(lab, tx) == Confirmed(block, 1, 2)
    assert heard == [(tx.txid, ChangeType.NEW), (tx.txid, ChangeType.UPDATED)]
    assert lab.wallet.ledger.balances(min_depth=2) == Balances()
    assert lab.wallet.ledger.balances(min_depth=1) == Balances(1000)
    lab.connect(lab.tx([lab.outside()], (5, OTHERS)))
    assert list(lab.wallet.transactions) == [tx.txid]


def test_addresses_up_to_the_one_used_come_into_the_address_book(lab: Lab) -> None:
    lab.wallet.descriptors._active["x", False] = lab.keys  # type: ignore[index,assignment]
    lab.wallet.book.set(script_of(1), "mine", Purpose.RECEIVE)
    lab.connect(lab.pay(1000, 2))
    assert lab.wallet.book.scripts() == [script_of(number) for number in range(3)]
    assert lab.wallet.book.labels() == ["", "mine"]


def test_scripts_that_become_known_in_a_block_count_in_it(lab: Lab) -> None:
    new = script_of(100)
    first = lab.pay(1000)
    original = lab.keys.mark_used

    def mark_used(script: bytes) -> list[bytes]:
        if new not in lab.keys.known:
            lab.keys.grow(new)
        return original(script)

    lab.keys.mark_used = mark_used  # type: ignore[method-assign]
    lab.connect(first, lab.tx([lab.outside()], (30, new)), lab.tx([(first.txid, 0)], (500, OTHERS)))
    assert lab.balances() == (30, 0, 0)


def test_own_change_is_trusted_in_the_mempool(lab: Lab) -> None:
    paid = lab.pay(1000)
    lab.connect(paid)
    spend = lab.tx([(paid.txid, 0)], (300, OTHERS), (690, script_of(1)))
    lab.wallet.add_transaction(spend, INACTIVE)
    assert lab.balances() == (0, 0, 0)
    assert lab.wallet.ledger.balances(include_nonmempool=True) == Balances(1000, nonmempool=-1000)
    lab.enter(spend)
    assert lab.balances() == (690, 0, 0)
    both = lab.tx([(spend.txid, 1), lab.outside()], (900, script_of(2)))
    lab.enter(both)
    assert lab.balances() == (0, 900, 0)
    lab.connect(spend)
    assert lab.balances() == (0, 900, 0)
    lab.connect(both)
    assert lab.balances() == (900, 0, 0)


def test_history_tells_what_was_sent_and_received(lab: Lab) -> None:
    paid = lab.pay(1000)
    lab.connect(paid)
    lab.wallet.book.set(script_of(2), "savings", Purpose.RECEIVE)
    spend = lab.tx([(paid.txid, 0)], (300, OTHERS), (400, script_of(1)), (290, script_of(2)))
    lab.enter(spend)
    lines = [(each.category, each.amount, each.index, each.fee) for each in lab.wallet.ledger.last_payments(10)]
    assert lines == [
        (Category.RECEIVE, 1000, 0, 0),
        (Category.RECEIVE, 290, 2, 0),
        (Category.SEND, -290, 2, -10),
        (Category.SEND, -300, 0, -10),
    ]
    assert [each.amount for each in lab.wallet.ledger.last_payments(2, 1)] == [290, -290]
    assert [each.amount for each in lab.wallet.ledger.last_payments(9, label="savings")] == [290]
    lab.wallet.book.set(script_of(1), "", Purpose.RECEIVE)
    assert len(lab.wallet.ledger.last_payments(10)) == 6
    wtx = lab.wallet.transactions[spend.txid]
    assert [each.index for each in lab.wallet.ledger.payments(wtx, include_change=True)] == [0, 1, 2, 1, 2]
    ledger = lab.wallet.ledger
    assert (ledger.debit(wtx), ledger.credit(wtx), ledger.change(wtx), ledger.fee(wtx)) == (1000, 690, 0, 10)
    assert ledger.fee(lab.wallet.transactions[paid.txid]) is None


def test_a_coinbase_matures_and_is_lost_in_a_reorganisation(lab: Lab) -> None:
    coinbase = lab.coinbase(script_of(0))
    lab.connect(coinbase=coinbase)
    wtx = lab.wallet.transactions[coinbase.txid]
    ledger = lab.wallet.ledger
    assert lab.balances() == (0, 0, 5000)
    assert [each.category for each in ledger.payments(wtx)] == [Category.IMMATURE]
    assert ledger.credit(wtx) == 0
    lab.connect_empty(99)
    assert lab.balances() == (0, 0, 5000)
    lab.connect()
    assert lab.balances() == (5000, 0, 0)
    assert [each.category for each in ledger.payments(wtx)] == [Category.GENERATE]
    spend = lab.tx([(coinbase.txid, 0)], (4000, script_of(1)))
    child = lab.tx([(spend.txid, 0)], (3000, script_of(2)))
    lab.connect(spend)
    lab.enter(child)
    for _ in range(102):
        lab.disconnect()
    assert lab.balances() == (0, 0, 0)
    assert state(lab, coinbase) == state(lab, spend) == state(lab, child) == ABANDONED
    assert [each.category for each in ledger.payments(wtx)] == [Category.ORPHAN]
    lab.connect(coinbase=coinbase)
    assert lab.balances() == (0, 0, 5000)


def test_a_reorganisation_unconfirms_and_spends_double(lab: Lab) -> None:
    paid = lab.pay(1000)
    lab.connect(paid)
    spend = lab.tx([(paid.txid, 0)], (300, OTHERS), (690, script_of(1)))
    child = lab.tx([(spend.txid, 1)], (680, script_of(2)))
    lab.connect(spend)
    lab.connect(child)
    assert lab.balances() == (680, 0, 0)
    lab.disconnect()
    lab.disconnect()
    assert lab.balances() == (680, 0, 0)
    assert state(lab, child) == IN_MEMPOOL
    theft = lab.tx([(paid.txid, 0)], (999, OTHERS))
    block = lab.connect(theft)
    assert lab.balances() == (0, 0, 0)
    assert state(lab, spend) == state(lab, child) == BlockConflicted(block, 2)
    lab.connect()
    assert lab.wallet.history.depth(lab.wallet.transactions[child.txid]) == -2
    assert lab.wallet.history.conflicts(lab.wallet.transactions[spend.txid]) == {theft.txid}
    lab.disconnect()
    lab.disconnect(returning=False)
    assert state(lab, spend) == state(lab, child) == INACTIVE
    assert lab.balances() == (0, 0, 0)
    assert lab.wallet.ledger.balances(include_nonmempool=True).nonmempool == -1000
    lab.connect(spend, child)
    assert lab.balances() == (680, 0, 0)


def test_a_conflict_with_a_deeper_block_stays_when_a_newer_one_leaves(lab: Lab) -> None:
    first, second = lab.pay(1000), lab.pay(2000)
    lab.connect(first, second)
    doomed = lab.tx([(first.txid, 0), (second.txid, 0)], (2999, OTHERS))
    lab.enter(doomed)
    block = lab.connect(lab.tx([(first.txid, 0)], (1, OTHERS)))
    lab.connect(lab.tx([(second.txid, 0)], (2, OTHERS)))
    assert state(lab, doomed) == BlockConflicted(block, 2)
    lab.disconnect()
    assert state(lab, doomed) == BlockConflicted(block, 2)
    lab.disconnect()
    assert state(lab, doomed) == INACTIVE


def test_the_mempool_excludes_what_it_replaced(lab: Lab) -> None:
    paid = lab.pay(1000)
    lab.connect(paid)
    old = lab.tx([(paid.txid, 0)], (990, script_of(1)))
    child = lab.tx([(old.txid, 0)], (980, script_of(2)))
    new = lab.tx([(paid.txid, 0)], (900, script_of(1)))
    lab.enter(old)
    lab.enter(child)
    lab.enter(new)
    assert lab.balances() == (900, 0, 0)
    assert lab.wallet.transactions[child.txid].mempool_conflicts == {new.txid}
    assert not lab.wallet.transactions[old.txid].is_unconfirmed
    lab.leave(new)
    assert not lab.wallet.transactions[child.txid].mempool_conflicts
    assert not lab.wallet.history.excluded
    assert lab.balances() == (0, 0, 0)
    assert lab.wallet.abandon(old.txid)
    assert lab.wallet.abandon(new.txid)
    assert lab.balances() == (1000, 0, 0)


def test_what_is_abandoned_frees_its_coins_until_it_comes_back(lab: Lab) -> None:
    paid = lab.pay(1000)
    lab.connect(paid)
    spend = lab.tx([(paid.txid, 0)], (690, script_of(1)))
    child = lab.tx([(spend.txid, 0)], (680, script_of(2)))
    lab.enter(spend)
    tracker = lab.wallet.tracker
    assert not tracker.can_be_abandoned(spend.txid)
    assert not lab.wallet.abandon(spend.txid)
    lab.leave(spend)
    lab.wallet.add_transaction(child, INACTIVE)
    assert tracker.can_be_abandoned(spend.txid)
    assert lab.wallet.abandon(spend.txid)
    assert state(lab, spend) == state(lab, child) == ABANDONED
    assert lab.balances() == (1000, 0, 0)
    assert not tracker.can_be_abandoned(spend.txid)
    lab = reload(lab)
    assert state(lab, child) == ABANDONED
    assert lab.balances() == (1000, 0, 0)
    lab.enter(spend)
    assert state(lab, child) == ABANDONED
    assert lab.balances() == (690, 0, 0)
    assert not lab.wallet.abandon(paid.txid)


def reload(lab: Lab) -> Lab:
    again = lab.reloaded()
    lab.wallet = again.wallet
    return lab


def test_the_only_child_of_version_3_excludes_its_siblings(lab: Lab) -> None:
    parent = lab.tx([lab.outside()], (500, script_of(0)), (600, script_of(1)), version=3)
    child = lab.tx([(parent.txid, 0)], (490, OTHERS), version=3)
    sibling = lab.tx([(parent.txid, 1)], (590, OTHERS), version=3)
    lab.enter(parent)
    lab.wallet.add_transaction(sibling, INACTIVE)
    lab.enter(child)
    assert lab.wallet.transactions[parent.txid].truc_child == child.txid
    assert lab.wallet.transactions[sibling.txid].mempool_conflicts == {child.txid}
    lab.leave(child)
    assert lab.wallet.transactions[parent.txid].truc_child is None
    assert not lab.wallet.transactions[sibling.txid].mempool_conflicts
    lab.enter(child)
    lab.connect(parent, child)
    lab.wallet.tracker.reset_mempool()
    assert not lab.wallet.history.truc_parents


def test_coins_on_addresses_spent_from_are_kept_apart(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "w", flags=AVOID_REUSE | BLANK)
    first = lab.pay(1000)
    lab.connect(first)
    lab.connect(lab.tx([(first.txid, 0)], (900, OTHERS)))
    lab.connect(lab.pay(500), lab.pay(20, 1), coinbase=lab.coinbase(script_of(0), 7))
    lab.enter(lab.pay(3))
    assert lab.wallet.ledger.balances() == Balances(trusted=20, used=510)
    assert lab.wallet.ledger.balances(avoid_reuse=False) == Balances(520, 3, 7)
    lab = lab.reloaded()
    assert lab.wallet.ledger.balances() == Balances(trusted=20, used=510)
    check(lab)
    lab.wallet.set_flags(lab.wallet.flags & ~AVOID_REUSE)
    assert lab.wallet.ledger.balances() == Balances(520, 3, 7)
    lab.wallet.close()


def test_locked_coins_are_stored_if_asked_and_free_once_spent(lab: Lab) -> None:
    first, second, third = (lab.pay(value) for value in (1, 2, 3))
    lab.connect(first, second, third)
    for tx, persist in ((first, False), (first, True), (second, False), (third, True), (third, False)):
        lab.wallet.lock_coin((tx.txid, 0), persist=persist)
    assert set(lab.wallet.locked_coins) == {(tx.txid, 0) for tx in (first, second, third)}
    lab.enter(lab.tx([(third.txid, 0)], (1, OTHERS)))
    lab = reload(lab)
    assert set(lab.wallet.locked_coins) == {(first.txid, 0)}
    lab.wallet.unlock_all_coins()
    assert not reload(lab).wallet.locked_coins


def test_times_order_as_transactions_came(lab: Lab) -> None:
    now = 1_400_000_000
    lab.wallet.clock = lambda: now
    transactions = [lab.pay(value) for value in range(4)]

    def take(tx: Transaction, time: int, *, rescan: bool = False, max_time: int = 0) -> int:
        place = BlockPlace(bytes([time % 251]) * 32, 1, time, max_time, rescan)
        wtx = lab.wallet.add_transaction(tx, Confirmed(place.hash, 1, 1), place=place)
        return wtx.time

    assert take(transactions[0], now - 500) == now - 500
    assert take(transactions[1], now - 900) == now - 500
    assert take(transactions[2], now + 900) == now
    assert take(transactions[3], now - 900, rescan=True, max_time=now - 800) == now - 800
    lab.wallet.history.height = 1


def test_notes_are_shared_by_what_differs_in_signatures_only(lab: Lab) -> None:
    paid = lab.pay(1000)
    lab.connect(paid)
    spend = lab.tx([(paid.txid, 0)], (690, OTHERS))
    signed = Transaction(spend.version, (spend.inputs[0]._replace(script_sig=b"\x51"),), spend.outputs, spend.lock_time)

    def note(wtx: WalletTx, is_new: bool) -> bool:
        wtx.comment = "rent"
        return is_new

    lab.wallet.add_transaction(spend, INACTIVE, note)
    lab.connect(signed)
    assert lab.wallet.transactions[signed.txid].comment == "rent"
    lab.wallet.tracker.remove([spend.txid])
    assert spend.txid not in lab.wallet.transactions
    lab = reload(lab)
    assert list(lab.wallet.transactions) == [paid.txid, signed.txid]


def test_a_transaction_without_a_place_gets_one(lab: Lab) -> None:
    transactions = [lab.pay(value) for value in (1, 2, 3)]
    for tx in transactions:
        lab.wallet.add_transaction(tx, INACTIVE)
    for number, tx in enumerate(transactions[:2]):
        wtx = lab.wallet.transactions[tx.txid]
        wtx.position, wtx.time_received = -1, 10 - number
        lab.wallet.records.write_transaction(wtx.txid, wtx.serialize())
    lab = reload(lab)
    assert [wtx.txid for wtx in lab.wallet.history.ordered] == [
        transactions[1].txid,
        transactions[0].txid,
        transactions[2].txid,
    ]
    assert lab.wallet.next_position() == 5


class _History:
    """Random things that happen to a wallet."""

    def __init__(self, random: Random, lab: Lab) -> None:
        self.random = random
        self.lab = lab
        self.known: list[Transaction] = []

    def step(self) -> None:
        lab, random = self.lab, self.random
        match random.randrange(9):
            case 0:
                self.known.append(lab.pay(random.randrange(1, 1000), random.randrange(5)))
            case 1 | 2:
                self._spend()
            case 3 | 4 if self.known:
                self._enter(random.choice(self.known))
            case 5 if lab.mempool:
                lab.leave(random.choice(list(lab.mempool.values())))
            case 6:
                self._connect()
            case 7 if lab.height > 1:
                for _ in range(random.randrange(1, min(3, lab.height) + 1)):
                    lab.disconnect(returning=random.random() < 0.7)
            case 8 if lab.wallet.transactions:
                wtx = random.choice(list(lab.wallet.transactions.values()))
                lab.wallet.abandon(wtx.txid)
            case _:
                pass

    def _spend(self) -> None:
        """Make a transaction that spends outputs known, perhaps spent before, and take it as the wallet's own."""
        lab, random = self.lab, self.random
        if self.known:
            parents = random.sample(self.known, random.randrange(1, min(3, len(self.known)) + 1))
            prevouts = [(tx.txid, random.randrange(len(tx.outputs))) for tx in parents]
            if random.random() < 0.2:
                prevouts.append(lab.outside())
            outputs = [
                (random.randrange(1, 500), random.choice([OTHERS, script_of(random.randrange(5))]))
                for _ in range(random.randrange(1, 3))
            ]
            tx = lab.tx(prevouts, *outputs, version=random.choice([2, 2, 3]))
            self.known.append(tx)
            # As Core, a wallet notes that a parent is excluded when that happens, or when it is loaded.
            wallet_parents = [lab.wallet.transactions.get(each.txid) for each in parents]
            if random.random() < 0.5 and not any(each and each.is_block_conflicted for each in wallet_parents):
                lab.wallet.add_transaction(tx, INACTIVE)

    def _in_chain(self) -> set[bytes]:
        return {tx.txid for _, data in self.lab.blocks[1:] for tx in Block.parse(data).transactions}

    def _spent_in_chain(self) -> set[tuple[bytes, int]]:
        return {
            (each.prevout.txid, each.prevout.index)
            for _, data in self.lab.blocks[1:]
            for tx in Block.parse(data).transactions[1:]
            for each in tx.inputs
        }

    def _available(self, tx: Transaction, there: set[bytes]) -> bool:
        ours = {each.txid for each in self.known}
        return all(each.prevout.txid in there or each.prevout.txid not in ours for each in tx.inputs)

    def _enter(self, tx: Transaction) -> None:
        chain = self._in_chain()
        spent = self._spent_in_chain()
        if tx.txid in chain or tx.txid in self.lab.mempool or any(each.prevout in spent for each in tx.inputs):
            return
        if self._available(tx, chain | set(self.lab.mempool)):
            replaced = {each.prevout for each in tx.inputs}
            victims = [other for other in self.lab.mempool.values() if any(i.prevout in replaced for i in other.inputs)]
            family = {each.txid for each in victims}
            if not any(each.prevout.txid in family for each in tx.inputs):
                self.lab.enter(tx)
                if not self._available(tx, chain | set(self.lab.mempool)):
                    self.lab.leave(tx)

    def _connect(self) -> None:
        lab, random = self.lab, self.random
        there, spent = self._in_chain(), self._spent_in_chain()
        chosen: list[Transaction] = []
        for tx in self.known:
            inputs = {(each.prevout.txid, each.prevout.index) for each in tx.inputs}
            if tx.txid not in there and not inputs & spent and self._available(tx, there) and random.random() < 0.4:
                chosen.append(tx)
                there.add(tx.txid)
                spent |= inputs
        coinbase = lab.coinbase(script_of(random.randrange(5))) if random.random() < 0.3 else None
        lab.connect(*chosen, coinbase=coinbase)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(5, 60), st.booleans())
def test_balances_are_those_of_all_transactions_from_scratch(seed: int, steps: int, avoid_reuse: bool) -> None:
    random = Random(seed)
    with TemporaryDirectory() as folder:
        lab = make_lab(Path(folder) / "w", flags=BLANK | (AVOID_REUSE if avoid_reuse else 0))
        history = _History(random, lab)
        try:
            for _ in range(steps):
                history.step()
                check(lab)
            before = dict(lab.wallet.transactions)
            balances = lab.wallet.ledger.balances()
            lab = lab.reloaded()
            after = lab.wallet.transactions
            assert {txid: wtx.state for txid, wtx in after.items()} == {txid: wtx.state for txid, wtx in before.items()}
            # As Core, a wallet notes only what the mempool excludes when it comes in.
            if all(after[txid].mempool_conflicts == wtx.mempool_conflicts for txid, wtx in before.items()):
                assert lab.wallet.ledger.balances() == balances
            check(lab)
        finally:
            lab.wallet.database.close()
