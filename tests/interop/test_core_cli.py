"""`pycli` beside Bitcoin Core's bitcoin-cli: the same words give the same output and status, whoever's node it asks."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_programs import BIN, free_port, wait_for

CLIENTS = [client for client in (os.environ.get("BITCOIN_CLI_V32"),) if client]
NODES = {
    name: program
    for name, program in {
        "pynode": str(BIN / "pynode"),
        "v32": os.environ.get("BITCOIN_NODE_V32"),
        "v31": os.environ.get("BITCOIN_NODE_V31"),
    }.items()
    if program and CLIENTS
}
GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"

WORDS: list[list[str]] = [
    ["getblockcount"],
    ["getblock", GENESIS, "2"],
    ["getblockhash", "x"],
    ["getblockhash", "99"],
    ["nosuch"],
    [],
    ["echo", "a b", '"', "ü", "", "1", "true"],
    ["echojson", '{"a":[1.10,{}, [], true,null,"x\\u0041\\n"],"b":1e3}', "1"],
    ["-named", "echo", "arg0=1", "arg1=x"],
    ["-named", "echojson", "args=[1,2]", "3"],
    ["-named", "echojson", '["a=b"]', "x=1"],
    ["-named", "getblockhash", "height=0"],
    ["getpeerinfo"],
    ["-getinfo"],
    ["-getinfo", "-color=always"],
    ["-getinfo", "-color=zap"],
    ["-getinfo", "x"],
    ["-netinfo", "x"],
    ["-netinfo", "1", "x"],
    ["-addrinfo", "x"],
    ["-getinfo", "-netinfo"],
    ["-rpcuser=x", "-rpcpassword=wrong", "-noipcconnect", "getblockcount"],
    ["-noipcconnect", "-norpccookiefile", "getblockcount"],
    ["-noipcconnect", "-rpccookiefile=nope", "getblockcount"],
    ["-rpcconnect=127.0.0.1:1", "getblockcount"],
    ["-rpcconnect=nowhere.invalid", "getblockcount"],
    ["-rpcconnect=127.0.0.1:x", "getblockcount"],
    ["-rpcport=0", "-noipcconnect", "getblockcount"],
    ["-rpcport=1", "-noipcconnect", "getblockcount"],
    ["-ipcconnect=unix", "-rpcconnect=127.0.0.1", "getblockcount"],
    ["-foo", "getblockcount"],
    ["-testnet", "getblockcount"],
    ["-stdinwalletpassphrase", "echo"],
    ["-rpcid", "getblockcount"],
    ["-conf=nope.conf", "getblockcount"],
]


@pytest.fixture(params=NODES, scope="module")
def options(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Run a node and return the options by which to ask it."""
    data_dir = tmp_path_factory.mktemp(request.param)
    port = free_port()
    words = ["-regtest", f"-datadir={data_dir}", f"-rpcport={port}"]
    quiet = ["-printtoconsole=0", "-listen=0", "-listenonion=0", "-disablewallet", "-ipcbind=unix"]
    node = subprocess.Popen([NODES[request.param], *words, *quiet])
    try:
        wait_for(lambda: run(str(BIN / "pycli"), [*words, "uptime"])[2] == 0, "the node answers")
        # Core's client does not ask a node up to v31 over HTTP if it has a socket.
        yield [*words, "-noipcconnect"] if request.param == "v31" else words
    finally:
        node.terminate()
        node.wait(20)


def run(program: str, words: list[str], text: str = "") -> tuple[str, str, int]:
    found = subprocess.run([program, *words], capture_output=True, text=True, input=text, timeout=30, check=False)
    # Core's client loses the warnings of a node, which are a list now.
    lines = [line for line in found.stdout.splitlines() if "Warnings:" not in line]
    return "\n".join(lines), found.stderr, found.returncode


@pytest.mark.parametrize("client", CLIENTS)
def test_same_as_core(options: list[str], client: str) -> None:
    ours = str(BIN / "pycli")
    differences = {}
    for words in WORDS:
        found, expected = (run(program, [*options, *words]) for program in (ours, client))
        if found != expected:
            differences[" ".join(words)] = (found, expected)
    assert differences == {}


@pytest.mark.parametrize("client", CLIENTS)
def test_standard_input(options: list[str], client: str) -> None:
    words = [*options, "-noipcconnect", "-rpcuser=__cookie__", "-stdinrpcpass", "-stdin", "echo", "first"]
    folder = next(word for word in options if word.startswith("-datadir=")).partition("=")[2]
    secret = (Path(folder) / "regtest" / ".cookie").read_text().partition(":")[2]
    for text in (f"{secret}\nsecond line\nthird\n", f"{secret}\n", "wrong\nx\n", ""):
        assert run(str(BIN / "pycli"), words, text) == run(client, words, text)


def test_old_node_without_rpc_over_ipc(options: list[str]) -> None:
    words = [word for word in options if word != "-noipcconnect"]
    assert run(str(BIN / "pycli"), [*words, "getblockcount"]) == ("0", "", 0)
