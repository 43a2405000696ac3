"""Consensus parameters of each chain, as far as Python has to know them: the kernel has its own.

Core: src/kernel/chainparams.cpp, src/consensus/params.h. Times are seconds since 1970, hashes in internal order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

ALWAYS_ACTIVE: Final = -1
NEVER_ACTIVE: Final = -2
NO_TIMEOUT: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class VersionBitsDeployment:
    """A change that miners signal for (BIP9): it needs `threshold` of `period` blocks."""

    bit: int
    start_time: int
    timeout: int
    threshold: int
    period: int
    min_activation_height: int = 0


@dataclass(frozen=True, slots=True)
class BuriedHeights:
    """The first height of each change whose activation is history."""

    bip34: int = 1
    bip66: int = 1
    bip65: int = 1
    csv: int = 1
    segwit: int = 1


@dataclass(frozen=True, slots=True)
class ConsensusParams:
    """The rules of one chain."""

    buried: BuriedHeights
    testdummy: VersionBitsDeployment
    target_spacing: int = 600
    """Seconds between blocks."""
    script_flag_exceptions: tuple[tuple[bytes, tuple[str, ...]], ...] = ()
    """Blocks that break rules which hold for all others, with the rules that they keep."""


_NEVER: Final = VersionBitsDeployment(28, NEVER_ACTIVE, NO_TIMEOUT, threshold=1815, period=2016)


def _exception(hash_: str, *flags: str) -> tuple[bytes, tuple[str, ...]]:
    return bytes.fromhex(hash_)[::-1], flags


CONSENSUS: Final = {
    "main": ConsensusParams(
        BuriedHeights(bip34=227_931, bip66=363_725, bip65=388_381, csv=419_328, segwit=481_824),
        _NEVER,
        script_flag_exceptions=(
            _exception("00000000000002dc756eebf4f49723ed8d30cc28a5f108eb94b1ba88ac4f9c22"),
            _exception("0000000000000000000f14c35b2d841e986ab5441de8c585d5ffe55ea1e395ad", "P2SH", "WITNESS"),
        ),
    ),
    "test": ConsensusParams(
        BuriedHeights(bip34=21_111, bip66=330_776, bip65=581_885, csv=770_112, segwit=834_624),
        replace(_NEVER, threshold=1512),
        script_flag_exceptions=(_exception("00000000dd30457c001f4095d208cc1296b0eed002427aa599874af7a432b105"),),
    ),
    "testnet4": ConsensusParams(
        BuriedHeights(),
        replace(_NEVER, threshold=1512),
    ),
    "signet": ConsensusParams(
        BuriedHeights(),
        _NEVER,
    ),
    "regtest": ConsensusParams(
        BuriedHeights(segwit=0),
        VersionBitsDeployment(28, 0, NO_TIMEOUT, threshold=108, period=144),
    ),
}
"""By the name of the chain."""
