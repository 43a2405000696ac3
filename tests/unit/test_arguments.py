"""Options, bitcoin.conf and chain selection, with Core's rules and texts."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.arguments import Arguments, from_list, parse
from cli.config_file import ConfigFile
from cli.errors import StartError
from cli.options import Program, help_text
from cli.pynode import PROGRAM
from cli.startup import prepare

TEST = Program("test", "A program.", PROGRAM.options)


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ([], "debug", ""),
        (["-debug=ipc"], "debug", "ipc"),
        (["--debug=ipc"], "debug", "ipc"),
        (["-debug"], "debug", ""),
        (["-nodebug"], "debug", "0"),
        (["-nodebug=0"], "debug", "1"),
        (["-debug=ipc", "-debug=net"], "debug", "net"),
        (["-debug=a=b"], "debug", "a=b"),
    ],
)
def test_get(line: list[str], name: str, expected: str) -> None:
    assert parse(TEST, line).get(name) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("", True), ("1", True), ("0", False), ("yes", False), ("2", True), ("-1", True)]
)
def test_get_bool(value: str, expected: bool) -> None:
    assert parse(TEST, [f"-regtest={value}"]).get_bool("regtest") is expected
    assert parse(TEST, []).get_bool("regtest", default=True) is True


def test_get_list_forgets_what_was_negated() -> None:
    assert parse(TEST, ["-debug=a", "-debug=b"]).get_list("debug") == ["a", "b"]
    assert parse(TEST, ["-debug=a", "-nodebug", "-debug=b"]).get_list("debug") == ["b"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["-foo"], "Error parsing command line arguments: Invalid parameter -foo"),
        (["--foo=1"], "Error parsing command line arguments: Invalid parameter --foo=1"),
        (["-regtest.debug=1"], "Error parsing command line arguments: Invalid parameter -regtest.debug=1"),
        (["-proxy"], "Error parsing command line arguments: Can not set -proxy with no value. "),
        (["-nodatadir"], "Error parsing command line arguments: Negating of -datadir is meaningless"),
        (
            ["-includeconf=a", "-includeconf=b"],
            'Error parsing command line arguments: -includeconf cannot be used from commandline; -includeconf="a"',
        ),
        (
            ["-noincludeconf=0"],
            "Error parsing command line arguments: -includeconf cannot be used from commandline; -includeconf=true",
        ),
    ],
)
def test_refused(line: list[str], message: str) -> None:
    with pytest.raises(StartError) as caught:
        parse(TEST, line)
    assert str(caught.value).startswith(message)


def config(text: str, chain: str = "main") -> Arguments:
    arguments = Arguments(TEST)
    arguments.config.read(TEST, text, "bitcoin.conf")
    arguments.choose_section(chain)
    return arguments


def test_config_file() -> None:
    text = "# comment\ndebug=ipc # and more\n debug = net\n[regtest]\ndebug=kernel\n"
    assert config(text).get("debug") == "ipc"
    assert config(text).get_list("debug") == ["ipc", "net"]
    assert config(text, "regtest").get_list("debug") == ["kernel", "ipc", "net"]
    assert config("regtest.debug=x", "regtest").get("debug") == "x"
    assert config("nodebug=1").is_negated("debug")


def test_network_only_options() -> None:
    assert config("wallet=w").get("wallet") == "w"
    assert config("wallet=w", "regtest").get("wallet") == ""
    assert config("[regtest]\nwallet=w", "regtest").get("wallet") == "w"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nfoo", "parse error on line 2: foo"),
        ("nofoo", "parse error on line 1: nofoo, if you intended to specify a negated option, use nofoo=1 instead"),
        ("-foo=1", "parse error on line 1: -foo=1, options in configuration file must be specified without leading -"),
        ("rpcpassword=a#b", "parse error on line 1, using # in rpcpassword can be ambiguous and should be avoided"),
        ("conf=x", "conf cannot be set in the configuration file; use includeconf= if you want to include additional"),
    ],
)
def test_config_errors(text: str, message: str) -> None:
    with pytest.raises(StartError) as caught:
        config(text)
    assert str(caught.value).startswith(f"Error reading configuration file: {message}")


def test_unknown_in_config_is_only_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    file = ConfigFile()
    file.read(TEST, "foo=1\n[nowhere]\ndebug=1\n", "bitcoin.conf")
    assert caplog.messages == ["Ignoring unknown configuration value foo"]
    assert file.unknown_sections() == "bitcoin.conf:2 Section [nowhere] is not recognized.\n"


@given(st.lists(st.text(max_size=12)))
def test_any_command_line(line: list[str]) -> None:
    with suppress(StartError):
        parse(TEST, line)


@given(st.text())
def test_any_config(text: str) -> None:
    with suppress(StartError):
        config(text)


@given(
    st.lists(st.sampled_from(["-debug=ipc", "-debug=net", "-nodebug", "-regtest", "-regtest=0", "-loglevel=ipc:trace"]))
)
def test_settings_survive_the_way_to_a_child(line: list[str]) -> None:
    before = parse(TEST, line)
    after = from_list(TEST, before.to_list())
    for name in ("debug", "regtest", "loglevel"):
        assert after.get_list(name) == before.get_list(name)
        assert after.get_bool(name) == before.get_bool(name) or not before.get_list(name)


def test_place(tmp_path: Path) -> None:
    (tmp_path / "bitcoin.conf").write_text("regtest=1\ninclude=1\nincludeconf=more.conf\n")
    (tmp_path / "more.conf").write_text("[regtest]\ndebug=ipc\n")
    arguments = parse(TEST, [f"-datadir={tmp_path}"])
    place = prepare(arguments)
    assert (place.chain.name, place.network_dir) == ("regtest", tmp_path / "regtest")
    assert place.network_dir.is_dir()
    assert arguments.get("debug") == "ipc"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["-regtest", "-signet"], "Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain."),
        (["-chain=moon"], "Unknown chain moon."),
        (["word"], "Command line contains unexpected token 'word', see test -h for a list of options."),
        (["-conf=missing.conf"], 'Error reading configuration file: specified config file "'),
    ],
)
def test_place_errors(tmp_path: Path, line: list[str], message: str) -> None:
    with pytest.raises(StartError) as caught:
        prepare(parse(TEST, [f"-datadir={tmp_path}", *line]))
    assert str(caught.value).startswith(message)


def test_missing_data_directory() -> None:
    with pytest.raises(StartError, match=r'^Specified data directory "/nowhere/at all" does not exist\.$'):
        prepare(parse(TEST, ["-datadir=/nowhere/at all"]))


def test_help_names_every_option() -> None:
    text = help_text(TEST, debug=True)
    assert all(f"  -{option.name}" in text for option in TEST.options if not option.hidden)
    assert "-ipcfd" not in help_text(TEST, debug=False)
    assert max(map(len, text.splitlines())) <= 79


def test_what_counts_here_counts_in_a_child(tmp_path: Path) -> None:
    (tmp_path / "bitcoin.conf").write_text("loglevel=debug\ndebug=net\n")
    arguments = parse(TEST, [f"-datadir={tmp_path}", "-regtest", "-loglevel=info", "-debug=ipc"])
    prepare(arguments)
    after = from_list(TEST, arguments.to_list())
    assert after.get("loglevel") == arguments.get("loglevel") == "info"
    assert sorted(after.get_list("debug")) == ["ipc", "net"]
