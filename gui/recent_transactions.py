"""The first few lines of a wallet's transactions, without their status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSortFilterProxyModel

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

    from gui.transaction_table import TransactionTable

_SHOWN: Final = 5


class RecentTransactions(QSortFilterProxyModel):
    """Follows the whole table."""

    def __init__(self, table: TransactionTable, parent: QObject) -> None:
        super().__init__(parent)
        self.setSourceModel(table)
        table.rowsInserted.connect(self.invalidate)
        table.rowsRemoved.connect(self.invalidate)

    def filterAcceptsRow(self, row: int, parent: QModelIndex | QPersistentModelIndex) -> bool:
        """Take the newest."""
        del parent
        return row < _SHOWN

    def filterAcceptsColumn(self, column: int, parent: QModelIndex | QPersistentModelIndex) -> bool:
        """Leave the status to the list of all."""
        del parent
        return column > 0
