"""Miniscript: scripts with a structure that can be analysed (BIP379; Core: src/script/miniscript.h).

Trees may be deep enough to overflow Python's stack, so nothing here recurses: `fold` and `fold_down` visit them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from primitives import miniscript_types as types
from primitives.encoding import compact_size
from primitives.hashes import hash160
from primitives.miniscript_limits import Ops, StackSizes, WitnessSizes, ops_of, stack_sizes_of, witness_sizes_of
from primitives.miniscript_types import HASHES, WRAPPERS, Fragment, has, node_type
from primitives.opcodes import (
    OP_0,
    OP_0NOTEQUAL,
    OP_1,
    OP_ADD,
    OP_BOOLAND,
    OP_BOOLOR,
    OP_CHECKLOCKTIMEVERIFY,
    OP_CHECKMULTISIG,
    OP_CHECKMULTISIGVERIFY,
    OP_CHECKSEQUENCEVERIFY,
    OP_CHECKSIG,
    OP_CHECKSIGADD,
    OP_CHECKSIGVERIFY,
    OP_DUP,
    OP_ELSE,
    OP_ENDIF,
    OP_EQUAL,
    OP_EQUALVERIFY,
    OP_FROMALTSTACK,
    OP_HASH160,
    OP_HASH256,
    OP_IF,
    OP_IFDUP,
    OP_NOTIF,
    OP_NUMEQUAL,
    OP_NUMEQUALVERIFY,
    OP_RIPEMD160,
    OP_SHA256,
    OP_SIZE,
    OP_SWAP,
    OP_TOALTSTACK,
    OP_VERIFY,
)
from primitives.script import push_data, push_number

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

MAX_KEYS: Final = 20
MAX_TAPSCRIPT_KEYS: Final = 999

_MAX_P2WSH_SCRIPT_SIZE: Final = 3600
_MAX_STANDARD_WEIGHT: Final = 400_000
_BODY_WEIGHT: Final = (8 + 1 + 36 + 4 + 1 + 1 + 8 + 1 + 1 + 33) * 4 + 2  # One input, one P2WSH output.
_MAX_STACK: Final = 1000
_MAX_P2WSH_STACK: Final = 100
_MAX_OPS: Final = 201
_MAX_CONTROL_SIZE: Final = 33 + 32 * 128
_MAX_TAPSCRIPT_SATISFACTION: Final = 3 + 66 * _MAX_STACK + 3 + _MAX_CONTROL_SIZE

_HASH_OPCODES: Final = {
    Fragment.SHA256: OP_SHA256,
    Fragment.HASH256: OP_HASH256,
    Fragment.RIPEMD160: OP_RIPEMD160,
    Fragment.HASH160: OP_HASH160,
}

R = TypeVar("R")
State = TypeVar("State")


def max_script_size(*, tapscript: bool) -> int:
    """Return how many bytes a script may have to be spent by a standard transaction."""
    if not tapscript:
        return _MAX_P2WSH_SCRIPT_SIZE
    size = _MAX_STANDARD_WEIGHT - _BODY_WEIGHT - _MAX_TAPSCRIPT_SATISFACTION
    return size - len(compact_size(size))


class Node:
    """A fragment with its children and all that is known of it. Keys are whatever its maker uses for keys."""

    __slots__ = (
        "data",
        "fragment",
        "has_duplicate_keys",
        "keys",
        "number",
        "ops",
        "script_size",
        "stack_sizes",
        "subs",
        "tapscript",
        "type",
        "witness_sizes",
    )

    def __init__(
        self,
        fragment: Fragment,
        subs: tuple[Node, ...] = (),
        *,
        tapscript: bool,
        number: int = 0,
        keys: tuple[Any, ...] = (),
        data: bytes = b"",
    ) -> None:
        self.fragment: Final = fragment
        self.subs: Final = subs
        self.tapscript: Final = tapscript
        self.number: Final = number
        self.keys: Final = keys
        self.data: Final = data
        self.type: Final[int] = node_type(fragment, number, [sub.type for sub in subs], tapscript=tapscript)
        self.ops: Final[Ops] = ops_of(self)
        self.stack_sizes: Final[StackSizes] = stack_sizes_of(self)
        self.witness_sizes: Final[WitnessSizes] = witness_sizes_of(self)
        self.script_size: Final = _script_size(self)
        self.has_duplicate_keys = True  # Until check_duplicate_keys says otherwise.

    # What the types and limits say

    def is_valid(self) -> bool:
        """Whether it has a type and fits into a script."""
        return bool(self.type) and self.script_size <= max_script_size(tapscript=self.tapscript)

    def is_valid_top_level(self) -> bool:
        """Whether it is a script of its own."""
        return self.is_valid() and has(self.type, types.B)

    def is_non_malleable(self) -> bool:
        """Whether it can always be satisfied so that nobody else can change how."""
        return has(self.type, types.M)

    def needs_signature(self) -> bool:
        """Whether nothing satisfies it without a signature."""
        return has(self.type, types.S)

    def has_no_mixed_time_locks(self) -> bool:
        """Whether no way to satisfy it needs blocks and seconds at once."""
        return has(self.type, types.letters("k"))

    def is_satisfiable(self) -> bool:
        """Whether anything satisfies it."""
        return self.stack_size() is not None

    def has_valid_satisfactions(self) -> bool:
        """Whether what satisfies it stays within the limits of consensus and policy."""
        return self.is_valid() and self._is_within_ops() and self._is_within_stack()

    def is_sane_subexpression(self) -> bool:
        """Whether it means what it says."""
        return (
            self.has_valid_satisfactions()
            and self.is_non_malleable()
            and self.has_no_mixed_time_locks()
            and not self.has_duplicate_keys
        )

    def is_sane(self) -> bool:
        """Whether it is safe as a script of its own."""
        return self.is_valid_top_level() and self.is_sane_subexpression() and self.needs_signature()

    def find_insane(self) -> Node | None:
        """Return an insane node without insane children, the leftmost, or None."""

        def up(node: Node, subs: Sequence[Node | None]) -> Node | None:
            found = next((sub for sub in subs if sub), None)
            return found or (None if node.is_sane_subexpression() else node)

        return fold(self, up)

    def stack_size(self) -> int | None:
        """Return how many elements satisfy it at most, None if none do."""
        satisfied = self.stack_sizes.satisfied
        return None if satisfied is None else satisfied[0] + self._leaves_element()

    def witness_size(self) -> int | None:
        """Return how many bytes satisfy it at most, None if none do."""
        return self.witness_sizes.satisfied

    def ops_count(self) -> int | None:
        """Return how many operations run at most, None if nothing satisfies it."""
        return None if self.ops.satisfied is None else self.ops.own + self.ops.satisfied

    def _leaves_element(self) -> int:
        return 1 if self.type & (types.B | types.K | types.W) else 0

    def _is_within_ops(self) -> bool:
        count = self.ops_count()
        return self.tapscript or count is None or count <= _MAX_OPS

    def _is_within_stack(self) -> bool:
        satisfied = self.stack_sizes.satisfied
        if satisfied is None:
            return True
        if self.tapscript:
            return satisfied[1] + self._leaves_element() <= _MAX_STACK
        return satisfied[0] + self._leaves_element() <= _MAX_P2WSH_STACK

    # What it is written as

    def text(self, write: Callable[[Any], str]) -> str:
        """Return the expression, each key as `write` has it."""
        return fold_down(self, False, _is_colon_due, lambda wrapped, node, subs: _text(wrapped, node, subs, write))

    def script(self, key_bytes: Callable[[Any], bytes]) -> bytes:
        """Return the script, each key as `key_bytes` has it."""
        return fold_down(self, False, _is_verified, lambda verify, node, subs: _script(verify, node, subs, key_bytes))

    def nodes(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(node.subs)


def fold(root: Node, up: Callable[[Node, Sequence[R]], R]) -> R:
    """Compute a result for each node from those of its children; return the root's."""
    return fold_down(root, None, lambda _state, _node, _index: None, lambda _state, node, subs: up(node, subs))


