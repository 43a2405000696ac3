"""The wallet in a process of its own: spawned by a node, connected to one, or alone."""

import json
import resource
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import psutil
import pytest
from running_programs import Programs, children, gone, programs, read_until, wait_for

from cli.program_init import ProgramInit
from interfaces.init import PynodeInit
from interfaces.wallet import WalletFailedError
from interfaces.wallet_callbacks import LoadWalletCallback
from ipc import Ipc

__all__ = ["programs"]
OFFLINE = "-ipcconnect=unix:wallet.sock"


def ok(found: subprocess.CompletedProcess[str]) -> object:
    assert found.returncode == 0, found.stderr
    try:
        return json.loads(found.stdout or "null")
    except ValueError:
        return found.stdout.strip()


def failed(found: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Return code and text of an RPC error."""
    assert found.returncode != 0
    head, _, text = found.stderr.partition("error message:\n")
    return int(head.removeprefix("error code: ")), text.strip()


def test_wallets_over_a_node(programs: Programs) -> None:
    node = programs.node()
    assert ok(programs.ask("listwallets")) == []
    code, text = failed(programs.ask("getwalletinfo"))
    assert (code, text.partition(".")[0]) == (-18, "No wallet is loaded")
    assert ok(programs.ask("createwallet", "a")) == {"name": "a"}
    address = ok(programs.ask("getnewaddress", "some label"))
    assert isinstance(address, str)
    assert address.startswith("bcrt1q")
    assert ok(programs.ask("-named", "createwallet", "wallet_name=b/c", "load_on_startup=true")) == {"name": "b/c"}
    assert ok(programs.ask("listwallets")) == ["a", "b/c"]
    assert failed(programs.ask("getwalletinfo"))[0] == -19
    assert failed(programs.ask("-rpcwallet=no", "getwalletinfo"))[0] == -18
    info = ok(programs.ask("-rpcwallet=a", "getaddressinfo", address))
    assert isinstance(info, dict)
    assert (info["ismine"], info["labels"], info["solvable"]) == (True, ["some label"], True)
    assert failed(programs.ask("createwallet", "a"))[0] == -4
    assert failed(programs.ask("loadwallet", "a")) == (-35, 'Wallet "a" is already loaded.')
    assert failed(programs.ask("loadwallet", "no"))[0] == -18
    assert ok(programs.ask("unloadwallet", "a")) == {}
    assert programs.ask("stop").stdout == "pynode stopping\n"
    assert node.wait(20) == 0
    programs.node("-minrelaytxfee=0.02")
    assert ok(programs.ask("listwallets")) == ["b/c"]
    warning = "-minrelaytxfee is set very high! The wallet will avoid paying less than the minimum relay fee."
    assert ok(programs.ask("loadwallet", "a")) == {"name": "a", "warnings": [warning]}
    info = ok(programs.ask("-rpcwallet=a", "getaddressinfo", address))
    assert isinstance(info, dict)
    assert (info["ismine"], info["labels"]) == (True, ["some label"])


def test_a_killed_wallet_is_started_again(programs: Programs) -> None:
    node = programs.node()
    ok(programs.ask("-named", "createwallet", "wallet_name=w", "load_on_startup=true"))
    address = ok(programs.ask("getnewaddress"))
    descriptors: list[int] = []
    for _ in range(3):
        kill_wallet(node)
        assert ok(programs.ask("getblockcount")) == 0
        descriptors.append(psutil.Process(node.pid).num_fds())
        assert ok(programs.ask("listwallets")) == ["w"]
        info = ok(programs.ask("getaddressinfo", str(address)))
        assert isinstance(info, dict)
        assert info["ismine"]
    assert len(children(node)) == 1
    assert descriptors[2] <= descriptors[1]


def kill_wallet(node: subprocess.Popen[str]) -> None:
    (wallet,) = children(node)
    wallet.kill()
    read_until(node, "The wallet process ended; the node goes on without it")


def test_wallets_loaded_by_hand_are_loaded_again(programs: Programs) -> None:
    node = programs.node()
    for name in ("gone", "created", "named"):
        ok(programs.ask("createwallet", name))
    ok(programs.ask("-rpcwallet=created", "backupwallet", str(programs.data_dir / "copy.dat")))
    ok(programs.ask("restorewallet", "restored", str(programs.data_dir / "copy.dat")))
    ok(programs.ask("unloadwallet", "named", "true"))
    ok(programs.ask("loadwallet", "named", "true"))
    ok(programs.ask("unloadwallet", "gone"))
    ok(programs.ask("-rpcwallet=created", "encryptwallet", "secret"))
    ok(programs.ask("-rpcwallet=created", "walletpassphrase", "secret", "1000"))
    for _ in range(2):
        kill_wallet(node)
        assert ok(programs.ask("listwallets")) == ["created", "restored", "named"]
    read_until(node, "Wallet 'created' is loaded again, and locked until it is given its passphrase")
    ok(programs.ask("unloadwallet", "named"))
    kill_wallet(node)
    assert ok(programs.ask("listwallets")) == ["created", "restored"]


def test_a_wallet_that_broke_keeps_no_other_from_being_loaded_again(programs: Programs) -> None:
    node = programs.node()
    for name in ("a", "broken", "b"):
        ok(programs.ask("-named", "createwallet", f"wallet_name={name}", "load_on_startup=true"))
    kill_wallet(node)
    (programs.network_dir / "wallets" / "broken" / "wallet.dat").write_bytes(b"SQLite format 3\0" + bytes(5000))
    assert ok(programs.ask("listwallets")) == ["a", "b"]
    read_until(node, "Wallet 'broken' stays unloaded: Wallet file verification failed.")
    kill_wallet(node)
    assert ok(programs.ask("listwallets")) == ["a", "b"]


@pytest.mark.timeout(120)
def test_a_stopped_wallet_holds_nobody_up(programs: Programs) -> None:
    node = programs.node()
    ok(programs.ask("createwallet", "w"))
    address = str(ok(programs.ask("getnewaddress")))
    (wallet,) = children(node)
    wallet.suspend()
    assert len(ok(programs.ask("generatetoaddress", "5", address))) == 5  # type: ignore[arg-type]
    assert ok(programs.ask("getblockcount")) == 5
    with ThreadPoolExecutor() as pool:
        info = pool.submit(programs.ask, "getwalletinfo")
        assert ok(programs.ask("getmempoolinfo"))
        wallet.resume()
        assert ok(info.result())
    wallet.suspend()
    with ThreadPoolExecutor() as pool:
        info = pool.submit(programs.ask, "getwalletinfo")
        wait_for(lambda: "getwalletinfo" in programs.ask("getrpcinfo").stdout, "the wallet was asked")
        assert programs.ask("stop").stdout == "pynode stopping\n"
        assert node.wait(40) == 0
        assert failed(info.result())[1] == "Shutting down"
    assert gone([wallet])


def test_help_and_arguments_are_the_nodes(programs: Programs) -> None:
    programs.node()
    assert "== Wallet ==" in programs.ask("help").stdout
    assert programs.ask("help", "createwallet").stdout.startswith('createwallet "wallet_name" ( ')
    assert failed(programs.ask("createwallet"))[0] == -1


def test_without_wallets_there_are_no_methods(programs: Programs) -> None:
    programs.node("-disablewallet")
    assert failed(programs.ask("listwallets")) == (-32601, "Method not found")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("-walletdir=/nowhere", 'Error: Specified -walletdir "/nowhere" does not exist\n'),
        ("-addresstype=x", "Error: Unknown address type 'x'\n"),
    ],
)
def test_bad_options_end_the_start(programs: Programs, option: str, text: str) -> None:
    node = programs.start("pynode", option)
    assert node.wait(20) == 1
    assert node.stderr is not None
    assert node.stderr.read() == text


def test_a_wallet_that_is_not_there_is_passed_over(programs: Programs) -> None:
    node = programs.node("-wallet=gone")
    ok(programs.ask("stop"))
    assert node.wait(20) == 0
    assert node.stderr is not None
    assert "Warning: Skipping -wallet path that doesn't exist. Failed to load database path" in node.stderr.read()


def test_a_broken_wallet_ends_the_start(programs: Programs) -> None:
    programs.start("pynode", "-version").wait()
    folder = programs.network_dir / "wallets" / "w"
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "wallet.dat") as database:
        database.execute("CREATE TABLE x(y)")
    database.close()
    node = programs.start("pynode", "-wallet=w")
    assert node.wait(20) == 1
    assert node.stderr is not None
    assert "Data is not in recognized format." in node.stderr.read()


def test_a_process_of_its_own_survives_the_node(programs: Programs) -> None:
    node = programs.node("-disablewallet")
    wallet = programs.start("pywallet", "-ipcconnect=auto", "-ipcbind=unix")
    assert read_until(wallet, "connected to") == f"connected to pynode (process {node.pid})\n"
    read_until(wallet, "height 0")
    ok(programs.ask(OFFLINE, "createwallet", "w"))
    address = str(ok(programs.ask(OFFLINE, "getnewaddress")))
    ok(programs.ask("generatetoaddress", "1", address))
    read_until(wallet, "wallet 'w' balance 0.00 immature 50.00")
    ok(programs.ask("stop"))
    assert node.wait(20) == 0
    node = programs.node("-disablewallet")
    assert read_until(wallet, "connected to") == f"connected to pynode (process {node.pid})\n"
    ok(programs.ask("generatetoaddress", "1", address))
    read_until(wallet, "wallet 'w' balance 0.00 immature 100.00")
    wallet.send_signal(signal.SIGTERM)
    assert wallet.wait(20) == 0


def test_a_node_killed_in_the_middle_of_a_rescan(programs: Programs) -> None:
    options = ("-disablewallet", "-checkblockindex=0")
    node = programs.node(*options)
    assert node.stdout is not None
    reader = Thread(target=node.stdout.read)  # Or it would wait for somebody to read its log.
    reader.start()
    wallet = programs.start("pywallet", "-ipcconnect=auto", "-ipcbind=unix")
    read_until(wallet, "height 0")
    ok(programs.ask(OFFLINE, "createwallet", "w"))
    address = str(ok(programs.ask(OFFLINE, "getnewaddress")))
    ok(programs.ask("generatetoaddress", "101", address))
    ok(programs.ask("generatetodescriptor", "1500", "raw(51)#8lvh9jxk"))
    read_until(wallet, "height 1601")
    balances = ok(programs.ask(OFFLINE, "getbalances"))
    ok(programs.ask("stop"))  # So the blocks are on the disk: nobody would bring them back.
    reader.join()
    node = programs.node(*options)
    read_until(wallet, "connected to")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(programs.ask, OFFLINE, "rescanblockchain")
        wait_for(lambda: is_scanning(programs), "the rescan runs")
        node.send_signal(signal.SIGSTOP)
        assert read_until(wallet, "wallet 'w' scanned ").endswith("%\n")
        assert not answer.done()
        node.kill()
        code, text = failed(answer.result())
    assert code == -1
    assert text
    assert "\n" not in text
    programs.node(*options)
    read_until(wallet, "connected to")
    assert ok(programs.ask(OFFLINE, "getbalances")) == balances
    assert ok(programs.ask(OFFLINE, "rescanblockchain")) == {"start_height": 0, "stop_height": 1601}
    assert ok(programs.ask(OFFLINE, "getbalances")) == balances


def is_scanning(programs: Programs) -> bool:
    info = ok(programs.ask(OFFLINE, "getwalletinfo"))
    assert isinstance(info, dict)
    return bool(info["scanning"])


def test_two_processes_cannot_have_one_wallet(programs: Programs) -> None:
    programs.node()
    ok(programs.ask("createwallet", "w"))
    other = programs.start("pywallet", "-ipcconnect=auto", "-wallet=w")
    assert other.wait(20) == 1
    assert other.stderr is not None
    assert "SQLiteDatabase: Unable to obtain an exclusive lock on the database" in other.stderr.read()


def test_alone(programs: Programs) -> None:
    wallet = programs.start("pywallet", "-ipcconnect=0", "-ipcbind=unix")
    wait_for((programs.network_dir / "wallet.sock").exists, "the wallet serves")
    assert ok(programs.ask(OFFLINE, "createwallet", "cold")) == {"name": "cold"}
    address = str(ok(programs.ask(OFFLINE, "getnewaddress")))
    info = ok(programs.ask(OFFLINE, "getaddressinfo", address))
    assert isinstance(info, dict)
    assert info["ismine"]
    assert ok(programs.ask(OFFLINE, "validateaddress", address))
    assert failed(programs.ask(OFFLINE, "getblockcount")) == (-32601, "Method not found")
    for _ in range(3):
        assert ok(programs.ask(OFFLINE, "stop")) == "pynode stopping"
        assert wallet.wait(20) == 0
        wallet = programs.start("pywallet", "-ipcconnect=0", "-ipcbind=unix")
        wait_for((programs.network_dir / "wallet.sock").exists, "the wallet serves")


def test_a_command_hears_of_transactions(programs: Programs) -> None:
    out = programs.data_dir / "heard"
    programs.node(f"-walletnotify=echo %s %b %h %w >> {out}")
    ok(programs.ask("createwallet", "my 'w'"))
    address = str(ok(programs.ask("getnewaddress")))
    blocks = ok(programs.ask("generatetoaddress", "1", address))
    wait_for(lambda: out.exists() and out.read_text().endswith("\n"), "the command ran")
    txid, heard, height, name = out.read_text().rstrip("\n").split(" ", 3)
    assert len(txid) == 64
    assert ([heard], height, name) == (blocks, "1", "my 'w'")
    ok(programs.ask("invalidateblock", heard))
    wait_for(lambda: out.read_text().count("\n") == 2, "the command ran again")
    assert out.read_text().splitlines()[1] == f"{txid} unconfirmed -1 my 'w'"


class Listener(LoadWalletCallback):
    """Notes that nobody will call it any more."""

    def __init__(self) -> None:
        self.ended = Event()

    def call(self, name: str) -> None:
        raise AssertionError(name)

    def close(self) -> None:
        self.ended.set()


def test_a_desktop_program_reaches_the_wallets_through_the_node(programs: Programs) -> None:
    node = programs.node()
    with Ipc("pytool", sys.argv[0], ProgramInit()) as ipc:
        init = ipc.connect_address(f"unix:{programs.network_dir / 'node.sock'}", PynodeInit)
        assert init is not None
        loader = (init.make_node() or pytest.fail("no node")).wallet_loader()
        assert loader is not None
        assert loader.create_wallet("w", "") == []
        wallet = loader.get_wallet("w")
        assert wallet is not None
        address = wallet.get_new_destination("bech32", "mine")
        assert [each.address for each in wallet.get_addresses()] == [address]
        for refused in (loader.load_wallets, loader.unload_wallets, lambda: loader.set_mock_time(1)):
            with pytest.raises(Exception, match="Only the node itself may ask this of its wallets"):
                refused()
        loader.close()
        assert ok(programs.ask("listwallets")) == ["w"]
        again = (init.make_node() or pytest.fail("no node")).wallet_loader()
        assert again is not None
        listener = Listener()
        with again.handle_load_wallet(listener):
            kill_wallet(node)
            assert listener.ended.wait(10)
            assert again.get_wallets() == ["w"]
        with pytest.raises(WalletFailedError, match="already loaded"):
            again.load_wallet("w")


_LISTENER = """
import sys, time
from cli.program_init import ProgramInit
from interfaces.init import PynodeInit
from interfaces.wallet_callbacks import TransactionChangedCallback
from ipc import Ipc

class Stuck(TransactionChangedCallback):
    def call(self, txid, status):
        print("called", flush=True)
        time.sleep(1000)

ipc = Ipc("pytool", sys.argv[0], ProgramInit())
loader = ipc.connect_address(sys.argv[1], PynodeInit).make_node().wallet_loader()
wallet = loader.get_wallet("w")
handler = wallet.handle_transaction_changed(Stuck())
print("ready", flush=True)
time.sleep(1000)
"""


def test_a_listener_that_is_stuck_and_killed(programs: Programs) -> None:
    """It holds up neither wallet nor node, and nothing of it stays."""
    node = programs.node()
    ok(programs.ask("createwallet", "w"))
    address = str(ok(programs.ask("getnewaddress")))
    ok(programs.ask("generatetoaddress", "1", address))
    (wallet,) = children(node)

    def leave_one() -> None:
        stuck = subprocess.Popen(
            [sys.executable, "-c", _LISTENER, f"unix:{programs.network_dir / 'node.sock'}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        programs.started.append(stuck)
        read_until(stuck, "ready")
        ok(programs.ask("generatetoaddress", "3", address))
        read_until(stuck, "called")
        stuck.kill()
        stuck.wait()

    leave_one()
    assert len(json.loads(programs.ask("listtransactions").stdout)) == 4
    threads, files = wallet.num_threads(), wallet.num_fds()
    leave_one()
    leave_one()
    assert len(json.loads(programs.ask("listtransactions").stdout)) == 10
    wait_for(lambda: wallet.num_threads() <= threads, "the threads that called them ended")
    wait_for(lambda: wallet.num_fds() <= files, "nothing of them is open")


@pytest.mark.timeout(120)
def test_a_wallet_that_cannot_be_written_is_unloaded_and_loses_nothing(programs: Programs) -> None:
    node = programs.node()
    ok(programs.ask("createwallet", "full"))
    address = str(ok(programs.ask("getnewaddress")))
    ok(programs.ask("generatetoaddress", "101", address))
    assert float(str(ok(programs.ask("getbalance")))) == 50
    (wallet,) = children(node)
    before = wallet.rlimit(resource.RLIMIT_FSIZE)
    wallet.rlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    assert failed(programs.ask("createwallet", "new"))[0] == -4
    assert failed(programs.ask("encryptwallet", "secret"))[0] == -16
    code, text = failed(programs.ask("getnewaddress"))
    assert (code, "disk I/O error" in text or "database or disk is full" in text) == (-12, True)
    assert failed(programs.ask("setwalletflag", "avoid_reuse"))[0] == -1
    failed(programs.ask("-named", "sendtoaddress", f"address={address}", "amount=1", "fee_rate=5"))
    assert ok(programs.ask("getrawmempool")) == []
    ok(programs.ask("generatetoaddress", "30", address))
    wait_for(lambda: ok(programs.ask("listwallets")) == [], "the wallet is unloaded")
    assert failed(programs.ask("loadwallet", "full"))[0] == -4
    wallet.rlimit(resource.RLIMIT_FSIZE, before)
    ok(programs.ask("loadwallet", "full"))
    info = ok(programs.ask("getwalletinfo"))
    assert isinstance(info, dict)
    assert (info["txcount"], "unlocked_until" in info) == (131, False)
    ok(programs.ask("-named", "sendtoaddress", f"address={address}", "amount=1", "fee_rate=5"))
    assert ok(programs.ask("createwallet", "new")) == {"name": "new"}
    ok(programs.ask("stop"))
    assert node.wait(20) == 0
    assert node.stderr is not None
    assert node.stderr.read() == ""
