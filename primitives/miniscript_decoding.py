"""Miniscript from a script (BIP379; Core: DecodeScript). A script is read backwards: its end tells what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from primitives import opcodes as op
from primitives.errors import ScriptError
from primitives.miniscript import MAX_KEYS, MAX_TAPSCRIPT_KEYS, Node, check_duplicate_keys, max_script_size
from primitives.miniscript_types import HASHES, Fragment
from primitives.script import decode_number, is_minimal_push, iterate

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_MAX_NUMBER: Final = 0x7FFFFFFF
_VERIFIED: Final = {
    op.OP_CHECKSIGVERIFY: op.OP_CHECKSIG,
    op.OP_CHECKMULTISIGVERIFY: op.OP_CHECKMULTISIG,
    op.OP_EQUALVERIFY: op.OP_EQUAL,
    op.OP_NUMEQUALVERIFY: op.OP_NUMEQUAL,
}
_HASHES: Final = {
    op.OP_SHA256: Fragment.SHA256,
    op.OP_HASH256: Fragment.HASH256,
    op.OP_RIPEMD160: Fragment.RIPEMD160,
    op.OP_HASH160: Fragment.HASH160,
}
_ENDS_NO_AND_V: Final = {op.OP_IF, op.OP_ELSE, op.OP_NOTIF, op.OP_TOALTSTACK, op.OP_SWAP}


class KeyReader(Protocol):
    """What keys of a script are to whoever decodes it."""

    def from_bytes(self, data: bytes) -> Any | None:
        """Return the key of 33 or 32 bytes, None if there is none."""

    def from_hash(self, data: bytes) -> Any | None:
        """Return the key with this HASH160, None if it is not known."""

    def identity(self, key: Any) -> Hashable:
        """Return what is the same for the same key."""


class _NotMiniscriptError(Exception):
    """The script is something else."""


def decode_miniscript(script: bytes, keys: KeyReader, *, tapscript: bool) -> Node | None:
    """Return the miniscript of a script, None if it is none or not valid at the top."""
    if len(script) > max_script_size(tapscript=tapscript):
        return None
    try:
        node = _Decoder(_decompose(script), keys, tapscript=tapscript).run()
    except (_NotMiniscriptError, ScriptError):
        return None
    check_duplicate_keys(node, keys.identity)
    return node if node.is_valid_top_level() else None


def _decompose(script: bytes) -> list[tuple[int, bytes]]:
    """Return the operations; numbers with their bytes, and what ends in VERIFY as two."""
    found: list[tuple[int, bytes]] = []
    for opcode, data in iterate(script):
        if found and opcode == op.OP_VERIFY and found[-1][0] in _VERIFIED.values() and not found[-1][1]:
            raise _NotMiniscriptError
        if op.OP_1 <= opcode <= op.OP_16:
            found.append((opcode, bytes((opcode - op.OP_1 + 1,))))
        elif opcode in _VERIFIED:
            found += ((_VERIFIED[opcode], b""), (op.OP_VERIFY, b""))
        elif opcode <= op.OP_PUSHDATA4 and not is_minimal_push(opcode, data):
            raise _NotMiniscriptError
        else:
            found.append((opcode, data))
    return found


def _number(operation: tuple[int, bytes]) -> int | None:
    opcode, data = operation
    if opcode == op.OP_0:
        return 0
    if not data:
        return None
    try:
        return decode_number(data, minimal=True)
    except ScriptError:
        return None


class _Decoder:
    """A stack machine like the parser's, over the operations from the end."""

    def __init__(self, operations: list[tuple[int, bytes]], keys: KeyReader, *, tapscript: bool) -> None:
        self._operations = operations
        self._keys = keys
        self._tapscript = tapscript
        self._nodes: list[Node] = []
        self._work: list[Callable[[], None]] = [self._any]

    def run(self) -> Node:
        while self._work:
            if self._nodes and not self._nodes[-1].is_valid():
                raise _NotMiniscriptError
            self._work.pop()()
        if self._operations or len(self._nodes) != 1:
            raise _NotMiniscriptError
        return self._nodes[0]

    # Reading backwards

    def _peek(self, back: int = 0) -> tuple[int, bytes]:
        if back >= len(self._operations):
            raise _NotMiniscriptError
        return self._operations[-1 - back]

    def _opcodes(self, count: int) -> list[int]:
        """Return the last opcodes, the last one first; fewer if there are no more."""
        return [opcode for opcode, _ in reversed(self._operations[-count:])]

    def _drop(self, count: int = 1) -> None:
        del self._operations[len(self._operations) - count :]

    def _take(self, opcode: int) -> bool:
        if not self._operations or self._operations[-1][0] != opcode:
            return False
        self._operations.pop()
        return True

    # What may end here

    def _any(self) -> None:
        self._work += (self._maybe_and_v, self._single)

    def _maybe_and_v(self) -> None:
        if self._operations and self._operations[-1][0] not in _ENDS_NO_AND_V:
            self._work += (lambda: self._join(Fragment.AND_V), self._any)

    def _single(self) -> None:
        opcode, data = self._peek()
        if self._leaf(opcode, data):
            return
        for last, wrapper in ((op.OP_CHECKSIG, "c"), (op.OP_VERIFY, "v"), (op.OP_0NOTEQUAL, "n")):
            if opcode == last:
                self._drop()
                self._work += (lambda wrapper=wrapper: self._wrap(Fragment(wrapper)), self._single)  # type: ignore[misc]
                return
        if opcode == op.OP_EQUAL and len(self._operations) >= 3 and (number := _number(self._peek(1))) is not None:
            if number < 1:
                raise _NotMiniscriptError
            self._drop(2)
            self._work.append(lambda: self._thresh(0, number))
        elif opcode == op.OP_ENDIF:
            self._drop()
            self._work += (self._endif, self._any)
        elif opcode in {op.OP_BOOLAND, op.OP_BOOLOR}:
            self._drop()
            fragment = Fragment.AND_B if opcode == op.OP_BOOLAND else Fragment.OR_B
            self._work += (lambda: self._join(fragment), self._single, self._w_expression)
        else:
            raise _NotMiniscriptError

    def _leaf(self, opcode: int, data: bytes) -> bool:
        """Read a fragment without children if one ends here."""
        if opcode in {op.OP_0, op.OP_1}:
            self._drop()
            self._push(Fragment.FALSE if opcode == op.OP_0 else Fragment.TRUE)
        elif len(data) in {32, 33}:
            key = self._keys.from_bytes(data)
            self._drop()
            self._push(Fragment.PK_K, keys=(self._known(key),))
        elif self._is_key_hash():
            key = self._keys.from_hash(self._peek(2)[1])
            self._drop(5)
            self._push(Fragment.PK_H, keys=(self._known(key),))
        elif opcode in {op.OP_CHECKSEQUENCEVERIFY, op.OP_CHECKLOCKTIMEVERIFY} and len(self._operations) >= 2:
            number = _number(self._peek(1))
            if number is None or not 1 <= number <= _MAX_NUMBER:
                raise _NotMiniscriptError
            self._drop(2)
            self._push(Fragment.OLDER if opcode == op.OP_CHECKSEQUENCEVERIFY else Fragment.AFTER, number=number)
        elif fragment := self._hash_fragment():
            digest = self._peek(1)[1]
            self._drop(7)
            self._push(fragment, data=digest)
        elif opcode == op.OP_CHECKMULTISIG:
            self._multi()
        elif opcode == op.OP_NUMEQUAL:
            self._multi_a()
        else:
            return False
        return True

    def _is_key_hash(self) -> bool:
        verify, equal, _, hash160, dup = [*self._opcodes(5), *[-1] * 5][:5]
        wanted = (op.OP_VERIFY, op.OP_EQUAL, op.OP_HASH160, op.OP_DUP)
        return (verify, equal, hash160, dup) == wanted and len(self._peek(2)[1]) == 20

    def _hash_fragment(self) -> Fragment | None:
        ops = self._opcodes(7)
        if len(ops) < 7 or (ops[0], ops[3], ops[4], ops[6]) != (op.OP_EQUAL, op.OP_VERIFY, op.OP_EQUAL, op.OP_SIZE):
            return None
        fragment = _HASHES.get(ops[2])
        if _number(self._peek(5)) != 32 or fragment is None or len(self._peek(1)[1]) != HASHES[fragment]:
            return None
        return fragment

    def _multi(self) -> None:
        count = _number(self._peek(1))
        if self._tapscript or count is None or not 1 <= count <= MAX_KEYS or len(self._operations) < 3 + count:
            raise _NotMiniscriptError
        keys = []
        for at in range(count):
            data = self._peek(2 + at)[1]
            if len(data) != 33:
                raise _NotMiniscriptError
            keys.append(self._known(self._keys.from_bytes(data)))
        number = _number(self._peek(2 + count))
        if number is None or not 1 <= number <= count:
            raise _NotMiniscriptError
        self._drop(3 + count)
        self._push(Fragment.MULTI, keys=tuple(reversed(keys)), number=number)

    def _multi_a(self) -> None:
        number = _number(self._peek(1))
        if not self._tapscript or number is None or not 1 <= number <= MAX_TAPSCRIPT_KEYS:
            raise _NotMiniscriptError
        keys: list[Any] = []
        at = 2
        while True:
            check, data = self._peek(at)[0], self._peek(at + 1)[1]
            if check not in {op.OP_CHECKSIG, op.OP_CHECKSIGADD} or len(data) != 32:
                raise _NotMiniscriptError
            keys.append(self._known(self._keys.from_bytes(data)))
            at += 2
            if len(keys) > MAX_TAPSCRIPT_KEYS:
                raise _NotMiniscriptError
            if check == op.OP_CHECKSIG:
                break
        if len(keys) < number:
            raise _NotMiniscriptError
        self._drop(at)
        self._push(Fragment.MULTI_A, keys=tuple(reversed(keys)), number=number)

    def _w_expression(self) -> None:
        if not self._operations:
            raise _NotMiniscriptError
        if self._take(op.OP_FROMALTSTACK):
            self._work.append(lambda: self._close(op.OP_TOALTSTACK, Fragment.WRAP_A))
        else:
            self._work.append(lambda: self._close(op.OP_SWAP, Fragment.WRAP_S))
        self._work.append(self._any)

    def _thresh(self, count: int, number: int) -> None:
        if self._take(op.OP_ADD):
            self._work += (lambda: self._thresh(count + 1, number), self._w_expression)
        else:
            self._work += (lambda: self._finish_thresh(count + 1, number), self._single)

    def _endif(self) -> None:
        if self._take(op.OP_ELSE):
            self._work += (self._endif_else, self._any)
        elif self._take(op.OP_NOTIF):
            self._work.append(self._endif_notif)
        elif self._take(op.OP_IF):
            if self._take(op.OP_DUP):
                self._work.append(lambda: self._wrap(Fragment.WRAP_D))
            elif self._opcodes(2) == [op.OP_0NOTEQUAL, op.OP_SIZE]:
                self._drop(2)
                self._work.append(lambda: self._wrap(Fragment.WRAP_J))
            else:
                raise _NotMiniscriptError
        else:
            raise _NotMiniscriptError

    def _endif_notif(self) -> None:
        fragment = Fragment.OR_D if self._take(op.OP_IFDUP) else Fragment.OR_C
        self._work += (lambda: self._join(fragment), self._single)

    def _endif_else(self) -> None:
        if self._take(op.OP_IF):
            self._join(Fragment.OR_I)
        elif self._take(op.OP_NOTIF):
            self._work += (self._andor, self._single)
        else:
            raise _NotMiniscriptError

    # What is made of finished nodes, the last of which come first in the script

    def _push(self, fragment: Fragment, *, number: int = 0, keys: tuple[Any, ...] = (), data: bytes = b"") -> None:
        self._nodes.append(Node(fragment, tapscript=self._tapscript, number=number, keys=keys, data=data))

    def _wrap(self, fragment: Fragment) -> None:
        self._nodes.append(Node(fragment, (self._pop(),), tapscript=self._tapscript))

    def _close(self, opcode: int, fragment: Fragment) -> None:
        if not self._take(opcode):
            raise _NotMiniscriptError
        self._wrap(fragment)

    def _join(self, fragment: Fragment) -> None:
        first = self._pop()
        self._nodes.append(Node(fragment, (first, self._pop()), tapscript=self._tapscript))

    def _andor(self) -> None:
        # The script is X NOTIF Z ELSE Y ENDIF.
        x, z, y = self._pop(), self._pop(), self._pop()
        self._nodes.append(Node(Fragment.ANDOR, (x, y, z), tapscript=self._tapscript))

    def _finish_thresh(self, count: int, number: int) -> None:
        if number > count:
            raise _NotMiniscriptError
        subs = tuple(self._pop() for _ in range(count))
        self._nodes.append(Node(Fragment.THRESH, subs, tapscript=self._tapscript, number=number))

    def _pop(self) -> Node:
        if not self._nodes:
            raise _NotMiniscriptError
        return self._nodes.pop()

    def _known(self, key: Any | None) -> Any:
        if key is None:
            raise _NotMiniscriptError
        return key
