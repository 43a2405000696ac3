"""Blocks and undo data read from the kernel's files: as the kernel reads them, and nothing from damaged ones."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block, double_sha256, spend
from hypothesis import given
from hypothesis import strategies as st

from common.chains import REGTEST
from node import block_data
from node.block_files import BlockFiles
from node.block_tree import BlockEntry, BlockStatus
from node.chainstate import BlockMissingError, Chainstate
from node.coin import Coin
from primitives.block import Block
from primitives.script import pubkey_hash_script, pubkey_script, script_hash_script

KEY = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
LONG_KEY = f"04{KEY}483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
SPENDS = 101
ON_DISK = BlockStatus(5, have_data=True, have_undo=True, failed=False)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chainstate]:
    chainstate = Chainstate(tmp_path_factory.mktemp("node"), REGTEST)
    blocks = [build_block(REGTEST_GENESIS_HASH, 1)]
    while len(blocks) < SPENDS:
        coin = Block.parse(blocks[0]).transactions[0].txid + bytes(4)
        height = len(blocks) + 1
        made = (spend(coin, 40 * 10**8, 0, 10**8 + 1),) if height == SPENDS else ()
        blocks.append(build_block(block_hash(blocks[-1]), height, transactions=made))
    for block in blocks:
        assert chainstate.process_block(block).accepted
    yield chainstate
    chainstate.close()


def files_of(chain: Chainstate) -> BlockFiles:
    return BlockFiles(chain.network_dir / "blocks")


def at(chain: Chainstate, height: int) -> BlockEntry:
    entry = chain.at(height)
    assert entry is not None
    return entry


def test_the_kernel_reads_the_same(chain: Chainstate) -> None:
    assert any((chain.network_dir / "blocks" / "xor.dat").read_bytes())
    files = files_of(chain)
    for height in range(SPENDS + 1):
        entry = at(chain, height)
        data = files.read_block(entry)
        assert data == block_data.read_block(chain._session.manager, entry.address)
        assert data == chain.read_block(entry)
        if height:
            undo = files.read_undo(entry)
            assert undo == block_data.read_undo(chain._session.manager, entry.address)
            assert undo == ([[Coin(50 * 10**8, b"\x51", 1, is_coinbase=True)]] if height == SPENDS else [])


def test_damaged_files_give_nothing(chain: Chainstate, tmp_path: Path) -> None:
    folder = chain.network_dir / "blocks"
    entry = at(chain, SPENDS)
    _, block_at, undo_at = entry.file_position
    for name, place in (("blk00000.dat", block_at), ("rev00000.dat", undo_at)):
        (tmp_path / "xor.dat").write_bytes((folder / "xor.dat").read_bytes())
        for other in ("blk00000.dat", "rev00000.dat"):
            (tmp_path / other).write_bytes((folder / other).read_bytes())
        files = BlockFiles(tmp_path)
        read = files.read_block if name.startswith("blk") else files.read_undo
        good = (tmp_path / name).read_bytes()
        assert read(entry)
        for change in (
            good[: place + 10],
            good[: place - 6],
            good[: place - 1] + bytes((good[place - 1] ^ 0x80,)) + good[place:],
            good[: place + 1] + bytes((good[place + 1] ^ 1,)) + good[place + 2 :],
        ):
            (tmp_path / name).write_bytes(change)
            assert read(entry) is None
        (tmp_path / name).unlink()
        assert read(entry) is None


def test_the_kernel_says_what_is_missing(tmp_path: Path) -> None:
    chainstate = Chainstate(tmp_path, REGTEST)
    try:
        chainstate.process_block(build_block(REGTEST_GENESIS_HASH, 1))
        (tmp_path / "blocks" / "blk00000.dat").unlink()
        with pytest.raises(BlockMissingError):
            chainstate.read_block(at(chainstate, 1))
    finally:
        chainstate.close()


@dataclass
class Previous:
    hash: bytes = bytes(32)


@dataclass
class Entry:
    """Stands for a block whose undo data begin at 8."""

    file_position: tuple[int, int, int] = (0, 8, 8)
    previous: Previous | None = None
    hash: bytes = bytes(32)
    status: BlockStatus = ON_DISK


def read_undo(folder: Path, data: bytes) -> list[list[Coin]] | None:
    checksum = double_sha256(bytes(32) + data)
    (folder / "rev00000.dat").write_bytes(struct.pack("<4sI", b"four", len(data)) + data + checksum)
    return BlockFiles(folder).read_undo(cast("BlockEntry", Entry(previous=Previous())))


# From Core's compress_tests.
@pytest.mark.parametrize(
    ("packed", "value"),
    [("00", 0), ("01", 1), ("07", 10**6), ("09", 10**8), ("32", 50 * 10**8), ("8980dd40", 21 * 10**14)],
)
def test_amounts(tmp_path: Path, packed: str, value: int) -> None:
    assert read_undo(tmp_path, bytes.fromhex(f"01 01 02 00 {packed} 07 51")) == [
        [Coin(value, b"\x51", 1, is_coinbase=False)]
    ]


HASH = "00112233445566778899aabbccddeeff00112233"


@pytest.mark.parametrize(
    ("packed", "script"),
    [
        (f"00{HASH}", pubkey_hash_script(bytes.fromhex(HASH))),
        (f"01{HASH}", script_hash_script(bytes.fromhex(HASH))),
        (f"02{KEY}", pubkey_script(bytes.fromhex(f"02{KEY}"))),
        (f"03{KEY}", pubkey_script(bytes.fromhex(f"03{KEY}"))),
        (f"04{KEY}", pubkey_script(bytes.fromhex(LONG_KEY))),
        (f"04{'ff' * 32}", b""),
        ("06", b""),
        ("08abcd", b"\xab\xcd"),
        (f"8006{'55' * 128}", b"\x55" * 128),
        (f"cd17{'55' * 10001}", b"\x6a"),
    ],
)
def test_scripts(tmp_path: Path, packed: str, script: bytes) -> None:
    assert read_undo(tmp_path, bytes.fromhex(f"01 01 01 09 {packed}")) == [[Coin(10**8, script, 0, is_coinbase=True)]]
    assert read_undo(tmp_path, bytes.fromhex(f"01 01 01 09 {packed}")[:-1]) is None
    assert read_undo(tmp_path, bytes.fromhex(f"01 01 01 09 {packed} 00")) is None


@given(st.binary(max_size=60))
def test_any_undo_data_are_read_or_not(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    found = read_undo(tmp_path_factory.getbasetemp(), data)
    assert found is None or all(isinstance(coin, Coin) for coins in found for coin in coins)
