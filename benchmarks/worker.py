"""The client process of one subject: takes the name of a measure a line, answers with a figure.

`python -m benchmarks.worker SUBJECT FOLDER SECONDS`. Each subject has its own, so that the
libraries do not share an interpreter. It owns the servers it starts and ends them at end of input.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from benchmarks.measures import MEASURES, Setting
from benchmarks.subject import UnavailableError, UnsupportedError
from benchmarks.subjects import load


def _answer(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def _measure(name: str, setting: Setting) -> None:
    try:
        value = MEASURES[name].run(setting)
    except UnsupportedError:
        _answer(reason="not offered")
    except Exception as error:  # noqa: BLE001 - one failure must not end the run
        traceback.print_exc()
        first_line = str(error).partition("\n")[0]
        _answer(reason=f"failed: {type(error).__name__}: {first_line}")
    else:
        _answer(value=value)


def _main() -> None:
    name, folder, seconds = sys.argv[1:]
    try:
        subject = load(name)
        first = Path(folder) / "first"
        first.mkdir()
        server = subject.start(first)
    except UnavailableError as error:
        _answer(unavailable=str(error))
        return
    try:
        _answer(about=subject.about)
        setting = Setting(subject, server, float(seconds), Path(folder))
        for line in sys.stdin:
            _measure(line.strip(), setting)
    finally:
        server.stop()


if __name__ == "__main__":
    _main()
