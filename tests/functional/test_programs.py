"""The programs as their user runs them."""

import json
import os
import signal
import socket
import subprocess
import time

import psutil
import pytest
from block_factory import REGTEST_GENESIS_HASH, build_block
from running_programs import BIN, Programs, children, gone, read_until, wait_for

from common.version import VERSION

GENESIS = REGTEST_GENESIS_HASH[::-1].hex()


@pytest.mark.parametrize("name", ["pynode", "pywallet", "pygui", "pycli"])
def test_version_and_help(name: str) -> None:
    found = subprocess.run([BIN / name, "-version"], capture_output=True, text=True, check=True)
    kind = "pynode RPC client" if name == "pycli" else name
    assert found.stdout == f"{kind} version v{VERSION}\n"
    found = subprocess.run([BIN / name, "-help"], capture_output=True, text=True, check=True)
    assert f"Usage: {name} [options]" in found.stdout
    assert "-testnet4" in found.stdout


@pytest.mark.parametrize("name", ["pynode", "pywallet", "pygui", "pycli"])
def test_unknown_option(name: str) -> None:
    found = subprocess.run([BIN / name, "-nonsense=1"], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.endswith("Error parsing command line arguments: Invalid parameter -nonsense=1\n")


@pytest.mark.parametrize("number", ["x", "-1", "99999999999999999999"])
def test_bad_descriptor_number(number: str) -> None:
    found = subprocess.run([BIN / "pynode", "-ipcfd", number], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (1, f"pynode: Invalid -ipcfd number '{number}'\n")


def test_descriptor_that_is_no_socket() -> None:
    found = subprocess.run([BIN / "pynode", "-ipcfd", "0"], capture_output=True, text=True, check=False, stdin=-3)
    assert (found.returncode, found.stderr) == (1, "pynode: Invalid -ipcfd number '0': not a socket\n")


def test_main_job(programs: Programs) -> None:
    programs.node()
    wallet = programs.start("pywallet", "-ipcconnect=auto")
    assert read_until(wallet, "tip") == f"tip {GENESIS} height 0\n"
    block = build_block(REGTEST_GENESIS_HASH, 1)
    verdict = json.loads(programs.ask("ipccall", "Mining.submitBlock", block.hex()).stdout)
    assert verdict == {"reason": "", "debug": "", "result": True}
    assert read_until(wallet, "tip").endswith("height 1\n")
    assert programs.ask("getblockcount").stdout == "1\n"
    wallet.send_signal(signal.SIGINT)
    assert wallet.wait(20) == 0


def test_stop_ends_everything(programs: Programs) -> None:
    node = programs.node()
    spawned = children(node)
    assert [p.name() for p in spawned] == ["pywallet"]
    assert spawned[0].cmdline()[-2] == "-ipcfd"
    assert programs.ask("stop").stdout == "pynode stopping\n"
    assert node.wait(20) == 0
    assert gone(spawned)
    assert not (programs.network_dir / "node.sock").exists()
    log = (programs.network_dir / "debug.log").read_text()
    assert "Shutdown done" in log


def test_no_descriptor_leaks_into_a_child(programs: Programs) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        node = programs.node()
        (wallet,) = children(node)
        inherited = [os.readlink(f"/proc/{wallet.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{wallet.pid}/fd")]  # noqa: PTH115, PTH208
        assert sum(target.startswith("socket:") for target in inherited) == 1
        assert os.readlink(f"/proc/self/fd/{writer}") not in inherited  # noqa: PTH115
        assert not any("node.sock" in target or ".lock" in target for target in inherited)
    finally:
        os.close(reader)
        os.close(writer)


def test_wallet_starts_its_own_node(programs: Programs) -> None:
    wallet = programs.start("pywallet")
    assert read_until(wallet, "tip") == f"tip {GENESIS} height 0\n"
    nodes = children(wallet)
    assert [p.name() for p in nodes] == ["pynode"]
    wallet.send_signal(signal.SIGTERM)
    assert wallet.wait(20) == 0
    assert gone(nodes)


def test_killed_parent(programs: Programs) -> None:
    node = programs.node()
    spawned = children(node)
    node.kill()
    node.wait()
    wait_for(lambda: gone(spawned), "the child of a killed parent ended")
    # The socket of the killed node is stale and does not hinder the next.
    assert (programs.network_dir / "node.sock").exists()
    programs.node()
    assert programs.ask("getblockcount").stdout == "0\n"


def test_killed_child(programs: Programs) -> None:
    node = programs.node()
    (wallet,) = children(node)
    wallet.kill()
    read_until(node, "The wallet process ended; the node goes on without it")
    assert programs.ask("getblockcount").stdout == "0\n"
    wait_for(lambda: not children(node), "the child was reaped")


def test_client_killed_in_the_middle_of_a_call(programs: Programs) -> None:
    node = programs.node("-debug=ipc")
    client = programs.start("pycli", "ipccall", "Mining.waitTipChanged", GENESIS_INTERNAL)
    read_until(node, "Mining.waitTipChanged")
    read_until(node, "executing request")
    time.sleep(0.3)
    client.kill()
    read_until(node, "socket disconnected")
    assert programs.ask("getblockcount").stdout == "0\n"


GENESIS_INTERNAL = REGTEST_GENESIS_HASH.hex()


def test_interrupt_of_the_whole_group(programs: Programs) -> None:
    node = programs.node(new_group=True)
    spawned = children(node)
    os.killpg(node.pid, signal.SIGINT)
    assert node.wait(20) == 0
    assert node.stderr is not None
    assert "[pywallet] SIGINT received — waiting for parent to shut down.\n" in node.stderr.read()
    assert gone(spawned)


def test_hangup_opens_the_log_anew(programs: Programs) -> None:
    node = programs.node("-disablewallet")
    log = programs.network_dir / "debug.log"
    log.rename(log.with_suffix(".old"))
    node.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    programs.ask("getblockcount")
    wait_for(log.exists, "a new log was made")


def test_two_nodes_in_one_directory(programs: Programs) -> None:
    programs.node("-disablewallet")
    second = programs.start("pynode")
    _, error = second.communicate(timeout=20)
    assert second.returncode == 1
    assert error == (
        f"Error: Cannot obtain a lock on directory {programs.network_dir}. pynode is probably already running.\n"
    )


def test_addresses_that_cannot_be_bound(programs: Programs) -> None:
    busy = programs.data_dir / "busy.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(busy))
    listener.listen()
    long = "x" * 200
    for address, message in (
        ("tcp:1", "Unrecognized address 'tcp:1'"),
        (f"unix:{busy}", "Address already in use"),
        (f"unix:/{long}", f'Unix address path "/{long}" exceeded maximum socket path length'),
        ("unix:/proc/none/a.sock", "No such file or directory"),
    ):
        node = programs.start("pynode", f"-ipcbind={address}", "-disablewallet")
        _, error = node.communicate(timeout=20)
        assert (node.returncode, error) == (1, f"Error: Unable to bind to IPC address '{address}'. {message}\n")
    listener.close()
    busy.unlink()


def test_several_sockets(programs: Programs) -> None:
    other = programs.data_dir / "deep" / "er" / "node.sock"
    programs.node(f"-ipcbind=unix:{other}", "-disablewallet")
    assert oct((programs.network_dir / "node.sock").stat().st_mode & 0o777) == "0o600"
    assert programs.ask(f"-ipcconnect=unix:{other}", "echoipc", "there").stdout == "there\n"
    assert programs.ask("-ipcconnect=unix", "echoipc", "here").stdout == "here\n"


def test_nobody_listens(programs: Programs) -> None:
    found = programs.ask("-rpcport=1", "getblockcount")
    assert found.returncode == 1
    assert found.stderr.startswith("error: Error while attempting to communicate with server 127.0.0.1:1 (Could not")
    found = programs.ask("-ipcconnect=unix", "getblockcount")
    assert found.returncode == 1
    assert found.stderr.startswith("error: Connection refused\n\nProbably bitcoin-node is not running")
    wallet = programs.start("pywallet", "-ipcconnect=unix")
    _, error = wallet.communicate(timeout=20)
    assert wallet.returncode == 1
    assert error.startswith("Error: No such file or directory\n\nProbably bitcoin-node is not running")


def test_inspecting_a_process(programs: Programs) -> None:
    node = programs.node()
    offered = json.loads(programs.ask("ipcinterfaces").stdout)
    assert set(offered) == {"Chain", "Echo", "Events", "Mining", "Node", "Process", "Rpc"}
    assert json.loads(programs.ask("ipccall", "Mining.getTip").stdout) == {"hash": GENESIS_INTERNAL, "height": 0}
    tree = json.loads(programs.ask("ipccall", "Process.getTree").stdout)
    assert [(p["name"], p["parent"], p["spawned"]) for p in tree] == [("pynode", -1, False), ("pywallet", 0, True)]
    assert [p["pid"] for p in tree] == [node.pid, children(node)[0].pid]
    for words, message in (
        (
            ("ipccall", "Mining.createNewBlock", '{"block_reserved_weight": 1}'),
            "block_reserved_weight (1) is lower than minimum safety value of (2000)",
        ),
        (("ipccall", "Mining.nothing"), "Mining has no method 'nothing'"),
        (("ipccall", "Nothing.x"), "Unknown interface 'Nothing'"),
        (("ipccall", "Mining.waitTipChanged", "zz"), "current_tip: 'zz' is no bytes"),
        (("ipccall", "Mining.getTip", "1"), "Mining.get_tip takes at most 0 arguments"),
    ):
        found = programs.ask(*words)
        assert found.returncode == 1
        assert message in found.stderr
    found = programs.ask("nonsense")
    assert (found.returncode, found.stderr) == (89, "error code: -32601\nerror message:\nMethod not found\n")


def test_gui_shows_what_goes_on(programs: Programs) -> None:
    pytest.importorskip("PySide6")
    programs.node()
    gui = programs.start("pygui", "-ipcbind=unix")
    wait_for((programs.network_dir / "gui.sock").exists, "the desktop program serves")

    def names() -> list[str]:
        found = programs.ask("-ipcconnect=unix:gui.sock", "ipccall", "Process.getTree")
        return [p["name"] for p in json.loads(found.stdout or "[]")]

    wait_for(lambda: names() == ["pygui", "pynode", "pywallet"], "the tree is complete")
    gui.send_signal(signal.SIGTERM)
    assert gui.wait(20) == 0


def test_gui_starts_a_node(programs: Programs) -> None:
    gui = programs.start("pygui")
    wait_for(lambda: sorted(p.name() for p in children(gui)) == ["pynode", "pywallet"], "pygui started the others")
    spawned = children(gui)
    log = programs.network_dir / "debug.log"
    wait_for(lambda: "Done loading" in log.read_text(), "the node is ready")
    time.sleep(0.5)
    gui.send_signal(signal.SIGINT)
    assert gui.wait(20) == 0
    wait_for(lambda: gone(spawned), "the others ended")


def test_garbage_harms_nobody_else(programs: Programs) -> None:
    node = programs.node("-disablewallet")
    path = str(programs.network_dir / "node.sock")
    before = psutil.Process(node.pid).num_fds()
    for garbage in (os.urandom(5000), b"\0" * 64, b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\0\x10\0"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(garbage)
    half = socket.socket(socket.AF_UNIX)
    half.connect(path)
    half.sendall(b"\0\0\0\0\xff\xff\0\0half")
    assert programs.ask("echoipc", "fine").stdout == "fine\n"
    half.close()
    wait_for(lambda: psutil.Process(node.pid).num_fds() <= before, "all descriptors were closed")
