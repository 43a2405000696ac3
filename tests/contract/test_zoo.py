"""Every kind of type keeps its value, called directly or over a connection."""

import math
from collections.abc import Iterator

import pytest
from conftest import Pair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zoo import Color, Counter, DetailedError, FailedError, Keeper, Leaf, Several, Zoo

TEXT = st.text(st.characters(codec="utf-8"))
LEAF: st.SearchStrategy[Leaf] = st.builds(
    Leaf,
    name=TEXT,
    weight=st.floats(allow_nan=False),
    color=st.sampled_from(Color),
    count=st.integers(-(2**15), 2**15 - 1),
    flag=st.booleans(),
    other=st.booleans(),
    child=st.none() | st.builds(Leaf, name=TEXT, big=st.integers(0, 2**64 - 1)),
    raw=st.binary(),
    small=st.floats(width=32, allow_nan=False),
    big=st.integers(0, 2**64 - 1),
    number=st.none() | st.integers(-(2**31), 2**31 - 1),
)
RELAXED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(params=["direct", "ipc"])
def zoo(request: pytest.FixtureRequest) -> Iterator[Zoo]:
    if request.param == "direct":
        yield Keeper()
    else:
        pair: Pair = request.getfixturevalue("pair")
        with pair.connect() as init:
            yield init.make_zoo()


@RELAXED
@given(value=LEAF)
def test_struct(zoo: Zoo, value: Leaf) -> None:
    assert zoo.leaf(value) == value


@RELAXED
@given(value=st.lists(LEAF, max_size=4))
def test_struct_list(zoo: Zoo, value: list[Leaf]) -> None:
    assert zoo.leaves(value) == value


@RELAXED
@given(
    ints=st.lists(st.integers(-(2**63), 2**63 - 1)),
    bools=st.lists(st.booleans()),
    colors=st.lists(st.sampled_from(Color)),
    texts=st.lists(st.lists(TEXT, max_size=3), max_size=3),
)
def test_lists(zoo: Zoo, ints: list[int], bools: list[bool], colors: list[Color], texts: list[list[str]]) -> None:
    assert zoo.ints(ints) == ints
    assert zoo.bools(bools) == bools
    assert zoo.colors(colors) == colors
    assert zoo.texts(texts) == texts


@RELAXED
@given(
    table=st.dictionaries(TEXT, LEAF, max_size=3),
    names=st.dictionaries(st.integers(0, 2**32 - 1), TEXT, max_size=5),
    data=st.binary(max_size=300),
)
def test_dicts_and_data(zoo: Zoo, table: dict[str, Leaf], names: dict[int, str], data: bytes) -> None:
    assert zoo.table(table) == table
    assert zoo.names(names) == names
    assert zoo.data(data) == data


@pytest.mark.parametrize("value", [None, 0, -5])
def test_optional(zoo: Zoo, value: int | None) -> None:
    assert zoo.maybe(value) == value


@pytest.mark.parametrize("value", [None, "", "text"])
def test_optional_text(zoo: Zoo, value: str | None) -> None:
    assert zoo.maybe_text(value) == value


def test_special_floats(zoo: Zoo) -> None:
    assert math.isnan(zoo.leaf(Leaf(weight=math.nan)).weight)
    assert zoo.leaf(Leaf(weight=math.inf)).weight == math.inf


def test_several_results(zoo: Zoo) -> None:
    assert zoo.several() == Several("seven", 7)


def test_declared_exceptions_cross_as_themselves(zoo: Zoo) -> None:
    with pytest.raises(FailedError, match=r"^as declared$"):
        zoo.fail("failed")
    with pytest.raises(DetailedError) as caught:
        zoo.fail("detailed")
    assert (caught.value.text, caught.value.code) == ("in detail", -9)
    assert zoo.fail("four") == 4


def test_callback(zoo: Zoo) -> None:
    counter = Counter()
    assert zoo.visit(counter, "a") == 1
    assert zoo.visit(counter, "b") == 2
    assert zoo.visit(None, "c") == -1
    assert counter.names == ["a", "b"]
    assert zoo.many([counter, counter]) == 7


def test_own_object_comes_back_as_itself(zoo: Zoo) -> None:
    counter = Counter()
    assert zoo.same(counter) is counter


def test_object_of_the_other_side_goes_back(zoo: Zoo) -> None:
    visitor = zoo.make_visitor()
    assert visitor.visit("x") == 1
    assert zoo.visit(visitor, "y") == 2


def test_method_without_context(zoo: Zoo) -> None:
    assert zoo.quick(1) == 254
