"""When a transaction may replace others in the mempool (Core: src/policy/rbf.cpp, src/util/rbf.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.money import format_money

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from primitives.fee_rate import FeeRate
    from primitives.transaction import Transaction

MAX_CLUSTERS: Final = 100
"""Clusters that replaced transactions may be in."""
MAX_SIGNAL_SEQUENCE: Final = 0xFFFFFFFD
NO_BETTER_DIAGRAM: Final = "insufficient feerate: does not improve feerate diagram"
"""The debug text of "replacement-failed"."""


def signals_replacement(tx: Transaction) -> bool:
    """Whether an input's sequence says that the transaction may be replaced (BIP125)."""
    return any(each.sequence <= MAX_SIGNAL_SEQUENCE for each in tx.inputs)


def clusters_debug(txid: bytes, clusters: int) -> str | None:
    """Return the debug text of "too many potential replacements", None for few enough."""
    if clusters <= MAX_CLUSTERS:
        return None
    name = txid[::-1].hex()
    return f"rejecting replacement {name}; too many conflicting clusters ({clusters} > {MAX_CLUSTERS})"


def conflicting_ancestor_debug(txid: bytes, ancestors: Iterable[bytes], conflicts: AbstractSet[bytes]) -> str | None:
    """Return the debug text of "bad-txns-spends-conflicting-tx": an ancestor is among those to replace."""
    for ancestor in ancestors:
        if ancestor in conflicts:
            return f"{txid[::-1].hex()} spends conflicting transaction {ancestor[::-1].hex()}"
    return None


def fee_debug(txid: bytes, replaced_fees: int, fees: int, vsize: int, incremental: FeeRate) -> str | None:
    """Return the debug text of "insufficient fee", None if modified fees pay for what is replaced and for the relay."""
    name = txid[::-1].hex()
    if fees < replaced_fees:
        return (
            f"rejecting replacement {name}, less fees than conflicting txs; "
            f"{format_money(fees)} < {format_money(replaced_fees)}"
        )
    additional, needed = fees - replaced_fees, incremental.fee_for(vsize)
    if additional < needed:
        return (
            f"rejecting replacement {name}, not enough additional fees to relay; "
            f"{format_money(additional)} < {format_money(needed)}"
        )
    return None
