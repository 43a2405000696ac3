"""The shape of packages, version 3, ephemeral dust and replacement, in Core's words."""

from dataclasses import dataclass, field

import pytest

from node.policy import ephemeral, packages, rbf, truc
from node.policy.options import DEFAULT_DUST_RELAY_FEE
from node.policy.reject import Rejection, TxResult
from primitives.fee_rate import FeeRate
from primitives.hashes import sha256
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

ANCHOR = b"\x51\x02\x4e\x73"
COINS = iter(range(1, 1_000_000))


def confirmed() -> OutPoint:
    """Return an output in the chain that no other transaction spends."""
    return OutPoint(sha256(b"%d" % next(COINS)), 0)


def make(
    *spent: Transaction | OutPoint, version: int = 2, values: tuple[int, ...] = (10_000, 10_000), size: int = 0
) -> Transaction:
    """Make a transaction that spends the first outputs of others."""
    prevouts = [each if isinstance(each, OutPoint) else OutPoint(each.txid, 0) for each in spent or (confirmed(),)]
    outputs = tuple(TxOut(value, ANCHOR) for value in values)
    return Transaction(version, tuple(TxIn(each, bytes(size), 0xFFFFFFFE) for each in prevouts), outputs, 0)


def name(tx: Transaction) -> str:
    return f"{tx.txid[::-1].hex()} (wtxid={tx.wtxid[::-1].hex()})"


def test_a_package_has_bounds() -> None:
    assert packages.package_reason([make() for _ in range(25)]) is None
    assert packages.package_reason([make() for _ in range(26)]) == "package-too-many-transactions"
    big = [make(size=50_395) for _ in range(2)]
    assert packages.package_reason(big) is None
    assert packages.package_reason([*big, make()]) == "package-too-large"
    assert packages.package_reason([make(size=200_000)]) is None


def test_a_package_is_sorted_and_without_conflicts() -> None:
    parent = make()
    child = make(parent)
    assert packages.package_reason([parent, child]) is None
    assert packages.package_reason([child, parent]) == "package-not-sorted"
    assert packages.package_reason([parent, child, child]) == "package-contains-duplicates"
    assert packages.package_reason([parent, child, make(parent, values=(1,))]) == "conflict-in-package"
    assert packages.package_reason([Transaction(2, (), (), 0)]) == "conflict-in-package"


def test_a_child_with_parents_is_told_from_other_packages() -> None:
    one, other = make(), make()
    between = make(one, other)
    child = make(OutPoint(one.txid, 1), other, between)
    assert packages.is_child_with_parents([one, make(one)])
    assert packages.is_child_with_parents_tree([one, other, between])
    assert packages.is_child_with_parents([one, other, between, child])
    assert not packages.is_child_with_parents_tree([one, other, between, child])
    assert not packages.is_child_with_parents([one])
    assert not packages.is_child_with_parents([one, other, make(other)])


def test_a_package_is_named_by_its_wtxids_as_numbers() -> None:
    low, high = bytes([255]) + bytes(31), bytes(31) + bytes([1])
    assert packages.package_hash([high, low]) == packages.package_hash([low, high]) == sha256(low + high)


@dataclass
class Pool:
    """Relations between transactions in the mempool."""

    members: list[Transaction] = field(default_factory=list)

    def ancestors(self, tx: Transaction) -> list[Transaction]:
        spent = {each.prevout.txid for each in tx.inputs}
        return [tx, *(each for each in self.members if each.txid in spent)]

    def descendants(self, tx: Transaction) -> list[Transaction]:
        return [tx, *(each for each in self.members if any(one.prevout.txid == tx.txid for one in each.inputs))]

    def single(
        self, tx: Transaction, vsize: int = 200, conflicts: frozenset[bytes] = frozenset()
    ) -> truc.Violation[Transaction] | None:
        return truc.check_single(tx, vsize, self.ancestors(tx)[1:], conflicts, self.ancestors, self.descendants)

    def package(self, package: list[Transaction], vsize: int = 200) -> list[str | None]:
        return [
            truc.check_in_package(tx, vsize, package, self.ancestors(tx)[1:], self.ancestors, self.descendants)
            for tx in package
        ]


def test_version_3_and_others_do_not_spend_each_other() -> None:
    old, new = make(), make(version=3)
    pool = Pool([old, new])
    assert pool.single(make(old)) is None
    assert pool.single(make(new, version=3)) is None
    mixed = make(new)
    text = f"non-version=3 tx {name(mixed)} cannot spend from version=3 tx {name(new)}"
    assert pool.single(mixed) == (text, None)
    assert pool.package([mixed]) == [text]
    assert Pool().package([new, mixed]) == [None, text]
    mixed = make(old, version=3)
    text = f"version=3 tx {name(mixed)} cannot spend from non-version=3 tx {name(old)}"
    assert pool.single(mixed) == (text, None)
    assert pool.package([mixed]) == [text]
    assert Pool().package([old, mixed]) == [None, text]


