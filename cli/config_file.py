"""bitcoin.conf: lines of name=value, comments, sections for chains (Core: src/common/config.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.options import Program

SECTIONS = ("main", "test", "testnet4", "signet", "regtest")


class ConfigFile:
    """The values of a file and those it includes, by section and name; the first of a name counts."""

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[tuple[str, str], list[str | bool]] = {}
        self.warnings: list[str] = []
        self._unknown_sections: dict[str, None] = {}

    def values(self, name: str, section: str) -> list[str | bool]:
        """Return the values of a name in a section ("" for none), up to a negation that counts."""
        values = self._values.get((section, name), [])
        return values[: values.index(False) + 1] if False in values else values

    def names(self, chain: str) -> list[str]:
        """Return the names set for a chain."""
        return list(dict.fromkeys(name for section, name in self._values if section in {"", chain}))

    def all_values(self) -> Iterator[tuple[str, str | bool]]:
        """Return everything, named as in "[regtest] name"."""
        for (section, name), values in self._values.items():
            for value in values:
                yield (f"[{section}] {name}" if section else name), value

    def read(self, program: Program, text: str, origin: str) -> None:
        """Add the lines of a file. Raises StartError with Core's text."""
        for section, name, value in _parse(text):
            self._add(program, section, name, value, origin)
        for section in self._unknown_sections:
            self.warnings.append(f"Section [{section}] is not recognized.")
        self._unknown_sections.clear()

    def _add(self, program: Program, section: str, name: str, text: str, origin: str) -> None:
        from cli.arguments import interpret

        if not section and "." in name:
            section, _, name = name.partition(".")
        name, value = interpret(name, text)
        if name == "conf":
            raise StartError(
                "Error reading configuration file: conf cannot be set in the configuration file; "
                "use includeconf= if you want to include additional config files"
            )
        if section and section not in SECTIONS:
            self._unknown_sections[section] = None
        elif name not in program.by_name:
            self.warnings.append(f"Ignoring unknown configuration value {name} in {origin}")
        self._values.setdefault((section, name), []).append(value)


def _parse(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, name and value of each line."""
    section = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line, comment, _ = raw.partition("#")
        line = line.strip(" \t\r")
        if not line:
            continue
        failed = f"Error reading configuration file: parse error on line {number}"
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line.startswith("-"):
            raise StartError(f"{failed}: {line}, options in configuration file must be specified without leading -")
        elif "=" in line:
            name, _, value = line.partition("=")
            name = name.strip(" \t\r")
            if comment and name.endswith("rpcpassword"):
                raise StartError(f"{failed}, using # in rpcpassword can be ambiguous and should be avoided")
            yield section, name, value.strip(" \t\r")
        elif line.startswith("no"):
            raise StartError(f"{failed}: {line}, if you intended to specify a negated option, use {line}=1 instead")
        else:
            raise StartError(f"{failed}: {line}")


def read_config(program: Program, path: Path, data_dir: Path, *, required: bool) -> ConfigFile:
    """Read a file and those it includes, whose paths are relative to the data directory. Raises StartError."""
    config = ConfigFile()
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        if required or path.exists():
            raise StartError(
                f'Error reading configuration file: specified config file "{path}" could not be opened.'
            ) from error
        return config
    config.read(program, text, path.name)
    for included in config.values("includeconf", ""):
        if not isinstance(included, str):
            continue
        other = data_dir / included
        try:
            more = other.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise StartError(
                f"Error reading configuration file: Failed to include configuration file {included}"
            ) from error
        config.read(program, more, other.name)
    return config
