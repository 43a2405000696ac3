"""The command `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import report, rounds
from benchmarks.measures import MEASURES
from benchmarks.subjects import NAMES

if TYPE_CHECKING:
    from types import FrameType

_ROUNDS, _SECONDS = 5, 0.5
_QUICK_ROUNDS, _QUICK_SECONDS = 2, 0.15


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, for a first look")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=[*NAMES, *MEASURES],
        metavar="NAME",
        help=f"only this subject or measure; may repeat. Subjects: {', '.join(NAMES)}. Measures: {', '.join(MEASURES)}",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default {_ROUNDS}")
    return parser.parse_args()


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1)  # unwinds, so that every worker is ended


def _tell(progress: str) -> None:
    sys.stderr.write(progress + "\n")


def main() -> None:
    """Measure, and print the table."""
    options = _parse()
    signal.signal(signal.SIGTERM, _terminate)
    count = options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS)
    seconds = _QUICK_SECONDS if options.quick else _SECONDS
    subjects = [name for name in NAMES if name in options.only] or list(NAMES)
    measures = [name for name in MEASURES if name in options.only] or list(MEASURES)
    results = rounds.run(subjects, measures, count, seconds, _tell)
    sys.stdout.write(report.as_table(results, count) + "\n")
    if options.json is not None:
        run: dict[str, object] = {
            "rounds": count,
            "seconds_per_figure": seconds,
            "python": platform.python_version(),
            "system": platform.platform(terse=True),
            "processors": os.cpu_count(),
        }
        options.json.write_text(json.dumps(report.as_json(results, run), indent=2) + "\n")


if __name__ == "__main__":
    main()
