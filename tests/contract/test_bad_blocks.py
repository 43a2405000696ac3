"""A block that breaks a rule is refused with Core's reason, whichever way it comes, and nothing else happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_blocks import BASE, CASES, HEIGHT
from bad_solutions import SOLUTIONS, solution
from block_factory import GENESIS_TIME
from regtest_node import RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces.mining import BlockCreateOptions, BlockTemplate, Mining


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        for block in BASE:
            assert node.chainstate.process_block(block).accepted
        node.services.node().clock.set_mock(GENESIS_TIME + HEIGHT * 600)
        yield node
        node.services.node().clock.set_mock(0)


@pytest.fixture(params=["direct", "ipc"])
def mining(request: pytest.FixtureRequest, node: RegtestNode, tmp_path: Path) -> Iterator[Mining]:
    if request.param == "direct":
        yield RegtestInit(node).make_mining()
    else:
        with connected_to(node, tmp_path) as connected:
            made = connected.client()[1].make_mining()
            assert made is not None
            yield made


def create(mining: Mining) -> BlockTemplate:
    template = mining.create_new_block(BlockCreateOptions(), cooldown=False)
    assert template is not None
    return template


def test_whole_blocks(node: RegtestNode, mining: Mining) -> None:
    for reason, make in CASES.items():
        found = mining.submit_block(make().serialize())
        assert (found.reason, found.result) == (reason.rstrip(), False)
    assert node.chainstate.tip().height == len(BASE)
    template = create(mining)
    assert template.submit_solution(*solution(template)).result


def test_solutions(node: RegtestNode, mining: Mining) -> None:
    for reason, change in SOLUTIONS.items():
        template = create(mining)
        found = template.submit_solution(*solution(template, change))
        assert (found.reason, found.result) == (reason.rstrip(), False)
        # To the end it can be solved as it should be; that it was changed does no harm.
        assert not found.reason.startswith("bad-cb-amount") or found.debug
    template = create(mining)
    found = template.submit_solution(*solution(template, solved=False))
    assert (found.reason, found.debug, found.result) == ("high-hash", "proof of work failed", False)
    assert node.chainstate.tip().height == len(BASE)
    good = solution(template)
    assert template.submit_solution(*good).result
    assert template.submit_solution(*good).reason == "duplicate"
    assert node.chainstate.tip().height == len(BASE) + 1


def test_solutions_of_old_clients(node: RegtestNode, mining: Mining) -> None:
    kept = set()
    for reason, change in SOLUTIONS.items():
        template = create(mining)
        if template.submit_solution_old7(*solution(template, change)):
            kept.add(reason)
    template = create(mining)
    # Only what shows when a block is connected is kept, as with Core.
    assert kept == {"bad-cb-amount"}
    assert not template.submit_solution_old7(*solution(template, solved=False))
    assert template.submit_solution_old7(*solution(template))
    assert node.chainstate.tip().height == len(BASE) + 1
