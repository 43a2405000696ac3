"""A file that says a reindex was asked for and has not yet emptied both databases.

The kernel empties one after the other; whoever is killed in between could not be started again without asking for the
reindex once more. So the wish is kept until it is met.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from node.chainstate_options import ChainstateOptions

FILE_NAME: Final = "reindex_wanted"
_ALL: Final = "blocks"
_COINS: Final = "chainstate"


class ReindexMarker:
    """The file in a network's directory."""

    def __init__(self, network_dir: Path) -> None:
        self._path = network_dir / FILE_NAME

    def apply(self, options: ChainstateOptions) -> ChainstateOptions:
        """Return the options with what an earlier run still wanted, and keep what this one wants."""
        try:
            wanted = self._path.read_text()
        except OSError:
            wanted = ""
        if options.reindex or wanted == _ALL:
            options = replace(options, reindex=True)
            self._write(_ALL)
        elif options.reindex_chainstate or wanted == _COINS:
            options = replace(options, reindex_chainstate=True)
            self._write(_COINS)
        return options

    def _write(self, wanted: str) -> None:
        with self._path.open("w") as file:
            file.write(wanted)
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Note that both databases were made anew."""
        self._path.unlink(missing_ok=True)
