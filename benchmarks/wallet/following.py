"""What a wallet of 10,000 transactions takes for a block that has nothing of it, and for scanning blocks again."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from timeit import timeit
from typing import TYPE_CHECKING, Final

from benchmarks.node.chain_of_blocks import empty_blocks, full_blocks
from benchmarks.node.figures import tell
from benchmarks.node.programs import pynode, reach, running
from benchmarks.wallet.filling import PAYMENTS, fill
from common.chains import REGTEST
from primitives.block import Block
from primitives.block_keys import block_keys
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.tracker import BlockPlace
from wallet.wallet import Wallet

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.chain import Chain

_REPEATS: Final = 20
_SCANNED: Final = 10_000


def measure_blocks(rounds: int) -> None:
    """Print what a block takes on the wallet's side, without its transfer."""
    with tempfile.TemporaryDirectory(prefix="pynode-bench-") as temporary:
        folder = Path(temporary)
        filled = fill(folder)
        context = WalletContext(REGTEST, folder)
        wallet, _ = Wallet.load(filled.name, WalletDatabase(folder / filled.name, REGTEST), context)
        for height, data in enumerate(filled.blocks, 1):
            header = Block.parse(data).header
            wallet.tracker.block_connected(data, BlockPlace(header.hash, height, header.time))
        assert len(wallet.transactions) >= PAYMENTS
        print(f"A block with nothing of a wallet of {PAYMENTS} transactions (min/median/max of {rounds} rounds)")
        empty, full = empty_blocks(1)[0], full_blocks(1)[1][0]
        for words, data in (("one transaction", empty), (f"2,600 payments, {len(full) / 1e6:.2f} MB", full)):
            keys = block_keys(data)
            tell(f"{words}: its keys ({len(keys) / 1000:.1f} kB)", _times(rounds, partial(_look, wallet, keys)), "ms")
            tell(f"{words}: a look at all of it", _times(rounds, partial(_connect, wallet, data)), "ms")
            tell(f"{words}: the node makes the keys, once for all", _times(rounds, partial(block_keys, data)), "ms")
        wallet.close()


def _times(rounds: int, work: Callable[[], object]) -> list[float]:
    """Return the milliseconds that it takes."""
    return [timeit(work, number=_REPEATS) / _REPEATS * 1000 for _ in range(rounds)]


def _look(wallet: Wallet, keys: bytes) -> None:
    with wallet.lock:
        assert not wallet.watch.may_concern(keys)
        wallet.tracker.block_passed(wallet.last_block_height)


def _connect(wallet: Wallet, data: bytes) -> None:
    wallet.tracker.block_connected(data, BlockPlace(bytes(32), wallet.last_block_height, 0))


def measure_rescan(rounds: int) -> None:
    """Print what a rescan takes, and the share that is not waiting for the node."""
    with tempfile.TemporaryDirectory(prefix="pynode-bench-") as temporary:
        folder = Path(temporary)
        (folder / "wallets").mkdir()
        with running(pynode(), folder) as program, reach(program) as init:
            mining, chain = init.make_mining(), init.make_chain()
            assert mining is not None
            assert chain is not None
            for block in empty_blocks(_SCANNED):
                mining.submit_block(block)

            def make_events() -> object:
                return init.make_events()

            context = WalletContext(REGTEST, folder / "wallets", chain=chain, make_events=make_events)  # type: ignore[arg-type]
            wallet = Wallet.create("w", WalletDatabase(folder / "wallets" / "w", REGTEST), context, 0)
            wallet.start()
            print(f"Scanning {_SCANNED} regtest blocks again over IPC (min/median/max of {rounds} rounds)")
            seconds, shares = zip(*(_scan(wallet, chain) for _ in range(rounds)), strict=True)
            tell("in all", seconds, "s")
            tell("share of the wallet itself", [100 * share for share in shares], "%")
            wallet.close()


def _scan(wallet: Wallet, chain: Chain) -> tuple[float, float]:
    spent = 0.0
    plain = wallet.tracker.block_connected

    def timed(data: bytes, place: BlockPlace) -> bool:
        nonlocal spent
        begun = time.perf_counter()
        found = plain(data, place)
        spent += time.perf_counter() - begun
        return found

    wallet.tracker.block_connected = timed  # type: ignore[method-assign]
    try:
        started = time.perf_counter()
        with wallet.rescan.reserved():
            result = wallet.rescan.scan(chain.get_block_hash(0), 0)
        elapsed = time.perf_counter() - started
    finally:
        wallet.tracker.block_connected = plain  # type: ignore[method-assign]
    assert result.last_height == _SCANNED
    return elapsed, spent / elapsed
