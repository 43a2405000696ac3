"""A wallet's transactions as a table, the newest first."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from gui.transaction_rows import TransactionRow, rows_of, status_text
from rpc.json import Amount

if TYPE_CHECKING:
    from interfaces.wallet_transactions import WalletTxDetails

COLUMNS: Final = ("Status", "Date", "Type", "Label", "Amount (BTC)")
LABEL: Final = 3
_AMOUNT: Final = 4
_NOWHERE: Final = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


def _order(row: TransactionRow) -> tuple[int, bytes, int]:
    return -row.time, row.txid, row.index


class TransactionTable(QAbstractTableModel):
    """Grows and changes by `put` and `remove`."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[TransactionRow] = []
        self._told: dict[bytes, WalletTxDetails] = {}
        self._labels: dict[str, str] = {}
        self._height = -1

    def put(self, told: WalletTxDetails) -> None:
        """Show a transaction as it is now."""
        txid = told.wallet_tx.txid
        rows = rows_of(told.wallet_tx)
        before = self._told.get(txid)
        self._told[txid] = told
        if self._height < 0:
            self._height = told.num_blocks
        if before is not None and rows_of(before.wallet_tx) == rows:
            self._changed(0)
            return
        self._take_out(txid)
        for row in rows:
            place = bisect_left(self._rows, _order(row), key=_order)
            self.beginInsertRows(_NOWHERE, place, place)
            self._rows.insert(place, row)
            self.endInsertRows()

    def remove(self, txid: bytes) -> None:
        """Show a transaction no more."""
        if self._told.pop(txid, None) is not None:
            self._take_out(txid)

    def _take_out(self, txid: bytes) -> None:
        for place in reversed(range(len(self._rows))):
            if self._rows[place].txid == txid:
                self.beginRemoveRows(_NOWHERE, place, place)
                del self._rows[place]
                self.endRemoveRows()

    def set_height(self, height: int) -> None:
        """Hear how high the chain is."""
        self._height = height
        self._changed(0)

    def set_label(self, address: str, label: str | None) -> None:
        """Hear of the label of an address, None if it has none any more."""
        if label is None:
            self._labels.pop(address, None)
        else:
            self._labels[address] = label
        self._changed(LABEL)

    def _changed(self, column: int) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, column), self.index(len(self._rows) - 1, column))

    def row(self, place: int) -> TransactionRow:
        """Return a line."""
        return self._rows[place]

    def texts(self, place: int) -> tuple[str, ...]:
        """Return what a line says."""
        row = self._rows[place]
        told = self._told[row.txid]
        label = self._labels.get(row.address, "")
        return (
            status_text(told, self._height),
            f"{datetime.fromtimestamp(row.time).astimezone():%Y-%m-%d %H:%M}",
            row.kind,
            label or row.address or "(n/a)",
            Amount(row.amount).text(),
        )

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many lines there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return the title of a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        """Return what a cell shows."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self.texts(index.row())[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._rows[index.row()].address
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == _AMOUNT:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None
