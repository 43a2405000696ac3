"""Miners cost nothing while they wait, and leave nothing behind when they are killed."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from block_factory import GENESIS_TIME
from conftest import wait_until
from mempool_chain import spend
from regtest_node import RegtestNode, connected_to, regtest_node
from running_programs import Programs

from interfaces.init import Init
from interfaces.mining import BlockCreateOptions, BlockWaitOptions
from ipc import aio
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


def test_waiting_costs_nothing(programs: Programs) -> None:
    """Clients that wait for blocks, templates and fees leave the node asleep."""
    node = programs.node("-disablewallet", f"-mocktime={GENESIS_TIME + 100}")

    async def wait() -> None:
        async with await aio.connect(programs.network_dir / "node.sock", Init) as init:
            mining = await init.make_mining()
            assert mining is not None
            template = await mining.create_new_block(BlockCreateOptions(), cooldown=False)
            tip = await mining.get_tip()
            assert template is not None
            assert tip is not None
            waits = [
                asyncio.create_task(wait)
                for _ in range(10)
                for wait in (
                    mining.wait_tip_changed(tip.hash),
                    template.wait_next(BlockWaitOptions(fee_threshold=1)),
                    template.wait_next(BlockWaitOptions(timeout=60_000.0)),
                )
            ]
            # Who waits for fees looks at them once.
            await asyncio.sleep(2.5)
            before = psutil.Process(node.pid).num_ctx_switches()
            await asyncio.sleep(1)
            after = psutil.Process(node.pid).num_ctx_switches()
            assert after.voluntary - before.voluntary <= 2
            assert not any(wait.done() for wait in waits)
            found = await asyncio.to_thread(programs.ask, "generatetodescriptor", "1", "raw(51)")
            assert found.returncode == 0
            assert None not in await asyncio.wait_for(asyncio.gather(*waits), 20)

    asyncio.run(wait())
