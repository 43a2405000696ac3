"""Looking into a running process: which interfaces it offers, and calling their methods with JSON."""

from __future__ import annotations

import dataclasses
import inspect
import types
from enum import Enum
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from cli.errors import StartError
from interfaces.interface import Interface
from ipc import IpcError, UnimplementedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def methods_of(interface: type[Interface]) -> dict[str, Callable[..., Any]]:
    """Return the methods of an interface by name."""
    return {
        name: function
        for name, function in inspect.getmembers(interface, inspect.isfunction)
        if not name.startswith("_") and name != "close"
    }


def _made_by(function: Callable[..., Any]) -> type[Interface] | None:
    """Return the interface a method makes out of nothing, None if it does not."""
    if len(inspect.signature(function).parameters) != 1:
        return None
    made = _plain(get_type_hints(function).get("return"))
    return made if isinstance(made, type) and issubclass(made, Interface) else None


def offered(init: Interface, interface: type[Interface]) -> Iterator[type[Interface]]:
    """Try each method of the first object that makes another, and return what is offered."""
    for name, function in methods_of(interface).items():
        made = _made_by(function)
        if made is None:
            continue
        try:
            found = getattr(init, name)()
        except UnimplementedError:
            continue
        if found is not None:
            found.close()
            yield made


def describe(interface: type[Interface]) -> dict[str, str]:
    """Return the signature of each method."""
    return {
        name: str(inspect.signature(function)).replace("(self, ", "(").replace("(self)", "()").replace("'", "")
        for name, function in methods_of(interface).items()
    }


def call(init: Interface, interface: type[Interface], path: str, arguments: list[Any]) -> Any:
    """Call "Interface.method" with JSON values; return a JSON value. Raises StartError, IpcError."""
    owner, dot, name = path.partition(".")
    if not dot:
        raise StartError(f"'{path}' is not of the form Interface.method")
    if owner in {cls.__name__ for cls in interface.__mro__}:
        return _call(init, interface, name, arguments)
    for maker, function in methods_of(interface).items():
        made = _made_by(function)
        if made is not None and made.__name__ == owner:
            found = getattr(init, maker)()
            if found is None:
                raise StartError(f"The process does not offer {owner}")
            try:
                return _call(found, made, name, arguments)
            finally:
                found.close()
    raise StartError(f"Unknown interface '{owner}'")


def _call(target: Interface, interface: type[Interface], name: str, arguments: list[Any]) -> Any:
    methods = methods_of(interface)
    key = name.replace("_", "").lower()
    found = next((known for known in methods if known.replace("_", "") == key), None)
    if found is None:
        raise StartError(f"{interface.__name__} has no method '{name}'; it has {', '.join(methods)}")
    function = methods[found]
    hints = get_type_hints(function)
    names = list(inspect.signature(function).parameters)[1:]
    if len(arguments) > len(names):
        raise StartError(f"{interface.__name__}.{found} takes at most {len(names)} arguments: {', '.join(names)}")
    values = [from_json(value, hints[part], part) for value, part in zip(arguments, names, strict=False)]
    try:
        inspect.signature(function).bind(None, *values)
    except TypeError as error:
        raise StartError(f"{interface.__name__}.{found}: {error}") from error
    try:
        return to_json(getattr(target, found)(*values))
    except IpcError:
        raise
    except Exception as error:
        raise StartError(f"{type(error).__name__}: {error}") from error


def _plain(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(kind for kind in get_args(hint) if kind is not type(None))
    return hint


def from_json(value: Any, hint: Any, where: str) -> Any:
    """Make a value of a type from JSON: bytes from hex, a dataclass from an object. Raises StartError."""
    if value is None:
        return None
    hint = _plain(hint)
    try:
        if hint is bytes:
            return bytes.fromhex(value)
        if hint is float:
            return float(value)
        if get_origin(hint) is list:
            return [from_json(item, get_args(hint)[0], where) for item in value]
        if get_origin(hint) is dict:
            kinds = get_args(hint)
            return {from_json(k, kinds[0], where): from_json(v, kinds[1], where) for k, v in value.items()}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return hint[value]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            kinds_by_name = get_type_hints(hint)
            return hint(**{name: from_json(item, kinds_by_name[name], name) for name, item in value.items()})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StartError(f"{where}: {value!r} is no {getattr(hint, '__name__', hint)}") from error
    return value


def to_json(value: Any) -> Any:
    """Make JSON of a value: hex of bytes as they are, an object of a dataclass, the name of an interface."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Interface):
        name = type(value).__name__.removesuffix("Proxy")
        value.close()
        return f"<{name}>"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    return value
