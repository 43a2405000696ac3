"""An interface with every kind of type, and its implementation."""

import threading
from abc import abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from interfaces import cancellation
from interfaces.interface import Interface
from interfaces.raises import raises

SCHEMA = Path(__file__).with_name("zoo.capnp")


class Color(Enum):
    RED = "red"
    DARK_GREEN = "dark green"


@dataclass(frozen=True, slots=True)
class Leaf:
    name: str = ""
    weight: float = 2.5
    color: Color = Color.DARK_GREEN
    count: int = -3
    flag: bool = True
    other: bool = False
    child: "Leaf | None" = None
    raw: bytes = b""
    small: float = 0.0
    big: int = 0
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Several:
    text: str
    code: int


class FailedError(Exception):
    pass


@dataclass
class DetailedError(Exception):
    text: str
    code: int


class Visitor(Interface, schema=SCHEMA):
    @abstractmethod
    def visit(self, name: str) -> int: ...


class Zoo(Interface, schema=SCHEMA):
    @abstractmethod
    def leaf(self, value: Leaf) -> Leaf: ...
    @abstractmethod
    def leaves(self, value: list[Leaf]) -> list[Leaf]: ...
    @abstractmethod
    def ints(self, value: list[int]) -> list[int]: ...
    @abstractmethod
    def bools(self, value: list[bool]) -> list[bool]: ...
    @abstractmethod
    def colors(self, value: list[Color]) -> list[Color]: ...
    @abstractmethod
    def texts(self, value: list[list[str]]) -> list[list[str]]: ...
    @abstractmethod
    def table(self, value: dict[str, Leaf]) -> dict[str, Leaf]: ...
    @abstractmethod
    def names(self, value: dict[int, str]) -> dict[int, str]: ...
    @abstractmethod
    def maybe(self, value: int | None) -> int | None: ...
    @abstractmethod
    def maybe_text(self, value: str | None) -> str | None: ...
    @abstractmethod
    def several(self) -> Several: ...
    @abstractmethod
    @raises(FailedError, DetailedError)
    def fail(self, how: str) -> int: ...
    @abstractmethod
    def visit(self, visitor: Visitor | None, name: str) -> int: ...
    @abstractmethod
    def same(self, visitor: Visitor) -> Visitor: ...
    @abstractmethod
    def keep(self, visitor: Visitor | None) -> None: ...
    @abstractmethod
    def make_visitor(self) -> Visitor: ...
    @abstractmethod
    def block(self) -> bool: ...
    @abstractmethod
    def count(self) -> int: ...
    @abstractmethod
    def quick(self, value: int) -> int: ...
    @abstractmethod
    def many(self, visitors: list[Visitor]) -> int: ...
    @abstractmethod
    def data(self, value: bytes) -> bytes: ...
    @abstractmethod
    def huge(self) -> bytes: ...


class ZooInit(Interface, schema=SCHEMA):
    @abstractmethod
    def make_zoo(self) -> Zoo: ...


class Counter(Visitor):
    """Counts its visits and knows which thread ran them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.threads: list[str] = []
        self.closed = threading.Event()

    def visit(self, name: str) -> int:
        self.names.append(name)
        self.threads.append(threading.current_thread().name)
        return len(self.names)

    def close(self) -> None:
        self.closed.set()


@dataclass
class Keeper(Zoo):
    """Gives back what it is given."""

    kept: Visitor | None = None
    closed: threading.Event = field(default_factory=threading.Event)
    blocking: threading.Event = field(default_factory=threading.Event)
    canceled: threading.Event = field(default_factory=threading.Event)
    visitors: list[Counter] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    order: list[int] = field(default_factory=list)

    def leaf(self, value: Leaf) -> Leaf:
        return value

    def leaves(self, value: list[Leaf]) -> list[Leaf]:
        return value

    def ints(self, value: list[int]) -> list[int]:
        return value

    def bools(self, value: list[bool]) -> list[bool]:
        return value

    def colors(self, value: list[Color]) -> list[Color]:
        return value

    def texts(self, value: list[list[str]]) -> list[list[str]]:
        return value

    def table(self, value: dict[str, Leaf]) -> dict[str, Leaf]:
        return value

    def names(self, value: dict[int, str]) -> dict[int, str]:
        return value

    def maybe(self, value: int | None) -> int | None:
        return value

    def maybe_text(self, value: str | None) -> str | None:
        return value

    def several(self) -> Several:
        return Several("seven", 7)

    def fail(self, how: str) -> int:
        if how == "failed":
            raise FailedError("as declared")
        if how == "detailed":
            raise DetailedError("in detail", -9)
        if how == "value":
            raise ValueError("as nobody declared")
        return len(how)

    def visit(self, visitor: Visitor | None, name: str) -> int:
        return -1 if visitor is None else visitor.visit(name)

    def same(self, visitor: Visitor) -> Visitor:
        return visitor

    def keep(self, visitor: Visitor | None) -> None:
        self.kept = visitor

    def make_visitor(self) -> Visitor:
        self.visitors.append(Counter())
        return self.visitors[-1]

    def block(self) -> bool:
        stop = threading.Event()
        with cancellation.current().wakes(stop.set):
            self.blocking.set()
            stop.wait(30)
        self.canceled.set()
        return True

    def count(self) -> int:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.order.append(len(self.order) + 1)
        number = self.order[-1]
        threading.Event().wait(0.005)
        self.running -= 1
        return number

    def quick(self, value: int) -> int:
        return value ^ 0xFF

    def many(self, visitors: list[Visitor]) -> int:
        return sum(visitor.visit(str(i)) for i, visitor in enumerate(visitors))

    def data(self, value: bytes) -> bytes:
        return value

    def huge(self) -> bytes:
        return bytes(64 << 20)

    def close(self) -> None:
        self.closed.set()


class KeeperInit(ZooInit):
    """Makes keepers and remembers them."""

    def __init__(self) -> None:
        self.zoos: list[Keeper] = []

    def make_zoo(self) -> Zoo:
        self.zoos.append(Keeper())
        return self.zoos[-1]
