"""Makes the classes of proxies: the interface's methods with their signatures, calling a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipc.binding.binding import Binding
    from ipc.binding.method import BoundMethod

_known: dict[tuple[type, type], type[Any]] = {}


def proxy_class(binding: Binding, kind: type) -> type[Any]:
    """Return the class of proxies of an interface: `kind` and the interface in one."""
    known = _known.get((binding.cls, kind))
    if known is None:
        body: dict[str, Any] = {"_binding": binding}
        for name, method in binding.methods.items():
            body[name] = _make_method(method)
        known = _known[binding.cls, kind] = type(f"{binding.cls.__name__}Proxy", (kind, binding.cls), body)
    return known


def _make_method(method: BoundMethod) -> Any:
    names = list(method.signature.parameters)
    scope: dict[str, Any] = {"method": method}
    parts = [names[0]]
    for name in names[1:]:
        default = method.signature.parameters[name].default
        if default is method.signature.empty:
            parts.append(name)
        else:
            scope[f"default_{name}"] = default
            parts.append(f"{name}=default_{name}")
    arguments = "".join(f"{name}, " for name in names[1:])
    own = names[0]
    source = f"def {method.name}({', '.join(parts)}):\n    return {own}._session.call({own}, method, ({arguments}))"
    exec(source, scope)  # noqa: S102 - generated here from a signature
    function = scope[method.name]
    function.__doc__ = getattr(method.interface, method.name).__doc__
    function.__qualname__ = f"{method.interface.__name__}Proxy.{method.name}"
    return function
