"""The command `python -m benchmarks.mempool`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.command import run
from benchmarks.mempool import admitting, connecting, ordering, remembering, templating

if TYPE_CHECKING:
    from collections.abc import Callable

_MEASURES: Final[dict[str, Callable[[int], None]]] = {
    "admissions": admitting.measure,
    "memory": remembering.measure,
    "order": ordering.measure,
    "scripts": connecting.measure,
    "templates": templating.measure,
}


if __name__ == "__main__":
    run("benchmarks.mempool", _MEASURES)
