"""Core's log lines and debug.log over the standard `logging` (Core: src/logging.cpp).

    log = start_logging(LogOptions(path=network_dir / "debug.log", console=True, debug=("ipc",)))
    logging.getLogger("ipc").debug("connected to %s", address)   # 2026-11-24T12:00:00Z [ipc] connected to ...
    signal.signal(signal.SIGHUP, lambda *_: log.reopen())
    log.close()

A logger named after a Core category (or below it, as "ipc.capnp") belongs to it; -debug opens
it for DEBUG, -loglevel=<category>:trace for TRACE. INFO and above are always written and, as
in Core, without category. The thread name in a line is Python's; name your threads.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from common.errors import LogError
from common.log_categories import CATEGORIES, TRACE, select

__all__ = ["TRACE", "CoreFormatter", "Log", "LogOptions", "escape", "hold_log", "log_info", "start_logging"]

_KEEP_BYTES: Final = 10_000_000
_SHRINK_ABOVE: Final = 11_000_000
_MOST_EARLY: Final = 1000
_SOURCE_ROOT: Final = str(Path(__file__).resolve().parent.parent) + os.sep
_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(32), 0x7F) if code != ord("\n")}
_CATEGORY_NAMES: Final = frozenset(CATEGORIES)
_ROOT: Final = logging.getLogger()
_LEVEL_NAMES: Final = {TRACE: "trace", logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning"}


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What the logging options say; defaults are Core's, with no file. `shrink=None`: unless something is debugged."""

    path: Path | None = None
    console: bool = False
    timestamps: bool = True
    time_micros: bool = False
    thread_names: bool = False
    source_locations: bool = False
    level_always: bool = False
    debug: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    shrink: bool | None = None


def escape(text: str) -> str:
    r"""Write control characters except newline as \xNN, so that no message steers a terminal."""
    return text if text.isascii() and text.isprintable() else text.translate(_ESCAPES)


class CoreFormatter(logging.Formatter):
    """Turns a record into one Core log line, newline included; a traceback follows its message."""

    def __init__(self, options: LogOptions) -> None:
        super().__init__()
        self._options = options
        self._second = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line."""
        options = self._options
        line = self.timestamp(record.created) if options.timestamps else ""
        if options.thread_names:
            line += f"[{record.threadName or 'unknown'}] "
        if options.source_locations:
            path = record.pathname.removeprefix(_SOURCE_ROOT)
            line += f"[{path}:{record.lineno}] [{record.funcName}] "
        return escape((line + self._prefix(record) + self._message(record)).removesuffix("\n")) + "\n"

    def timestamp(self, created: float) -> str:
        """Return how a line begins that was made at `created`, seconds since 1970."""
        second = int(created)
        known, seconds = self._second
        if second != known:
            seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, seconds)
        if self._options.time_micros:
            return f"{seconds}.{int(created % 1 * 1_000_000):06d}Z "
        return seconds + "Z "

    def _prefix(self, record: logging.LogRecord) -> str:
        always = self._options.level_always
        if record.levelno == logging.INFO and not always:
            return ""
        level = next((name for number, name in _LEVEL_NAMES.items() if record.levelno <= number), "error")
        category = record.name.partition(".")[0]
        if record.levelno >= logging.INFO or category not in _CATEGORY_NAMES:
            if always:
                return f"[all:{level}] "
            return "" if level == "info" else f"[{level}] "
        return f"[{category}] " if level == "debug" and not always else f"[{category}:{level}] "

    def _message(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        if record.stack_info:
            message = f"{message}\n{record.stack_info}"
        return message


class _Sink(logging.Handler):
    """Writes lines to the file, unbuffered, and to standard output. Like Core it never fails on a full disk."""

    def __init__(self, options: LogOptions) -> None:
        super().__init__()
        self._options = options
        self._core = CoreFormatter(options)
        self.setFormatter(self._core)
        self._path = options.path
        self._console = options.console
        self._file = _open(options.path) if options.path else None
        self.reopen_wanted = False
        if self._file:
            self._write(b"\n\n\n\n\n")  # Tells this run from the one before.

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record wherever lines go."""
        try:
            data = self.format(record).encode("utf-8", "backslashreplace")
        except Exception:  # noqa: BLE001 - as `logging` does with a record that does not fit its arguments
            self.handleError(record)
            return
        if self._console:
            _print(data)
        self._write(data)

    def info(self, text: str) -> None:
        """Write a line as if it were an INFO record of no category."""
        options = self._options
        if options.thread_names or options.source_locations or options.level_always:
            self.handle(logging.LogRecord("root", logging.INFO, "", 0, text, None, None))
            return
        stamp = self._core.timestamp(time.time()) if options.timestamps else ""
        data = (escape(stamp + text) + "\n").encode("utf-8", "backslashreplace")
        self.acquire()
        try:
            if self._console:
                _print(data)
            self._write(data)
        finally:
            self.release()

    def close(self) -> None:
        """Close the file; later records are dropped."""
        self.acquire()
        try:
            self._console = False
            if self._file:
                self._file.close()
                self._file = None
        finally:
            self.release()
        super().close()

    def _write(self, data: bytes) -> None:
        if self._file is None:
            return
        if self.reopen_wanted and self._path:
            self.reopen_wanted = False
            try:
                fresh = _open(self._path)
            except LogError:
                fresh = self._file
            if fresh is not self._file:
                self._file.close()
                self._file = fresh
        try:
            self._file.write(data)
        except OSError:
            return  # A full disk must not stop a node that can go on without its log.


