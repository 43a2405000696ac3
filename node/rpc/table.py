"""The table of all methods of a node."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from rpc.table import MethodTable, shared_methods

MODULES: Final = (
    "coins",
    "coin_scan",
    "snapshot",
    "block_filters",
    "index_info",
    "transaction_proofs",
    "descriptor_activity",
    "control",
    "blockchain",
    "chain_control",
    "mining",
    "block_template",
    "generating",
    "waiting",
    "block_stats",
    "chain_info",
    "deployments",
    "memory",
    "rawtransaction",
    "mempool",
    "mempool_entries",
    "mempool_clusters",
    "mempool_file",
    "orphans",
    "spending",
    "fees",
    "transaction_submission",
    "prioritisation",
    "network",
    "signing",
    "psbt_signing",
)
"""The modules of this package that list METHODS."""


def full_table() -> MethodTable:
    """Return the table of all that a node serves, but for wallets."""
    modules = (import_module(f"node.rpc.{name}") for name in MODULES)
    return MethodTable([*shared_methods(), *(method for module in modules for method in module.METHODS)])
