"""REST of a real node; what each method answers is compared with Core's in tests/interop/test_core_http.py."""

import http.client
import json

import pytest
from block_factory import REGTEST_GENESIS_HASH
from running_programs import Programs, free_port, read_until

GENESIS = REGTEST_GENESIS_HASH[::-1].hex()


def get(port: int, target: str, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, target, body)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, data


@pytest.fixture
def port(programs: Programs) -> int:
    port = free_port()
    read_until(programs.start("pynode", f"-rpcport={port}", "-disablewallet", "-rest"), "Done loading")
    return port


def test_formats(port: int) -> None:
    status, data = get(port, f"/rest/block/{GENESIS}.bin")
    assert (status, len(data)) == (200, 285)
    assert get(port, f"/rest/block/{GENESIS}.hex") == (200, data.hex().encode() + b"\n")
    status, text = get(port, f"/rest/block/{GENESIS}.json")
    assert status == 200
    assert json.loads(text)["hash"] == GENESIS
    assert get(port, f"/rest/headers/{GENESIS}.bin?count=1") == (200, data[:80])
    assert get(port, f"/rest/block/{GENESIS}.txt")[0] == 400
    assert get(port, f"/rest/block/{GENESIS}") == (
        404,
        b"output format not found (available: .bin, .hex, .json)\r\n",
    )


def test_outputs_asked_for_in_the_body(port: int) -> None:
    outpoint = bytes(32) + bytes(4)
    status, data = get(port, "/rest/getutxos.bin", "POST", b"\0\1" + outpoint)
    assert status == 200
    assert data == bytes(4) + REGTEST_GENESIS_HASH + b"\1\0" + b"\0"
    assert (
        get(port, "/rest/getutxos.hex", "POST", (b"\0\1" + outpoint).hex().encode())[1] == data.hex().encode() + b"\n"
    )
    assert get(port, "/rest/getutxos.bin", "POST", b"\0\2" + outpoint) == (400, b"Parse error\r\n")
    assert get(port, "/rest/getutxos.bin", "POST", b"\0\xff" + b"\xff" * 8) == (400, b"Parse error\r\n")
    assert get(port, "/rest/getutxos.json", "POST", b"x") == (400, b"Error: empty request\r\n")


def test_indexes_that_are_not_there(port: int) -> None:
    assert get(port, f"/rest/blockfilter/basic/{GENESIS}.json") == (
        400,
        b"Index is not enabled for filtertype basic\r\n",
    )
    assert get(port, f"/rest/tx/{GENESIS}.json") == (404, f"{GENESIS} not found\r\n".encode())


def test_not_asked_for(programs: Programs) -> None:
    port = free_port()
    read_until(programs.start("pynode", f"-rpcport={port}", "-disablewallet"), "Done loading")
    assert get(port, "/rest/chaininfo.json") == (404, b"")