class _Early(logging.Handler):
    """Keeps the last records until there is a log to write them to."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=_MOST_EARLY)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)


def hold_log() -> None:
    """Keep what is logged from now on for the log that `start_logging` starts, or for nobody if it never does."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(_Early())


class Log:
    """Logging that was started. `close()` puts `logging` back as it was."""

    def __init__(self, options: LogOptions) -> None:
        selection = select(options.debug, options.exclude, options.levels)
        if options.path and (options.shrink if options.shrink is not None else not selection.enabled):
            _shrink(options.path)
        self._sink: _Sink | None = _Sink(options)
        root = logging.getLogger()
        self._levels = [(logger, logger.level) for logger in (root, *map(logging.getLogger, CATEGORIES))]
        root.setLevel(logging.INFO)
        for category in CATEGORIES:
            logging.getLogger(category).setLevel(selection.level_of(category))
        early = [handler for handler in root.handlers if isinstance(handler, _Early)]
        for handler in early:
            root.removeHandler(handler)
            for record in handler.records:
                self._sink.handle(record)
        root.addHandler(self._sink)

    def reopen(self) -> None:
        """Open the file anew before the next line, for log rotation. Only sets a flag: safe in a signal handler."""
        if self._sink:
            self._sink.reopen_wanted = True

    def close(self) -> None:
        """Stop writing; doing so twice is fine."""
        if self._sink is None:
            return
        logging.getLogger().removeHandler(self._sink)
        self._sink.close()
        self._sink = None
        for logger, level in self._levels:
            logger.setLevel(level)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def log_info(text: str) -> None:
    """Log a finished line at INFO, as `logging.info` does but sooner where nobody but our log listens."""
    handlers = _ROOT.handlers
    if len(handlers) == 1 and isinstance(handlers[0], _Sink):
        if _ROOT.isEnabledFor(logging.INFO):
            handlers[0].info(text)
    else:
        _ROOT.info("%s", text)


def start_logging(options: LogOptions) -> Log:
    """Start writing log lines; LogError if a category or level is unknown or the file cannot be opened."""
    return Log(options)


def _open(path: Path) -> io.FileIO:
    try:
        return io.FileIO(path, "a")
    except (OSError, ValueError) as error:
        raise LogError(f"Could not open debug log file {path}") from error


def _print(data: bytes) -> None:
    stream = sys.stdout
    if stream is None:  # As under pythonw.
        return
    try:
        stream.flush()
        if isinstance(stream, io.TextIOWrapper):
            stream.buffer.write(data)
        else:
            stream.write(data.decode())
        stream.flush()
    except (OSError, ValueError):
        return  # Whoever read our output is gone.


def _shrink(path: Path) -> None:
    """Keep only the end of a file that grew too long."""
    try:
        if path.is_file() and path.stat().st_size > _SHRINK_ABOVE:
            with path.open("r+b") as file:
                file.seek(-_KEEP_BYTES, os.SEEK_END)
                tail = file.read(_KEEP_BYTES)
                file.seek(0)
                file.write(tail)
                file.truncate()
    except (OSError, ValueError):
        return  # An unwritable file is reported when it is opened for appending.
