"""What the user set: on the command line, in settings.json, in bitcoin.conf (Core: src/common/args.cpp, settings.cpp).

A value is a text, or False where the option was negated ("-noname"), True where it was negated twice ("-noname=0");
settings.json may also hold numbers and lists. What a program sets itself goes first, then the command line,
settings.json, the section of the chain in bitcoin.conf, and the rest of bitcoin.conf.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.config_file import ConfigFile
from cli.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.options import Option, Program

log: Final = logging.getLogger()
Value = Any
_NUMBER: Final = re.compile(r"[ \f\n\r\t\v]*\+?(-?[0-9]+)")
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Source:
    """The values one source has for a name, in order."""

    values: list[Value]
    config: bool = False
    section: bool = True
    """False for the part of bitcoin.conf above the sections."""
    command: bool = False
    forced: bool = False

    @property
    def negated(self) -> bool:
        """Whether the last word is a negation."""
        return bool(self.values) and self.values[-1] is False

    @property
    def counting(self) -> list[Value]:
        """Return the values after the last negation."""
        last = max((i for i, value in enumerate(self.values) if value is False), default=-1)
        return self.values[last + 1 :]


class Arguments:
    """The settings of a program."""

    def __init__(self, program: Program) -> None:
        """Start with nothing set."""
        self.program = program
        self.words: list[str] = []
        """What follows the options on the command line."""
        self._forced: dict[str, str] = {}
        self._command: dict[str, list[Value]] = {}
        self.saved: dict[str, Value] = {}
        """What settings.json says."""
        self.config = ConfigFile()
        self._chain = "main"

    def choose_section(self, chain: str) -> None:
        """Let the section of this chain in bitcoin.conf count."""
        self._chain = chain

    def set(self, name: str, value: Value) -> None:
        """Set as the command line does."""
        self._command.setdefault(name, []).append(value)

    def on_command_line(self, name: str) -> list[Value]:
        """Return the values of the command line alone, after its last negation."""
        return _Source(self._command.get(name, [])).counting

    def set_unless_set(self, name: str, value: str) -> bool:
        """Set what follows from other options; whether the user left it open (Core: SoftSetArg)."""
        if self.is_set(name):
            return False
        self._forced[name] = value
        return True

    def force(self, name: str, value: str) -> None:
        """Set, whatever the user said (Core: ForceSetArg)."""
        self._forced[name] = value

    def _sources(self, name: str) -> Iterator[_Source]:
        """Yield the sources of a name that have it, the one that counts first."""
        if name in self._forced:
            yield _Source([self._forced[name]], forced=True)
        if name in self._command:
            yield _Source(self._command[name], command=True)
        if name in self.saved:
            yield _Source([self.saved[name]])
        values = self.config.values(name, self._chain)
        if values:
            yield _Source(values, config=True)
        values = self.config.values(name, "")
        if values:
            yield _Source(values, config=True, section=False)

    def _reads_default_section(self, name: str) -> bool:
        option = self.program.by_name.get(name)
        return option is None or not option.network_only or self._chain == "main"

    def value(self, name: str, *, of_chain: bool = False) -> Value:
        """Return the value that counts, None if nothing is set (Core: GetSetting).

        `of_chain` asks as Core does for the options that choose a chain, when the section is not known yet: the last
        line of bitcoin.conf counts instead of the first, and a negation on the command line does not.
        """
        for source in self._sources(name):
            if of_chain and source.config and source.section:
                continue
            if not source.section and not source.negated and not of_chain and not self._reads_default_section(name):
                continue
            if of_chain and source.negated:
                continue
            counting = source.counting
            if counting:
                return counting[0] if source.config and not of_chain else counting[-1]
            if source.negated:
                return False
        return None

    def is_set(self, name: str) -> bool:
        """Whether there is any value."""
        return self.value(name) is not None

    def is_negated(self, name: str) -> bool:
        """Whether "-noname" counts."""
        return self.value(name) is False

    def get(self, name: str, default: str = "") -> str:
        """Return the value that counts; "0" if negated."""
        value = self.value(name)
        return default if value is None else _text(value)

    def get_bool(self, name: str, *, default: bool = False, of_chain: bool = False) -> bool:
        """Return whether the value that counts means yes: empty or a number other than 0."""
        value = self.value(name, of_chain=of_chain)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        return interpret_bool(_text(value))

    def get_int(self, name: str, default: int) -> int:
        """Return the number at the start of the value that counts, 0 if there is none."""
        value = self.value(name)
        return default if value is None else parse_int(_text(value))

    def get_path(self, name: str, default: str = "") -> Path | None:
        """Return the path that counts, normal and without a slash at its end; None if negated or empty."""
        value = self.value(name)
        if value is False:
            return None
        text = ("" if value is None else _text(value)) or default
        return Path(os.path.normpath(text)) if text else None

    def get_list(self, name: str) -> list[str]:
        """Return all values as texts, as `values` has them."""
        return [_text(value) for value in self.values(name)]

    def values(self, name: str) -> list[Value]:
        """Return all values, those of the command line first; a negation drops what came before it in its source.

        As in Core, a negation on the command line hides bitcoin.conf unless a value follows it.
        """
        result: list[Value] = []
        done = hidden = False
        for source in self._sources(name):
            if not source.section and not self._reads_default_section(name):
                continue
            if not done or (source.config and not hidden):
                for value in source.counting:
                    result.extend(value if isinstance(value, list) else [value])
            done = done or False in source.values or source.forced
            hidden = hidden or (source.negated and not result)
        return result

    def only_outside_sections(self) -> list[str]:
        """Return the options for one network that bitcoin.conf sets only above its sections: they do not count."""
        if self._chain == "main":
            return []
        found = []
        for option in sorted(self.program.options, key=lambda option: option.name):
            if option.network_only:
                sources = [source for source in self._sources(option.name) if source.counting]
                if sources and not any(source.section for source in sources):
                    found.append(option.name)
        return found

    def given(self) -> Iterator[str]:
        """Yield a line for the log for each value that is set, secrets hidden (Core: LogArgs)."""
        for section, name, value in self.config.all_values():
            option = self.program.by_name.get(name)
            if option is not None:
                place = f"[{section}] " if section else ""
                yield f"Config file arg: {place}{name}={_shown(option, value)}"
        for name, value in sorted(self.saved.items()):
            yield f"Setting file arg: {name} = {_json(value)}"
        for name, values in sorted(self._command.items()):
            for value in values:
                yield f"Command-line arg: {name}={_shown(self.program.by_name[name], value)}"

    def to_list(self, *, secrets: bool = True) -> list[str]:
        """Return settings as options that mean the same to another program, with or without passwords."""
        names = dict.fromkeys([*self._forced, *self._command, *self.saved, *self.config.names(self._chain)])
        options = []
        for name in names:
            option = self.program.by_name.get(name)
            if option is not None and option.sensitive and not secrets:
                continue
            if self.is_negated(name):
                options.append(f"-no{name}")
            else:
                values = self.get_list(name)
                counting = self.get(name)
                if values[-1:] != [counting] and counting in values:  # The last counts where no list is wanted.
                    values.remove(counting)
                    values.append(counting)
                options += [f"-{name}={value}" for value in values]
        return options


def parse(program: Program, arguments: Sequence[str]) -> Arguments:
    """Read the command line without the program's name. Raises StartError with Core's text."""
    result = Arguments(program)
    for i, argument in enumerate(arguments):
        if argument == "-":
            break
        if not argument.startswith("-"):
            result.words = list(arguments[i:])
            break
        name, equals, text = argument.partition("=")
        name, negated = _split_name(name[2:] if name.startswith("--") else name[1:])
        option = program.by_name.get(name)
        if option is None:
            raise StartError(f"Error parsing command line arguments: Invalid parameter {argument}")
        try:
            value = interpret(option, text if equals else None, negated=negated)
        except StartError as error:
            raise StartError(f"Error parsing command line arguments: {error}") from error
        result.set(name, value)
    includes = result.on_command_line("includeconf")
    if includes:
        raise StartError(
            "Error parsing command line arguments: -includeconf cannot be used from commandline; "
            f"-includeconf={_json(includes[0])}"
        )
    return result


def from_list(program: Program, arguments: Sequence[str]) -> Arguments:
    """Read what `to_list` of another program returned, passing over options that are not ours."""
    result = Arguments(program)
    for argument in arguments:
        name, equals, text = argument.removeprefix("-").partition("=")
        name, negated = _split_name(name)
        option = program.by_name.get(name)
        if option is not None:
            result.set(name, interpret(option, text if equals else None, negated=negated))
    return result


def _split_name(name: str) -> tuple[str, bool]:
    """Return a name as known and whether it was negated; one with a section stays whole and is thus unknown."""
    if "." not in name and name.startswith("no"):
        return name[2:], True
    return name, False


def interpret(option: Option, text: str | None, *, negated: bool) -> Value:
    """Return the value of an option as written, `text` None without "=" (Core: InterpretValue). Raises StartError."""
    if negated:
        if not option.negatable:
            raise StartError(f"Negating of -{option.name} is meaningless and therefore forbidden")
        if text is not None and not interpret_bool(text):
            log.warning("Parsed potentially confusing double-negative -%s=%s", option.name, text)
            return True
        return False
    if text is None:
        if option.needs_value:
            raise StartError(
                f"Can not set -{option.name} with no value. Please specify value with -{option.name}=value."
            )
        return ""
    return text


def interpret_bool(text: str) -> bool:
    """Whether a text means yes (Core: InterpretBool)."""
    return not text or parse_int(text) != 0


def parse_int(text: str) -> int:
    """Return the number at the start of a text, 0 if there is none, as near as 64 bits allow."""
    found = _NUMBER.match(text)
    return min(max(int(found[1]), _INT64_MIN), _INT64_MAX) if found else 0


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, bool) else _json(value)


def _json(value: Value) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _shown(option: Option, value: Value) -> str:
    return "****" if option.sensitive else _json(value)
