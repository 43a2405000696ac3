"""What is taken from the kernel behind its C API, beside what the C API and Core's constants say."""

import logging
from pathlib import Path

import pytest
from block_factory import GENESIS_TIME, REGTEST_GENESIS_HASH
from chain_recorder import branch, feed, open_chain

from common.chains import MAIN, SIGNET, TEST, TESTNET4
from node import kernel, kernel_symbols
from node.block_progress import BlockProgress, duration
from node.chainstate import Chainstate, ChainstateOptions
from node.clock import Clock
from node.kernel_symbols import KernelSymbolsError
from primitives import kernel_library

GENESIS = {
    MAIN: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    TEST: "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
    TESTNET4: "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
    SIGNET: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
}


def test_the_pinned_build_is_installed() -> None:
    assert kernel_symbols.is_pinned_build()
    kernel_symbols.require()


def test_another_build_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "library.so"
    for data in (b"", b"\x7fELF\x01" + bytes(60), kernel.PATH.read_bytes()[:64] + bytes(5000)):
        file.write_bytes(data)
        monkeypatch.setattr(kernel_library, "PATH", file)
        kernel_symbols.is_pinned_build.cache_clear()
        assert not kernel_symbols.is_pinned_build()
        with pytest.raises(KernelSymbolsError, match=r"^This needs the libbitcoinkernel that pynode was made for"):
            kernel_symbols.require()
    monkeypatch.undo()
    kernel_symbols.is_pinned_build.cache_clear()
    assert kernel_symbols.is_pinned_build()


@pytest.mark.parametrize("params", GENESIS, ids=lambda params: str(params.name))
def test_every_chain(tmp_path: Path, params: object) -> None:
    chain = Chainstate(tmp_path, params)  # type: ignore[arg-type]
    tip = chain.tip()
    assert tip.hash[::-1].hex() == GENESIS[params]  # type: ignore[index]
    assert (tip.tx_count, tip.height) == (1, 0)
    with chain.symbols() as symbols:
        assert symbols.subsidy(0) == 50 * 10**8
        assert symbols.subsidy(210_000) == 25 * 10**8
        assert bool(symbols.signet_challenge()) == (params is SIGNET)
        assert symbols.next_bits(tip.address, tip.time + 600) == tip.bits
    chain.close()


def test_signet_of_ones_own(tmp_path: Path) -> None:
    chain = Chainstate(tmp_path, SIGNET, ChainstateOptions(signet_challenge=b"\x51"))
    with chain.symbols() as symbols:
        assert symbols.signet_challenge() == b"\x51"
    chain.close()


def test_what_consensus_says_on_regtest(tmp_path: Path) -> None:
    chain = open_chain(tmp_path, cache=8 << 20, signature_cache=1 << 20, batch_size=1 << 16)
    feed(chain, branch(3))
    tip = chain.tip()
    with chain.symbols() as symbols:
        assert [symbols.subsidy(height) for height in (0, 149, 150, 300)] == [
            50 * 10**8, 50 * 10**8, 25 * 10**8, 1_250_000_000
        ]  # fmt: skip
        assert symbols.next_bits(tip.address, tip.time + 1) == 0x207FFFFF
        assert symbols.block_version(tip.address) == 0x20000000
        assert (symbols.segwit_height, symbols.prune_after_height) == (0, 1000)
        assert not symbols.have_pruned
        assert symbols.disk_usage() > 3 * 200
        assert 0 < symbols.verification_progress(tip.address) <= 1
        assert len(symbols.all_entries()) == 4
        symbols.set_cache(20 << 20, 2 << 20)
    assert not chain.is_loading_blocks or chain.wait_for_import(10)
    chain.close()


def test_mocked_time_is_the_kernel_s_too(tmp_path: Path) -> None:
    chain = open_chain(tmp_path)
    clock = Clock()
    block = branch(1)[0]
    try:
        clock.set_mock(GENESIS_TIME - 3 * 60 * 60)
        assert clock.now() == clock.mock == GENESIS_TIME - 3 * 60 * 60
        assert chain.process_block(block).text == "time-too-new"
        clock.set_mock(GENESIS_TIME)
        assert chain.is_initial_block_download()
        assert chain.process_block(block).text == ""
        assert not chain.is_initial_block_download()
    finally:
        clock.set_mock(0)
    assert clock.now() > GENESIS_TIME
    assert chain.at(0) is not None
    assert chain.entry(REGTEST_GENESIS_HASH) == chain.at(0)
    chain.close()


def test_stop_height(tmp_path: Path) -> None:
    stopped: list[bool] = []
    chain = open_chain(tmp_path, stop_at_height=2, on_stop=lambda: stopped.append(True))
    blocks = branch(3)
    feed(chain, blocks[:1])
    assert not stopped
    feed(chain, blocks[1:2])
    assert stopped
    chain.close()


def test_progress_lines(caplog: pytest.LogCaptureFixture) -> None:
    progress = BlockProgress(interval=0)
    with caplog.at_level(logging.INFO):
        progress.block(1, 0.1)
        progress.block(2, 0.1)
        progress.block(11, 0.55)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("Connecting blocks: height=11 progress=55.00% rate=")
    assert "blocks/s left=0s" in caplog.messages[0]
    assert [duration(seconds) for seconds in (0, 59.9, 3600, 90_061, 125)] == ["0s", "59s", "1h 0m", "1d 1h", "2m 5s"]
