"""Follows a node through the Node interface: it tells what changes, nothing is asked for again and again."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from interfaces.node import (
    AlertCallback,
    BlockTip,
    BlockTipCallback,
    HeaderTipCallback,
    MessageCallback,
    Node,
    ProgressCallback,
    SynchronizationState,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gui.feed import Feed
    from interfaces.handler import Handler

log: Final = logging.getLogger("qt")


class NodeWatcher:
    """Learns how things are and then only hears what changes, until `close`.

    The first takes until the node has loaded its chain, on a thread that ends with the connection at the latest.
    """

    def __init__(self, node: Node, feed: Feed) -> None:
        """Own `node`. All news go to `feed`, from threads of any kind."""
        self.node: Final = node
        self._feed = feed
        self._handlers: list[Handler] = []
        self._closed = threading.Event()
        threading.Thread(target=self._start, name="gui-node", daemon=True).start()

    def _start(self) -> None:
        node, feed = self.node, self._feed
        register: list[Callable[[], Handler]] = [
            lambda: node.handle_init_message(_Messages(feed)),
            lambda: node.handle_show_progress(_Progress(feed)),
            lambda: node.handle_notify_alert_changed(_Alerts(node, feed)),
            lambda: node.handle_notify_block_tip(_BlockTips(feed)),
            lambda: node.handle_notify_header_tip(_HeaderTips(feed)),
        ]
        try:
            for begin in register:
                if self._closed.is_set():
                    return
                self._handlers.append(begin())
            feed.warnings.emit(node.get_warnings())
            info = node.get_tip_info()  # Waits until the chain is loaded.
            tip = BlockTip(info.block_height, info.block_time, node.get_best_block_hash())
            feed.headers.emit(info.header_height)
            feed.block.emit(tip, info.verification_progress)
        except Exception as error:  # noqa: BLE001 - of whatever kind, the node is lost
            if not self._closed.is_set():
                log.warning("Lost the connection to the node: %s", error)

    def close(self) -> None:
        """Stop following and give the node's object back. Idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        for handler in self._handlers:
            handler.close()
        self.node.close()


class _Messages(MessageCallback):
    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def call(self, message: str) -> None:
        self._feed.message.emit(message)


class _Progress(ProgressCallback):
    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def call(self, title: str, progress: int, resume_possible: bool) -> None:
        del resume_possible
        self._feed.message.emit(f"{title} {progress}%" if progress < 100 else "")


class _Alerts(AlertCallback):
    def __init__(self, node: Node, feed: Feed) -> None:
        self._node = node
        self._feed = feed

    def call(self) -> None:
        self._feed.warnings.emit(self._node.get_warnings())


class _BlockTips(BlockTipCallback):
    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def call(self, state: SynchronizationState, tip: BlockTip, verification_progress: float) -> None:
        del state
        self._feed.block.emit(tip, verification_progress)


class _HeaderTips(HeaderTipCallback):
    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def call(self, state: SynchronizationState, tip: BlockTip, presync: bool) -> None:
        del state, presync
        self._feed.headers.emit(tip.block_height)
