"""Compressed coins, on the numbers of Bitcoin Core's compress_tests and serialize_tests."""

import pytest

from primitives.compression import compress_amount, compress_coin, compress_script, varint

COIN = 100_000_000
GENERATOR = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
GENERATOR_Y = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"


@pytest.mark.parametrize(
    ("amount", "compressed"),
    [(0, 0), (1, 1), (COIN // 100, 7), (COIN, 9), (50 * COIN, 0x32), (21_000_000 * COIN, 0x1406F40)],
)
def test_amounts(amount: int, compressed: int) -> None:
    assert compress_amount(amount) == compressed


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "00"), (0x7F, "7f"), (0x80, "8000"), (0x1234, "a334"), (0xFFFF, "82fe7f"), (0x123456, "c7e756"),
        (0x80123456, "86ffc7e756"), (0xFFFFFFFF, "8efefefe7f"), (0x7FFFFFFFFFFFFFFF, "fefefefefefefefe7f"),
    ],
)  # fmt: skip
def test_numbers(number: int, written: str) -> None:
    assert varint(number).hex() == written


@pytest.mark.parametrize(
    ("script", "compressed"),
    [
        ("76a914" + "11" * 20 + "88ac", "00" + "11" * 20),
        ("a914" + "22" * 20 + "87", "01" + "22" * 20),
        ("2102" + GENERATOR + "ac", "02" + GENERATOR),
        ("4104" + GENERATOR + GENERATOR_Y + "ac", "04" + GENERATOR),
        ("4104" + GENERATOR + "00" * 32 + "ac", "49" + "4104" + GENERATOR + "00" * 32 + "ac"),
        ("2105" + GENERATOR + "ac", "29" + "2105" + GENERATOR + "ac"),
        ("51", "0751"),
        ("", "06"),
    ],
)
def test_scripts(script: str, compressed: str) -> None:
    assert compress_script(bytes.fromhex(script)).hex() == compressed


def test_a_coin() -> None:
    assert compress_coin(50 * COIN, b"\x51", 100 << 1 | 1).hex() == "8049" + "32" + "0751"
