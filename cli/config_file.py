"""bitcoin.conf: lines of name=value, comments, sections for chains (Core: src/common/config.cpp)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cli.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cli.options import Program

log: Final = logging.getLogger()
SECTIONS: Final = ("main", "test", "testnet4", "signet", "regtest")
_FAILED: Final = "Error reading configuration file: "
_SPACE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that sets something; its name begins with the section it stands in, if any."""

    name: str
    value: str


class ConfigFile:
    """The values of a file and those it includes, by section and name."""

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[str, dict[str, list[Any]]] = {}
        self._sections: list[tuple[str, str, int]] = []

    def values(self, name: str, section: str) -> list[Any]:
        """Return the values of a name in a section ("" for none), in order."""
        return self._values.get(section, {}).get(name, [])

    def names(self, chain: str) -> list[str]:
        """Return the names set for a chain."""
        return [*self._values.get(chain, {}), *self._values.get("", {})]

    def all_values(self) -> Iterator[tuple[str, str, Any]]:
        """Yield section, name and value of everything, sorted as Core logs it."""
        for section, names in sorted(self._values.items()):
            for name, values in sorted(names.items()):
                for value in values:
                    yield section, name, value

    def unknown_sections(self) -> str:
        """Return a line for each section that is no chain's, where it stands; empty if there is none."""
        return "".join(
            f"{origin}:{line} Section [{section}] is not recognized.\n"
            for section, origin, line in self._sections
            if section not in SECTIONS
        )

    def read(self, program: Program, text: str, origin: str) -> None:
        """Add the lines of a file. Raises StartError with Core's text."""
        from cli.arguments import interpret

        for line in self._parse(text, origin):
            section, dot, name = line.name.partition(".")
            if not dot:
                section, name = "", line.name
            negated = name.startswith("no")
            name = name[2:] if negated else name
            if name == "conf":
                raise StartError(
                    f"{_FAILED}conf cannot be set in the configuration file; "
                    "use includeconf= if you want to include additional config files"
                )
            if name == "reindex":
                log.warning(
                    "reindex=1 is set in the configuration file, which will significantly slow down startup. Consider "
                    "removing or commenting out this option for better performance, unless there is currently a "
                    "condition which makes rebuilding the indexes necessary"
                )
            option = program.by_name.get(name)
            if option is None:
                log.warning("Ignoring unknown configuration value %s", line.name)
                continue
            try:
                value = interpret(option, line.value, negated=negated)
            except StartError as error:
                raise StartError(f"{_FAILED}{error}") from error
            self._values.setdefault(section, {}).setdefault(name, []).append(value)

    def _parse(self, text: str, origin: str) -> Iterator[_Line]:
        """Yield the lines that set something, and note which sections there are."""
        prefix = ""
        for number, raw in enumerate(text.split("\n"), 1):
            line, comment, _ = raw.partition("#")
            line = line.strip(_SPACE)
            failed = f"{_FAILED}parse error on line {number}"
            if not line:
                continue
            if line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
                self._sections.append((section, origin, number))
                prefix = f"{section}."
            elif line.startswith("-"):
                raise StartError(f"{failed}: {line}, options in configuration file must be specified without leading -")
            elif "=" in line:
                name, _, value = line.partition("=")
                name = prefix + name.strip(_SPACE)
                if comment and "rpcpassword" in name:
                    raise StartError(f"{failed}, using # in rpcpassword can be ambiguous and should be avoided")
                if len(prefix) <= name.rfind("."):
                    self._sections.append((name.rpartition(".")[0], origin, number))
                yield _Line(name, value.strip(_SPACE))
            elif line.startswith("no"):
                raise StartError(f"{failed}: {line}, if you intended to specify a negated option, use {line}=1 instead")
            else:
                raise StartError(f"{failed}: {line}")


def read_config(
    config: ConfigFile, program: Program, path: Path, data_dir: Path, *, required: bool, chain: Callable[[], str] | None
) -> None:
    """Read a file, and those it includes, whose paths are relative to the data directory. Raises StartError.

    `chain` tells, once the file is read, whose section may include others; with None nothing is included.
    """
    if path.is_dir():
        raise StartError(f'{_FAILED}Config file "{path}" is a directory.')
    text = _read(path)
    if text is None:
        if required:
            raise StartError(f'{_FAILED}specified config file "{path}" could not be opened.')
        return
    config.read(program, text, str(path))
    if chain is None:
        return
    chosen = chain()
    known = {section: len(config.values("includeconf", section)) for section in (chosen, "")}
    for name in _includes(config, chosen) + _includes(config, ""):
        other = data_dir / name
        if other.is_dir():
            raise StartError(f'{_FAILED}Included config file "{other}" is a directory.')
        more = _read(other)
        if more is None:
            raise StartError(f"{_FAILED}Failed to include configuration file {name}")
        config.read(program, more, name)
        log.info("Included configuration file %s", name)
    nested = _includes(config, chosen, known[chosen]) + _includes(config, "", known[""])
    if chain() != chosen:
        nested += _includes(config, chain())
    for name in nested:
        _warn_of_nested(name)


def _includes(config: ConfigFile, section: str, start: int = 0) -> list[str]:
    """Return the files that a section includes, after the last negation and from the place `start` on."""
    values = config.values("includeconf", section)
    last = max((i + 1 for i, value in enumerate(values) if value is False), default=0)
    return [value if isinstance(value, str) else str(int(value)) for value in values[max(start, last) :]]


def _warn_of_nested(name: str) -> None:
    import sys

    sys.stderr.write(f"warning: -includeconf cannot be used from included files; ignoring -includeconf={name}\n")


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError):
        return None
