"""The main window: the chain, its tip as it moves, and the tree of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QMainWindow, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from interfaces.mining import BlockRef
    from interfaces.process import ProcessInfo

_COLUMNS: Final = ("Process", "Pid", "Started by", "Connections", "Calls", "Uptime")


class Feed(QObject):
    """Brings news from other threads to the window."""

    tip = Signal(object)
    tree = Signal(object)
    lost = Signal(str)


class Window(QMainWindow):
    """Shows what a `Feed` brings."""

    def __init__(self, chain: str, feed: Feed) -> None:
        super().__init__()
        self.setWindowTitle(f"pygui [{chain}]")
        self.resize(760, 360)
        self.chain_label = QLabel(chain)
        self.height_label = QLabel("…")
        self.hash_label = QLabel("…")
        self.hash_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(_COLUMNS)
        self.tree.setColumnWidth(0, 200)
        form = QFormLayout()
        form.addRow("Chain", self.chain_label)
        form.addRow("Height", self.height_label)
        form.addRow("Tip", self.hash_label)
        layout = QVBoxLayout()
        layout.addLayout(form)
        layout.addWidget(self.tree)
        page = QWidget()
        page.setLayout(layout)
        self.setCentralWidget(page)
        feed.tip.connect(self.show_tip)
        feed.tree.connect(self.show_tree)
        feed.lost.connect(self.show_lost)

    def show_tip(self, tip: BlockRef) -> None:
        """Show a new tip, its hash in display order."""
        self.height_label.setText(str(tip.height))
        self.hash_label.setText(tip.hash[::-1].hex())

    def show_tree(self, infos: list[ProcessInfo]) -> None:
        """Show the processes."""
        items: list[QTreeWidgetItem] = []
        for info in infos:
            started = infos[info.parent].name if info.spawned and info.parent >= 0 else "user"
            item = QTreeWidgetItem(
                [info.name, str(info.pid), started, str(info.connections), str(info.calls), f"{info.uptime:.0f} s"]
            )
            if 0 <= info.parent < len(items):
                items[info.parent].addChild(item)
            items.append(item)
        self.tree.clear()
        if items:
            self.tree.addTopLevelItem(items[0])
        self.tree.expandAll()

    def show_lost(self, reason: str) -> None:
        """Say that the node is gone."""
        self.statusBar().showMessage(f"Lost the connection to the node: {reason}")
