"""What a wallet watches for, as keys: whether a block may concern it is seen from the block's keys alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives.block_keys import outpoint_key, read_keys, script_key

if TYPE_CHECKING:
    from collections.abc import Iterable


class Watch:
    """The keys of all scripts and outpoints that were ever added. Under the wallet's lock.

    None is taken out again: what is no longer watched for only costs a look at a block.
    """

    def __init__(self) -> None:
        """Watch for nothing."""
        self._keys: set[int] = set()

    def add_scripts(self, scripts: Iterable[bytes]) -> None:
        """Watch for payments to output scripts."""
        self._keys.update(map(script_key, scripts))

    def add_outpoint(self, outpoint: bytes) -> None:
        """Watch for the spending of an outpoint, 36 bytes."""
        self._keys.add(outpoint_key(outpoint))

    def may_concern(self, keys: bytes) -> bool:
        """Whether a block with these keys may have any of it. False is certain. Raises ValueError."""
        return not self._keys.isdisjoint(read_keys(keys))
