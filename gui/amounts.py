"""Amounts as the desktop program shows and reads them."""

from __future__ import annotations

from primitives.money import parse_money
from rpc.json import Amount


def shown(satoshis: int) -> str:
    """Return an amount in bitcoins with its unit."""
    return f"{Amount(satoshis).text()} BTC"


def read(text: str) -> int | None:
    """Return satoshis, None if the text is no amount in bitcoins."""
    return parse_money(text)
