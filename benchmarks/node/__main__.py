"""The command `python -m benchmarks.node`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Final

from benchmarks.node import answering, connecting, starting, subscribing
from benchmarks.node.chain_of_blocks import empty_blocks, full_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS: Final = 5
_FULL: Final = 8


def _connect_empty() -> None:
    connecting.measure("empty", [], empty_blocks(2000), _ROUNDS)


def _connect_full() -> None:
    leading, blocks = full_blocks(_FULL)
    connecting.measure("full", leading, blocks, _ROUNDS)


def _rpc() -> None:
    leading, blocks = full_blocks(1)
    answering.measure_rpc([*leading, *blocks], _ROUNDS)


_MEASURES: Final[dict[str, Callable[[], None]]] = {
    "empty-blocks": _connect_empty,
    "full-blocks": _connect_full,
    "start": lambda: starting.measure(empty_blocks(10_000), _ROUNDS),
    "tip": lambda: answering.measure_tip(_ROUNDS),
    "rpc": _rpc,
    "subscribers": subscribing.measure,
}


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.node", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=list(_MEASURES), metavar="NAME")
    only = parser.parse_args().only
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
    for name, measure in _MEASURES.items():
        if name in (only or _MEASURES):
            measure()


if __name__ == "__main__":
    main()
