"""An interface class that does not fit its schema is refused with a clear error."""

import sys
import threading
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from interfaces.interface import Interface
from ipc import BindingError
from ipc.binding.binding import binding_of


def schema(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "thing.capnp"
    identity = 0x8000_0000_0000_0000 + abs(hash(str(tmp_path) + body)) % 2**62
    path.write_text(f'@{identity:#x};\nusing Proxy = import "/proxy.capnp";\n{body}\n')
    return path


class Kind(Enum):
    ONE = 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("interface Other {}", "thing.capnp has no interface 'Thing'"),
        ("interface Thing {}", r"Thing\.do is not in the schema"),
        (
            "interface Thing { do @0 (a :Text) -> (); more @1 () -> (); }",
            r"Thing\.more of the schema has no counterpart",
        ),
        (
            "interface Thing { do @0 (a :Int32) -> (); }",
            r"Thing\.do\.a: Python type str does not fit schema type Int32",
        ),
        ("interface Thing { do @0 (b :Text) -> (); }", r"Thing\.do\.a: the schema has no such field"),
        ("interface Thing { do @0 (a :Text, b :Text) -> (); }", r"Thing\.do: schema field 'b' has no counterpart"),
        ("interface Thing { do @0 (a :Text) -> (result :Text); }", r"result: schema field 'result' has no counterpart"),
        ("interface Thing { do @0 (a :List(Text)) -> (); }", r"str does not fit schema type List\(Text\)"),
        ("interface Thing { do @0 (a :AnyPointer) -> (); }", r"does not fit schema type AnyPointer"),
        ('interface Thing { do @0 (a :Text = "x") -> (); }', "default behind a pointer"),
    ],
)
def test_mismatch(tmp_path: Path, body: str, message: str) -> None:
    class Thing(Interface, schema=schema(tmp_path, body)):
        @abstractmethod
        def do(self, a: str) -> None: ...

    with pytest.raises(BindingError, match=message):
        binding_of(Thing)


def test_schema_is_needed() -> None:
    class Thing(Interface):
        pass

    with pytest.raises(BindingError, match="names no schema"):
        binding_of(Thing)


def test_enum_members_must_agree(tmp_path: Path) -> None:
    path = schema(tmp_path, "enum Kind { one @0; two @1; } interface Thing { do @0 (a :Kind) -> (); }")

    class Thing(Interface, schema=path):
        @abstractmethod
        def do(self, a: Kind) -> None: ...

    with pytest.raises(BindingError, match="has no member for enumerant 'two'"):
        binding_of(Thing)


def test_optional_number_needs_a_flag(tmp_path: Path) -> None:
    class Thing(Interface, schema=schema(tmp_path, "interface Thing { do @0 (a :Int32) -> (); }")):
        @abstractmethod
        def do(self, a: int | None) -> None: ...

    with pytest.raises(BindingError, match="needs a field hasA"):
        binding_of(Thing)


@dataclass(frozen=True)
class Inner:
    number: int = 0
    text: str = ""


@dataclass(frozen=True)
class Outer:
    one: Inner = Inner()
    two: Inner = Inner()


def test_many_threads_may_be_the_first(tmp_path: Path) -> None:
    body = """interface Thing { do @0 (a :Outer) -> (); }
    struct Inner { number @0 :Int32; text @1 :Text; }
    struct Outer { one @0 :Inner; two @1 :Inner; }"""

    class Thing(Interface, schema=schema(tmp_path, body)):
        @abstractmethod
        def do(self, a: Outer) -> None: ...

    start = threading.Barrier(8)

    def write() -> bytes:
        start.wait()
        method = next(iter(binding_of(Thing).methods.values()))
        return bytes(method.begin_call((Outer(Inner(1, "a"), Inner(2, "b")),), no_objects))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = [future.result() for future in [pool.submit(write) for _ in range(8)]]
    finally:
        sys.setswitchinterval(before)
    assert len(set(found)) == 1


def no_objects(value: Interface, interface: type[Interface]) -> int:
    raise AssertionError(value, interface)
