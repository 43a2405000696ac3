"""Names of Core's log categories and levels, and what -debug, -debugexclude and -loglevel ask of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from common.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Sequence

TRACE: Final = 5
"""Level below DEBUG, for `logger.log(TRACE, ...)`."""
logging.addLevelName(TRACE, "TRACE")

CATEGORIES: Final = (
    "addrman",
    "bench",
    "blockstorage",
    "cmpctblock",
    "coindb",
    "estimatefee",
    "http",
    "i2p",
    "ipc",
    "kernel",
    "leveldb",
    "mempool",
    "mempoolrej",
    "net",
    "privatebroadcast",
    "proxy",
    "prune",
    "qt",
    "rand",
    "reindex",
    "rpc",
    "scan",
    "selectcoins",
    "tor",
    "txpackages",
    "txreconciliation",
    "validation",
    "walletdb",
    "zmq",
)
"""Core's category names, sorted as Core lists them; each is the name of a logger."""

LEVELS: Final = {"info": logging.INFO, "debug": logging.DEBUG, "trace": TRACE}
"""The levels a user may choose, as Core lists them."""

_ALL: Final = frozenset(CATEGORIES)
_MIN_COLON: Final = 3  # Where Core starts to look for the colon of <category>:<level>.


def parse_category(name: str) -> frozenset[str] | None:
    """Return the categories `name` stands for ("", "1" and "all" mean every one), or None if unknown."""
    if name in {"", "1", "all"}:
        return _ALL
    if name in _ALL:
        return frozenset((name,))
    if name == "libevent":
        logging.getLogger().warning(
            "The logging category `%s` is deprecated, does nothing, and will be removed in a future version", name
        )
        return frozenset()
    return None


@dataclass(frozen=True, slots=True)
class LogSelection:
    """Which categories log below INFO, and from which level on."""

    enabled: frozenset[str] = frozenset()
    default_level: int = logging.DEBUG
    category_levels: dict[str, int] = field(default_factory=dict)

    def level_of(self, category: str) -> int:
        """Return the level a category's logger needs; INFO and above always pass."""
        if category not in self.enabled:
            return logging.INFO
        return self.category_levels.get(category, self.default_level)


def select(debug: Sequence[str], exclude: Sequence[str], levels: Sequence[str]) -> LogSelection:
    """Combine the values of -debug, -debugexclude and -loglevel; LogError with Core's text if one is unknown."""
    level, category_levels = _select_levels(levels)
    return LogSelection(_select_categories(debug, exclude), level, category_levels)


def _select_categories(debug: Sequence[str], exclude: Sequence[str]) -> frozenset[str]:
    # "0" and "none" forget what came before.
    start = max((i + 1 for i, name in enumerate(debug) if name in {"0", "none"}), default=0)
    enabled: frozenset[str] = frozenset()
    for name in debug[start:]:
        categories = parse_category(name)
        if categories is None:
            raise LogError(f"Unsupported logging category -debug={name}.")
        enabled |= categories
    for name in exclude:
        categories = parse_category(name)
        if categories is None:
            raise LogError(f"Unsupported logging category -debugexclude={name}.")
        enabled -= categories
    return enabled


def _select_levels(values: Sequence[str]) -> tuple[int, dict[str, int]]:
    default = logging.DEBUG
    by_category: dict[str, int] = {}
    valid = ", ".join(LEVELS)
    for value in values:
        if ":" not in value[_MIN_COLON:]:
            if value not in LEVELS:
                raise LogError(f"Unsupported global logging level -loglevel={value}. Valid values: {valid}.")
            default = LEVELS[value]
            continue
        name, _, level = value.partition(":")
        categories = parse_category(name)
        if categories is None or level not in LEVELS:
            raise LogError(
                f"Unsupported category-specific logging level -loglevel={value}. "
                "Expected -loglevel=<category>:<loglevel>. "
                f"Valid categories: {', '.join(CATEGORIES)}. Valid loglevels: {valid}."
            )
        if len(categories) == 1:  # Core accepts "all:<level>" without effect.
            by_category[name] = LEVELS[level]
    return default, by_category
