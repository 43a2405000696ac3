"""What the user set, on the command line and in bitcoin.conf (Core: ArgsManager in src/common/args.cpp).

A value is a text, or False where the option was negated ("-noname").
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from cli.config_file import ConfigFile
from cli.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.options import Program

log: Final = logging.getLogger()
Value = str | bool
_NUMBER: Final = re.compile(r"\s*([+-]?\d+)")


class Arguments:
    """The settings of a program. The command line goes before bitcoin.conf, its last word before earlier ones."""

    def __init__(self, program: Program) -> None:
        """Start with nothing set."""
        self.program = program
        self.words: list[str] = []
        self._command: dict[str, list[Value]] = {}
        self._config = ConfigFile()
        self._chain = "main"

    def use_config(self, config: ConfigFile, chain: str) -> None:
        """Take what bitcoin.conf says for a chain into account."""
        self._config = config
        self._chain = chain

    def set(self, name: str, value: Value) -> None:
        """Set as the command line does."""
        self._command.setdefault(name, []).append(value)

    def _values(self, name: str) -> list[Value]:
        """Return all values, the one that counts first."""
        found = list(reversed(self._command.get(name, ())))
        option = self.program.by_name.get(name)
        found += self._config.values(name, self._chain)
        if option is None or not option.network_only or self._chain == "main":
            found += self._config.values(name, "")
        return found

    def is_set(self, name: str) -> bool:
        """Whether there is any value."""
        return bool(self._values(name))

    def is_negated(self, name: str) -> bool:
        """Whether "-noname" counts."""
        return self._values(name)[:1] == [False]

    def get(self, name: str, default: str = "") -> str:
        """Return the value that counts; "0" if negated."""
        values = self._values(name)
        if not values:
            return default
        return _text(values[0])

    def get_bool(self, name: str, *, default: bool = False) -> bool:
        """Return whether the value that counts means yes: empty or a number other than 0."""
        values = self._values(name)
        return interpret_bool(_text(values[0])) if values else default

    def get_int(self, name: str, default: int) -> int:
        """Return the number at the start of the value that counts, 0 if there is none."""
        values = self._values(name)
        if not values:
            return default
        found = _NUMBER.match(_text(values[0]))
        return int(found[1]) if found else 0

    def get_list(self, name: str) -> list[str]:
        """Return all values in order, those of the command line first; a negation drops what came before it."""
        result: list[str] = []
        command = self._command.get(name, [])
        for value in command:
            if value is False:
                result.clear()
            else:
                result.append(_text(value))
        if False in command:
            return result
        option = self.program.by_name.get(name)
        sections = [self._chain]
        if option is None or not option.network_only or self._chain == "main":
            sections.append("")
        for section in sections:
            result += [_text(value) for value in self._config.values(name, section) if value is not False]
        return result

    def given(self) -> list[tuple[str, str, Value]]:
        """Return source ("Command-line arg" or "Config file arg"), name with section and value of all that is set."""
        found = [("Config file arg", name, value) for name, value in self._config.all_values()]
        found += [("Command-line arg", name, value) for name, values in self._command.items() for value in values]
        return found

    def to_list(self) -> list[str]:
        """Return settings as options that mean the same to another program."""
        names = list(self._command) + [name for name in self._config.names(self._chain) if name not in self._command]
        options = []
        for name in names:
            if self.is_negated(name):
                options.append(f"-no{name}")
            else:
                options += [f"-{name}={value}" for value in self.get_list(name)]
        return options


def parse(program: Program, arguments: Sequence[str]) -> Arguments:
    """Read the command line without the program's name. Raises StartError with Core's text."""
    result = Arguments(program)
    for i, argument in enumerate(arguments):
        if not argument.startswith("-") or argument == "-":
            if not program.takes_words:
                raise StartError(
                    f"Command line contains unexpected token '{argument}', see {program.name} -h for a list of options."
                )
            result.words = list(arguments[i:])
            break
        name, _, text = argument.partition("=")
        name = name[2:] if name.startswith("--") else name[1:]
        name, value = interpret(name, text)
        if name not in program.by_name:
            raise StartError(f"Error parsing command line arguments: Invalid parameter {argument}")
        result.set(name, value)
    return result


def from_list(program: Program, arguments: Sequence[str]) -> Arguments:
    """Read what `to_list` of another program returned, passing over options that are not ours."""
    result = Arguments(program)
    for argument in arguments:
        name, _, text = argument.removeprefix("-").partition("=")
        name, value = interpret(name, text)
        if name in program.by_name:
            result.set(name, value)
    return result


def interpret(name: str, text: str) -> tuple[str, Value]:
    """Return name and value of an option as written: "noname" means not `name`, twice no means yes."""
    if name.startswith("no"):
        name = name[2:]
        if interpret_bool(text):
            return name, False
        log.warning("Parsed potentially confusing double-negative -%s=%s", name, text)
        return name, "1"
    return name, text


def interpret_bool(text: str) -> bool:
    """Whether a text means yes (Core: InterpretBool)."""
    if not text:
        return True
    found = _NUMBER.match(text)
    return bool(found and int(found[1]))


def _text(value: Value) -> str:
    return value if isinstance(value, str) else str(int(value))
