"""A table of methods (Core: CRPCTable in src/rpc/server.cpp)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from rpc.help import help_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rpc.json import Json
    from rpc.method import Method

MODULES: Final = (
    "control",
    "addresses",
    "descriptors",
    "message_signing",
    "openrpc",
    "psbt",
    "psbt_finishing",
)
"""The modules of this package that list METHODS, which need nothing but the chain."""


class MethodTable:
    """Methods by name."""

    def __init__(self, methods: Iterable[Method]) -> None:
        """Hold `methods`, whose names must differ."""
        self._methods: dict[str, Method] = {}
        for method in methods:
            if method.name in self._methods:
                raise ValueError(f"RPC method '{method.name}' is there twice")
            self._methods[method.name] = method

    def find(self, name: str) -> Method | None:
        """Return the method called `name`."""
        return self._methods.get(name)

    def methods(self) -> list[Method]:
        """Return all, sorted by name."""
        return [self._methods[name] for name in sorted(self._methods)]

    def help(self, name: str = "") -> str:
        """Return the help of one method, or the first line of each, by category."""
        if name:
            method = self._methods.get(name)
            return help_text(method) if method else f"help: unknown command: {name}"
        text = ""
        category = ""
        for method in sorted(self._methods.values(), key=lambda method: method.category + method.name):
            if method.category == "hidden":
                continue
            if method.category != category:
                text += "\n" if category else ""
                category = method.category
                text += f"== {category.capitalize()} ==\n"
            text += help_text(method).partition("\n")[0] + "\n"
        return text.removesuffix("\n")

    def conversions(self) -> list[Json]:
        """Return name, position, argument and whether it is a string, of all arguments of all methods."""
        return [list(entry) for method in self.methods() for entry in method.conversions()]


def shared_methods() -> list[Method]:
    """Return the methods that every program serves."""
    modules = (import_module(f"rpc.{name}") for name in MODULES)
    return [method for module in modules for method in module.METHODS]
