"""Transactions from hex whose form is not known (Core: DecodeHexTx in src/core_io.cpp).

A transaction without inputs, as people make them before funding, begins as the extended form does. So both forms may
be tried, and what makes sense as scripts decides.
"""

from __future__ import annotations

import re
from typing import Final

from primitives.errors import DecodeError
from primitives.script import MAX_SCRIPT_SIZE, has_valid_ops
from primitives.transaction import Transaction

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+", re.ASCII)


def decode_transaction(text: str, *, try_no_witness: bool = False, try_witness: bool = True) -> Transaction:
    """Return the transaction that is all of `text`. Raises DecodeError."""
    if not _HEX.fullmatch(text):
        raise DecodeError("TX decode failed")
    data = bytes.fromhex(text)
    extended = _parse(data, allow_witness=True) if try_witness else None
    if extended and _is_sane(extended):
        return extended
    legacy = _parse(data, allow_witness=False) if try_no_witness else None
    if legacy and _is_sane(legacy):
        return legacy
    found = extended or legacy
    if found is None:
        raise DecodeError("TX decode failed")
    return found


def _parse(data: bytes, *, allow_witness: bool) -> Transaction | None:
    try:
        return Transaction.parse(data, allow_witness=allow_witness)
    except DecodeError:
        return None


def _is_sane(transaction: Transaction) -> bool:
    scripts = [output.script_pubkey for output in transaction.outputs]
    if not transaction.is_coinbase:
        scripts += [each.script_sig for each in transaction.inputs]
    return all(len(script) <= MAX_SCRIPT_SIZE and has_valid_ops(script) for script in scripts)
