"""Options as data, and the help text made of them (Core: ArgsManager::GetHelpMessage in src/common/args.cpp)."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Final

_WIDTH: Final = 79
_OPTION_INDENT: Final = "  "
_TEXT_INDENT: Final = " " * 7


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `argument` such as "<dir>" as help shows it, empty if it takes none."""

    name: str
    argument: str
    help: str
    group: str = "Options"
    debug_only: bool = False
    network_only: bool = False
    """In bitcoin.conf only valid for main, or in the section of its chain."""
    sensitive: bool = False
    """Its value is kept out of logs."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program as its user sees it."""

    name: str
    summary: str
    options: tuple[Option, ...]
    usage: str = "[options]"
    log_file_name: str = "debug.log"
    takes_words: bool = False
    by_name: dict[str, Option] = field(init=False)

    def __post_init__(self) -> None:
        """Index the options."""
        object.__setattr__(self, "by_name", {option.name: option for option in self.options})


def help_text(program: Program, *, debug: bool) -> str:
    """Return all of -help, with the options for debugging if asked."""
    parts = [
        textwrap.fill(program.summary, _WIDTH),
        "",
        f"Usage: {program.name} {program.usage}",
    ]
    groups: dict[str, list[Option]] = {}
    for option in program.options:
        if debug or not option.debug_only:
            groups.setdefault(option.group, []).append(option)
    for group, options in groups.items():
        parts += ["", f"{group}:", ""]
        for option in sorted(options, key=lambda option: option.name):
            value = f"={option.argument}" if option.argument else ""
            text = textwrap.fill(option.help, _WIDTH, initial_indent=_TEXT_INDENT, subsequent_indent=_TEXT_INDENT)
            parts += [f"{_OPTION_INDENT}-{option.name}{value}", text, ""]
    return "\n".join(parts).rstrip() + "\n"