def test_version_3_has_bounds_of_size() -> None:
    parent = make(version=3)
    assert Pool().single(parent, 10_000) is None
    text = f"version=3 tx {name(parent)} is too big: 10001 > 10000 virtual bytes"
    assert Pool().single(parent, 10_001) == (text, None)
    assert Pool().package([parent], 10_001) == [text]
    child = make(parent, version=3)
    pool = Pool([parent])
    assert pool.single(child, 1000) is None
    text = f"version=3 child tx {name(child)} is too big: 1001 > 1000 virtual bytes"
    assert pool.single(child, 1001) == (text, None)
    assert pool.package([child], 1001) == [text]


def test_version_3_has_one_parent_and_no_grandparent() -> None:
    one, other = make(version=3), make(version=3)
    both = make(one, other, version=3)
    text = f"tx {name(both)} would have too many ancestors"
    assert Pool([one, other]).single(both) == (text, None)
    assert Pool([one]).package([other, both]) == [None, text]
    child = make(one, version=3)
    grandchild = make(child, version=3)
    text = f"tx {name(grandchild)} would have too many ancestors"
    assert Pool([one, child]).single(grandchild) == (text, None)
    assert Pool([one, child]).package([grandchild]) == [text]
    assert Pool([one]).package([child, grandchild])[0] == text
    assert Pool().package([one, child, grandchild])[1] == text


def test_a_second_child_may_take_the_place_of_the_first() -> None:
    parent = make(version=3)
    child = make(parent, version=3)
    second = make(OutPoint(parent.txid, 1), version=3)
    pool = Pool([parent, child])
    text = f"tx {name(parent)} would exceed descendant count limit"
    assert pool.single(second) == (text, child)
    assert pool.single(second, conflicts=frozenset({child.txid})) is None
    assert pool.package([second]) == [text]
    assert Pool().package([parent, child, second]) == [None, text, text]
    crowd = Pool([parent, child, make(OutPoint(parent.txid, 2), version=3)])
    assert crowd.single(second) == (text, None)


def test_dust_is_free_and_spent_by_each_child() -> None:
    rate = DEFAULT_DUST_RELAY_FEE
    parent = make(values=(0, 5000))
    debug = "tx with dust output must be 0-fee"
    assert ephemeral.check_dust_fee((0,), 0, 0) is None
    assert ephemeral.check_dust_fee((), 1, 1) is None
    assert ephemeral.check_dust_fee((0,), 1, 0) == Rejection(TxResult.NOT_STANDARD, "dust", debug)
    assert ephemeral.check_dust_fee((0,), 0, 1) == Rejection(TxResult.NOT_STANDARD, "dust", debug)

    good, bad = make(parent), make(OutPoint(parent.txid, 1))

    def in_pool(txid: bytes) -> tuple[int, ...]:
        return (0,) if txid == parent.txid else ()

    def empty(_: bytes) -> tuple[int, ...]:
        return ()

    assert ephemeral.check_spends([good], rate, in_pool) is None
    assert ephemeral.check_spends([bad], rate, empty) is None
    debug = f"tx {name(bad)} did not spend parent's ephemeral dust"
    failure = (Rejection(TxResult.MEMPOOL_POLICY, "missing-ephemeral-spends", debug), bad)
    assert ephemeral.check_spends([bad], rate, in_pool) == failure
    assert ephemeral.check_spends([parent, bad], rate, empty) == failure
    assert ephemeral.check_spends([parent, good], rate, empty) is None


def test_a_replacement_pays_for_what_it_replaces_and_for_itself() -> None:
    txid = bytes(31) + b"\1"
    shown = "01" + 31 * "00"
    assert rbf.fee_debug(txid, 1000, 1010, 100, FeeRate(100)) is None
    assert rbf.fee_debug(txid, 1000, 999, 100, FeeRate(100)) == (
        f"rejecting replacement {shown}, less fees than conflicting txs; 0.00000999 < 0.00001"
    )
    assert rbf.fee_debug(txid, 1000, 1010, 101, FeeRate(100)) == (
        f"rejecting replacement {shown}, not enough additional fees to relay; 0.0000001 < 0.00000011"
    )


def test_a_replacement_touches_few_clusters_and_none_that_it_needs() -> None:
    txid, other = bytes([1]) * 32, bytes([2]) * 32
    assert rbf.clusters_debug(txid, 100) is None
    assert rbf.clusters_debug(txid, 101) == (
        f"rejecting replacement {txid.hex()}; too many conflicting clusters (101 > 100)"
    )
    assert rbf.conflicting_ancestor_debug(txid, [other], set()) is None
    assert rbf.conflicting_ancestor_debug(txid, [other], {other}) == (
        f"{txid.hex()} spends conflicting transaction {other.hex()}"
    )


@pytest.mark.parametrize(("sequence", "signals"), [(0, True), (0xFFFFFFFD, True), (0xFFFFFFFE, False)])
def test_a_low_sequence_signals_replacement(sequence: int, signals: bool) -> None:
    tx = Transaction(2, (TxIn(confirmed(), b"", 0xFFFFFFFF), TxIn(confirmed(), b"", sequence)), (), 0)
    assert rbf.signals_replacement(tx) is signals
