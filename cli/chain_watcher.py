"""What the user wants to happen when the chain moves or is to be warned of: -blocknotify and -alertnotify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.commands import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.arguments import Arguments
    from cli.commands import Commands
    from node.block_tree import BlockEntry
    from node.chainstate import BlockSource


class ChainWatcher:
    """A listener of the chain."""

    def __init__(self, arguments: Arguments, commands: Commands) -> None:
        """Read the options."""
        self._block_notify = arguments.get("blocknotify")
        self._commands = commands

    def block_connected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Wait for the tip."""

    def block_disconnected(self, entry: BlockEntry, block: BlockSource) -> None:
        """Wait for the tip."""

    def tip_changed(self, entry: BlockEntry, initial_download: bool) -> None:
        """Run the command unless the node is still catching up."""
        if self._block_notify and not initial_download:
            self._commands.start(self._block_notify.replace("%s", entry.hash[::-1].hex()))

    def header_tip(self, entry: BlockEntry) -> None:
        """Wait for the tip."""


class Alerts:
    """Runs the command of -alertnotify once for each new warning."""

    def __init__(self, arguments: Arguments, commands: Commands) -> None:
        """Read the option."""
        self._command = arguments.get("alertnotify")
        self._commands = commands
        self._told: set[int] = set()

    def look(self, warnings: Mapping[int, str]) -> None:
        """Look at the warnings there are, which have numbers; never waits."""
        now = dict(warnings)
        for number, text in now.items():
            if number not in self._told and self._command:
                self._commands.start(self._command.replace("%s", quoted(text)))
        self._told = set(now)
