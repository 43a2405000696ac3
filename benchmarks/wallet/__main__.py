"""The command `python -m benchmarks.wallet`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Final

from benchmarks.wallet import answering, following

if TYPE_CHECKING:
    from collections.abc import Callable

_MEASURES: Final[dict[str, Callable[[int], None]]] = {
    "answers": answering.measure,
    "blocks": following.measure_blocks,
    "rescan": following.measure_rescan,
}


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wallet", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=list(_MEASURES), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
    for name, measure in _MEASURES.items():
        if name in (options.only or _MEASURES):
            measure(options.rounds)


if __name__ == "__main__":
    main()
