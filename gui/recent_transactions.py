"""The first few lines of a wallet's transactions, without their status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from gui.transaction_table import COLUMNS, LABEL

if TYPE_CHECKING:
    from gui.transaction_table import TransactionTable

_SHOWN: Final = 5


class RecentTransactions(QTableWidget):
    """Follows the whole table."""

    def __init__(self, table: TransactionTable) -> None:
        super().__init__(0, len(COLUMNS) - 1)
        self._table = table
        self.setHorizontalHeaderLabels(list(COLUMNS[1:]))
        self.verticalHeader().hide()
        self.setColumnWidth(0, 130)
        self.horizontalHeader().setSectionResizeMode(LABEL - 1, QHeaderView.ResizeMode.Stretch)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.rowsInserted.connect(lambda _, first: self._follow(first))
        table.rowsRemoved.connect(lambda _, first: self._follow(first))
        table.dataChanged.connect(lambda first: self._follow(first.row()))

    def _follow(self, first: int) -> None:
        """Show the newest, if the change is among them."""
        if first >= _SHOWN:
            return
        count = min(_SHOWN, self._table.rowCount())
        self.setRowCount(count)
        for place in range(count):
            for column, text in enumerate(self._table.texts(place)[1:]):
                self.setItem(place, column, QTableWidgetItem(text))
