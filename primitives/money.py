"""Amounts as texts in bitcoins (Core: src/util/moneystr.cpp)."""

from __future__ import annotations

import re
from typing import Final

from primitives.transaction import COIN, MAX_MONEY

_AMOUNT: Final = re.compile(r"([0-9]{0,10})(?:\.([0-9]{0,8}))?", re.ASCII)
_SPACE: Final = " \f\n\r\t\v"


def format_money(satoshis: int) -> str:
    """Return an amount with two to eight decimals: "1.00", "-0.00001"."""
    whole, rest = divmod(abs(satoshis), COIN)
    text = f"{rest:08d}".rstrip("0").ljust(2, "0")
    return f"{'-' if satoshis < 0 else ''}{whole}.{text}"


def parse_money(text: str) -> int | None:
    """Return satoshis, None if `text` is no amount, or none that can exist; ".5" is one, as is "1."."""
    found = _AMOUNT.fullmatch(text.strip(_SPACE)) if "\0" not in text else None
    if found is None or not found[0]:
        return None
    satoshis = int(found[1] or "0") * COIN + int((found[2] or "").ljust(8, "0"))
    return satoshis if satoshis <= MAX_MONEY else None
