"""The way from arguments to a chain, a directory and a log (Core: src/common/init.cpp, src/init/common.cpp)."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cli.config_file import read_config
from cli.errors import StartError
from cli.options import help_text
from common.chains import SIGNET, chain_by_name
from common.errors import CommonError
from common.paths import create_data_dir, default_data_dir
from common.version import VERSION
from primitives.encoding import sized
from primitives.hashes import sha256d

if TYPE_CHECKING:
    from pathlib import Path

    from cli.arguments import Arguments
    from common.chains import ChainParams
    from common.log import Log

log: Final = logging.getLogger()
CONFIG_NAME: Final = "bitcoin.conf"


@dataclass(frozen=True, slots=True)
class Place:
    """The chain a program works on and where."""

    chain: ChainParams
    data_dir: Path
    network_dir: Path
    config_path: Path | None
    """Where bitcoin.conf is, or would be; None if there is to be none."""

    @property
    def config_file(self) -> str:
        """What the log says of bitcoin.conf."""
        if self.config_path is None:
            return "Config file: <disabled>"
        return f"Config file: {self.config_path}" + ("" if self.config_path.exists() else " (not found, skipping)")


def help_requested(arguments: Arguments) -> bool:
    """Whether -help in any of its forms was given."""
    return any(arguments.is_set(name) for name in ("?", "h", "help", "help-debug"))


def print_help_or_version(arguments: Arguments) -> bool:
    """Print what -help or -version asks for; whether they did."""
    program = arguments.program
    if arguments.get_bool("version"):
        _print(f"{program.name} version v{VERSION}\n")
        return True
    if help_requested(arguments):
        text = help_text(program, debug=arguments.get_bool("help-debug"))
        _print(f"{program.name} version v{VERSION}\n\n{text}")
        return True
    return False


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def prepare(
    arguments: Arguments, *, create: bool = True, keep_settings: bool = False, look_for_ignored: bool = True
) -> Place:
    """Read bitcoin.conf, choose the chain and make its directory. Raises StartError with Core's texts.

    With `keep_settings`, read settings.json too and write it anew.
    """
    first_data_dir = _data_dir(arguments)
    if not first_data_dir.is_dir() and arguments.get_path("datadir") is not None:
        raise StartError(f'Specified data directory "{arguments.get("datadir")}" does not exist.')
    config_path = _read_config(arguments, first_data_dir)
    data_dir = _data_dir(arguments)
    if not data_dir.is_dir() and arguments.get_path("datadir") is not None:
        raise StartError(
            f'Error reading configuration file: specified data directory "{arguments.get("datadir")}" does not exist.'
        )
    chain = choose_chain(arguments)
    arguments.choose_section(chain.name)
    network_dir = data_dir / chain.data_dir_suffix
    if create:
        try:
            create_data_dir(data_dir)
            create_data_dir(network_dir)
        except OSError as error:
            raise StartError(f"Cannot write to directory '{network_dir}'; check permissions.") from error
    if look_for_ignored:
        _look_for_ignored_config(arguments, first_data_dir, config_path, data_dir)
    if keep_settings:
        _read_settings(arguments, network_dir)
    if arguments.words and not arguments.program.takes_words:
        raise StartError(
            f"Command line contains unexpected token '{arguments.words[0]}', "
            f"see {arguments.program.name} -h for a list of options."
        )
    return Place(chain, data_dir, network_dir, config_path)


def _data_dir(arguments: Arguments) -> Path:
    given = arguments.get_path("datadir")
    return default_data_dir() if given is None else given.absolute()


def _read_config(arguments: Arguments, data_dir: Path) -> Path | None:
    """Read bitcoin.conf and return its path, None if -noconf forbids it."""
    if arguments.is_negated("conf"):
        return None
    path = data_dir / (arguments.get_path("conf", CONFIG_NAME) or CONFIG_NAME)

    def chain() -> str:
        return choose_chain(arguments).name

    read_config(
        arguments.config,
        arguments.program,
        path,
        data_dir,
        required=arguments.is_set("conf"),
        chain=None if arguments.is_negated("includeconf") else chain,
    )
    return path


def _look_for_ignored_config(arguments: Arguments, first: Path, config_path: Path | None, data_dir: Path) -> None:
    """Warn of, or refuse, a bitcoin.conf in the data directory that was not read."""
    ignored = data_dir / CONFIG_NAME
    if not ignored.exists():
        return
    if config_path is None:
        log.info(
            'Data directory "%s" contains a "%s" file which is explicitly ignored using -noconf.',
            data_dir,
            CONFIG_NAME,
        )
        return
    if config_path.exists() and config_path.samefile(ignored):
        return
    given = arguments.get("conf")
    source = f'command line argument "-conf={given}"' if given else f'data directory "{first}"'
    text = (
        f'Data directory "{data_dir}" contains a "{CONFIG_NAME}" file which is ignored, because a different '
        f'configuration file "{config_path}" from {source} is being used instead. '
        "Possible ways to address this would be to:\n"
        f'- Delete or rename the "{CONFIG_NAME}" file in data directory "{data_dir}".\n'
        "- Change datadir= or conf= options to specify one configuration file, not two, and use includeconf= to "
        "include any other configuration files."
    )
    if not arguments.get_bool("allowignoredconf"):
        raise StartError(f"{text}\n- Set allowignoredconf=1 option to treat this condition as a warning, not an error.")
    log.warning("%s", text)


def _read_settings(arguments: Arguments, network_dir: Path) -> None:
    from cli.settings_file import read_settings, write_settings

    path = arguments.get_path("settings", "settings.json")
    if path is None:
        return
    path = network_dir / path
    arguments.saved = read_settings(path)
    for name in sorted(arguments.saved):
        if name not in arguments.program.by_name:
            log.warning("Ignoring unknown rw_settings value %s", name)
    write_settings(path, arguments.saved)


def choose_chain(arguments: Arguments) -> ChainParams:
    """Return the chain that the options name. Raises StartError."""
    names = {"regtest": "regtest", "signet": "signet", "testnet": "test", "testnet4": "testnet4"}
    chosen = [chain for option, chain in names.items() if arguments.get_bool(option, of_chain=True)]
    named = arguments.is_set("chain")
    if len(chosen) + named > 1:
        raise StartError(
            "Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain. Can use at most one."
        )
    try:
        chain = chain_by_name(arguments.get("chain") if named else chosen[0] if chosen else "main")
    except CommonError as error:
        raise StartError(str(error)) from error
    return _own_signet(arguments, chain) if chain is SIGNET else chain


def _own_signet(arguments: Arguments, chain: ChainParams) -> ChainParams:
    """Return a signet with the magic that follows from its challenge (BIP325)."""
    try:
        challenge = bytes.fromhex(arguments.get("signetchallenge"))
    except ValueError:
        return chain  # The node tells of that.
    return replace(chain, magic=sha256d(sized(challenge))[:4]) if challenge else chain


def start_log(arguments: Arguments, place: Place, *, console: bool = True) -> Log:
    """Begin to log as the options say, with the lines Core begins with. Raises StartError."""
    from common.log import LogOptions, start_logging

    get = arguments.get_bool
    path = arguments.get_path("debuglogfile", arguments.program.log_file_name)
    options = LogOptions(
        path=None if path is None else place.network_dir / path,
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
    log.info("%s version v%s", arguments.program.name, VERSION)
    log.info("Default data directory %s", default_data_dir())
    log.info("Using data directory %s", place.network_dir)
    log.info("%s", place.config_file)
    for line in arguments.given():
        log.info("%s", line)
    return started


def log_path(arguments: Arguments, place: Place) -> str:
    """Return where the log is written, "" if nowhere."""
    if arguments.is_negated("debuglogfile"):
        return ""
    return str(place.network_dir / arguments.get("debuglogfile", arguments.program.log_file_name))
