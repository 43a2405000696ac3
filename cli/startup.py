"""The way from arguments to a chain, a directory, a lock and a log (Core: src/common/init.cpp, src/init/common.cpp)."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.config_file import read_config
from cli.errors import StartError
from cli.options import help_text
from common.chains import chain_by_name
from common.errors import CommonError
from common.paths import default_data_dir
from common.version import VERSION

if TYPE_CHECKING:
    from cli.arguments import Arguments
    from common.chains import ChainParams
    from common.log import Log

log: Final = logging.getLogger()


@dataclass(frozen=True, slots=True)
class Place:
    """The chain a program works on and where."""

    chain: ChainParams
    data_dir: Path
    network_dir: Path
    config_file: str
    """What the log says of bitcoin.conf."""
    warnings: tuple[str, ...] = ()
    """What was odd in bitcoin.conf."""


def print_help_or_version(arguments: Arguments) -> bool:
    """Print what -help or -version asks for; whether they did."""
    program = arguments.program
    if arguments.get_bool("version"):
        _print(f"{program.name} version v{VERSION}\n")
        return True
    debug = arguments.get_bool("help-debug")
    if debug or any(arguments.get_bool(name) for name in ("help", "h", "?")):
        _print(f"{program.name} version v{VERSION}\n\n{help_text(program, debug=debug)}")
        return True
    return False


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def prepare(arguments: Arguments, *, create: bool = True) -> Place:
    """Read bitcoin.conf, choose the chain and make its directory. Raises StartError with Core's texts."""
    data_dir = default_data_dir()
    given = arguments.get("datadir")
    if given:
        data_dir = Path(given).absolute()
        if not data_dir.is_dir():
            raise StartError(f'Specified data directory "{given}" does not exist.')
    config_file = "Config file: <disabled>"
    warnings: list[str] = []
    if not arguments.is_negated("conf"):
        path = data_dir / arguments.get("conf", "bitcoin.conf")
        config = read_config(arguments.program, path, data_dir, required=arguments.is_set("conf"))
        arguments.use_config(config, "main")
        arguments.use_config(config, choose_chain(arguments).name)
        config_file = f"Config file: {path}" + ("" if path.exists() else " (not found, skipping)")
        warnings = config.warnings
    chain = choose_chain(arguments)
    network_dir = data_dir / chain.data_dir_suffix
    if create:
        try:
            network_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"Cannot write to directory '{network_dir}'; check permissions.") from error
    return Place(chain, data_dir, network_dir, config_file, tuple(warnings))


def choose_chain(arguments: Arguments) -> ChainParams:
    """Return the chain that the options name."""
    names = {"regtest": "regtest", "signet": "signet", "testnet": "test", "testnet4": "testnet4"}
    chosen = [chain for option, chain in names.items() if arguments.get_bool(option)]
    named = arguments.is_set("chain")
    if len(chosen) + named > 1:
        raise StartError(
            "Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain. Can use at most one."
        )
    try:
        return chain_by_name(arguments.get("chain") if named else chosen[0] if chosen else "main")
    except CommonError as error:
        raise StartError(str(error)) from error


def start_log(arguments: Arguments, place: Place, *, console: bool = True) -> Log:
    """Begin to log as the options say, with the lines Core begins with. Raises StartError."""
    from common.log import LogOptions, start_logging

    get = arguments.get_bool
    path = None
    if not arguments.is_negated("debuglogfile"):
        path = place.network_dir / arguments.get("debuglogfile", arguments.program.log_file_name)
    options = LogOptions(
        path=path,
        console=get("printtoconsole", default=console),
        timestamps=get("logtimestamps", default=True),
        time_micros=get("logtimemicros"),
        thread_names=get("logthreadnames"),
        source_locations=get("logsourcelocations"),
        level_always=get("loglevelalways"),
        debug=tuple(arguments.get_list("debug")),
        exclude=tuple(arguments.get_list("debugexclude")),
        levels=tuple(arguments.get_list("loglevel")),
        shrink=get("shrinkdebugfile") if arguments.is_set("shrinkdebugfile") else None,
    )
    try:
        started = start_logging(options)
    except CommonError as error:
        raise StartError(str(error)) from error
    program = arguments.program
    log.info("%s version v%s", program.name, VERSION)
    log.info("Default data directory %s", default_data_dir())
    log.info("Using data directory %s", place.network_dir)
    log.info("%s", place.config_file)
    for warning in place.warnings:
        log.warning("%s", warning)
    for source, name, value in arguments.given():
        option = program.by_name.get(name.rpartition(" ")[2])
        if option is None:
            continue
        shown = "****" if option.sensitive else value
        log.info("%s: %s=%s", source, name, "false" if shown is False else f'"{shown}"')
    return started