def fold_down(
    root: Node,
    state: State,
    down: Callable[[State, Node, int], State],
    up: Callable[[State, Node, Sequence[R]], R],
) -> R:
    """As `fold`, and hand a state down first: `down` computes a child's from its parent's."""
    stack: list[tuple[Node, int, State]] = [(root, 0, state)]
    results: list[R] = []
    while stack:
        node, expanded, current = stack.pop()
        if expanded < len(node.subs):
            stack.append((node, expanded + 1, current))
            stack.append((node.subs[expanded], 0, down(current, node, expanded)))
            continue
        first = len(results) - len(node.subs)
        result = up(current, node, results[first:])
        del results[first:]
        results.append(result)
    return results[0]


def check_duplicate_keys(root: Node, identity: Callable[[Any], Hashable]) -> None:
    """Tell each node whether a key appears twice in it; keys of the same identity are the same."""

    def up(node: Node, subs: Sequence[set[Hashable] | None]) -> set[Hashable] | None:
        keys = {identity(key) for key in node.keys}
        count = len(keys)
        node.has_duplicate_keys = count != len(node.keys)
        for sub in subs:
            if sub is None or node.has_duplicate_keys:
                node.has_duplicate_keys = True
                break
            count += len(sub)
            if len(keys) < len(sub):
                keys, sub = sub, keys  # noqa: PLW2901
            keys |= sub
            node.has_duplicate_keys = len(keys) != count
        return None if node.has_duplicate_keys else keys

    fold(root, up)


