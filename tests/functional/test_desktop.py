"""The desktop program's window on a node and a wallet of their own processes."""

import sys
from collections.abc import Callable

import pytest
from running_programs import Programs, children, programs, read_until, wait_for

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtWidgets import QApplication

from cli.program_init import ProgramInit
from gui.feed import Feed
from gui.node_watcher import NodeWatcher
from gui.wallet_controls import WalletControls
from gui.wallets import Wallets
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
        overview, table = controls.shown.overview, controls.shown.model.table
        until(lambda: overview.amounts[0].text() == "0.00000000 BTC", "it is empty")
        programs.ask("generatetoaddress", "101", address)
        until(lambda: overview.amounts[0].text() == "50.00000000 BTC", "a balance is shown")
        until(lambda: table.rowCount() == 101, "all blocks are shown")
        assert table.texts(100)[2:] == ("Mined", "from the mine", "50.00000000")
        (wallet,) = children(node)
        wallet.kill()
        read_until(node, "The wallet process ended; the node goes on without it")
        receive = controls.shown.receive
        receive.create_button.click()
        until(lambda: bool(receive.error_label.text()), "that it is gone is said")
        assert "\n" not in receive.error_label.text()
        wallets.close()
        watcher.close()
        window.close()
    assert node.poll() is None
