"""The description of all methods for programs."""

from typing import Any

from node.rpc.table import full_table
from rpc.openrpc import describe


def document(*, hidden: bool = False) -> dict[str, Any]:
    return describe(full_table().methods(), hidden=hidden)


def method_of(name: str, *, hidden: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in document(hidden=hidden)["methods"] if each["name"] == name)
    return found


def schema_of(method: str, argument: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in method_of(method)["params"] if each["name"] == argument)["schema"]
    return found


def test_hidden_methods_and_arguments_only_if_asked() -> None:
    names = {each["name"] for each in document()["methods"]}
    assert {"getblock", "rpc.discover", "getopenrpcinfo"} <= names
    assert "setmocktime" not in names
    assert "setmocktime" in {each["name"] for each in document(hidden=True)["methods"]}
    assert method_of("stop")["params"] == []
    assert [each["name"] for each in method_of("stop", hidden=True)["params"]] == ["wait"]


def test_arguments() -> None:
    assert schema_of("getblockstats", "hash_or_height") == {"oneOf": [{"type": "integer"}, {"type": "string"}]}
    assert schema_of("getblockstats", "stats")["x-bitcoin-default-hint"] == "all values"
    assert schema_of("getblock", "verbosity")["default"] == 1
    number = {"type": "number"}
    pair = {"type": "array", "items": [number, number], "additionalItems": False, "minItems": 2, "maxItems": 2}
    assert schema_of("deriveaddresses", "range")["oneOf"] == [number, pair]
    outputs = schema_of("createrawtransaction", "outputs")["oneOf"]
    assert outputs[0]["type"] == "array"
    assert [sorted(each) for each in outputs[0]["items"]["anyOf"]] == [
        ["additionalProperties", "description", "type"],
        ["additionalProperties", "properties", "required", "type"],
    ]
    assert outputs[1] == {"type": "object"}
    verbosity = method_of("getblock")["params"][1]
    assert (verbosity["x-bitcoin-aliases"], verbosity["required"]) == (["verbose"], False)


def test_results() -> None:
    percentiles = method_of("getblockstats")["result"]["schema"]["properties"]["feerate_percentiles"]
    assert (percentiles["items"], percentiles["minItems"]) == ([{"type": "number"}] * 5, 5)
    rate = method_of("analyzepsbt")["result"]["schema"]["properties"]["estimated_feerate"]
    assert (rate["type"], rate["x-bitcoin-unit"]) == ("number", "amount")
    activity = method_of("getdescriptoractivity")["result"]["schema"]["properties"]["activity"]
    assert activity["type"] == "array"
    assert len(method_of("getblock")["result"]["schema"]["oneOf"]) == 4
