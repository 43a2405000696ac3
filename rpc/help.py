"""The help text of a method in Core's layout (Core: RPCMethod::ToString in src/rpc/util.cpp), and examples for it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from rpc import json
from rpc.method import ABSENT, Arg, Kind, Result

if TYPE_CHECKING:
    from rpc.json import Json
    from rpc.method import Method

UNIX_EPOCH_TIME: Final = "UNIX epoch time"
_GAP: Final = 4
_WORDS: Final = {
    Kind.STR_HEX: "string",
    Kind.OBJ_NAMED_PARAMS: "json object",
    Kind.OBJ_USER_KEYS: "json object",
    Kind.STR_AMOUNT: "numeric",
    Kind.NUM_TIME: "numeric",
    Kind.OBJ_DYN: "json object",
    Kind.ARR_FIXED: "json array",
}
_IN_OBJECT: Final = {
    Kind.STR: '"str"',
    Kind.STR_HEX: '"hex"',
    Kind.NUM: "n",
    Kind.RANGE: "n or [n,n]",
    Kind.AMOUNT: "amount",
    Kind.BOOL: "bool",
}
_RESULTS: Final = {
    Kind.ANY: "xxx",
    Kind.STR: '"str"',
    Kind.STR_AMOUNT: "n",
    Kind.STR_HEX: '"hex"',
    Kind.NUM: "n",
    Kind.NUM_TIME: "xxx",
    Kind.BOOL: "true|false",
}


def example_cli(name: str, args: str = "") -> str:
    """Return an example for the command line."""
    return f"> pycli {name} {args}\n"


def example_cli_named(name: str, args: dict[str, Json]) -> str:
    """Return an example for the command line with named arguments."""
    words = (f"{key}={shlex.quote(value if isinstance(value, str) else _text(value))}" for key, value in args.items())
    return f"> pycli -named {name} {' '.join(words)}\n"


def example_rpc(name: str, args: str = "") -> str:
    """Return an example for HTTP; `args` as between the brackets of an array."""
    return _curl(name, f"[{args}]")


def example_rpc_named(name: str, args: dict[str, Json]) -> str:
    """Return an example for HTTP with named arguments."""
    return _curl(name, _text(args))


def examples(name: str, args: str = "", rpc_args: str | None = None) -> str:
    """Return an example for each, with the same arguments unless HTTP needs others."""
    return example_cli(name, args) + example_rpc(name, args if rpc_args is None else rpc_args)


def _curl(name: str, params: str) -> str:
    request = f'{{"jsonrpc": "2.0", "id": "curltest", "method": "{name}", "params": {params}}}'
    head = "> curl --user myusername --data-binary"
    return f"{head} '{request}' -H 'content-type: application/json' http://127.0.0.1:8332/\n"


def _text(value: Json) -> str:
    return json.dumps(value).decode()


def help_text(method: Method) -> str:
    """Return all of a method's help."""
    visible: list[Arg] = []
    for arg in method.args:
        if arg.hidden:
            break
        visible.append(arg)
    text = f"{_first_line(method.name, visible)}\n\n{method.help.strip()}\n"
    sections, named = _Sections(), _Sections()
    for i, arg in enumerate(visible):
        sections.add(f"{i + 1}. {arg.name}", _describe(arg, named=True))
        sections.add_argument(arg)
        if arg.kind is Kind.OBJ_NAMED_PARAMS:
            for inner in arg.inner:
                named.add(inner.name, _describe(inner, named=True))
                named.add_argument(inner)
    if sections.lines:
        text += f"\nArguments:\n{sections}"
    if named.lines:
        text += f"\nNamed Arguments:\n{named}"
    for result in method.results:
        lines = _Sections()
        lines.add_result(result)
        if lines.lines:
            text += f"\nResult ({result.condition}):\n" if result.condition else "\nResult:\n"
            text += str(lines)
    return text + (f"\nExamples:\n{method.examples}" if method.examples else "")


def _first_line(name: str, args: list[Arg]) -> str:
    line = name
    optional = False
    for arg in args:
        line += " "
        if arg.is_optional != optional:
            line += ") " if optional else "( "
        optional = arg.is_optional
        line += _one_line(arg, short=True)
    return line + (" )" if optional else "")


