"""Miniscript from its text (BIP379). What is no miniscript gives None; whether one is sane is for the node to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from primitives import miniscript_types as types
from primitives.expressions import expression_end, function_argument, is_hex
from primitives.miniscript import MAX_KEYS, MAX_TAPSCRIPT_KEYS, Node, max_script_size
from primitives.miniscript_types import HASHES, Fragment, has
from primitives.script import push_number

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_NUMBER: Final = 0x7FFFFFFF
_MAX_DIGITS: Final = 18

# Bytes a wrapper adds to the script.
_WRAPPER_SIZES: Final = {"a": 2, "s": 1, "c": 1, "d": 3, "j": 4, "n": 1, "v": 0, "u": 4, "t": 1, "l": 4}
_PAIRS: Final = {"and_n": 5, "and_b": 2, "and_v": 1, "or_b": 2, "or_c": 3, "or_d": 4, "or_i": 4}


class _NotMiniscriptError(Exception):
    """The text is something else."""


def parse_miniscript(text: str, read_key: Callable[[str], Any], *, tapscript: bool) -> Node | None:
    """Return the miniscript of a text, None if it is none. What `read_key` raises for a key passes through."""
    try:
        return _Parser(text, read_key, tapscript=tapscript).run()
    except _NotMiniscriptError:
        return None


class _Parser:
    """A stack machine: what is still to read lies on one stack, finished nodes on another.

    The script's size is counted as the text is read, so that a text too long is left early. Each leaf lends the
    byte that the place for it costs.
    """

    def __init__(self, text: str, read_key: Callable[[str], Any], *, tapscript: bool) -> None:
        self._text = text
        self._at = 0
        self._read_key = read_key
        self._tapscript = tapscript
        self._size = 1
        self._most = max_script_size(tapscript=tapscript)
        self._nodes: list[Node] = []
        self._work: list[Callable[[], None]] = [self._wrapped]

    def run(self) -> Node:
        while self._work:
            if self._size > self._most:
                raise _NotMiniscriptError
            self._work.pop()()
        if self._at != len(self._text):
            raise _NotMiniscriptError
        return self._nodes[0]

    # What may stand in a place

    def _wrapped(self) -> None:
        """Read wrappers up to a colon, then what they wrap."""
        at = self._at + 1
        while at < len(self._text) and "a" <= self._text[at] <= "z":
            at += 1
        letters = self._text[self._at : at] if self._text[at : at + 1] == ":" else ""
        if "vv" in letters or any(letter not in _WRAPPER_SIZES for letter in letters):
            raise _NotMiniscriptError  # Two v would add nothing to the size, and be no miniscript.
        for letter in letters:
            self._size += _WRAPPER_SIZES[letter]
            if self._size > self._most:
                raise _NotMiniscriptError
            if letter == "l":
                self._push(Fragment.FALSE)
                self._work.append(lambda: self._join(Fragment.OR_I))
            else:
                self._work.append(lambda letter=letter: self._wrap(letter))  # type: ignore[misc]
        self._work.append(self._expression)
        if letters:
            self._at = at + 1

    def _expression(self) -> None:
        if self._take("0"):
            self._push(Fragment.FALSE)
            return
        if self._take("1"):
            self._push(Fragment.TRUE)
            return
        end = self._text.find("(", self._at)
        name = self._text[self._at : end] if end >= 0 else ""
        if name in {"pk", "pkh", "pk_k", "pk_h"}:
            self._key(name)
        elif name in {each.value for each in HASHES}:
            self._hash(Fragment(name))
        elif name in {"after", "older"}:
            number = self._number(self._argument(name))
            if not 1 <= number <= _MAX_NUMBER:
                raise _NotMiniscriptError
            self._push(Fragment(name), number=number)
            self._size += len(push_number(number))
        elif name in {"multi", "multi_a"}:
            self._at = end + 1
            self._multi(Fragment(name))
        elif name == "thresh":
            self._at = end + 1
            number = self._number(self._until_comma())
            if number < 1:
                raise _NotMiniscriptError
            self._size += 1 + len(push_number(number))
            self._work += (lambda: self._thresh(1, number), self._wrapped)
        elif name == "andor":
            self._at = end + 1
            self._size += 5
            self._work += (self._andor, self._close, self._wrapped, self._comma, self._wrapped, self._comma)
            self._work.append(self._wrapped)
        elif name in _PAIRS:
            self._at = end + 1
            self._size += _PAIRS[name]
            self._work += (lambda: self._pair(name), self._close, self._wrapped, self._comma, self._wrapped)
        else:
            raise _NotMiniscriptError

    def _key(self, name: str) -> None:
        key = self._read_key(self._argument(name))
        fragment = Fragment.PK_H if name in {"pkh", "pk_h"} else Fragment.PK_K
        self._push(fragment, keys=(key,))
        self._size += self._nodes[-1].script_size - 1
        if name in {"pk", "pkh"}:
            self._size += 1
            self._wrap("c")

    def _hash(self, fragment: Fragment) -> None:
        argument = self._argument(fragment.value)
        if not is_hex(argument) or len(argument) != 2 * HASHES[fragment]:
            raise _NotMiniscriptError
        self._push(fragment, data=bytes.fromhex(argument))
        self._size += self._nodes[-1].script_size - 1

    def _multi(self, fragment: Fragment) -> None:
        in_taproot = fragment is Fragment.MULTI_A
        if in_taproot != self._tapscript:
            raise _NotMiniscriptError
        number = self._number(self._until_comma())
        keys = []
        more = True
        while more:
            end = self._find(",")
            more = end is not None
            if end is None:
                end = self._find(")")
            if end is None or end == self._at:
                raise _NotMiniscriptError
            keys.append(self._read_key(self._text[self._at : end]))
            self._at = end + 1
        if len(keys) > (MAX_TAPSCRIPT_KEYS if in_taproot else MAX_KEYS) or not 1 <= number <= len(keys):
            raise _NotMiniscriptError
        self._push(fragment, keys=tuple(keys), number=number)
        self._size += self._nodes[-1].script_size - 1

    def _thresh(self, count: int, number: int) -> None:
        if self._take(","):
            self._size += 2
            self._work += (lambda: self._thresh(count + 1, number), self._wrapped)
        elif self._take(")") and number <= count:
            subs = tuple(self._nodes[-count:])
            del self._nodes[-count:]
            self._nodes.append(Node(Fragment.THRESH, subs, tapscript=self._tapscript, number=number))
        else:
            raise _NotMiniscriptError

    # What is made of finished nodes

    def _push(self, fragment: Fragment, *, number: int = 0, keys: tuple[Any, ...] = (), data: bytes = b"") -> None:
        self._nodes.append(Node(fragment, tapscript=self._tapscript, number=number, keys=keys, data=data))

    def _wrap(self, letter: str) -> None:
        node = self._nodes[-1]
        if letter == "u":
            self._push(Fragment.FALSE)
            self._join(Fragment.OR_I)
        elif letter == "t":
            self._push(Fragment.TRUE)
            self._join(Fragment.AND_V)
        else:
            if letter == "v":
                self._size += has(node.type, types.X)
            self._nodes[-1] = Node(Fragment(letter), (node,), tapscript=self._tapscript)

    def _pair(self, name: str) -> None:
        if name == "and_n":
            self._push(Fragment.FALSE)
            self._andor()
        else:
            self._join(Fragment(name))

    def _join(self, fragment: Fragment, count: int = 2) -> None:
        subs = tuple(self._nodes[-count:])
        del self._nodes[-count:]
        self._nodes.append(Node(fragment, subs, tapscript=self._tapscript))

    def _andor(self) -> None:
        self._join(Fragment.ANDOR, 3)

    # Reading

    def _take(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _comma(self) -> None:
        if not self._take(","):
            raise _NotMiniscriptError

    def _close(self) -> None:
        if not self._take(")"):
            raise _NotMiniscriptError

    def _argument(self, name: str) -> str:
        end = expression_end(self._text, self._at)
        argument = function_argument(name, self._text[self._at : end])
        if argument is None:
            raise _NotMiniscriptError
        self._at = end
        return argument

    def _find(self, character: str) -> int | None:
        """Return where a character is, if no parenthesis closes before."""
        for at in range(self._at, len(self._text)):
            if self._text[at] == character:
                return at
            if self._text[at] == ")":
                break
        return None

    def _until_comma(self) -> str:
        end = self._find(",")
        if end is None or end == self._at:
            raise _NotMiniscriptError
        text = self._text[self._at : end]
        self._at = end + 1
        return text

    def _number(self, text: str) -> int:
        digits = text.lstrip("0") or "0"
        if not (text.isascii() and text.isdigit()) or len(digits) > _MAX_DIGITS:
            raise _NotMiniscriptError
        return int(digits)
