"""The body of the servers that are Python: `python -m benchmarks.serve SUBJECT ADDRESS`."""

from __future__ import annotations

import sys

from benchmarks.server import PythonSubject
from benchmarks.subjects import load


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def _main() -> None:
    name, address = sys.argv[1:]
    subject = load(name)
    if not isinstance(subject, PythonSubject):
        raise TypeError(name)
    subject.serve(address, _ready)


if __name__ == "__main__":
    _main()
