"""The table of RPC methods: what Core's callers may rely on, with the chain faked."""

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from common.chains import REGTEST
from node.context import NodeContext
from node.rpc.context import RpcContext
from node.rpc.server import RpcServer
from node.rpc.table import full_table
from rpc.errors import RpcError
from rpc.json import Amount, Json, Raw, Real
from rpc.method import Arg, Kind, Method, Num, Result, method
from rpc.request import Caller
from rpc.server import Answer, RpcOptions, RpcOverIpc
from rpc.table import MethodTable

ANY = Result(Kind.ANY)


def show(context: RpcContext, *values: Json) -> Json:
    del context
    return list(values)


def fail(context: RpcContext) -> Json:
    del context
    raise ValueError("as text")


options = method(
    "test",
    "options",
    Arg("outputs", Kind.ARR, inner=(Arg("", Kind.OBJ_USER_KEYS, inner=(Arg("address", Kind.AMOUNT),)),)),
    Arg("height|block", Kind.NUM, "A height\nor none", default=3),
    Arg(
        "options",
        Kind.OBJ_NAMED_PARAMS,
        "Options",
        inner=(Arg("fee_rate|rate", Kind.AMOUNT, optional=True), Arg("verbose", Kind.BOOL, "Say more", default=False)),
        optional=True,
        oneline="options",
    ),
    result=Result(
        Kind.OBJ,
        inner=(Result(Kind.STR_HEX, "hash", "The hash"), Result(Kind.ARR, "list", "", (Result(Kind.NUM),), True)),
    ),
    help="Shows what it got.",
    examples="> x\n",
)(show)
numbers = method(
    "test",
    "numbers",
    Arg("small", Kind.NUM),
    Arg("large", Kind.NUM, number=Num.UINT64, optional=True),
    Arg("real", Kind.NUM, number=Num.REAL, optional=True),
    result=ANY,
    help="x",
)(show)
failing = method("hidden", "failing", result=ANY, help="x")(fail)
wrong = method("test", "wrong", result=Result(Kind.OBJ, inner=(Result(Kind.NUM, "a"),)), help="x")(lambda _: {"b": 1})
values = method("test", "values", result=ANY, help="x")(
    lambda _: [Amount(-1), Amount(2_100_000_000_000_000), Real(1.0), Real(4.656542373906925e-10), Raw(b"7e0")]
)
TABLE = MethodTable((*full_table().methods(), options, numbers, failing, wrong, values))


@dataclass
class Node:
    """Stands for a node that is asked nothing of its chain."""

    stopped: threading.Event

    def context(self) -> NodeContext:
        return NodeContext(REGTEST, cast("Any", None), Path(), self.stopped.set)


def server(options: RpcOptions | None = None) -> RpcServer:
    server = RpcServer(TABLE, options)
    server.finish_warmup(Node(threading.Event()).context())
    return server


def ask(request: object, user: str = "", options: RpcOptions | None = None) -> tuple[int, Any]:
    text = request if isinstance(request, (str, bytes)) else json.dumps(request)
    answer = server(options).answer(text, Caller("/", user))
    return answer.status, None if answer.body is None else json.loads(answer.body)


def call(name: str, params: object = ()) -> Any:
    return ask({"method": name, "params": params, "id": 1})[1]["result"]


def error(name: str, params: object = ()) -> tuple[int, str]:
    reply = ask({"jsonrpc": "2.0", "method": name, "params": params, "id": 1})
    assert reply[0] == 200
    return reply[1]["error"]["code"], reply[1]["error"]["message"]


def echoed(text: str) -> str:
    body = server().answer(f'{{"method": "echo", "params": [{text}]}}', Caller()).body
    assert body is not None
    return body.decode().removeprefix('{"result":[').removesuffix('],"error":null}')


