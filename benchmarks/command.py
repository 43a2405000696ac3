"""The command line of a package of benchmarks that measures in rounds."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def run(package: str, measures: Mapping[str, Callable[[int], None]]) -> None:
    """Measure what `--only` names, or all, in as many rounds as `--rounds` says, and print the figures."""
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=f"The command `python -m {package}`.")
    parser.add_argument("--only", action="append", default=[], choices=list(measures), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
    for name, measure in measures.items():
        if name in (options.only or measures):
            measure(options.rounds)
