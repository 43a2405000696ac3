"""What PSBTs look like as bytes, in both directions: magic and the numbers of preimages (BIP174)."""

from __future__ import annotations

from typing import Final

from primitives.miniscript_types import Fragment

MAGIC: Final = b"psbt\xff"
HIGHEST_VERSION: Final = 2

PREIMAGES: Final = {
    0x0A: (Fragment.RIPEMD160, "RIPEMD160", 20),
    0x0B: (Fragment.SHA256, "SHA256", 32),
    0x0C: (Fragment.HASH160, "Hash160", 20),
    0x0D: (Fragment.HASH256, "Hash256", 32),
}
"""The hash of each kind of preimage, what Core calls it, and how long its digests are."""
