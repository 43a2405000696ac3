"""The wallet follows the tips of our node through Events, of any node through Mining."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import wait_until
from regtest_node import RegtestInit, RegtestNode, regtest_node

from interfaces.mining import BlockRef
from wallet.follower import ChainFollower
from wallet.tips import EventTips, MiningTips, Tips


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        yield node


@pytest.fixture(params=["events", "mining"])
def tips(request: pytest.FixtureRequest, node: RegtestNode) -> Tips:
    init = RegtestInit(node)
    return EventTips(init.make_events()) if request.param == "events" else MiningTips(init.make_mining())


def ignore(value: object) -> None:
    del value


def test_sees_every_tip(node: RegtestNode, tips: Tips) -> None:
    seen: list[BlockRef] = []
    ended = threading.Event()
    follower = ChainFollower(tips, seen.append, ignore, ended.set)
    wait_until(lambda: len(seen) == 1, "the first tip was seen")
    for height in range(1, 6):
        (made,) = node.extend()
        wait_until(lambda: seen[-1] == BlockRef(made.hash, height), "the tip was seen")  # noqa: B023 - called at once
    assert [tip.height for tip in seen] == [0, 1, 2, 3, 4, 5]
    follower.close()
    follower.close()
    assert not ended.is_set()


def test_notices_shutdown(node: RegtestNode, tips: Tips) -> None:
    seen: list[BlockRef] = []
    ended = threading.Event()
    follower = ChainFollower(tips, seen.append, ignore, ended.set)
    wait_until(lambda: bool(seen), "the first tip was seen")
    node.services.interrupt()
    assert ended.wait(10)
    follower.close()
