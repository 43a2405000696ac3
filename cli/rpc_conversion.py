"""From words on the command line to parameters of a JSON-RPC method (Core: src/rpc/client.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli import json_text
from cli.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TABLE: Final = Path(__file__).with_name("rpc_parameters.txt")


@dataclass(frozen=True, slots=True)
class Parameter:
    """How a parameter is to be read."""

    place: int
    name: str
    json: bool
    """As JSON."""
    text: bool
    """As text, if it is no JSON or need not be."""


def parameters_of(method: str) -> list[Parameter]:
    """Return the parameters of a method that are not plain text."""
    found = []
    for line in _TABLE.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{method} "):
            place, name, *rest = line.split()[1:]
            form = rest[0] if rest else "JSON"
            found.append(Parameter(int(place), name, "JSON" in form, "STRING" in form))
    return found


def by_position(method: str, words: Sequence[str]) -> list[Any]:
    """Return the parameters that words give by position. Raises StartError with Core's text."""
    known = {parameter.place: parameter for parameter in parameters_of(method)}
    return [_read(known.get(place), word) for place, word in enumerate(words)]


def by_name(method: str, words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that words give as name=value; others go to `args`. Raises StartError with Core's text.

    A word with "=" whose beginning is no name of the method is a value by position if what comes next takes it.
    """
    parameters = parameters_of(method)
    names = {parameter.name: parameter for parameter in parameters}
    places = {parameter.place: parameter for parameter in parameters}
    result: dict[str, Any] = {}
    positional: list[Any] = []
    for word in words:
        name, equals, text = word.partition("=")
        here = places.get(len(positional))
        if not equals:
            positional.append(_read(here, word))
            continue
        if name not in names and here is not None:
            if here.json and not here.text:
                try:
                    positional.append(json_text.loads(word))
                except ValueError:
                    pass
                else:
                    continue
            elif not here.json:
                positional.append(word)
                continue
        result[name] = _read(names.get(name), text)
    if not positional:
        return result
    if "args" in result:
        return _Twice(result, positional)
    return {**result, "args": positional}


class _Twice(dict[str, Any]):
    """An object that has `args` twice, for the server to refuse."""

    def __init__(self, values: dict[str, Any], args: list[Any]) -> None:
        super().__init__(values)
        self.args = args


def write_request(method: str, params: Any, id_: Any) -> str:
    """Return a JSON-RPC request as text."""
    text = json_text.dumps(params)
    if isinstance(params, _Twice):
        text = f'{text[:-1]},"args":{json_text.dumps(params.args)}}}'
    return f'{{"jsonrpc":"2.0","method":{json_text.quote(method)},"params":{text},"id":{json_text.dumps(id_)}}}'


def _read(parameter: Parameter | None, word: str) -> Any:
    if parameter is None or not parameter.json:
        return word
    try:
        return json_text.loads(word)
    except ValueError as error:
        if parameter.text:
            return word
        raise StartError(f"Error parsing JSON: {word}") from error
