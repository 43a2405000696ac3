"""Peers that lack what we ask for, as Bitcoin Core v31 does: a thread made for us there is used before it is let go."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.program_init import ProgramInit
from interfaces.echo import Echo
from interfaces.init import Init, PynodeInit
from interfaces.mining import Mining
from interfaces.rpc import Rpc
from ipc import Ipc, UnimplementedError, aio


class OldInit(Init):
    """Knows nothing but Core's Init, and notes on which threads it is called."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def make_echo(self) -> Echo | None:
        self.threads.append(threading.get_ident())
        return None

    def make_mining(self) -> Mining | None:
        raise AssertionError

    def make_rpc(self) -> Rpc | None:
        raise AssertionError

    def make_mining_old2(self) -> None:
        raise AssertionError


@pytest.fixture
def init() -> OldInit:
    return OldInit()


@pytest.fixture
def address(init: OldInit, tmp_path: Path, no_leaks: None) -> Iterator[str]:  # noqa: ARG001 - around everything else
    with Ipc("pyold", sys.argv[0], init, data_dir=tmp_path) as server:
        yield server.listen_address("unix")


def ask(proxy: PynodeInit) -> None:
    for _ in range(2):
        with pytest.raises(UnimplementedError):
            proxy.make_node()


def test_each_thread_is_used_once(init: OldInit, address: str) -> None:
    with Ipc("pyclient", sys.argv[0], ProgramInit()) as client:
        proxy = client.connect_address(address, PynodeInit)
        assert proxy is not None
        with proxy:
            ask(proxy)
            assert len(init.threads) == 1
            other = threading.Thread(target=ask, args=(proxy,))
            other.start()
            other.join()
            assert len(set(init.threads)) == len(init.threads) == 2


def test_asyncio_uses_them_too(init: OldInit, address: str) -> None:
    async def main() -> None:
        async with await aio.connect(address.removeprefix("unix:"), PynodeInit) as proxy:
            with pytest.raises(UnimplementedError):
                await proxy.make_node()

    asyncio.run(main())
    assert len(init.threads) == 1
