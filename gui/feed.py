"""Brings news from other threads to the window."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Feed(QObject):
    """Emit from any thread; who connects hears it on its own."""

    block = Signal(object, float)
    """A BlockTip, and how much is verified from 0 to 1; below 0 if nobody knows."""
    headers = Signal(int)
    """The height of the best header."""
    message = Signal(str)
    warnings = Signal(object)
    tree = Signal(object)
    lost = Signal(str)
