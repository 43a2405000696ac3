"""What an RPC method says of itself: arguments, results, help (Core: RPCMethod in src/rpc/util.h).

    @method("blockchain", "getblockhash", Arg("height", Kind.NUM, "Where"), result=Result(Kind.STR_HEX), help="...")
    def getblockhash(context: MethodContext[NodeContext], height: int) -> Json: ...

The name now stands for a `Method`, which its module lists in METHODS. The function gets the context and one
value for each argument: its `default` if it is absent, else None. NUM arrives as int (`number` says of what
range), everything else as `rpc.json` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from rpc import json
from rpc.errors import RPC_TYPE_ERROR, RpcError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpc.context import MethodContext
    from rpc.json import Json


class Kind(Enum):
    """The type of an argument or result: what UniValue must call it (None: any), what help calls it."""

    STR = ("string", "string")
    STR_HEX = ("string", "string ")
    NUM = ("number", "numeric")
    BOOL = ("bool", "boolean")
    ARR = ("array", "json array")
    OBJ = ("object", "json object")
    OBJ_NAMED_PARAMS = ("object", "json object of named parameters")
    """Argument: an object whose keys may be given as named arguments of the method too."""
    OBJ_USER_KEYS = ("object", "json object of any keys")
    """Argument: an object whose keys the caller chooses."""
    AMOUNT = (None, "numeric or string")
    """Argument: bitcoins, see rpc.arguments.amount."""
    RANGE = (None, "numeric or array")
    """Argument: n or [n, n], see rpc.arguments.descriptor_range."""
    NONE = ("null", "json null")
    ANY = (None, "any")
    STR_AMOUNT = ("number", "numeric amount")
    NUM_TIME = ("number", "numeric time")
    OBJ_DYN = ("object", "json object of dynamic keys")
    """Result: an object with keys not known before; one inner result stands for all values."""
    ARR_FIXED = ("array", "json array of fixed length")

    @property
    def json_type(self) -> str | None:
        """What UniValue calls it."""
        found: str | None = self.value[0]
        return found


_STRINGS: Final = (Kind.STR, Kind.STR_HEX)


class Num(Enum):
    """The range of a NUM argument, as Core's method reads it."""

    INT = (-(2**31), 2**31 - 1)
    UINT = (0, 2**32 - 1)
    INT64 = (-(2**63), 2**63 - 1)
    UINT64 = (0, 2**64 - 1)
    REAL = None
    """Arrives as float."""
    UNREAD = "unread"
    """Arrives as it came, for Core's method reads it later, if at all."""


class _Absent(Enum):
    ABSENT = 0


