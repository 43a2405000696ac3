"""The command `python -m benchmarks.wallet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.command import run
from benchmarks.wallet import answering, following, scanning

if TYPE_CHECKING:
    from collections.abc import Callable

_MEASURES: Final[dict[str, Callable[[int], None]]] = {
    "answers": answering.measure,
    "blocks": following.measure_blocks,
    "rescan": following.measure_rescan,
    "scans": scanning.measure,
}


if __name__ == "__main__":
    run("benchmarks.wallet", _MEASURES)
