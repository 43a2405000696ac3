"""The desktop program's wallets, used through its widgets without a screen, with wallets of here and behind IPC."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import wait_until
from regtest_node import RegtestNode
from served_wallets import engines, heard, loader, local, made

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtWidgets import QApplication, QMessageBox

from cli.wallet_forwarding import forwarded
from gui.create_wallet_dialog import CreateWalletDialog
from gui.feed import Feed
from gui.passphrase_dialog import PassphraseDialog
from gui.wallet_controls import WalletControls
from gui.wallet_tabs import WalletTabs
from gui.wallets import Wallets
from gui.window import Window
from interfaces.wallet import Wallet, WalletFailedError, WalletLoader
from wallet.served import LocalWalletLoader

__all__ = ["engines", "heard", "loader", "local"]
ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def until(application: QApplication, condition: Callable[[], bool], what: str) -> None:
    def look() -> bool:
        application.processEvents()
        return condition()

    wait_until(look, what)


@dataclass
class Desktop:
    """A window with wallets."""

    application: QApplication
    window: Window
    wallets: Wallets
    controls: WalletControls

    def until(self, condition: Callable[[], bool], what: str) -> None:
        until(self.application, condition, what)

    @property
    def shown(self) -> WalletTabs:
        assert self.controls.shown is not None
        return self.controls.shown

    def titles(self) -> list[str]:
        return [self.window.tabs.tabText(place) for place in range(self.window.tabs.count())]

    def rows(self) -> list[tuple[str, ...]]:
        table = self.shown.model.table
        return [table.texts(place) for place in range(table.rowCount())]

    def row(self, kind: str) -> tuple[str, ...]:
        """Return the line of a kind; several may have the same time."""
        return next(row for row in self.rows() if row[2] == kind)

    def answer(self, find: Callable[[], QMessageBox | None], button: str) -> str:
        """Wait for a question, click, and return what was asked."""
        self.until(lambda: (found := find()) is not None and found.isVisible(), "a question is asked")
        question = find()
        assert question is not None
        next(each for each in question.buttons() if each.text().replace("&", "") == button).click()
        return question.informativeText()


@pytest.fixture(scope="module", autouse=True)
def application() -> QApplication:
    """Before anything else, as it opens descriptors that stay."""
    found = QApplication.instance() or QApplication(["pygui", "-platform", "offscreen"])
    assert isinstance(found, QApplication)
    first = Window("regtest", Feed())
    first.show()
    found.processEvents()
    first.close()
    return found


@pytest.fixture
def desktop(application: QApplication, loader: WalletLoader) -> Iterator[Desktop]:
    window = Window("regtest", Feed())
    wallets = Wallets(lambda: loader)
    window.show()
    yield Desktop(application, window, wallets, WalletControls(window, window.tabs, wallets))
    wallets.close()
    window.close()
    window.deleteLater()
    application.processEvents()


@pytest.fixture
def wallet(loader: WalletLoader, local: RegtestNode) -> Wallet:
    """A wallet with 50 BTC that may be spent."""
    wallet = made(loader)
    mine(local, wallet.get_new_destination("bech32", "mined"))
    mine(local, ELSEWHERE, 100)
    wait_until(lambda: wallet.get_balance() > 0, "the coin can be spent")
    return wallet


def mine(local: RegtestNode, address: str, blocks: int = 1) -> None:
    local.services.rpc().call("generatetoaddress", blocks, address)


def test_wallets_are_made_opened_and_closed(desktop: Desktop, loader: WalletLoader) -> None:
    controls = desktop.controls
    assert desktop.titles() == ["&Node"]
    assert not controls.close_action.isEnabled()
    controls.create_action.trigger()
    dialog = controls.dialog
    assert isinstance(dialog, CreateWalletDialog)
    dialog.name.setText("first")
    dialog.encrypt.click()
    dialog.passphrase.setText("secret")
    dialog.create_button.click()
    assert dialog.error_label.text() == "The supplied passphrases do not match."
    dialog.repeated.setText("secret")
    dialog.create_button.click()
    desktop.until(lambda: controls.shown is not None, "it is shown")
    assert desktop.titles() == ["&Overview", "&Send", "&Receive", "&Transactions", "&Node"]
    desktop.until(lambda: controls.lock_label.text() == "Wallet is encrypted and currently locked", "it is locked")
    assert dialog.passphrase.text() == ""
    made(loader, "second")
    desktop.until(lambda: controls.choice.count() == 2, "that of another is shown too")
    assert controls.choice.currentText() == "second"
    controls.choice.setCurrentIndex(0)
    assert desktop.shown.model.name == "first"
    controls.close_action.trigger()
    desktop.until(lambda: controls.choice.count() == 1, "it is closed")
    assert desktop.shown.model.name == "second"
    controls.fill_open_menu()
    desktop.until(lambda: [each.text() for each in controls.open_menu.actions()] == ["first"], "it may be opened")
    controls.open_menu.actions()[0].trigger()
    desktop.until(lambda: controls.choice.count() == 2, "it is opened again")
    loader.unload_wallet("first")
    loader.unload_wallet("second")
    desktop.until(lambda: controls.choice.count() == 0, "both are closed by another")
    assert desktop.titles() == ["&Node"]


def test_what_cannot_be_done_is_said_in_a_line(desktop: Desktop) -> None:
    desktop.wallets.load("none")
    status = desktop.window.statusBar()
    desktop.until(lambda: status.currentMessage().startswith("Wallet file verification failed."), "it is said")
    assert "\n" not in status.currentMessage()


def test_receiving_and_sending(wallet: Wallet, desktop: Desktop, local: RegtestNode, tmp_path: Path) -> None:
    desktop.until(lambda: desktop.controls.shown is not None, "it is shown")
    tabs, overview = desktop.shown, desktop.shown.overview
    desktop.until(lambda: overview.amounts[0].text() == "50.00000000 BTC", "the balance is shown")
    desktop.until(lambda: len(desktop.rows()) == 1, "the transaction is shown")
    assert desktop.rows()[0][0] == "Confirmed (101 confirmations)"
    assert desktop.rows()[0][2:] == ("Mined", "mined", "50.00000000")

    tabs.receive.label.setText("from a friend")
    tabs.receive.create_button.click()
    desktop.until(lambda: tabs.receive.new_address.text().startswith("bcrt1q"), "there is an address")
    desktop.until(lambda: tabs.receive.table.rowCount() == 2, "it is listed")
    assert wallet.get_addresses()[-1].label in {"from a friend", "mined"}

    send = tabs.send
    send.send_button.click()
    assert send.error_label.text() == "The amount to pay must be larger than 0."
    send.address.setText("nonsense")
    send.amount.setText("1")
    send.fee.custom.click()
    send.fee.rate.setValue(10)
    send.send_button.click()
    desktop.until(lambda: send.error_label.text() == "Invalid Bitcoin address: nonsense", "the address is refused")
    send.address.setText(ELSEWHERE)
    send.label.setText("shop")
    send.send_button.click()
    asked = desktop.answer(lambda: send.question, "Cancel")
    assert asked.splitlines() == [
        f"1.00000000 BTC from wallet 'w' to 'shop' ({ELSEWHERE})",
        "",
        "Transaction fee: 0.00001410 BTC (10 sat/vB)",
        "Total Amount: 1.00001410 BTC",
    ]
    assert wallet.get_balance() == 50 * 10**8
    send.send_button.click()
    desktop.until(lambda: send.question is not None and send.question.isVisible(), "it is asked again")
    desktop.answer(lambda: send.question, "Send")
    desktop.until(lambda: len(desktop.rows()) == 2, "the payment is shown")
    desktop.until(lambda: desktop.row("Sent to")[3] == "shop", "its label is shown")
    assert desktop.row("Sent to")[0] == "Unconfirmed"
    assert desktop.row("Sent to")[2:] == ("Sent to", "shop", "-1.00001410")
    assert (send.address.text(), send.amount.text()) == ("", "")
    desktop.until(lambda: overview.amounts[3].text() == "48.99998590 BTC", "the balance is less")
    assert overview.recent.rowCount() == 2
    assert desktop.window.tabs.currentWidget() is tabs.transactions

    page = tabs.transactions
    page.choose(desktop.rows().index(desktop.row("Sent to")))
    desktop.until(page.bump.isEnabled, "the fee may be increased")
    assert not page.abandon.isEnabled()
    page.bump.trigger()
    asked = desktop.answer(lambda: page.question, "Yes")
    assert asked.splitlines()[0] == "Current fee: 0.00001410 BTC"
    desktop.until(lambda: len(desktop.rows()) == 3, "the replacement is shown")
    mine(local, ELSEWHERE)
    mined = "Confirming (1 of 6 recommended confirmations)"
    desktop.until(lambda: mined in {row[0] for row in desktop.rows()}, "it is mined")
    desktop.until(lambda: "Conflicted" in {row[0] for row in desktop.rows()}, "the other is excluded")
    for place in range(5):
        desktop.window.tabs.setCurrentIndex(place)
        desktop.application.processEvents()
        assert desktop.window.grab().save(str(tmp_path / f"tab{place}.png"))


def test_an_encrypted_wallet_asks_for_its_passphrase(wallet: Wallet, desktop: Desktop) -> None:
    controls = desktop.controls
    desktop.until(lambda: controls.encrypt_action.isEnabled() and controls.shown is not None, "it is shown")
    controls.encrypt_action.trigger()
    dialog = controls.dialog
    assert isinstance(dialog, PassphraseDialog)
    dialog.attempt()
    assert dialog.error_label.text() == "The passphrase cannot be empty."
    dialog.new.setText("secret")
    dialog.repeated.setText("secret")
    dialog.attempt()
    desktop.until(lambda: controls.lock_label.text().endswith("currently locked"), "it is locked")
    assert wallet.is_locked()
    send = desktop.shown.send
    send.address.setText(ELSEWHERE)
    send.amount.setText("1")
    send.fee.custom.click()
    send.send_button.click()
    unlock = send.unlocking.dialog
    assert unlock is not None
    unlock.old.setText("wrong")
    unlock.attempt()
    unlock.reject()
    assert unlock.isVisible()
    desktop.until(lambda: "incorrect" in unlock.error_label.text(), "it is refused")
    unlock.old.setText("secret")
    unlock.attempt()
    desktop.answer(lambda: send.question, "Send")
    desktop.until(lambda: len(desktop.rows()) == 2, "it is sent")
    desktop.until(wallet.is_locked, "it is locked again")


def test_a_transaction_is_given_up(wallet: Wallet, desktop: Desktop) -> None:
    from interfaces.wallet_spending import CoinControl, Recipient

    unsigned = wallet.create_transaction([Recipient(ELSEWHERE, 10**8)], CoinControl(fee_rate=1000), sign=False)
    wallet.commit_transaction(unsigned.tx, [])
    desktop.until(lambda: desktop.controls.shown is not None and len(desktop.rows()) == 2, "it is shown")
    page = desktop.shown.transactions
    page.choose(desktop.rows().index(desktop.row("Sent to")))
    desktop.until(page.abandon.isEnabled, "it may be given up")
    page.abandon.trigger()
    desktop.until(lambda: desktop.row("Sent to")[0] == "Abandoned", "it was given up")


def test_the_window_never_waits(wallet: Wallet, desktop: Desktop, engines: list[LocalWalletLoader]) -> None:
    desktop.until(lambda: desktop.controls.shown is not None, "it is shown")
    engine = engines[0].context.find("w")
    assert engine is not None
    desktop.until(lambda: desktop.shown.overview.amounts[0].text() != "…", "it is up to date")
    with engine.lock:
        started = time.monotonic()
        desktop.shown.receive.create_button.click()
        desktop.shown.send.use_all.click()
        desktop.controls.fill_open_menu()
        desktop.application.processEvents()
        assert time.monotonic() - started < 1
    desktop.until(lambda: desktop.shown.send.amount.text() == "50.00000000", "it goes on")
    assert wallet.get_balance() == 50 * 10**8


def test_wallets_that_cannot_be_had_are_asked_for_again(application: QApplication, loader: WalletLoader) -> None:
    made(loader)
    asked: list[float] = []

    def find() -> WalletLoader:
        asked.append(time.monotonic())
        if len(asked) == 1:
            raise WalletFailedError("Not now")
        return loader

    def never() -> WalletLoader:
        raise WalletFailedError(f"Attempt {len(lines)}")

    said: list[str] = []
    lines: list[str] = []
    wallets, hopeless = Wallets(lambda: forwarded(find)), Wallets(lambda: forwarded(never))
    wallets.failed.connect(said.append)
    hopeless.failed.connect(lines.append)

    feed = Feed()
    feed.lost.connect(hopeless.stop)
    until(application, lambda: bool(lines), "it is said")
    feed.lost.emit("it has stopped")
    until(application, lambda: "w" in wallets.models, "it is there")
    assert said == ["Not now"]
    assert asked[1] - asked[0] >= 0.9
    until(application, lambda: time.monotonic() - asked[0] > 1.3, "the other might have asked")
    assert lines == ["Attempt 0"]
    wallets.close()
    hopeless.close()
