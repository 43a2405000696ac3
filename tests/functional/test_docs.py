"""The examples in docs/ do what they say, word for word."""

import json
import os
import re
import runpy
import select
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from block_factory import REGTEST_GENESIS_HASH, block_hash, build_block
from running_programs import Programs, free_port, wait_for

from interfaces.interface import Interface
from ipc import BindingError
from ipc.binding.binding import binding_of

DOCS = Path(__file__).parent.parent.parent / "docs"
SOCKET = "/home/me/.bitcoin/regtest/node.sock"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def run(script: Path) -> str:
    found = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=40, check=False, cwd=script.parent
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_adding_an_interface(tmp_path: Path) -> None:
    (schema,) = blocks("adding-an-interface.md", "capnp")
    definition, use = blocks("adding-an-interface.md", "python")
    (tmp_path / "clock.capnp").write_text(schema)
    (tmp_path / "clock.py").write_text(definition)
    (tmp_path / "use.py").write_text(use)
    assert re.fullmatch(r"\w{3} \w{3} .* \d{4} None\n", run(tmp_path / "use.py"))
    assert not (tmp_path / "clock.sock").exists()


def test_refusal_that_the_page_quotes(tmp_path: Path) -> None:
    (schema,) = blocks("adding-an-interface.md", "capnp")
    (quoted,) = re.findall(r"`(Clock\.wait\.seconds: [^`]*)`", (DOCS / "adding-an-interface.md").read_text())
    path = tmp_path / "clock.capnp"
    path.write_text(schema.replace("e1f0d4c7b2a59386", "e1f0d4c7b2a59387"))
    made = runpy.run_path(str(wrong_clock(tmp_path)))["Clock"]
    assert issubclass(made, Interface)
    with pytest.raises(BindingError, match=f"^{re.escape(quoted)}$"):
        binding_of(made)


def wrong_clock(folder: Path) -> Path:
    definition = blocks("adding-an-interface.md", "python")[0]
    path = folder / "wrong.py"
    path.write_text(definition.replace("seconds: float", "seconds: int"))
    return path


def test_typed_client(programs: Programs, tmp_path: Path) -> None:
    """The page's node is at its first block, of which no template is made; what comes before that is run."""
    programs.node("-disablewallet")
    path = str(programs.network_dir / "node.sock")
    blocking, awaiting = blocks("typed-client.md", "python")[:2]
    assert SOCKET in blocking
    assert SOCKET in awaiting
    script = tmp_path / "awaiting.py"
    script.write_text(awaiting.replace(SOCKET, path))
    assert run(script) == "True\n"
    script = tmp_path / "blocking.py"
    lines = [line for line in blocking.replace(SOCKET, path).splitlines() if "template" not in line]
    script.write_text("\n".join(lines).replace("60_000", "100") + "\n    print(newer == tip)\n")
    assert run(script) == "True\n"


@pytest.mark.skipif("BITCOIN_NODE_V32" not in os.environ, reason="needs a real bitcoin-node")
def test_typed_client_of_bitcoin_core(tmp_path: Path) -> None:
    """The same against the node that the page is about, whole."""
    path = tmp_path / "regtest" / "node.sock"
    port = f"-rpcport={free_port()}"
    options = ["-regtest", f"-datadir={tmp_path}", "-ipcbind=unix", "-listen=0", port, "-printtoconsole=0"]
    node = subprocess.Popen([os.environ["BITCOIN_NODE_V32"], *options])
    cli = [os.environ["BITCOIN_CLI_V32"], "-regtest", f"-datadir={tmp_path}", port, "-rpcwait"]
    try:
        address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        subprocess.run([*cli, "generatetoaddress", "17", address], check=True, capture_output=True, timeout=40)
        for number, block in enumerate(blocks("typed-client.md", "python")[:2]):
            script = tmp_path / f"example{number}.py"
            script.write_text(block.replace(SOCKET, str(path)).replace("60_000", "100"))
            output = run(script)
            assert output.startswith("17 ") if number == 0 else output == "True\n"
    finally:
        node.terminate()
        node.wait(30)


