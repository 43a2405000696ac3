"""RPC methods that describe all methods for programs (Core: getopenrpcinfo in src/rpc/server.cpp, open-rpc.org 1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from common.version import CLIENT_NAME, VERSION
from rpc.help import examples
from rpc.method import ABSENT, Arg, Kind, Method, Result, method

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rpc.context import AnyContext
    from rpc.json import Json

Schema = dict[str, Any]
_HEX: Final[Schema] = {"type": "string", "pattern": "^[0-9a-fA-F]+$"}
_PLAIN: Final[dict[Kind, Schema]] = {
    Kind.STR: {"type": "string"},
    Kind.STR_HEX: _HEX,
    Kind.NUM: {"type": "number"},
    Kind.BOOL: {"type": "boolean"},
    Kind.NONE: {"type": "null"},
    Kind.ANY: {},
    Kind.STR_AMOUNT: {"type": "number", "x-bitcoin-unit": "amount"},
    Kind.NUM_TIME: {"type": "number", "x-bitcoin-unit": "unix-time"},
    Kind.AMOUNT: {"oneOf": [{"type": "number"}, {"type": "string"}]},
}
_NUMBER_OR_STRING: Final = frozenset({"integer / string", "string or numeric"})


def _fixed(items: Sequence[Schema]) -> Schema:
    size = len(items)
    return {"type": "array", "items": list(items), "additionalItems": False, "minItems": size, "maxItems": size}


def _any_of(schemas: Iterable[Schema], word: str) -> Schema:
    """Return what is one of several schemas, each named once."""
    found: list[Schema] = []
    for schema in schemas:
        if schema not in found:
            found.append(schema)
    if not found:
        return {}
    return found[0] if len(found) == 1 else {word: found}


def _object(properties: dict[str, Schema], required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | {"required": required} if required else schema


class _ArgSchemas:
    """Schemas of arguments, with hidden ones or without."""

    def __init__(self, *, hidden: bool) -> None:
        self._hidden = hidden

    def of(self, arg: Arg, *, unchecked: bool = False) -> Schema:
        """Return the schema of an argument; `unchecked` inside one whose type is not checked."""
        schema: Schema = {}
        if not arg.skip_type_check:
            schema = self._by_kind(arg, unchecked=unchecked)
        if arg.type_text is not None and arg.type_text[1]:
            if arg.type_text[1] in _NUMBER_OR_STRING:
                schema = {"oneOf": [{"type": "integer"}, {"type": "string"}]}
            else:
                schema["x-bitcoin-type-override"] = arg.type_text[1]
        if arg.skip_type_check and not schema and arg.kind is Kind.ARR:
            schema = {"oneOf": [self._array(arg, unchecked=True), {"type": "object"}]}
        if arg.default is not ABSENT:
            schema["default"] = arg.default
        elif arg.hint:
            schema["x-bitcoin-default-hint"] = arg.hint
        return schema

    def _array(self, arg: Arg, *, unchecked: bool) -> Schema:
        inner = [self.of(each, unchecked=unchecked) for each in arg.inner]
        return {"type": "array", "items": _any_of(inner, "anyOf" if unchecked else "oneOf")}

    def _by_kind(self, arg: Arg, *, unchecked: bool) -> Schema:
        if arg.kind is Kind.RANGE:
            number: Schema = {"type": "number"}
            return {"oneOf": [number, _fixed([number, number])]}
        if arg.kind is Kind.ARR:
            return self._array(arg, unchecked=unchecked)
        if arg.kind is Kind.OBJ_USER_KEYS:
            if not arg.inner:
                return {"type": "object", "additionalProperties": True}
            first = arg.inner[0]
            schema: Schema = {"type": "object", "additionalProperties": self.of(first, unchecked=unchecked)}
            return schema | {"description": first.help} if first.help else schema
        if arg.kind in {Kind.OBJ, Kind.OBJ_NAMED_PARAMS}:
            inner = [each for each in arg.inner if self._hidden or not each.hidden]
            properties = {each.name: self._told(each, self.of(each, unchecked=unchecked)) for each in inner}
            return _object(properties, [each.name for each in inner if not each.is_optional])
        return dict(_PLAIN[arg.kind])

    def _told(self, arg: Arg, schema: Schema) -> Schema:
        if arg.help:
            schema["description"] = arg.help
        return schema | _marks(arg)

    def parameters(self, described: Method) -> list[Schema]:
        """Return the arguments of a method."""
        found: list[Schema] = []
        for arg in described.args:
            if arg.hidden and not self._hidden:
                continue
            entry: Schema = {"name": arg.name, "required": not arg.is_optional, "schema": self.of(arg)}
            if arg.help:
                entry["description"] = arg.help
            aliases = arg.names.split("|")[1:]
            if aliases:
                entry["x-bitcoin-aliases"] = aliases
            found.append(entry | _marks(arg))
        return found


def _marks(arg: Arg) -> Schema:
    marks: Schema = {}
    if arg.placeholder:
        marks["x-bitcoin-placeholder"] = True
    if arg.also_positional:
        marks["x-bitcoin-also-positional"] = True
    return marks


def _result_schema(result: Result, *, checked: bool = False) -> Schema:
    kind = result.kind
    if result.skip_type_check and not checked:
        schema = _result_schema(result, checked=True)
        if kind is Kind.OBJ:
            return {"oneOf": [schema, {"const": False}]} if result.key else schema
        return schema if kind is Kind.ARR else {}
    if kind is Kind.ARR:
        return {"type": "array", "items": _any_of(map(_result_schema, result.inner), "oneOf")}
    if kind is Kind.ARR_FIXED:
        return _fixed([_result_schema(each) for each in result.inner])
    if kind is Kind.OBJ_DYN:
        return {"type": "object", "additionalProperties": _result_schema(result.inner[0]) if result.inner else {}}
    if kind is Kind.OBJ:
        inner = [each for each in result.inner if each.key]
        properties = {
            each.key: _result_schema(each) | ({"description": each.help} if each.help else {}) for each in inner
        }
        return _object(properties, [each.key for each in inner if not each.optional])
    return dict(_PLAIN[kind])


def _results(described: Method) -> Schema:
    return {"name": "result", "schema": _any_of(map(_result_schema, described.results), "oneOf")}


def describe(methods: Iterable[Method], *, hidden: bool) -> dict[str, Json]:
    """Return the OpenRPC document of methods, those of category "hidden" only if asked."""
    schemas = _ArgSchemas(hidden=hidden)
    return {
        "openrpc": "1.4.1",
        "info": {
            "title": f"{CLIENT_NAME} JSON-RPC",
            "version": f"v{VERSION}",
            "description": f"What {CLIENT_NAME} answers over JSON-RPC, made of its own help.",
        },
        "methods": [
            {
                "name": described.name,
                "description": described.help,
                "params": schemas.parameters(described),
                "result": _results(described),
                "x-bitcoin-category": described.category,
            }
            for described in methods
            if hidden or described.category != "hidden"
        ],
    }


_PARAMETER: Final = (
    Result(Kind.STR, "name", "Its name"),
    Result(Kind.BOOL, "required", "Whether it must be given"),
    Result(Kind.ANY, "schema", "Its JSON Schema"),
    Result(Kind.STR, "description", "What it is", optional=True),
    Result(Kind.ARR, "x-bitcoin-aliases", "Its other names", (Result(Kind.STR, "", "A name"),), optional=True),
    Result(Kind.BOOL, "x-bitcoin-placeholder", "Whether it has no effect any more", optional=True),
    Result(Kind.BOOL, "x-bitcoin-also-positional", "Whether it may be given by position too", optional=True),
)
_DOCUMENT: Final = Result(
    Kind.OBJ,
    "",
    "",
    (
        Result(Kind.STR, "openrpc", "The version of OpenRPC"),
        Result(
            Kind.OBJ,
            "info",
            "What program this is",
            (
                Result(Kind.STR, "title", "Its name"),
                Result(Kind.STR, "version", "Its version"),
                Result(Kind.STR, "description", "What it does"),
            ),
        ),
        Result(
            Kind.ARR,
            "methods",
            "The methods",
            (
                Result(
                    Kind.OBJ,
                    "",
                    "A method",
                    (
                        Result(Kind.STR, "name", "Its name"),
                        Result(Kind.STR, "description", "What it does"),
                        Result(Kind.ARR, "params", "Its arguments", (Result(Kind.OBJ, "", "", _PARAMETER),)),
                        Result(
                            Kind.OBJ,
                            "result",
                            "What it returns",
                            (
                                Result(Kind.STR, "name", "A name for it"),
                                Result(Kind.ANY, "schema", "Its JSON Schema"),
                            ),
                        ),
                        Result(Kind.STR, "x-bitcoin-category", "Its category"),
                    ),
                ),
            ),
        ),
    ),
    skip_type_check=True,
)


@method(
    "control",
    "getopenrpcinfo",
    Arg("show_hidden", Kind.BOOL, "Show hidden methods and arguments too", default=False),
    result=_DOCUMENT,
    help="Returns a description of all methods for programs, as OpenRPC has it.",
    examples=examples("getopenrpcinfo"),
)
def getopenrpcinfo(context: AnyContext, show_hidden: bool) -> Json:
    """Describe the methods."""
    return describe(context.server.table.methods(), hidden=show_hidden)


@method(
    "control",
    "rpc.discover",
    result=_DOCUMENT,
    help="Returns a description of this service for programs, as OpenRPC has it.",
    examples=examples("rpc.discover"),
)
def rpc_discover(context: AnyContext) -> Json:
    """Describe the methods, without hidden ones."""
    return describe(context.server.table.methods(), hidden=False)


METHODS: Final = (getopenrpcinfo, rpc_discover)