def _is_colon_due(_wrapped: bool, node: Node, _index: int) -> bool:
    return node.fragment in WRAPPERS or _sugar(node) is not None


def _sugar(node: Node) -> tuple[str, int] | None:
    """Return the wrapper letter that stands for a node, and which child it wraps."""
    if node.fragment is Fragment.AND_V and node.subs[1].fragment is Fragment.TRUE:
        return "t", 0
    if node.fragment is Fragment.OR_I and node.subs[0].fragment is Fragment.FALSE:
        return "l", 1
    if node.fragment is Fragment.OR_I and node.subs[1].fragment is Fragment.FALSE:
        return "u", 0
    return None


def _text(wrapped: bool, node: Node, subs: Sequence[str], write: Callable[[Any], str]) -> str:
    colon = ":" if wrapped else ""
    fragment = node.fragment
    if fragment is Fragment.WRAP_C and node.subs[0].fragment in {Fragment.PK_K, Fragment.PK_H}:
        name = "pk" if node.subs[0].fragment is Fragment.PK_K else "pkh"
        return f"{colon}{name}({write(node.subs[0].keys[0])})"
    if fragment in WRAPPERS:
        return f"{fragment.value}{subs[0]}"
    if sugar := _sugar(node):
        return sugar[0] + subs[sugar[1]]
    if fragment in {Fragment.TRUE, Fragment.FALSE}:
        return f"{colon}{fragment.value}"
    name, arguments = fragment.value, list(subs)
    if fragment is Fragment.ANDOR and node.subs[2].fragment is Fragment.FALSE:
        name, arguments = "and_n", arguments[:2]
    if fragment in HASHES:
        arguments = [node.data.hex()]
    elif node.number:
        arguments.insert(0, str(node.number))
    arguments += [write(key) for key in node.keys]
    return f"{colon}{name}({','.join(arguments)})"


def _is_verified(verify: bool, node: Node, index: int) -> bool:
    if node.fragment is Fragment.WRAP_V:
        return True
    inherits = node.fragment is Fragment.WRAP_S or (node.fragment is Fragment.AND_V and index == 1)
    return inherits and verify


