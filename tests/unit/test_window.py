"""What the desktop program shows, seen in a real window drawn without a screen."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import wait_until
from regtest_node import RegtestInit, RegtestNode, regtest_node

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QLabel

from gui.feed import Feed
from gui.node_watcher import NodeWatcher
from gui.window import Window
from interfaces.node import BlockTip
from interfaces.process import ProcessInfo

TIP = BlockTip(123_456, 1_700_000_000, bytes(range(32)))
TREE = [
    ProcessInfo("pygui", 10, -1, spawned=False, connections=1, calls=3, uptime=61.4),
    ProcessInfo("pynode", 11, 0, spawned=True, connections=2, calls=45, uptime=60.0),
    ProcessInfo("pywallet", 12, 1, spawned=True, connections=1, calls=6, uptime=59.0),
]


@pytest.fixture
def application() -> Iterator[QApplication]:
    found = QApplication.instance() or QApplication(["pygui", "-platform", "offscreen"])
    assert isinstance(found, QApplication)
    yield found
    found.processEvents()


def dark(image: QImage) -> int:
    """Count pixels darker than the background: what is written."""
    return sum(
        image.pixelColor(x, y).lightness() < 100
        for x in range(0, image.width(), 2)
        for y in range(0, image.height(), 2)
    )


def picture(window: Window, application: QApplication) -> QImage:
    application.processEvents()
    return window.grab().toImage()


def test_window(application: QApplication, tmp_path: Path) -> None:
    feed = Feed()
    window = Window("regtest", feed)
    window.show()
    empty = picture(window, application)
    feed.block.emit(TIP, 0.5)
    feed.headers.emit(123_500)
    feed.tree.emit(TREE)
    full = picture(window, application)
    assert full.save(str(tmp_path / "window.png"))
    assert full.size() == empty.size()
    assert (full.width(), full.height()) == (760, 420)
    assert dark(full) > dark(empty) + 100
    assert window.windowTitle() == "pygui [regtest]"
    texts = {label.text() for label in window.findChildren(QLabel)}
    assert {"regtest", "123456", "123500", TIP.block_hash[::-1].hex()} <= texts
    assert window.progress_bar.text() == "50.00%"
    columns = [window.tree.headerItem().text(i) for i in range(window.tree.columnCount())]
    assert columns == ["Process", "Pid", "Started by", "Connections", "Calls", "Uptime"]
    item = window.tree.topLevelItem(0)
    rows = []
    while item is not None:
        rows.append([item.text(i) for i in range(len(columns))])
        item = item.child(0)
    assert rows == [
        ["pygui", "10", "user", "1", "3", "61 s"],
        ["pynode", "11", "pygui", "2", "45", "60 s"],
        ["pywallet", "12", "pynode", "1", "6", "59 s"],
    ]
    feed.block.emit(BlockTip(123_457, 1_700_000_600, bytes(32)), 0.6)
    application.processEvents()
    assert window.height_label.text() == "123457"
    feed.lost.emit("it has stopped")
    application.processEvents()
    assert window.statusBar().currentMessage() == "Lost the connection to the node: it has stopped"
    assert picture(window, application) != full
    window.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RegtestNode]:
    with regtest_node(tmp_path) as node:
        yield node


def test_window_follows_a_node(application: QApplication, node: RegtestNode, tmp_path: Path) -> None:
    def shows(condition: Callable[[], bool], what: str) -> None:
        def look() -> bool:
            application.processEvents()
            return condition()

        wait_until(look, what)

    node.extend(2)
    feed = Feed()
    window = Window("regtest", feed)
    window.show()
    watcher = NodeWatcher(RegtestInit(node).make_node(), feed)
    shows(lambda: window.height_label.text() == "2", "the height is shown")
    shows(lambda: window.headers_label.text() == "2", "the headers are shown")
    (tip,) = node.extend()
    shows(lambda: window.hash_label.text() == tip.hash[::-1].hex(), "the new tip is shown")
    shows(lambda: window.headers_label.text() == "3", "the headers are shown")
    assert window.height_label.text() == "3"
    assert window.time_label.text().startswith("2011-02-0")
    assert 0 <= window.progress_bar.value() < 10_000
    node.services.notices.set_warning("age", "This is old.")
    shows(lambda: window.warnings_label.text() == "This is old.", "the warning is shown")
    assert window.warnings_label.isVisible()
    node.services.notices.show_progress("Verifying blocks…", 40)
    shows(lambda: window.statusBar().currentMessage() == "Verifying blocks… 40%", "the progress is shown")
    assert window.grab().save(str(tmp_path / "window.png"))
    watcher.close()
    watcher.close()
    node.extend(1, extra=3)
    application.processEvents()
    assert window.height_label.text() == "3"
    window.close()


def test_signals_may_be_many(application: QApplication) -> None:
    feed = Feed()
    window = Window("regtest", feed)
    for height in range(20_000):
        feed.headers.emit(height)
    application.processEvents()
    assert window.headers_label.text() == "19999"


def test_a_tip_of_which_little_is_known(application: QApplication) -> None:
    """From Bitcoin Core's node, through Mining."""
    window = Window("regtest", Feed())
    window.show_block(BlockTip(7, 0, bytes(31) + b"\1"), -1.0)
    application.processEvents()
    assert window.hash_label.text() == "01" + "00" * 31
    assert (window.time_label.text(), window.progress_bar.text()) == ("…", "")
