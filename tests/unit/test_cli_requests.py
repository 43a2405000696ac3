"""What the command line client sends and shows."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import json_text
from cli.errors import StartError
from cli.http_post import ConnectionFailedError, Response, post
from cli.netinfo import View, read_view, show
from cli.rpc_conversion import by_name, by_position, write_request


@pytest.mark.parametrize(
    "text", ["1.10", "1e3", "-0", "[]", "{}", '"a"', '{"a":[1,{"b":null}],"c":true}', "18446744073709551616"]
)
def test_json_comes_back_as_it_was(text: str) -> None:
    assert json_text.dumps(json_text.loads(text)) == text


def test_json_is_laid_out_as_core_does() -> None:
    assert json_text.dumps(json_text.loads('{"a":[1,2],"b":{},"c":[]}'), indent=2) == (
        '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {\n  },\n  "c": [\n  ]\n}'
    )
    assert json_text.quote('\x00\n"\x7fü') == '"\\u0000\\n\\"\\u007fü"'


@pytest.mark.parametrize("text", ["NaN", "01", "[1", "Infinity", "[" * 5000])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which of them it is tells nobody anything
        json_text.loads(text)


@given(st.text(alphabet='[]{}",:0123456789.eE-truefalsn \\u'))
def test_any_text(text: str) -> None:
    with suppress(ValueError):
        assert json_text.loads(json_text.dumps(json_text.loads(text))) == json_text.loads(text)


def test_words_by_position() -> None:
    assert by_position("getblockhash", ["5"]) == [json_text.Number("5")]
    assert by_position("getblockstats", ["00ff", '["txs"]']) == ["00ff", ["txs"]]
    assert by_position("getblockstats", ["7"]) == [json_text.Number("7")]
    assert by_position("echo", ["1", "true"]) == ["1", "true"]
    with pytest.raises(StartError, match=r"^Error parsing JSON: foo$"):
        by_position("getblockhash", ["foo"])


def test_words_by_name() -> None:
    assert by_name("echo", ["a=1", "b", "a=2"]) == {"a": "2", "args": ["b"]}
    assert by_name("getblockhash", ["height=5"]) == {"height": json_text.Number("5")}
    assert by_name("echojson", ['["key=value"]']) == {"args": [["key=value"]]}
    assert by_name("createwallet", ["my=wallet"]) == {"args": ["my=wallet"]}
    twice = write_request("echo", by_name("echo", ["args=[1]", "x"]), "1")
    assert twice == '{"jsonrpc":"2.0","method":"echo","params":{"args":"[1]","args":["x"]},"id":"1"}'


# --- HTTP --------------------------------------------------------------------------------------------------------


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def ask(answer: bytes) -> Response:
    with server(answer) as port:
        return post("127.0.0.1", port, "/", "user:password", b"{}", 5)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", 200, b"hi"),
        (b"HTTP/1.1 500 No\r\n\r\nuntil the end", 500, b"until the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x\r\n ho\r\n0\r\n\r\n", 200, b"hi ho"),
    ],
)
def test_answers(answer: bytes, status: int, body: bytes) -> None:
    assert ask(answer) == Response(status, body)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "EOF"),
        (b"nonsense\r\n\r\n", "HTTP error: Invalid status line"),
        (b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", r"HTTP error: Header missing colon \(:\)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP error: Invalid Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", "EOF"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "HTTP error: Invalid chunk size"),
    ],
)
def test_bad_answers(answer: bytes, message: str) -> None:
    with pytest.raises(ConnectionFailedError, match=f"^{message}$"):
        ask(answer)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailedError, match=r"^Could not connect to the server$"):
        post("127.0.0.1", port, "/", "", b"", 5)
    with pytest.raises(ConnectionFailedError, match=r"^Could not resolve host: nowhere.invalid$"):
        post("nowhere.invalid", port, "/", "", b"", 5)


def test_silent_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConnectionFailedError, match=r"^timeout$"):
        post("127.0.0.1", listener.getsockname()[1], "/", "", b"", 0.1)


# --- -netinfo ----------------------------------------------------------------------------------------------------


def peer(**facts: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "network": "ipv4",
        "inbound": False,
        "connection_type": "manual",
        "servicesnames": ["NETWORK", "P2P_V2"],
        "version": 70016,
        "subver": "/x/",
        "conntime": 880,
        "lastsend": 990,
        "lastrecv": 0,
        "last_transaction": 0,
        "last_block": 400,
        "bip152_hb_to": True,
        "bip152_hb_from": False,
        "addr": "1.2.3.4:8333",
        "minping": 0.0015,
        **facts,
    }


NETWORK: dict[str, Any] = {
    "protocolversion": 70016,
    "subversion": "/y/",
    "localservicesnames": ["NETWORK", "NETWORK_LIMITED"],
    "networks": [{"name": "ipv4", "reachable": True}, {"name": "onion", "reachable": False}],
    "localaddresses": [{"address": "1.2.3.4", "port": 8333, "score": 1}],
}


def test_peers_are_counted() -> None:
    lines = show(View(), [peer(), peer(inbound=True, connection_type="inbound")], NETWORK, "regtest", 1000).splitlines()
    assert lines[0].endswith("client v0.1.0 regtest - server 70016/y/")
    assert lines[2:6] == [
        "         ipv4   total   block  manual",
        "in          1       1",
        "out         1       1       0       1",
        "total       2       2",
    ]
    assert "Local services: network, network limited" in lines
    assert lines[-1] == "1.2.3.4     port   8333    score      1"


def test_peers_are_listed() -> None:
    quick = peer(id=8, minping=0.001, inbound=True, connection_type="inbound", network="not_publicly_routable")
    text = show(View(4), [peer(), quick], NETWORK, "main", 1000)
    lines = text.splitlines()
    assert lines[0].endswith("services nl")
    assert lines[2].startswith(
        "<->   type   net   serv  v  mping   ping send recv  txn  blk  hb addrp addrl  age id addr"
    )
    assert lines[3].startswith(" in          npr     n2  1      1")
    assert lines[4].startswith("out manual  ipv4     n2  1      2          10             10  .      .          2  7")
    assert lines[4].endswith(" 1.2.3.4:8333 70016/x/")
    assert " npr   total" in text
    outgoing = show(View(1, outgoing_only=True), [peer(), quick], NETWORK, "main", 1000)
    assert "\n in " not in outgoing


def test_view() -> None:
    assert read_view(["9"]) == View(4)
    assert read_view(["2", "o"]) == View(2, outgoing_only=True)
    for words, message in (
        (["x"], "invalid -netinfo level argument: x\nFor more"),
        (["256"], "invalid -netinfo level argument: 256\n"),
        (["1", "x"], "invalid -netinfo outonly argument: x\nFor more"),
        (["0", "o"], "invalid -netinfo outonly argument: o\nThe outonly argument is only valid for a level"),
    ):
        with pytest.raises(StartError) as caught:
            read_view(words)
        assert str(caught.value).startswith(message)