def _one_line(arg: Arg, *, short: bool) -> str:
    if short and arg.oneline:
        return arg.oneline
    if arg.kind in {Kind.STR, Kind.STR_HEX}:
        return f'"{arg.name}"'
    if arg.kind is Kind.ARR:
        return "[" + "".join(_one_line(inner, short=short) + "," for inner in arg.inner) + "...]"
    if arg.kind in {Kind.OBJ, Kind.OBJ_NAMED_PARAMS, Kind.OBJ_USER_KEYS}:
        inside = ",".join(_in_object(inner, short=short) for inner in arg.inner)
        return "{" + inside + ("}" if arg.kind is Kind.OBJ else ",...}")
    return arg.name


def _in_object(arg: Arg, *, short: bool) -> str:
    if arg.kind is Kind.ARR:
        value = "[" + "".join(_one_line(inner, short=short) + "," for inner in arg.inner) + "...]"
    else:
        value = _IN_OBJECT[arg.kind]
    return f'"{arg.name}":{"" if short else " "}{value}'


def _describe(arg: Arg, *, named: bool) -> str:
    kind = arg.type_text[1] if arg.type_text else _WORDS.get(arg.kind, arg.kind.value[1])
    if arg.hint:
        kind += f", optional, default={arg.hint}"
    elif arg.default is not ABSENT:
        kind += f", optional, default={_text(arg.default)}"
    elif not arg.optional:
        kind += ", required"
    elif named:
        kind += ", optional"
    text = f"({kind})"
    if arg.kind is Kind.OBJ_NAMED_PARAMS:
        text += " Holds the named arguments below, which may be given without it."
    return f"{text} {arg.help}" if arg.help else text


class _Sections:
    """Lines with a left and a right part, the right ones aligned."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def add(self, left: str, right: str = "") -> None:
        """Add one line."""
        self.lines.append((left, right))

    def add_argument(self, arg: Arg, indent: int = 5, outer: Kind | None = None) -> None:
        """Add what is inside of an argument, and inside of another one the argument itself."""
        space = " " * indent
        in_object = outer is not None and outer is not Kind.ARR
        right = "" if outer is None else _describe(arg, named=in_object)
        comma = "" if outer is None else ","
        key = f'"{arg.name}": ' if in_object else ""
        if arg.kind in {Kind.OBJ, Kind.OBJ_USER_KEYS, Kind.ARR}:
            opened, closed = ("[", "]") if arg.kind is Kind.ARR else ("{", "}")
            self.add(space + key + opened, right)
            for inner in arg.inner:
                self.add_argument(inner, indent + 2, arg.kind)
            if arg.kind is not Kind.OBJ:
                self.add(f"{space}  ...")
            self.add(space + closed + comma)
        elif outer is not None:
            if arg.type_text and in_object:
                left = key + arg.type_text[0]
            else:
                left = _in_object(arg, short=False) if in_object else _one_line(arg, short=False)
            self.add(f"{space}{left},", right)

    def add_result(self, result: Result, indent: int = 0, outer: Kind | None = None) -> None:
        """Add a result and what is inside."""
        space = " " * indent
        comma = "" if outer is None else ","
        if result.elided is not None:
            if result.elided:
                self.add(f"{space}...{comma}", result.elided)
            return
        key = f'"{result.key}" : ' if outer in {Kind.OBJ, Kind.OBJ_DYN} else ""
        word = _WORDS.get(result.kind, result.kind.value[1])
        right = f"({word}{', optional' if result.optional else ''})" + (f" {result.help}" if result.help else "")
        if result.kind is Kind.NONE:
            self.add(f"{space}null{comma}", right)
        elif result.kind in _RESULTS:
            self.add(space + key + _RESULTS[result.kind] + comma, right)
        elif result.kind in {Kind.OBJ, Kind.OBJ_DYN} and not result.inner:
            self.add(f"{space}{key}{{}}", right.replace("(json object", "(empty JSON object", 1))
        else:
            opened, closed = ("[", "]") if result.kind in {Kind.ARR, Kind.ARR_FIXED} else ("{", "}")
            self.add(space + key + opened, right)
            for inner in result.inner:
                self.add_result(inner, indent + 2, result.kind)
            dynamic = result.kind is Kind.OBJ_DYN or (result.kind is Kind.ARR and not result.inner[-1].elided)
            if dynamic:
                self.add(f"{space}  ...")
            else:
                left, last = self.lines[-1]
                self.lines[-1] = (left[:-1], last)
            self.add(space + closed + comma)

    def __str__(self) -> str:
        pad = max((len(left) for left, _ in self.lines), default=0) + _GAP
        text = ""
        for left, right in self.lines:
            if not right:
                text += f"{left}\n"
                continue
            first, *more = right.split("\n")
            text += left.ljust(pad) + "".join([first, *(f"\n{' ' * pad}{line.lstrip(' ')}" for line in more)]) + "\n"
        return text
