"""The tabs of one wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui.overview_page import OverviewPage
from gui.receive_page import ReceivePage
from gui.send_page import SendPage
from gui.transactions_page import TransactionsPage

if TYPE_CHECKING:
    from PySide6.QtWidgets import QTabWidget, QWidget

    from gui.wallet_model import WalletModel


class WalletTabs:
    """Pages that may be shown in a tab widget, and taken out again."""

    def __init__(self, model: WalletModel) -> None:
        self.model = model
        self.overview = OverviewPage(model)
        self.send = SendPage(model)
        self.receive = ReceivePage(model)
        self.transactions = TransactionsPage(model)

    def _pages(self) -> tuple[tuple[QWidget, str], ...]:
        return (
            (self.overview, "&Overview"),
            (self.send, "&Send"),
            (self.receive, "&Receive"),
            (self.transactions, "&Transactions"),
        )

    def show_in(self, tabs: QTabWidget) -> None:
        """Come before the tabs that are there."""
        for place, (page, title) in enumerate(self._pages()):
            tabs.insertTab(place, page, title)
        tabs.setCurrentIndex(0)
        self.send.sent.connect(lambda: tabs.setCurrentWidget(self.transactions))

    def leave(self, tabs: QTabWidget) -> None:
        """Be shown no more."""
        self.send.sent.disconnect()
        for page, _ in self._pages():
            tabs.removeTab(tabs.indexOf(page))
            page.setParent(None)

    def end(self) -> None:
        """Be gone."""
        for page, _ in self._pages():
            page.deleteLater()
