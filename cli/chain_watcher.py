"""What the user wants to happen when the chain moves: -blocknotify and -stopatheight."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments
    from cli.commands import Commands
    from node.block_tree import BlockEntry
    from node.chainstate import BlockSource


class ChainWatcher:
    """A listener of the chain."""

    def __init__(self, arguments: Arguments, commands: Commands, shutdown: Callable[[], None]) -> None:
        """Read the options."""
        self._block_notify = arguments.get("blocknotify")
        self._stop_height = arguments.get_int("stopatheight", 0)
        self._commands = commands
        self._shutdown = shutdown

    def block_connected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Wait for the tip."""

    def block_disconnected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Wait for the tip."""

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """Run the command unless the node is still catching up, and end the program at its height."""
        if self._block_notify and not initial_download:
            self._commands.start(self._block_notify.replace("%s", entry.hash[::-1].hex()))
        if self._stop_height and entry.height >= self._stop_height:
            self._shutdown()

    def header_tip(self, entry: BlockEntry) -> None:
        """Wait for the tip."""
