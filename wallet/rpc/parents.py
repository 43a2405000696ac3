"""The wallet's descriptors that a script comes from, as several methods list them (Core: PushParentDescriptors)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpc.method import Kind, Result

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.wallet import Wallet

PARENTS: Final = Result(
    Kind.ARR,
    "parent_descs",
    "The wallet's descriptors that the output script comes from",
    (Result(Kind.STR, "desc", "A descriptor"),),
)
PARENTS_OF_RECEIVED: Final = Result(
    Kind.ARR,
    "parent_descs",
    "The wallet's descriptors that the output script comes from, of what was received",
    (Result(Kind.STR, "desc", "A descriptor"),),
    optional=True,
)


class ParentDescriptors:
    """Finds them, and makes each text once. For one call: texts may change. Hold the wallet's lock."""

    def __init__(self, wallet: Wallet) -> None:
        """Know none yet."""
        self._wallet = wallet
        self._texts: dict[bytes, str | None] = {}

    def of(self, script: bytes) -> list[Json]:
        """Return the public texts of the descriptors that know a script."""
        found = []
        for keys in self._wallet.descriptors_of(script):
            if keys.id not in self._texts:
                self._texts[keys.id] = keys.public_text()
            found.append(self._texts[keys.id])
        return [text for text in found if text is not None]