@pytest.mark.parametrize(
    ("request_", "status", "reply"),
    [
        ({"method": "echo", "id": 1}, 200, {"result": [], "error": None, "id": 1}),
        ({"method": "echo", "params": None}, 200, {"result": [], "error": None}),
        ({"jsonrpc": "1.0", "method": "echo", "id": None}, 200, {"result": [], "error": None, "id": None}),
        ({"jsonrpc": "2.0", "method": "echo", "params": [1], "id": 7}, 200, {"jsonrpc": "2.0", "result": [1], "id": 7}),
        ({"jsonrpc": "2.0", "method": "echo"}, 204, None),
        ({"jsonrpc": "2.0", "method": "foo"}, 204, None),
        (
            {"jsonrpc": "2.0", "method": "foo", "id": "a"},
            200,
            {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "a"},
        ),
        ({"method": "foo"}, 404, {"result": None, "error": {"code": -32601, "message": "Method not found"}}),
        (
            {"method": "help", "params": [1], "id": 2},
            500,
            {
                "result": None,
                "error": {
                    "code": -3,
                    "message": "Wrong type passed:\n{\n"
                    '    "Position 1 (command)": "JSON value of type number is not of expected type string"\n}',
                },
                "id": 2,
            },
        ),
        ({"id": 3}, 400, {"result": None, "error": {"code": -32600, "message": "Missing method"}, "id": 3}),
        ({"method": 3}, 400, {"result": None, "error": {"code": -32600, "message": "Method must be a string"}}),
        (
            {"method": "echo", "params": 3},
            400,
            {"result": None, "error": {"code": -32600, "message": "Params must be an array or object"}},
        ),
        (
            {"jsonrpc": 2, "method": "echo"},
            400,
            {"result": None, "error": {"code": -32600, "message": "jsonrpc field must be a string"}},
        ),
        (
            {"jsonrpc": "2.1", "method": "echo"},
            400,
            {"result": None, "error": {"code": -32600, "message": "JSON-RPC version not supported"}},
        ),
        (5, 500, {"result": None, "error": {"code": -32700, "message": "Top-level object parse error"}, "id": None}),
        ("{", 500, {"result": None, "error": {"code": -32700, "message": "Parse error"}, "id": None}),
        ([], 200, []),
        ([{"jsonrpc": "2.0", "method": "echo"}], 204, None),
        (
            [{"method": "echo", "params": [1], "id": 1}, {"jsonrpc": "2.0", "method": "echo"}, 5],
            200,
            [{"result": [1], "error": None, "id": 1}],
        ),
    ],
)
def test_forms(request_: object, status: int, reply: object) -> None:
    assert ask(request_) == (status, reply)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "nul", "NaN", "[1,]", "{,}", "[1 2]", "01", "1.", "-", "+1", "Infinity", '"\n"', '"\\x"', '"\\ud800"',
        '{"a"}', "{} {}", "[" * 513 + "]" * 513, "[" * 100_000, b"\xff", "\ufeff[]", "'a'",
    ],
)  # fmt: skip
def test_no_json(text: str | bytes) -> None:
    assert ask(text) == (500, {"result": None, "error": {"code": -32700, "message": "Parse error"}, "id": None})


@pytest.mark.parametrize(
    "text",
    [
        "0.1", "1.0", "1e3", "-0", "123456789012345678901234567890", "0.10000000000000000000000000001", "-0.0E-5",
        "[" * 510 + "]" * 510, '"[[[["', '"\\u0000"', '"ä€😀"', '{"a":1,"a":2}', "9223372036854775807",
        "[{},[],null,true,false]",
    ],
)  # fmt: skip
def test_nothing_is_lost(text: str) -> None:
    assert echoed(text) == text


def test_first_of_repeated_keys_counts() -> None:
    assert ask('{"method": "echo", "method": "foo", "id": 1, "params": [1], "id": 2}')[1]["id"] == 1


def test_special_values() -> None:
    body = server().answer('{"method": "values"}', Caller()).body
    assert body is not None
    assert b"[-0.00000001,21000000.00000000,1,4.656542373906925e-10,7e0]" in body


def test_named() -> None:
    assert call("echojson", {"arg0": 0, "arg3": 3, "arg9": 9}) == [0, None, None, 3, *[None] * 5, 9]
    assert call("echojson", {"arg9": None}) == [None] * 10
    assert call("echojson", {"args": [0, 1], "arg3": 3}) == [0, 1, None, 3]
    twice = "Parameter arg1 specified twice both as positional and named argument"
    assert error("echojson", {"args": [0, 1], "arg1": 1}) == (-8, twice)
    assert error("echojson", {"args": [0, None, 2], "arg1": 1}) == (-8, twice)
    assert error("help", {"random": 1}) == (-8, "Unknown named parameter random")
    assert call("echo", {"args": 5}) == []
    repeated = '{"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"arg0": 1, "arg0": 2}}'
    assert ask(repeated)[1]["error"] == {"code": -8, "message": "Parameter arg0 specified multiple times"}


def test_named_options() -> None:
    assert call("options", {"outputs": [], "block": 5}) == [[], 5, None]
    assert call("options", {"outputs": [], "rate": 1, "verbose": True}) == [[], 3, {"rate": 1, "verbose": True}]
    conflict = "Parameter options conflicts with parameter verbose"
    assert error("options", {"outputs": [], "verbose": True, "options": {}}) == (-8, conflict)


def test_argument_count_and_types() -> None:
    code, text = error("options")
    assert code == -1
    assert text.startswith('options [{"address":amount,...},...] ( height options )\n\nShows what it got.\n')
    assert error("numbers", [1, 2, 3.5, 4])[0] == -1
    code, text = error("options", ["a", "b"])
    assert code == -3
    assert text == (
        "Wrong type passed:\n{\n"
        '    "Position 1 (outputs)": "JSON value of type string is not of expected type array",\n'
        '    "Position 2 (height|block)": "JSON value of type string is not of expected type number"\n}'
    )
    assert error("options", [None])[0] == -3
    assert call("options", [[], None]) == [[], 3, None]


