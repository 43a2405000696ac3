"""Declares which exceptions a method raises, so that they cross a connection as themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")
_ATTRIBUTE = "_raises"


def raises(*errors: type[Exception]) -> Callable[[F], F]:
    """Declare exception classes, each a dataclass or made from one text.

    In the schema each has a result field marked `$Proxy.exception("<class name>")`.
    """

    def mark(method: F) -> F:
        setattr(method, _ATTRIBUTE, errors)
        return method

    return mark


def declared(method: Callable[..., object]) -> tuple[type[Exception], ...]:
    """Return what `raises` declared for a method."""
    errors: tuple[type[Exception], ...] = getattr(method, _ATTRIBUTE, ())
    return errors
