"""An interface class matched to its schema: all its methods, and those it inherits."""

from __future__ import annotations

import inspect
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from interfaces.interface import Interface
from ipc.binding.method import BoundMethod
from ipc.binding.names import key
from ipc.capnp.schema import SCHEMA_DIR, load_interface
from ipc.errors import BindingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipc.capnp.schema import InterfaceType, Method

_RUNTIME: Final = frozenset({"construct", "destroy"})
"""Methods that are the runtime's business and have no counterpart in Python."""
_OBSOLETE: Final = "obsolete"
"""How the name of a method begins of which only the ordinal is left: a call of it is answered as not implemented."""


class Binding:
    """What client and server need to know of one interface."""

    def __init__(self, cls: type[Interface], schema: InterfaceType) -> None:
        """Match every method. Raises BindingError naming interface, method and field."""
        self.cls = cls
        self.schema = schema
        self.methods: dict[str, BoundMethod] = {}
        """By Python name."""
        self.by_ordinal: dict[tuple[int, int], BoundMethod] = {}
        """By interface id and ordinal."""
        self.construct: Method | None = schema.methods.get("construct")
        self.destroy: Method | None = schema.methods.get("destroy")
        functions = {key(name): function for name, function in _functions(cls).items()}
        for name, method in schema.methods.items():
            if name in _RUNTIME or name.startswith(_OBSOLETE):
                continue
            function = functions.pop(key(name), None)
            if function is None:
                raise BindingError(f"{cls.__name__}.{name} of the schema has no counterpart in class {cls.__name__}")
            bound = BoundMethod(cls, function, method)
            self.methods[bound.name] = bound
            self.by_ordinal[method.interface_id, method.ordinal] = bound
        for function in functions.values():
            raise BindingError(f"{cls.__name__}.{function.__name__} is not in the schema")


_bindings: dict[type[Interface], Binding] = {}
_matching = threading.RLock()


def binding_of(cls: type[Interface]) -> Binding:
    """Match an interface class to its schema, once. Raises BindingError."""
    known = _bindings.get(cls)
    if known is not None:
        return known
    with _matching:
        return _bindings.get(cls) or _match(cls)


def _match(cls: type[Interface]) -> Binding:
    if cls.schema is None:
        raise BindingError(f"{cls.__name__} names no schema: class {cls.__name__}(Interface, schema=...)")
    path = Path(cls.schema)
    schema = load_interface(path if path.is_absolute() else SCHEMA_DIR / path, cls.__name__)
    made = Binding(cls, schema)
    _bindings[cls] = made
    return made


def interface_of(value: Interface) -> type[Interface]:
    """Return the most derived class of an object that stands for an interface of a schema."""
    for cls in type(value).__mro__:
        if issubclass(cls, Interface) and cls.__dict__.get("schema") is not None:
            return cls
    raise BindingError(f"{type(value).__name__} implements no interface with a schema")


def _functions(cls: type) -> dict[str, Callable[..., object]]:
    return {
        name: value
        for name, value in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_") and name != "close"
    }
