"""The chains Bitcoin Core knows and what differs between them outside consensus.

Core: src/chainparamsbase.cpp, src/kernel/chainparams.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from common.errors import ChainError


@dataclass(frozen=True, slots=True)
class AddressPrefixes:
    """The bytes before the data of each base58 form, and the human-readable part of bech32 addresses."""

    pubkey: bytes
    script: bytes
    secret_key: bytes
    extended_public: bytes
    extended_secret: bytes
    bech32: str


_MAIN_PREFIXES: Final = AddressPrefixes(
    pubkey=b"\x00",
    script=b"\x05",
    secret_key=b"\x80",
    extended_public=b"\x04\x88\xb2\x1e",
    extended_secret=b"\x04\x88\xad\xe4",
    bech32="bc",
)
_TEST_PREFIXES: Final = AddressPrefixes(
    pubkey=b"\x6f",
    script=b"\xc4",
    secret_key=b"\xef",
    extended_public=b"\x04\x35\x87\xcf",
    extended_secret=b"\x04\x35\x83\x94",
    bech32="tb",
)


@dataclass(frozen=True, slots=True)
class ChainParams:
    """One chain: its name in options and sections, its folder below the data directory, its RPC port, its prefixes.

    `magic` starts its messages and tells its wallets from those of others; a signet with its own challenge has its own.
    """

    name: str
    data_dir_suffix: str
    rpc_port: int
    is_test_chain: bool
    prefixes: AddressPrefixes
    magic: bytes


MAIN: Final = ChainParams("main", "", 8332, False, _MAIN_PREFIXES, b"\xf9\xbe\xb4\xd9")
TEST: Final = ChainParams("test", "testnet3", 18332, True, _TEST_PREFIXES, b"\x0b\x11\x09\x07")
TESTNET4: Final = ChainParams("testnet4", "testnet4", 48332, True, _TEST_PREFIXES, b"\x1c\x16\x3f\x28")
SIGNET: Final = ChainParams("signet", "signet", 38332, True, _TEST_PREFIXES, b"\x0a\x03\xcf\x40")
REGTEST: Final = ChainParams(
    "regtest", "regtest", 18443, True, replace(_TEST_PREFIXES, bech32="bcrt"), b"\xfa\xbf\xb5\xda"
)

CHAINS: Final = {chain.name: chain for chain in (MAIN, TEST, TESTNET4, SIGNET, REGTEST)}
"""Every chain by name, in the order Core lists them."""


def chain_by_name(name: str) -> ChainParams:
    """Return the chain called `name`; ChainError with Core's text if there is none."""
    try:
        return CHAINS[name]
    except KeyError:
        raise ChainError(f"Unknown chain {name}.") from None
