"""The flags of a wallet, which say what it must do or must not have (Core: src/wallet/walletutil.h)."""

from __future__ import annotations

from typing import Final

AVOID_REUSE: Final = 1 << 0
KEY_ORIGIN_METADATA: Final = 1 << 1
LAST_HARDENED_XPUB_CACHED: Final = 1 << 2
DISABLE_PRIVATE_KEYS: Final = 1 << 32
BLANK: Final = 1 << 33
DESCRIPTORS: Final = 1 << 34
EXTERNAL_SIGNER: Final = 1 << 35

NAMES: Final = {
    AVOID_REUSE: "avoid_reuse",
    KEY_ORIGIN_METADATA: "key_origin_metadata",
    LAST_HARDENED_XPUB_CACHED: "last_hardened_xpub_cached",
    DISABLE_PRIVATE_KEYS: "disable_private_keys",
    BLANK: "blank",
    DESCRIPTORS: "descriptor_wallet",
    EXTERNAL_SIGNER: "external_signer",
}
"""As users know them; all that we know."""
MUTABLE: Final = AVOID_REUSE
"""What a user may change."""


def unknown_required(flags: int) -> int:
    """Return the flags without which a wallet cannot be understood, and that we do not know."""
    return (flags & ~sum(NAMES)) >> 32 << 32


def flag_names(flags: int) -> list[str]:
    """Return the names of the flags that are set, lowest first."""
    return [NAMES.get(1 << bit, f"unknown_flag_{bit}") for bit in range(64) if flags >> bit & 1]
