"""Which transactions go into a block, of chunks in the order that the mempool gives them."""

from dataclasses import dataclass, field

from node.templates.selection import Entry, Limits, Selection, select
from primitives.fee_rate import FeeRate
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

FREE = FeeRate(0)


@dataclass(eq=False)
class Pooled:
    weight: int = 400
    fee: int = 100
    sigop_cost: int = 4
    cluster: object = None
    lock_time: int = 0
    sequence: int = 0
    prevouts: tuple[bytes, ...] = ()
    txid: bytes = bytes(32)
    wtxid: bytes = bytes(32)
    data: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.data = self.transaction().serialize()

    @property
    def base_fee(self) -> int:
        return self.fee

    @property
    def vsize(self) -> int:
        return self.weight // 4

    def transaction(self) -> Transaction:
        return Transaction(2, (TxIn(OutPoint(bytes(32), 0), b"", self.sequence),), (TxOut(1, b""),), self.lock_time)


def chunk(*entries: Pooled) -> tuple[list[Entry], int, int]:
    return list(entries), sum(each.fee for each in entries), sum(each.weight for each in entries)


def fill(
    *chunks: tuple[list[Entry], int, int], most: int = 4_000_000, rate: FeeRate = FREE, weight: int = 0, sigops: int = 0
) -> Selection:
    return select(chunks, Limits(most, rate, height=100, median_time=1_600_000_000), weight=weight, sigops=sigops)


def test_everything_fits() -> None:
    one, two, three = Pooled(fee=300), Pooled(fee=200), Pooled(fee=100)
    found = fill(chunk(one), chunk(two, three), weight=8000, sigops=400)
    assert found.entries == [one, two, three]
    assert (found.weight, found.sigops, found.fees) == (8000 + 1200, 412, 600)


def test_weight_stays_below_its_limit() -> None:
    one, two, small = Pooled(), Pooled(weight=600), Pooled(weight=396)
    # What fills the block to the last unit is left out, as Core does.
    found = fill(chunk(one), chunk(two), chunk(small), most=1000)
    assert found.entries == [one, small]
    assert fill(chunk(one), chunk(two), most=1001).entries == [one, two]
    assert fill(chunk(one), weight=4_000_000).entries == []


def test_sigops_stay_below_their_limit() -> None:
    many, few = Pooled(sigop_cost=79_600), Pooled(sigop_cost=79_599)
    assert fill(chunk(many), chunk(few), sigops=400).entries == [few]


def test_what_is_left_out_takes_its_cluster_with_it() -> None:
    cluster = object()
    parent, child, other = Pooled(weight=2000, cluster=cluster), Pooled(cluster=cluster), Pooled(cluster=object())
    lone, large = Pooled(), Pooled(weight=5000)
    found = fill(chunk(large), chunk(parent), chunk(child), chunk(other), chunk(lone), most=2000)
    assert found.entries == [other, lone]


def test_least_fee_rate() -> None:
    # 100 satoshis for 100 virtual bytes, and one less.
    enough, less, more = Pooled(), Pooled(fee=99), Pooled(fee=200)
    assert fill(chunk(enough), chunk(less), chunk(more), rate=FeeRate(1000)).entries == [enough]
    # Weight that makes no whole virtual byte counts as one.
    assert fill(chunk(Pooled(weight=401)), rate=FeeRate(1000)).entries == []
    assert fill(chunk(Pooled(fee=0)), rate=FREE).entries != []
    assert fill(chunk(Pooled(fee=-1)), rate=FREE).entries == []


def test_lock_times() -> None:
    by_height, by_time = Pooled(lock_time=99), Pooled(lock_time=1_599_999_999)
    early, late = Pooled(lock_time=100), Pooled(lock_time=1_600_000_000)
    forced = Pooled(lock_time=100, sequence=0xFFFFFFFF)
    found = fill(*(chunk(each) for each in (by_height, early, late, by_time, forced)))
    assert found.entries == [by_height, by_time, forced]


def test_gives_up_when_nearly_full() -> None:
    first, too_large, fits = Pooled(weight=6000), Pooled(weight=5000), Pooled()
    wide = [chunk(first), *[chunk(too_large)] * 1001, chunk(fits)]
    assert fill(*wide, most=9999).entries == [first]
    # One failure less, or more room, and it goes on.
    assert fill(*wide[:1], *wide[2:], most=9999).entries == [first, fits]
    assert fill(*wide, most=10_000).entries == [first, fits]
