"""The chains Bitcoin Core knows and what differs between them outside consensus (Core: src/chainparamsbase.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.errors import ChainError


@dataclass(frozen=True, slots=True)
class ChainParams:
    """One chain: its name in options and sections, its folder below the data directory, its RPC port."""

    name: str
    data_dir_suffix: str
    rpc_port: int
    is_test_chain: bool


MAIN: Final = ChainParams("main", "", 8332, is_test_chain=False)
TEST: Final = ChainParams("test", "testnet3", 18332, is_test_chain=True)
TESTNET4: Final = ChainParams("testnet4", "testnet4", 48332, is_test_chain=True)
SIGNET: Final = ChainParams("signet", "signet", 38332, is_test_chain=True)
REGTEST: Final = ChainParams("regtest", "regtest", 18443, is_test_chain=True)

CHAINS: Final = {chain.name: chain for chain in (MAIN, TEST, TESTNET4, SIGNET, REGTEST)}
"""Every chain by name, in the order Core lists them."""


def chain_by_name(name: str) -> ChainParams:
    """Return the chain called `name`; ChainError with Core's text if there is none."""
    try:
        return CHAINS[name]
    except KeyError:
        raise ChainError(f"Unknown chain {name}.") from None
