"""The main window: the chain and how far it is, the tree of processes, and the tabs of a wallet where there is one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFormLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from gui.feed import Feed
    from interfaces.node import BlockTip
    from interfaces.process import ProcessInfo

_COLUMNS: Final = ("Process", "Pid", "Started by", "Connections", "Calls", "Uptime")
_STEPS: Final = 10_000
"""Of the progress bar: hundredths of a percent."""


class Window(QMainWindow):
    """Shows what a `Feed` brings."""

    def __init__(self, chain: str, feed: Feed) -> None:
        super().__init__()
        self.setWindowTitle(f"pygui [{chain}]")
        self.resize(760, 420)
        self.chain_label = QLabel(chain)
        self.height_label = QLabel("…")
        self.headers_label = QLabel("…")
        self.time_label = QLabel("…")
        self.hash_label = QLabel("…")
        self.hash_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress_bar = QProgressBar()
        self.progress_bar.setRange(0, _STEPS)
        self.progress_bar.setFormat("")
        self.warnings_label = QLabel()
        self.warnings_label.setWordWrap(True)
        self.warnings_label.hide()
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(_COLUMNS)
        self.tree.setColumnWidth(0, 200)
        form = QFormLayout()
        form.addRow("Chain", self.chain_label)
        form.addRow("Height", self.height_label)
        form.addRow("Headers", self.headers_label)
        form.addRow("Tip", self.hash_label)
        form.addRow("Block time", self.time_label)
        form.addRow("Verified", self.progress_bar)
        layout = QVBoxLayout()
        layout.addWidget(self.warnings_label)
        layout.addLayout(form)
        layout.addWidget(self.tree)
        page = QWidget()
        page.setLayout(layout)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setTabBarAutoHide(True)
        self.tabs.addTab(page, "&Node")
        self.setCentralWidget(self.tabs)
        feed.block.connect(self.show_block)
        feed.headers.connect(self.show_headers)
        feed.message.connect(self.statusBar().showMessage)
        feed.warnings.connect(self.show_warnings)
        feed.tree.connect(self.show_tree)
        feed.lost.connect(self.show_lost)

    def show_block(self, tip: BlockTip, verified: float) -> None:
        """Show a new tip, its hash in display order; a time of 0 is not known, a negative fraction neither."""
        self.height_label.setText(str(tip.block_height))
        self.hash_label.setText(tip.block_hash[::-1].hex())
        if tip.block_time:
            self.time_label.setText(f"{datetime.fromtimestamp(tip.block_time).astimezone():%Y-%m-%d %H:%M:%S}")
        if verified >= 0:
            self.progress_bar.setValue(int(verified * _STEPS))
            self.progress_bar.setFormat(f"{verified:.2%}")

    def show_headers(self, height: int) -> None:
        """Show how far headers are."""
        self.headers_label.setText(str(height))

    def show_warnings(self, warnings: list[str]) -> None:
        """Show what the user should know, nothing if there is nothing."""
        self.warnings_label.setText("\n".join(warnings))
        self.warnings_label.setVisible(bool(warnings))

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
