"""What type checkers are told of the asyncio client is what the interfaces say."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from interfaces import asynchronous
from interfaces.echo import Echo
from interfaces.init import Init
from interfaces.interface import Interface
from interfaces.mining import BlockTemplate, Mining
from interfaces.rpc import Rpc

MADE = {"Echo", "Mining", "BlockTemplate", "Rpc"}


def text_of(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else annotation.__name__


def methods(cls: type) -> Iterator[tuple[str, list[tuple[str, str, object]], str]]:
    for name, function in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("_") and name != "close":
            signature = inspect.signature(function)
            parameters = [
                (each.name, text_of(each.annotation), each.default) for each in list(signature.parameters.values())[1:]
            ]
            yield name, parameters, text_of(signature.return_annotation)


@pytest.mark.parametrize("interface", [Echo, Init, Mining, BlockTemplate, Rpc])
def test_types_are_those_of_the_interface(interface: type[Interface]) -> None:
    protocol = getattr(asynchronous, f"Async{interface.__name__}")
    found = list(methods(protocol))
    expected = []
    for name, parameters, result in methods(interface):
        kinds = (f"Async{kind}" if kind in MADE else kind for kind in result.split(" | "))
        expected.append((name, parameters, " | ".join(kinds)))
        assert inspect.iscoroutinefunction(getattr(protocol, name))
    assert found == expected
