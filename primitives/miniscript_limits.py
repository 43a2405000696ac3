"""How many operations, stack elements and witness bytes a miniscript fragment may take (Core: CalcOps and others).

None stands for what cannot be: no satisfaction, or no dissatisfaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from primitives import miniscript_types as types
from primitives.miniscript_types import Fragment, has

if TYPE_CHECKING:
    from collections.abc import Callable

    from primitives.miniscript import Node


class Ops(NamedTuple):
    """Operations other than pushes, and the keys that CHECKMULTISIG counts as more when it runs."""

    own: int
    satisfied: int | None
    dissatisfied: int | None


Trace = tuple[int, int] | None
"""How many elements a script takes off the stack, and how many more than at its end are there at some point."""


class StackSizes(NamedTuple):
    """Bounds on the stack over all ways to (dis)satisfy a fragment."""

    satisfied: Trace
    dissatisfied: Trace


class WitnessSizes(NamedTuple):
    """Bounds on the bytes of a witness."""

    satisfied: int | None
    dissatisfied: int | None


T = TypeVar("T")

_EMPTY: Final = (0, 0)
_PUSH: Final = (-1, 0)
_KEEP: Final = (0, 0)
_TAKE: Final = (1, 1)
_TAKE_TWO: Final = (2, 2)


def _plus(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b


def _most(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def _then(*traces: Trace) -> Trace:
    """Run one script after the other."""
    taken = peak = 0
    for trace in traces:
        if trace is None:
            return None
        peak = max(trace[1], trace[0] + peak)
        taken += trace[0]
    return taken, peak


def _or(a: Trace, b: Trace) -> Trace:
    """Run one script or the other."""
    if a is None or b is None:
        return b if a is None else a
    return max(a[0], b[0]), max(a[1], b[1])


def _threshold(
    node: Node, start: T, pick: Callable[[Node], tuple[T, T]], add: Callable[[T, T], T], either: Callable[[T, T], T]
) -> list[T]:
    """Return the costs of satisfying 0, 1, 2, ... of the children and dissatisfying the others."""
    sums = [start]
    for sub in node.subs:
        satisfied, dissatisfied = pick(sub)
        following = [add(sums[0], dissatisfied)]
        following += (either(add(sums[at], dissatisfied), add(sums[at - 1], satisfied)) for at in range(1, len(sums)))
        following.append(add(sums[-1], satisfied))
        sums = following
    return sums


def ops_of(node: Node) -> Ops:
    """Return the operations of a node whose children have theirs."""
    fragment = node.fragment
    if fragment in _LEAF_OPS:
        return _LEAF_OPS[fragment]
    if fragment is Fragment.MULTI:
        return Ops(1, len(node.keys), len(node.keys))
    if fragment is Fragment.MULTI_A:
        return Ops(len(node.keys) + 1, 0, 0)
    count = sum(sub.ops.own for sub in node.subs)
    x = node.subs[0].ops
    if fragment is Fragment.THRESH:
        sums: list[int | None] = _threshold(node, 0, lambda sub: sub.ops[1:], _plus, _most)
        return Ops(count + len(node.subs), sums[node.number], sums[0])
    if fragment is Fragment.WRAP_V:
        return Ops(count + has(node.subs[0].type, types.X), x.satisfied, None)
    if len(node.subs) == 1:
        dissatisfied = 0 if fragment in {Fragment.WRAP_D, Fragment.WRAP_J} else x.dissatisfied
        return Ops(count + _WRAPPER_OPS[fragment], x.satisfied, dissatisfied)
    costs: tuple[Any, Any] = _combine(node, lambda sub: sub.ops[1:], _plus, _most)
    return Ops(count + _COMBINED_OPS[fragment], *costs)


def _combine(
    node: Node,
    pick: Callable[[Node], Any],
    add: Callable[[Any, Any], Any],
    either: Callable[[Any, Any], Any],
) -> tuple[Any, Any]:
    """Return what satisfying and dissatisfying two or three children together costs."""
    (xs, xd), (ys, yd) = pick(node.subs[0]), pick(node.subs[1])
    match node.fragment:
        case Fragment.AND_V:
            return add(xs, ys), None
        case Fragment.AND_B:
            return add(xs, ys), add(xd, yd)
        case Fragment.OR_B:
            return either(add(xs, yd), add(xd, ys)), add(xd, yd)
        case Fragment.OR_D:
            return either(xs, add(xd, ys)), add(xd, yd)
        case Fragment.OR_C:
            return either(xs, add(xd, ys)), None
        case Fragment.OR_I:
            return either(xs, ys), either(xd, yd)
        case _:
            zs, zd = pick(node.subs[2])
            return either(add(xs, ys), add(xd, zs)), add(xd, zd)


def stack_sizes_of(node: Node) -> StackSizes:
    """Return the bounds on the stack of a node whose children have theirs."""
    match node.fragment:
        case Fragment.FALSE:
            return StackSizes(None, _PUSH)
        case Fragment.TRUE | Fragment.OLDER | Fragment.AFTER:
            return StackSizes(_PUSH, None)
        case Fragment.PK_K:
            return StackSizes(_PUSH, _PUSH)
        case Fragment.PK_H:
            trace = _then(_PUSH, _KEEP, _PUSH, _TAKE_TWO)
            return StackSizes(trace, trace)
        case Fragment.SHA256 | Fragment.HASH256 | Fragment.RIPEMD160 | Fragment.HASH160:
            return StackSizes(_then(_PUSH, _PUSH, _TAKE_TWO, _KEEP, _PUSH, _TAKE), None)
        case Fragment.MULTI:
            trace = (node.number, node.number + len(node.keys) + 2)
            return StackSizes(trace, trace)
        case Fragment.MULTI_A:
            trace = (len(node.keys) - 1, len(node.keys))
            return StackSizes(trace, trace)
        case Fragment.THRESH:
            return _thresh_stack(node)
    xs, xd = node.subs[0].stack_sizes
    match node.fragment:
        case Fragment.WRAP_A | Fragment.WRAP_N | Fragment.WRAP_S:
            return StackSizes(xs, xd)
        case Fragment.WRAP_C:
            return StackSizes(_then(xs, _TAKE), _then(xd, _TAKE))
        case Fragment.WRAP_D:
            return StackSizes(_then(_PUSH, _TAKE, xs), _then(_PUSH, _TAKE))
        case Fragment.WRAP_V:
            return StackSizes(_then(xs, _TAKE), None)
        case Fragment.WRAP_J:
            return StackSizes(_then(_PUSH, _KEEP, _TAKE, xs), _then(_PUSH, _KEEP, _TAKE))
    return _combined_stack(node)


def _combined_stack(node: Node) -> StackSizes:
    (xs, xd), (ys, yd) = node.subs[0].stack_sizes, node.subs[1].stack_sizes
    match node.fragment:
        case Fragment.AND_V:
            return StackSizes(_then(xs, ys), None)
        case Fragment.AND_B:
            return StackSizes(_then(xs, ys, _TAKE), _then(xd, yd, _TAKE))
        case Fragment.OR_B:
            return StackSizes(_then(_or(_then(xs, yd), _then(xd, ys)), _TAKE), _then(xd, yd, _TAKE))
        case Fragment.OR_C:
            return StackSizes(_or(_then(xs, _TAKE), _then(xd, _TAKE, ys)), None)
        case Fragment.OR_D:
            return StackSizes(_or(_then(xs, _PUSH, _TAKE), _then(xd, _KEEP, _TAKE, ys)), _then(xd, _KEEP, _TAKE, yd))
        case Fragment.OR_I:
            return StackSizes(_then(_TAKE, _or(xs, ys)), _then(_TAKE, _or(xd, yd)))
        case _:
            zs, zd = node.subs[2].stack_sizes
            return StackSizes(_or(_then(xs, _TAKE, ys), _then(xd, _TAKE, zs)), _then(xd, _TAKE, zd))


def _thresh_stack(node: Node) -> StackSizes:
    sums: list[Trace] = [_EMPTY]
    for index, sub in enumerate(node.subs):
        satisfied, dissatisfied = sub.stack_sizes
        add = _TAKE if index else _EMPTY
        following = [_then(sums[0], dissatisfied, add)]
        following += (
            _then(_or(_then(sums[at], dissatisfied), _then(sums[at - 1], satisfied)), add) for at in range(1, len(sums))
        )
        following.append(_then(sums[-1], satisfied, add))
        sums = following
    return StackSizes(_then(sums[node.number], _PUSH, _TAKE), _then(sums[0], _PUSH, _TAKE))


def witness_sizes_of(node: Node) -> WitnessSizes:
    """Return the bounds on the witness of a node whose children have theirs."""
    signature = 1 + (65 if node.tapscript else 72)
    key = 1 + (32 if node.tapscript else 33)
    count = len(node.keys)
    match node.fragment:
        case Fragment.FALSE:
            return WitnessSizes(None, 0)
        case Fragment.TRUE | Fragment.OLDER | Fragment.AFTER:
            return WitnessSizes(0, None)
        case Fragment.PK_K:
            return WitnessSizes(signature, 1)
        case Fragment.PK_H:
            return WitnessSizes(signature + key, 1 + key)
        case Fragment.SHA256 | Fragment.HASH256 | Fragment.RIPEMD160 | Fragment.HASH160:
            return WitnessSizes(33, None)
        case Fragment.MULTI:
            return WitnessSizes(node.number * signature + 1, node.number + 1)
        case Fragment.MULTI_A:
            return WitnessSizes(node.number * signature + count - node.number, count)
        case Fragment.THRESH:
            sums: list[int | None] = _threshold(node, 0, lambda sub: sub.witness_sizes, _plus, _most)
            return WitnessSizes(sums[node.number], sums[0])
    satisfied, dissatisfied = node.subs[0].witness_sizes
    match node.fragment:
        case Fragment.WRAP_A | Fragment.WRAP_N | Fragment.WRAP_S | Fragment.WRAP_C:
            return WitnessSizes(satisfied, dissatisfied)
        case Fragment.WRAP_D:
            return WitnessSizes(_plus(satisfied, 2), 1)
        case Fragment.WRAP_V:
            return WitnessSizes(satisfied, None)
        case Fragment.WRAP_J:
            return WitnessSizes(satisfied, 1)
        case Fragment.OR_I:
            ys, yd = node.subs[1].witness_sizes
            return WitnessSizes(_most(_plus(satisfied, 2), _plus(ys, 1)), _most(_plus(dissatisfied, 2), _plus(yd, 1)))
    return WitnessSizes(*_combine(node, lambda sub: sub.witness_sizes, _plus, _most))


_LEAF_OPS: Final = {
    Fragment.TRUE: Ops(0, 0, None),
    Fragment.FALSE: Ops(0, None, 0),
    Fragment.PK_K: Ops(0, 0, 0),
    Fragment.PK_H: Ops(3, 0, 0),
    Fragment.OLDER: Ops(1, 0, None),
    Fragment.AFTER: Ops(1, 0, None),
    Fragment.SHA256: Ops(4, 0, None),
    Fragment.HASH256: Ops(4, 0, None),
    Fragment.RIPEMD160: Ops(4, 0, None),
    Fragment.HASH160: Ops(4, 0, None),
}

_WRAPPER_OPS: Final = {
    Fragment.WRAP_S: 1,
    Fragment.WRAP_C: 1,
    Fragment.WRAP_N: 1,
    Fragment.WRAP_A: 2,
    Fragment.WRAP_D: 3,
    Fragment.WRAP_J: 4,
}

_COMBINED_OPS: Final = {
    Fragment.AND_V: 0,
    Fragment.AND_B: 1,
    Fragment.OR_B: 1,
    Fragment.OR_C: 2,
    Fragment.OR_D: 3,
    Fragment.OR_I: 3,
    Fragment.ANDOR: 3,
}
