"""What the desktop program shows, seen in a real window drawn without a screen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QLabel

from gui.window import Feed, Window
from interfaces.mining import BlockRef
from interfaces.process import ProcessInfo

TIP = BlockRef(bytes(range(32)), 123_456)
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
    feed.tip.emit(TIP)
    feed.tree.emit(TREE)
    full = picture(window, application)
    assert full.save(str(tmp_path / "window.png"))
    assert full.size() == empty.size()
    assert (full.width(), full.height()) == (760, 360)
    assert dark(full) > dark(empty) + 100
    assert window.windowTitle() == "pygui [regtest]"
    texts = {label.text() for label in window.findChildren(QLabel)}
    assert {"regtest", "123456", TIP.hash[::-1].hex()} <= texts
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
    feed.tip.emit(BlockRef(bytes(32), 123_457))
    application.processEvents()
    assert window.height_label.text() == "123457"
    feed.lost.emit("it has stopped")
    application.processEvents()
    assert window.statusBar().currentMessage() == "Lost the connection to the node: it has stopped"
    assert picture(window, application) != full
    window.close()