ABSENT: Final = _Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument; required unless it has a `default`, a `hint` or is `optional`."""

    names: str
    """Its name, with aliases as in "hex|psbt"."""
    kind: Kind
    help: str = ""
    inner: tuple[Arg, ...] = ()
    default: Json = ABSENT
    hint: str = ""
    """What help says instead of a default."""
    optional: bool = False
    number: Num = Num.INT
    skip_type_check: bool = False
    oneline: str = ""
    """What the first line of help says instead."""
    type_text: tuple[str, str] | None = None
    """What help says instead of the kind: in an object, and in the description."""
    placeholder: bool = False
    hidden: bool = False
    also_positional: bool = False

    @property
    def name(self) -> str:
        """The first name."""
        return self.names.partition("|")[0]

    @property
    def is_optional(self) -> bool:
        """Whether it may be left out."""
        return self.optional or bool(self.hint) or self.default is not ABSENT

    def mismatch(self, value: Json) -> str | None:
        """Return what is wrong with the type of `value`."""
        expected = self.kind.json_type
        if expected is None or self.skip_type_check or (value is None and self.is_optional):
            return None
        found = json.type_name(value)
        return None if found == expected else f"JSON value of type {found} is not of expected type {expected}"

    def read(self, value: Json) -> Any:
        """Return what the method gets for a value whose type matches."""
        if value is None:
            return None if self.default is ABSENT else self.default
        if self.kind is not Kind.NUM or self.skip_type_check or self.number is Num.UNREAD:
            return value
        return json.to_float(value) if self.number.value is None else json.to_int(value, *self.number.value)


@dataclass(frozen=True, slots=True)
class Result:
    """What a method returns, or a part of it under `key`."""

    kind: Kind
    key: str = ""
    help: str = ""
    inner: tuple[Result, ...] = ()
    optional: bool = False
    condition: str = ""
    """When this one of several results is returned."""
    skip_type_check: bool = False
    elided: str | None = None
    """Help shows this text in its place; with "" nothing."""

    def mismatch(self, value: Json) -> Json:
        """Return what of `value` is not as told, as Core's -rpcdoccheck words it; None if nothing is."""
        expected = self.kind.json_type
        if self.skip_type_check or expected is None:
            return None
        if isinstance(value, json.Raw):
            value = json.loads(bytes(json.dumps(value)))
        found = json.type_name(value)
        if found != expected:
            return f"returned type is {found}, but declared as {expected} in doc"
        if isinstance(value, (list, tuple)):
            last = len(self.inner) - 1
            checked = ((str(i), self.inner[min(i, last)].mismatch(item)) for i, item in enumerate(value))
            return {key: wrong for key, wrong in checked if wrong is not None} or None
        return (self._object_mismatch(value) or None) if isinstance(value, dict) else None

    def _object_mismatch(self, value: dict[str, Json]) -> dict[str, Json]:
        if self.kind is Kind.OBJ_DYN:
            checked = ((key, self.inner[0].mismatch(item)) for key, item in value.items())
            return {key: wrong for key, wrong in checked if wrong is not None}
        told = {part.key for part in self.inner}
        wrong: dict[str, Json] = {key: "key returned that was not in doc" for key in sorted(value) if key not in told}
        for part in self.inner:
            if part.key not in value:
                if not part.optional:
                    wrong[part.key] = "key missing, despite not being optional in doc"
            elif (inner := part.mismatch(value[part.key])) is not None:
                wrong[part.key] = inner
        return wrong


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the table. Call it as the function it was made of."""

    category: str
    name: str
    args: tuple[Arg, ...]
    results: tuple[Result, ...]
    help: str
    examples: str
    function: Callable[..., Json]
    """Returns the result or raises RpcError; any other exception becomes RPC_MISC_ERROR with its text."""
    quick: bool = False
    """Neither waits for anything, not even a lock, nor computes: it may run on the thread that serves all clients."""
    required: int = field(init=False)
    names: tuple[tuple[str, bool], ...] = field(init=False)
    """All names of arguments as in `Arg.names`, and whether they go into the options that follow."""

    def __post_init__(self) -> None:
        """Count and name the arguments."""
        needed = (i + 1 for i, arg in enumerate(self.args) if not arg.is_optional)
        object.__setattr__(self, "required", max(needed, default=0))
        names: list[tuple[str, bool]] = []
        for arg in self.args:
            if arg.kind is Kind.OBJ_NAMED_PARAMS:
                names += [(inner.names, True) for inner in arg.inner]
            names.append((arg.names, False))
        object.__setattr__(self, "names", tuple(names))

    def __call__(self, context: MethodContext[Any], *values: Any) -> Json:
        """Run it with values that were read already."""
        return self.function(context, *values)

    def read(self, params: Sequence[Json]) -> list[Any]:
        """Check the types of as many arguments as may be there and return one value for each `Arg`."""
        if not self.args:
            return []
        values = [*params, *[None] * (len(self.args) - len(params))]
        wrong: dict[str, str] = {}
        for i, (arg, value) in enumerate(zip(self.args, values, strict=True)):
            if (text := arg.mismatch(value)) is not None:
                wrong[f"Position {i + 1} ({arg.names})"] = text
        if wrong:
            raise RpcError(RPC_TYPE_ERROR, f"Wrong type passed:\n{json.pretty(wrong)}")
        return [arg.read(value) for arg, value in zip(self.args, values, strict=True)]

    def conversions(self) -> list[tuple[str, int, str, bool]]:
        """Return method, position, name and whether it is a string, for each name of an argument."""
        found = []
        for i, arg in enumerate(self.args):
            for name in arg.names.split("|"):
                found.append((self.name, i, name, arg.kind in _STRINGS))
                if arg.kind is Kind.OBJ_NAMED_PARAMS:
                    for inner in arg.inner:
                        found += [(self.name, i, other, inner.kind in _STRINGS) for other in inner.names.split("|")]
        return found

    def mismatch(self, value: Json) -> Json:
        """Return in what the result differs from all that are told, None if it does not."""
        wrong = []
        for result in self.results:
            found = result.mismatch(value)
            if found is None:
                return None
            wrong.append(found)
        return wrong[0] if len(wrong) == 1 else wrong


def method(
    category: str,
    name: str,
    *args: Arg,
    result: Result | tuple[Result, ...],
    help: str,  # noqa: A002 - as it is called everywhere here
    examples: str = "",
    quick: bool = False,
) -> Callable[[Callable[..., Json]], Method]:
    """Make a Method of a function; category "hidden" keeps it out of the list, rpc.help makes `examples`."""

    def make(function: Callable[..., Json]) -> Method:
        results = result if isinstance(result, tuple) else (result,)
        return Method(category, name, args, results, help, examples, function, quick)

    return make