def _script(verify: bool, node: Node, subs: Sequence[bytes], key_bytes: Callable[[Any], bytes]) -> bytes:
    number = push_number(node.number)
    match node.fragment:
        case Fragment.FALSE:
            return bytes((OP_0,))
        case Fragment.TRUE:
            return bytes((OP_1,))
        case Fragment.PK_K:
            return push_data(key_bytes(node.keys[0]))
        case Fragment.PK_H:
            key_hash = push_data(hash160(key_bytes(node.keys[0])))
            return bytes((OP_DUP, OP_HASH160)) + key_hash + bytes((OP_EQUALVERIFY,))
        case Fragment.OLDER:
            return number + bytes((OP_CHECKSEQUENCEVERIFY,))
        case Fragment.AFTER:
            return number + bytes((OP_CHECKLOCKTIMEVERIFY,))
        case Fragment.SHA256 | Fragment.HASH256 | Fragment.RIPEMD160 | Fragment.HASH160:
            start = bytes((OP_SIZE,)) + push_number(32) + bytes((OP_EQUALVERIFY, _HASH_OPCODES[node.fragment]))
            return start + push_data(node.data) + bytes((OP_EQUALVERIFY if verify else OP_EQUAL,))
        case Fragment.WRAP_A:
            return bytes((OP_TOALTSTACK,)) + subs[0] + bytes((OP_FROMALTSTACK,))
        case Fragment.WRAP_S:
            return bytes((OP_SWAP,)) + subs[0]
        case Fragment.WRAP_C:
            return subs[0] + bytes((OP_CHECKSIGVERIFY if verify else OP_CHECKSIG,))
        case Fragment.WRAP_D:
            return bytes((OP_DUP, OP_IF)) + subs[0] + bytes((OP_ENDIF,))
        case Fragment.WRAP_V:
            return subs[0] + (bytes((OP_VERIFY,)) if has(node.subs[0].type, types.X) else b"")
        case Fragment.WRAP_J:
            return bytes((OP_SIZE, OP_0NOTEQUAL, OP_IF)) + subs[0] + bytes((OP_ENDIF,))
        case Fragment.WRAP_N:
            return subs[0] + bytes((OP_0NOTEQUAL,))
        case Fragment.AND_V:
            return subs[0] + subs[1]
        case Fragment.AND_B:
            return subs[0] + subs[1] + bytes((OP_BOOLAND,))
        case Fragment.OR_B:
            return subs[0] + subs[1] + bytes((OP_BOOLOR,))
        case Fragment.OR_C:
            return subs[0] + bytes((OP_NOTIF,)) + subs[1] + bytes((OP_ENDIF,))
        case Fragment.OR_D:
            return subs[0] + bytes((OP_IFDUP, OP_NOTIF)) + subs[1] + bytes((OP_ENDIF,))
        case Fragment.OR_I:
            return bytes((OP_IF,)) + subs[0] + bytes((OP_ELSE,)) + subs[1] + bytes((OP_ENDIF,))
        case Fragment.ANDOR:
            return subs[0] + bytes((OP_NOTIF,)) + subs[2] + bytes((OP_ELSE,)) + subs[1] + bytes((OP_ENDIF,))
        case Fragment.THRESH:
            added = b"".join(sub + bytes((OP_ADD,)) for sub in subs[1:])
            return subs[0] + added + number + bytes((OP_EQUALVERIFY if verify else OP_EQUAL,))
        case Fragment.MULTI:
            keys = b"".join(push_data(key_bytes(key)) for key in node.keys)
            end = OP_CHECKMULTISIGVERIFY if verify else OP_CHECKMULTISIG
            return number + keys + push_number(len(node.keys)) + bytes((end,))
        case Fragment.MULTI_A:
            first, *others = (push_data(key_bytes(key)) for key in node.keys)
            checks = first + bytes((OP_CHECKSIG,)) + b"".join(key + bytes((OP_CHECKSIGADD,)) for key in others)
            return checks + number + bytes((OP_NUMEQUALVERIFY if verify else OP_NUMEQUAL,))


def _script_size(node: Node) -> int:
    number = len(push_number(node.number))
    count = len(node.keys)
    inner = sum(sub.script_size for sub in node.subs)
    match node.fragment:
        case Fragment.FALSE | Fragment.TRUE:
            return 1
        case Fragment.PK_K:
            return 33 if node.tapscript else 34
        case Fragment.PK_H:
            return 24
        case Fragment.OLDER | Fragment.AFTER:
            return 1 + number
        case Fragment.SHA256 | Fragment.HASH256 | Fragment.RIPEMD160 | Fragment.HASH160:
            return 7 + len(node.data)
        case Fragment.MULTI:
            return 1 + number + len(push_number(count)) + 34 * count
        case Fragment.MULTI_A:
            return 1 + number + 34 * count
        case Fragment.THRESH:
            return inner + len(node.subs) + number
        case Fragment.WRAP_V:
            return inner + has(node.subs[0].type, types.X)
        case fragment:
            return inner + _OWN_SIZES[fragment]


_OWN_SIZES: Final = {
    Fragment.AND_V: 0,
    Fragment.WRAP_S: 1,
    Fragment.WRAP_C: 1,
    Fragment.WRAP_N: 1,
    Fragment.AND_B: 1,
    Fragment.OR_B: 1,
    Fragment.WRAP_A: 2,
    Fragment.OR_C: 2,
    Fragment.WRAP_D: 3,
    Fragment.OR_D: 3,
    Fragment.OR_I: 3,
    Fragment.ANDOR: 3,
    Fragment.WRAP_J: 4,
}
