"""`Ipc` behaves as Core's interfaces::Ipc does."""

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import Pair, wait_until
from zoo import Counter, FailedError, KeeperInit, ZooInit

from ipc import AddressError, Ipc, IpcError, RemoteError, SpawnError


@pytest.fixture
def ipc(tmp_path: Path, no_leaks: None) -> Ipc:  # noqa: ARG001 - checked around everything else
    return Ipc("pytool", str(tmp_path / "pytool"), KeeperInit(), data_dir=tmp_path)


def program(path: Path, body: str) -> None:
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.path[:0] = {sys.path!r}\n{body}\n")
    path.chmod(0o755)


CHILD = """
from pathlib import Path
from zoo import KeeperInit
from ipc import Ipc
init = KeeperInit()
ipc = Ipc("pychild", sys.argv[0], init, data_dir=Path(sys.argv[0]).parent)
assert ipc.start_spawned_process(sys.argv)
ipc.close()
sys.exit(len(init.zoos))
"""


def test_spawn(ipc: Ipc, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program(tmp_path / "pychild", CHILD)
    ended = []
    with caplog.at_level("DEBUG", "ipc"), ipc:
        child = ipc.spawn_process("pychild", ZooInit)
        ((name, pid),) = ipc.context.children
        assert name == "pychild"
        ipc.add_cleanup(child, lambda: ended.append(True))
        assert child.make_zoo().several().code == 7
        child.close()
        assert ended == [True]
        assert ipc.context.children == ()
    assert f"Process pychild pid {pid} launched" in caplog.text
    assert f"Process pychild pid {pid} exited with status 1" in caplog.text
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_spawned_child_is_killed(ipc: Ipc, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program(tmp_path / "pychild", CHILD)
    with caplog.at_level("DEBUG", "ipc"), ipc:
        zoo = ipc.spawn_process("pychild", ZooInit).make_zoo()
        ((_, pid),) = ipc.context.children
        threading.Timer(0.2, lambda: os.kill(pid, 9)).start()
        with pytest.raises(IpcError, match="interrupted by disconnect"):
            zoo.block()
        wait_until(lambda: not ipc.context.children, "the child was reaped")
    assert f"Process pychild pid {pid} exited with status -9" in caplog.text


def test_interrupt_before_the_child_can_ignore_it(ipc: Ipc, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program(tmp_path / "pychild", "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n" + CHILD)
    with ipc:
        assert ipc.spawn_process("pychild", ZooInit).make_zoo().several().code == 7
    assert capfd.readouterr().err == "[pychild] SIGINT received — waiting for parent to shut down.\n"


def test_spawning_what_cannot_be(ipc: Ipc, tmp_path: Path) -> None:
    program(tmp_path / "pybroken", "sys.exit(3)")
    with ipc:
        with pytest.raises(SpawnError, match=r"^Unable to start '.*/pynothing': No such file or directory$"):
            ipc.spawn_process("pynothing")
        with pytest.raises(IpcError):
            ipc.spawn_process("pybroken")
        assert ipc.context.children == ()


def test_not_spawned(ipc: Ipc) -> None:
    with ipc:
        for argv in ([], ["x"], ["x", "-ipcfd"], ["x", "-ipcfd", "3", "4"], ["x", "-other", "3"], ["x", "3", "-ipcfd"]):
            assert ipc.start_spawned_process(argv) is False
        for number in ("", "a", "1a", "-5", "99999999999"):
            with pytest.raises(SpawnError, match=f"^Invalid -ipcfd number '{number}'$"):
                ipc.start_spawned_process(["x", "-ipcfd", number])


def test_connect(pair: Pair) -> None:
    connect = pair.client.connect_address
    assert connect("") is None
    assert connect("0") is None
    found = connect("auto", ZooInit, dest_exe_name="pynode")
    assert found is not None
    assert found.make_zoo().quick(0) == 255
    assert connect("unix", ZooInit, dest_exe_name="bitcoin-node") is not None
    assert connect("unix:node.sock", ZooInit) is not None
    assert connect("auto", dest_exe_name="pynobody") is None
    for address in ("tcp:1", "unixnode", "nonsense", "AUTO"):
        with pytest.raises(AddressError, match=f"^Unrecognized address '{address}'$"):
            connect(address)
    with pytest.raises(AddressError, match=r"^No such file or directory$"):
        connect("unix:nobody.sock")
    with pytest.raises(AddressError, match="exceeded maximum socket path length"):
        connect("unix:" + "x" * 120)


def test_auto_where_nothing_can_listen(tmp_path: Path, ipc: Ipc) -> None:
    with ipc:
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(tmp_path / "node.sock"))
        stale.close()
        assert ipc.connect_address("auto") is None
        with pytest.raises(AddressError, match=r"^Connection refused$"):
            ipc.connect_address("unix")
        (tmp_path / "file").write_text("")
        ipc.data_dir = tmp_path / "file"
        assert ipc.connect_address("auto") is None
        ipc.data_dir = tmp_path / ("x" * 150)
        assert ipc.connect_address("auto") is None


def test_listen(tmp_path: Path, ipc: Ipc) -> None:
    with ipc:
        assert ipc.listen_address("unix") == f"unix:{tmp_path}/tool.sock"
        assert ipc.listen_address("unix:a/b/c.sock") == f"unix:{tmp_path}/a/b/c.sock"
        assert stat.S_IMODE((tmp_path / "tool.sock").stat().st_mode) == 0o600
        with Ipc("pytool", "x", KeeperInit(), data_dir=tmp_path) as other:
            with pytest.raises(AddressError, match=r"^Address already in use$"):
                other.listen_address("unix")
            found = other.connect_address("unix", ZooInit, dest_exe_name="pytool")
            assert found is not None
            assert found.make_zoo().quick(0) == 255
    assert not list(tmp_path.glob("**/*.sock"))


def test_socket_whose_owner_is_too_busy_to_accept_is_in_use(tmp_path: Path, ipc: Ipc) -> None:
    path = tmp_path / "tool.sock"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as queued, ipc:
        busy.bind(str(path))
        busy.listen(0)
        queued.connect(str(path))
        with pytest.raises(AddressError, match=r"^Address already in use$"):
            ipc.listen_address("unix")
    assert path.exists()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    # Root may write anywhere, until it has dropped its capabilities.
    body = (
        f"import sys; sys.path[:0] = {sys.path!r}; from pathlib import Path; from zoo import KeeperInit; "
        f"from ipc import AddressError, Ipc; ipc = Ipc('pytool', 'x', KeeperInit(), data_dir=Path({str(folder)!r}))\n"
        "for address in ('unix', 'unix:deeper/a.sock'):\n"
        "    try: ipc.listen_address(address)\n"
        "    except AddressError as error: print(error)\n"
        "ipc.close()"
    )
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    found = subprocess.run([*drop, sys.executable, "-c", body], capture_output=True, text=True, check=False, timeout=30)
    assert found.stdout == "Permission denied\n" * 2, found.stderr
    assert not list(folder.iterdir())


def test_what_is_no_socket_is_never_removed(tmp_path: Path, ipc: Ipc) -> None:
    (tmp_path / "tool.sock").write_text("precious")
    with ipc, pytest.raises(AddressError, match=r"^Address already in use$"):
        ipc.listen_address("unix")
    assert (tmp_path / "tool.sock").read_text() == "precious"


def test_a_socket_that_was_replaced_is_left_alone(tmp_path: Path, ipc: Ipc) -> None:
    with ipc:
        ipc.listen_address("unix")
        (tmp_path / "tool.sock").unlink()
        (tmp_path / "tool.sock").write_text("of somebody else")
    assert (tmp_path / "tool.sock").exists()


def test_other_users_are_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    script = (
        "import os, socket, sys; os.setuid(int(sys.argv[2])); s = socket.socket(1); "
        "s.connect(sys.argv[1]); s.send(b'x'); print(s.recv(1))"
    )
    with Ipc("pytool", "x", KeeperInit(), data_dir=tmp_path, allowed_uids=[4321]) as ipc:
        path = ipc.listen_address("unix").removeprefix("unix:")
        found = subprocess.run(
            [sys.executable, "-c", script, path, "1234"], capture_output=True, text=True, check=False, timeout=20
        )
        assert "ConnectionResetError" in found.stderr or "BrokenPipeError" in found.stderr or found.stdout == "b''\n"
        assert "refused connection of user id 1234" in caplog.text


def test_closing_twice(ipc: Ipc) -> None:
    ipc.listen_address("unix")
    ipc.close()
    ipc.close()
    with pytest.raises(IpcError, match="closed"):
        ipc.listen_address("unix")


DROPPING = """
class Dropping(KeeperInit):
    def make_zoo(self):
        if not self.zoos:
            ipc.listen_address("unix:child.sock")
        else:
            ipc.disconnect_incoming()
        return super().make_zoo()
"""


def test_disconnect_incoming_keeps_the_parent(tmp_path: Path, ipc: Ipc) -> None:
    program(tmp_path / "pychild", CHILD.replace("KeeperInit()", "Dropping()").replace("init =", DROPPING + "init ="))
    with ipc:
        child = ipc.spawn_process("pychild", ZooInit)
        child.make_zoo()
        guest = ipc.connect_address(f"unix:{tmp_path}/child.sock", ZooInit)
        assert guest is not None
        child.make_zoo()
        with pytest.raises(IpcError):
            guest.make_zoo()
        assert child.make_zoo().quick(0) == 255


MIDDLE = """
class Middle(KeeperInit):
    def make_zoo(self):
        return ipc.spawn_process("pychild", ZooInit).make_zoo()
"""


def test_calls_through_three_processes_and_back(ipc: Ipc, tmp_path: Path) -> None:
    program(tmp_path / "pychild", CHILD)
    middle = CHILD.replace("import KeeperInit", "import KeeperInit, ZooInit").replace("KeeperInit()", "Middle()")
    program(tmp_path / "pymiddle", middle.replace("init =", MIDDLE + "init ="))
    with ipc:
        zoo = ipc.spawn_process("pymiddle", ZooInit).make_zoo()
        counter = Counter()
        assert zoo.several().code == 7
        assert zoo.visit(counter, "a") == 1
        assert zoo.visit(counter, "b") == 2
        assert zoo.same(counter) is counter
        assert set(counter.threads) == {threading.current_thread().name}
        with pytest.raises(FailedError, match="as declared"):
            zoo.fail("failed")
        with pytest.raises(RemoteError, match="as nobody declared"):
            zoo.fail("value")
        visitor = zoo.make_visitor()
        assert zoo.visit(visitor, "c") == 1
