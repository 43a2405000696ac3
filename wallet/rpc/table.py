"""The table of all methods of wallets."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from rpc.table import MethodTable, shared_methods

MODULES: Final = (
    "loading",
    "info",
    "encryption",
    "addresses",
    "address_info",
    "labels",
    "sending",
    "sending_all",
    "funding",
    "signing",
    "bumping",
    "balances",
    "coins",
    "locked_coins",
    "received",
    "transactions",
    "groupings",
    "scanning",
    "importing",
    "descriptor_list",
    "hd_keys",
    "messages",
    "pruned_funds",
    "signer",
    "exporting",
)
"""The modules of this package that list METHODS."""


def wallet_table() -> MethodTable:
    """Return the table of all methods of wallets."""
    modules = (import_module(f"wallet.rpc.{name}") for name in MODULES)
    return MethodTable(method for module in modules for method in module.METHODS)


def full_table() -> MethodTable:
    """Return the table of all that a program with wallets answers by itself."""
    return MethodTable([*shared_methods(), *wallet_table().methods()])