def test_events(programs: Programs, tmp_path: Path) -> None:
    """The follower prints what comes, is killed, and goes on where it was."""
    programs.node("-disablewallet", "-server=0")
    follower, _ = blocks("events.md", "python")
    script = tmp_path / "follower.py"
    script.write_text(follower.replace(SOCKET, str(programs.network_dir / "node.sock")))

    def follow(count: int) -> list[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", script], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(count)]
        wait_for((tmp_path / "place.txt").exists, "the place was stored")
        process.kill()
        process.communicate()
        return [" ".join(line.split()[:2]) for line in lines]

    (tmp_path / "place.txt").write_text(REGTEST_GENESIS_HASH.hex())
    branch = [build_block(REGTEST_GENESIS_HASH, 1)]
    branch.append(build_block(block_hash(branch[0]), 2))
    for block in branch:
        programs.ask("ipccall", "Mining.submitBlock", block.hex())
    assert follow(2) == ["+ 1", "+ 2"]
    place = tmp_path / "place.txt"
    place.write_text(block_hash(branch[1]).hex())
    other = [build_block(REGTEST_GENESIS_HASH, 1, extra=1)]
    other.append(build_block(block_hash(other[0]), 2, extra=1))
    other.append(build_block(block_hash(other[1]), 3, extra=1))
    for block in other:
        programs.ask("ipccall", "Mining.submitBlock", block.hex())
    assert follow(5) == ["- 2", "- 1", "+ 1", "+ 2", "+ 3"]


def run_on(programs: Programs, script: Path, example: str) -> subprocess.Popen[str]:
    """Start an example of the page that is to follow its first lines, with `init` at hand."""
    start = blocks("typed-client.md", "python")[0].partition("    mining = ")[0]
    start = start.replace("connect_address(", "connect_address(*(", 1)
    start = start.replace(f'*("unix:{SOCKET}")', f'"unix:{programs.network_dir}/node.sock", PynodeInit)')
    indented = "".join(f"    {line}\n" if line else "\n" for line in example.splitlines())
    script.write_text(f"import time\nfrom interfaces.init import PynodeInit\n{start}{indented}    time.sleep(20)\n")
    return subprocess.Popen([sys.executable, "-u", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str], happen: Callable[[], object]) -> str:
    """Return what is printed once something happens, again and again until then, and end it."""
    assert process.stdout is not None
    while process.poll() is None and not select.select([process.stdout], [], [], 0.3)[0]:
        happen()
    line = process.stdout.readline()
    process.kill()
    return line or process.communicate()[1]


def test_callback(programs: Programs, tmp_path: Path) -> None:
    programs.node("-disablewallet", "-server=0")
    process = run_on(programs, tmp_path / "callback.py", blocks("typed-client.md", "python")[2])
    extra = count(1)

    def mine() -> None:
        """Its handler hears only of tips from then on."""
        tip = json.loads(programs.ask("ipccall", "Mining.getTip").stdout)
        block = build_block(bytes.fromhex(tip["hash"]), tip["height"] + 1, extra=next(extra))
        programs.ask("ipccall", "Mining.submitBlock", block.hex())

    assert re.fullmatch(r"\d+ \d+\.\d\d%\n", first_line(process, mine))
    process.communicate()


def test_watching_a_wallet(programs: Programs, tmp_path: Path) -> None:
    programs.node()
    programs.ask("createwallet", "savings")
    address = programs.ask("getnewaddress").stdout.strip()
    example = "node = init.make_node()\n" + blocks("typed-client.md", "python")[3]
    process = run_on(programs, tmp_path / "watching.py", example)
    line = first_line(process, lambda: programs.ask("generatetoaddress", "1", address))
    assert re.fullmatch(r"NEW [0-9a-f]{64} 0\n", line)  # What was mined counts when it is mature.
    process.communicate()


def test_mining(programs: Programs) -> None:
    """What the page starts is started here; what it asks is asked."""
    (shell,) = blocks("mining.md", "sh")
    programs.node("-disablewallet")
    asked = [line.partition("  #")[0].split() for line in shell.splitlines()]
    assert asked[0] == ["pynode", "-regtest", "-ipcbind=unix", "-disablewallet", "&"]
    assert programs.ask("generatetodescriptor", "1", "raw(51)").returncode == 0
    miner, socket, count = asked[2][1:]
    found = subprocess.run(
        [sys.executable, DOCS.parent / miner, programs.network_dir / Path(socket).name, count],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert [line[-9:] for line in found.stdout.splitlines()] == ["height=2)", "height=3)", "height=4)"]
    assert len((DOCS.parent / miner).read_text().splitlines()) == 39
    assert json.loads(programs.ask("ipctemplate").stdout)["height"] == 5
    assert asked[4][:3] == ["pycli", "-regtest", "getblocktemplate"]
    assert json.loads(programs.ask("getblocktemplate", '{"rules": ["segwit"]}').stdout)["height"] == 5
