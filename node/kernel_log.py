"""The kernel's log lines, handed to `logging` under Core's categories.

The kernel has one log for the whole process, so this is connected once and stays. What it writes at INFO and above
comes always; debug lines come for the categories whose loggers are open for DEBUG when a chain is loaded.
"""

from __future__ import annotations

import ctypes
import logging
from typing import TYPE_CHECKING, Final

from common.log import log_info
from common.log_categories import TRACE
from node import kernel

if TYPE_CHECKING:
    from collections.abc import Callable

_CATEGORIES: Final = {
    "bench": 1,
    "blockstorage": 2,
    "coindb": 3,
    "leveldb": 4,
    "mempool": 5,
    "prune": 6,
    "rand": 7,
    "reindex": 8,
    "validation": 9,
}
_KERNEL_CATEGORY: Final = 10
_LEVELS: Final = {
    b"trace": TRACE,
    b"debug": logging.DEBUG,
    b"info": logging.INFO,
    b"warning": logging.WARNING,
    b"error": logging.ERROR,
}
_INFO: Final = b"[all:info] "
_string_at: Final = ctypes.string_at

errors: Final[list[str]] = []
"""The errors the kernel logged lately, the newest last: it gives reasons nowhere else."""
_MOST_ERRORS: Final = 20


def _line(user_data: int, address: int, length: int) -> None:
    del user_data
    line = _string_at(address, length)
    if line.startswith(_INFO):
        log_info(line[11:-1].decode("utf-8", "replace"))
        return
    prefix, _, message = line.partition(b"] ")
    category, _, level = prefix[1:].partition(b":")
    text = message.decode("utf-8", "replace").rstrip("\n")
    number = _LEVELS.get(level, logging.INFO)
    if number >= logging.ERROR:
        errors.append(text)
        del errors[:-_MOST_ERRORS]
    logging.getLogger("" if category == b"all" else category.decode()).log(number, "%s", text)


_callback: Final = kernel.LogCallback(_line)
_connections: Final[list[int]] = []


def connect() -> None:
    """Let the kernel's lines come, debug lines as the loggers are open now."""
    if not _connections:
        kernel.logging_set_options(kernel.LoggingOptions(always_print_category_levels=1))
        kernel.logging_disable_category(0)
    for name, number in _CATEGORIES.items():
        logger = logging.getLogger(name)
        if logger.isEnabledFor(logging.DEBUG):
            kernel.logging_enable(number)
            kernel.logging_set_level(number, 0 if logger.isEnabledFor(TRACE) else 1)
        else:
            kernel.logging_disable_category(number)
    if not _connections:
        connection = kernel.logging_connection_create(_callback, None, None)
        if connection:
            _connections.append(connection)


def last_error(default: str, match: Callable[[str], bool] = bool) -> str:
    """Return the newest error that `match` takes."""
    return next((text for text in reversed(errors) if match(text)), default)
