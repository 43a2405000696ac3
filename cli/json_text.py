"""JSON as it came: numbers keep how they are written; output is laid out as Core's bitcoin-cli does (UniValue)."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

_DEEPEST: Final = 512
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ESCAPED: Final = re.compile(r'[\x00-\x1f"\\\x7f]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Number:
    """A number as it is written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        """Keep the text."""
        self.text = text

    def __float__(self) -> float:
        return float(self.text)

    def __int__(self) -> int:
        return int(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def loads(text: str) -> Any:
    """Read a JSON value. Raises ValueError."""
    try:
        return json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("too deep") from error


def _number(text: str) -> Number:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return Number(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"'{text}' is no JSON")


def dumps(value: Any, indent: int = 0) -> str:
    """Write a value, on one line or with each part on a line of its own, `indent` spaces deeper."""
    parts: list[str] = []
    _write(value, indent, 1, parts)
    return "".join(parts)


def text_of(value: Any) -> str:
    """Return a text as it is, a number as it is written, and yes, no and nothing as Core's getValStr does."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, (int, Number)):
        return value.text if isinstance(value, Number) else str(value)
    return ""


def _write(value: Any, indent: int, level: int, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(quote(value))
    elif isinstance(value, Number):
        parts.append(value.text)
    elif isinstance(value, dict):
        _write_parts(
            "{", "}", [(quote(key) + (": " if indent else ":"), value[key]) for key in value], indent, level, parts
        )
    elif isinstance(value, list):
        _write_parts("[", "]", [("", item) for item in value], indent, level, parts)
    else:
        parts.append(json.dumps(value))


def _write_parts(start: str, end: str, items: list[tuple[str, Any]], indent: int, level: int, parts: list[str]) -> None:
    if level > _DEEPEST:
        raise ValueError("too deep")
    newline = "\n" if indent else ""
    parts.append(start + newline)
    for i, (key, item) in enumerate(items):
        parts.append(" " * (indent * level) + key)
        _write(item, indent, level + 1, parts)
        parts.append(("," if i + 1 < len(items) else "") + newline)
    parts.append(" " * (indent * (level - 1)) + end)


def quote(text: str) -> str:
    """Return a text as a JSON string; only what must be escaped is."""
    return '"' + _ESCAPED.sub(lambda found: _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}", text) + '"'
