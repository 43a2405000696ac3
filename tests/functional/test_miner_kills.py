"""Miners that are killed leave nothing behind: no template, no transaction, no wait, no thread."""

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from block_factory import GENESIS_TIME
from conftest import wait_until
from mempool_chain import spend
from regtest_node import RegtestNode, connected_to, regtest_node

from node.templates.template import Template

HOLDER = Path(__file__).parents[1] / "template_holder.py"
MINERS = 5
TEMPLATES = 20


@pytest.fixture
def node(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        clock = node.services.node().clock
        clock.set_mock(GENESIS_TIME + 103 * 600)
        node.mempool.prepare(20)
        yield node
        clock.set_mock(0)


def test_killed_miners(node: RegtestNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[weakref.ref[Template]] = []

    class Watched(Template):
        def __init__(self, *parts: object) -> None:
            super().__init__(*parts)  # type: ignore[arg-type]
            known.append(weakref.ref(self))

    monkeypatch.setattr("node.templates.assembly.Template", Watched)
    for _ in range(10):
        node.mempool.send(spend(node.mempool.take()))
    miner = node.services.node().miner
    with connected_to(node, tmp_path) as connected:
        threads = set(threading.enumerate())
        socket = connected.address.removeprefix("unix:")
        miners = [
            subprocess.Popen([sys.executable, HOLDER, socket, str(TEMPLATES)], stdout=subprocess.PIPE)
            for _ in range(MINERS)
        ]
        for process in miners:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        wait_until(lambda: miner.waiting == MINERS, "all wait")
        # What is served again is kept for few only, what is held by its client.
        alive = sum(each() is not None for each in known)
        assert alive >= TEMPLATES
        for process in miners:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        wait_until(lambda: miner.waiting == 0, "nobody waits")
        wait_until(lambda: not {t for t in threading.enumerate() if "worker" in t.name} - threads, "workers ended")
        node.mempool.mine_all()

        def gone() -> bool:
            gc.collect()
            return not any(each() is not None for each in known)

        wait_until(gone, "no template is left")
