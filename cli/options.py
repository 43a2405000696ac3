"""Options as data, and the help text made of them (Core: ArgsManager::GetHelpMessage in src/common/args.cpp)."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Final

GENERAL: Final = "Options"
CONNECTION: Final = "Connection options"
WALLET: Final = "Wallet options"
WALLET_DEBUG: Final = "Wallet debugging/testing options"
ZMQ: Final = "ZeroMQ notification options"
DEBUG: Final = "Debugging/Testing options"
CHAIN: Final = "Chain selection options"
RELAY: Final = "Node relay options"
BLOCKS: Final = "Block creation options"
RPC: Final = "RPC server options"
COMMANDS: Final = "CLI Commands"
IPC: Final = "IPC interprocess connection options"
GROUPS: Final = (GENERAL, CONNECTION, WALLET, WALLET_DEBUG, ZMQ, DEBUG, CHAIN, RELAY, BLOCKS, RPC, COMMANDS, IPC)
"""In the order in which help has them."""

_WIDTH: Final = 79
_OPTION_INDENT: Final = "  "
_TEXT_INDENT: Final = " " * 7


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `argument` such as "<dir>" as help shows it, empty if it takes none."""

    name: str
    argument: str
    help: str
    group: str = GENERAL
    debug_only: bool = False
    """Help shows it with -help-debug alone."""
    network_only: bool = False
    """In bitcoin.conf only valid for main, or in the section of its chain."""
    sensitive: bool = False
    """Its value is kept out of logs."""
    hidden: bool = False
    """Help never shows it."""
    negatable: bool = True
    """Whether "-noname" means anything."""
    needs_value: bool = False
    """Whether "-name" alone is an error."""
    waits_for: str = ""
    """The part of the program that must come before the option has an effect."""
    refused: bool = False
    """While it waits, setting it is an error, since the user would miss what it promises."""


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
    for group in GROUPS:
        options = [
            option
            for option in program.options
            if option.group == group and not option.hidden and (debug or not option.debug_only)
        ]
        if options:
            parts += ["", f"{group}:", ""]
        for option in sorted(options, key=lambda option: option.name):
            parts += [_OPTION_INDENT + heading(option), _fill(option), ""]
    return "\n".join(parts).rstrip() + "\n"


def heading(option: Option) -> str:
    """Return an option as one writes it, as "-datadir=<dir>"."""
    return f"-{option.name}={option.argument}" if option.argument else f"-{option.name}"


def _fill(option: Option) -> str:
    text = option.help
    if option.waits_for:
        text += f". {'Refused' if option.refused else 'No effect'} before pynode has {option.waits_for}"
    return textwrap.fill(
        text, _WIDTH, initial_indent=_TEXT_INDENT, subsequent_indent=_TEXT_INDENT, break_on_hyphens=False
    )
