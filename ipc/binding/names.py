"""How a Python name and a schema name are found to be the same."""

from __future__ import annotations


def key(name: str) -> str:
    """Return what `get_transactions_by_tx_id` and `getTransactionsByTxID` have in common."""
    return name.replace("_", "").lower()


def has_key(name: str) -> str:
    """Return the key of the field that says whether `name` is present (`hasResult` for `result`)."""
    return "has" + key(name)