def test_numbers() -> None:
    assert call("numbers", [-5, 2**64 - 1, 1.5]) == [-5, 2**64 - 1, 1.5]
    for params in ([2**31], [1.5], [1, -1], [1, 2**64], ["1e0"]):
        assert error("numbers", params)[0] in {-1, -3}
    assert error("numbers", [1.5]) == (-1, "JSON integer out of range")


def test_help_layout() -> None:
    assert call("help", ["options"]) == (
        'options [{"address":amount,...},...] ( height options )\n'
        "\n"
        "Shows what it got.\n"
        "\n"
        "Arguments:\n"
        "1. outputs                     (json array, required)\n"
        "     [\n"
        "       {                       (json object, required)\n"
        '         "address": amount,    (numeric or string, required)\n'
        "         ...\n"
        "       },\n"
        "       ...\n"
        "     ]\n"
        "2. height                      (numeric, optional, default=3) A height\n"
        "                               or none\n"
        "3. options                     (json object, optional) Holds the named arguments below, "
        "which may be given without it. Options\n"
        "\n"
        "Named Arguments:\n"
        "fee_rate    (numeric or string, optional)\n"
        "verbose     (boolean, optional, default=false) Say more\n"
        "\n"
        "Result:\n"
        "{                    (json object)\n"
        '  "hash" : "hex",    (string) The hash\n'
        '  "list" : [         (json array, optional)\n'
        "    n,               (numeric)\n"
        "    ...\n"
        "  ]\n"
        "}\n"
        "\n"
        "Examples:\n"
        "> x\n"
    )


def test_help_lists() -> None:
    text = call("help")
    assert text.startswith("== Blockchain ==\n")
    assert "\ngetbestblockhash\n" in text
    assert "\n\n== Control ==\n" in text
    assert "failing" not in text
    assert "echojson" not in text
    assert call("help", ["foo"]) == "help: unknown command: foo"
    assert call("help", ["stop"]).startswith("stop\n\n")
    dump = call("help", ["dump_all_command_conversions"])
    assert ["help", 0, "command", True] in dump
    assert ["options", 1, "block", False] in dump
    assert ["options", 2, "rate", False] in dump


def test_all_methods_have_help() -> None:
    for entry in full_table().methods():
        text = call("help", [entry.name])
        assert text.startswith(entry.name)
        assert len({name for arg in entry.args for name in arg.names.split("|")}) >= len(entry.args)


def test_exceptions_become_misc_errors() -> None:
    assert error("failing") == (-1, "as text")


def test_doc_check() -> None:
    assert ask({"method": "wrong"})[0] == 200
    code, reply = ask({"method": "wrong"}, options=RpcOptions(doc_check=True))
    assert code == 500
    assert reply["error"]["message"] == (
        'Internal bug detected: RPC call "wrong" returned incorrect type:\n'
        '{\n    "b": "key returned that was not in doc",\n'
        '    "a": "key missing, despite not being optional in doc"\n}'
    )


def test_whitelist() -> None:
    options = RpcOptions({"me": frozenset({"echo"})}, whitelist_default=True)
    assert ask({"method": "echo"}, "me", options)[0] == 200
    assert ask({"method": "help"}, "me", options) == (403, None)
    assert ask([{"method": "echo"}, {"method": "help"}], "me", options) == (403, None)
    assert ask([5], "me", options)[0] == 400
    assert ask({"method": "echo"}, "you", options) == (403, None)
    assert ask({"method": "echo"}, "you", RpcOptions({"me": frozenset()}))[0] == 200


def test_warmup_and_shutdown() -> None:
    server = RpcServer(TABLE)
    first = server.answer('{"method": "help", "id": 1}', Caller())
    assert first == Answer(first.status, b'{"result":null,"error":{"code":-28,"message":"RPC server started"},"id":1}')
    server.set_status("Loading block index…")
    assert "Loading block index…" in RpcOverIpc(server).execute_rpc('{"method": "help"}', "/", "me")
    node = Node(threading.Event())
    server.finish_warmup(node.context())
    assert RpcOverIpc(server).execute_rpc('{"jsonrpc": "2.0", "method": "help"}', "/", "me") == "null"
    assert "pynode stopping" in RpcOverIpc(server).execute_rpc('{"method": "stop"}', "/", "me")
    assert node.stopped.is_set()
    server.check_interrupt()
    server.interrupt()
    with pytest.raises(RpcError, match="Shutting down"):
        server.check_interrupt()


def test_name_twice() -> None:
    with pytest.raises(ValueError, match="RPC method 'options' is there twice"):
        MethodTable((options, options))
    assert isinstance(options, Method)


def test_quick_methods_alone_are_answered_at_once() -> None:
    quick, caller = server(), Caller()
    answer = quick.answer_at_once(b'{"method":"uptime","id":1}', caller)
    assert answer is not None
    assert answer.body == b'{"result":0,"error":null,"id":1}'
    for body in (b'{"method":"echo"}', b'[{"method":"uptime"}]', b'{"method":5}', b"{", b'{"method":"x"}'):
        assert quick.answer_at_once(body, caller) is None
