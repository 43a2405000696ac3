"""The desktop program's window on a node and a wallet of their own processes."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable

import pytest
from running_programs import Programs, children, programs, wait_for

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtWidgets import QApplication

from cli.program_init import ProgramInit
from gui.feed import Feed
from gui.node_watcher import NodeWatcher
from gui.wallet_controls import WalletControls
from gui.wallets import LOST, Wallets
from gui.window import Window
from interfaces.init import PynodeInit
from ipc import Ipc

__all__ = ["programs"]


def test_wallets_of_a_node(programs: Programs) -> None:
    application = QApplication.instance() or QApplication(["pygui", "-platform", "offscreen"])
    assert isinstance(application, QApplication)

    def until(condition: Callable[[], bool], what: str) -> None:
        def look() -> bool:
            application.processEvents()
            return condition()

        wait_for(look, what)

    def threads() -> list[str]:
        return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("gui-"))

    node = programs.node()
    programs.ask("createwallet", "savings")
    address = programs.ask("getnewaddress", "from the mine").stdout.strip()
    with Ipc("pygui", sys.argv[0], ProgramInit()) as ipc:
        init = ipc.connect_address(f"unix:{programs.network_dir / 'node.sock'}", PynodeInit)
        assert init is not None
        feed = Feed()
        window = Window("regtest", feed)
        watcher = NodeWatcher(init.make_node() or pytest.fail("no node"), feed)
        wallets = Wallets(watcher.node.wallet_loader)
        controls = WalletControls(window, window.tabs, wallets)
        window.show()
        until(lambda: controls.choice.currentText() == "savings", "the wallet is shown")
        assert controls.shown is not None

        def amount() -> str:
            assert controls.shown is not None
            return controls.shown.overview.amounts[0].text()

        def rows() -> int:
            assert controls.shown is not None
            return controls.shown.model.table.rowCount()

        until(lambda: amount() == "0.00000000 BTC", "it is empty")
        programs.ask("generatetoaddress", "101", address)
        until(lambda: amount() == "50.00000000 BTC", "a balance is shown")
        until(lambda: rows() == 101, "all blocks are shown")
        assert controls.shown.model.table.texts(100)[2:] == ("Mined", "from the mine", "50.00000000")
        programs.ask("createwallet", "another")
        until(lambda: controls.choice.count() == 2, "another is shown")
        controls.choice.setCurrentText("savings")
        before = threads()

        def die(blocks: int, balance: str) -> None:
            (wallet,) = children(node)
            assert controls.shown is not None
            model = weakref.ref(controls.shown.model)
            wallet.kill()
            until(lambda: controls.lock_label.text() == LOST, "that it is gone is said")
            assert controls.shown is None
            programs.ask("generatetoaddress", "1", address)
            until(lambda: controls.choice.count() == 2, "the wallets are there again")
            assert controls.choice.currentText() == "savings"
            assert controls.lock_label.text() == ""
            until(lambda: rows() == blocks, "the block is shown that came meanwhile")
            until(lambda: amount() == balance, "the balance is shown again")
            assert threads() == before
            programs.ask("generatetoaddress", "1", address)
            until(lambda: rows() == blocks + 1, "a payment is told of")
            gc.collect()
            assert model() is None

        die(102, "100.00000000 BTC")
        controls.encrypt_action.trigger()
        assert controls.dialog is not None
        die(104, "200.00000000 BTC")
        assert controls.dialog is None
        wallets.close()
        watcher.close()
        window.close()
        assert not threads()
    assert node.poll() is None
