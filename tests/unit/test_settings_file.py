"""settings.json, and what counts when several sources set an option."""

import json
from pathlib import Path

import pytest

from cli.arguments import Arguments, parse
from cli.errors import StartError
from cli.pynode import PROGRAM
from cli.settings_file import read_settings, write_settings
from cli.startup import prepare


def test_settings_survive(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    assert read_settings(path) == {}
    write_settings(path, {"wallet": ["b", "a"], "prune": 5})
    assert read_settings(path) == {"wallet": ["b", "a"], "prune": 5}
    assert "_warning_" in json.loads(path.read_text())
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "Settings file could not be read:\n- Settings file {} does not contain valid JSON."),
        ("[" * 100000, "Settings file could not be read:\n- Settings file {} does not contain valid JSON."),
        ('"text"', 'Settings file could not be read:\n- Found non-object value "text" in settings file {}'),
        ('{"k":1,"k":2}', "Settings file could not be read:\n- Found duplicate key k in settings file {}"),
    ],
)
def test_damaged_settings(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(StartError) as caught:
        read_settings(path)
    assert str(caught.value).startswith(message.format(path))


def test_settings_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "settings.json.tmp").mkdir()
    with pytest.raises(StartError, match="Settings file could not be written:\n- Error: Unable to open settings file"):
        write_settings(tmp_path / "settings.json", {})


def place(tmp_path: Path, *words: str) -> Arguments:
    arguments = parse(PROGRAM, ["-regtest", f"-datadir={tmp_path}", *words])
    prepare(arguments, keep_settings=True)
    return arguments


def test_sources_in_order(tmp_path: Path) -> None:
    (tmp_path / "bitcoin.conf").write_text("prune=1\nprune=2\npar=3\nuacomment=c\nnolisten=1\n[regtest]\nprune=4\n")
    (tmp_path / "regtest").mkdir()
    settings = tmp_path / "regtest" / "settings.json"
    settings.write_text('{"dbcache": 7, "uacomment": ["s", "t"], "server": false}')
    arguments = place(tmp_path, "-uacomment=x")
    assert arguments.get_int("prune", 0) == 4
    assert arguments.get_int("par", 0) == 3
    assert arguments.get_int("dbcache", 0) == 7
    assert arguments.get_list("uacomment") == ["x", "s", "t", "c"]
    assert arguments.is_negated("server")
    assert not arguments.get_bool("listen", default=True)
    assert place(tmp_path, "-dbcache=8").get_int("dbcache", 0) == 8
    assert place(tmp_path, "-nouacomment").get_list("uacomment") == []
    assert place(tmp_path, "-nouacomment", "-uacomment=y").get_list("uacomment") == ["y", "c"]
    assert "Setting file arg: dbcache = 7" in list(arguments.given())
    assert 'Config file arg: [regtest] prune="4"' in list(arguments.given())
    settings.write_text("damaged")
    assert place(tmp_path, "-nosettings").get_int("dbcache", 5) == 5


def test_secrets_stay_out_of_the_log(tmp_path: Path) -> None:
    arguments = place(tmp_path, "-rpcpassword=xyzzy", "-torpassword=xyzzy", "-nolisten")
    assert "xyzzy" not in str(arguments.to_list(secrets=False))
    assert "-rpcpassword=xyzzy" in arguments.to_list()
    lines = list(arguments.given())
    assert "xyzzy" not in str(lines)
    assert "Command-line arg: rpcpassword=****" in lines
    assert "Command-line arg: listen=false" in lines


def test_what_follows_counts_only_where_nothing_is_set() -> None:
    arguments = parse(PROGRAM, ["-listen=1"])
    assert not arguments.set_unless_set("listen", "0")
    assert arguments.set_unless_set("discover", "0")
    assert arguments.get_bool("listen")
    assert not arguments.get_bool("discover", default=True)
    arguments.force("listen", "0")
    assert not arguments.get_bool("listen")


def test_ignored_config(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "bitcoin.conf").write_text("")
    other = tmp_path / "other.conf"
    other.write_text(f"regtest=1\ndatadir={data_dir}\n")
    with pytest.raises(StartError) as caught:
        prepare(parse(PROGRAM, [f"-conf={other}"]))
    assert str(caught.value).startswith(
        f'Data directory "{data_dir}" contains a "bitcoin.conf" file which is ignored, because a different '
        f'configuration file "{other}" from command line argument "-conf={other}" is being used instead.'
    )
    prepare(parse(PROGRAM, [f"-conf={other}", "-allowignoredconf"]))
    assert "is being used instead" in caplog.text


def test_included_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bitcoin.conf").write_text("regtest=1\nincludeconf=a.conf\n[regtest]\nincludeconf=b.conf\n")
    (tmp_path / "a.conf").write_text("uacomment=a\nincludeconf=never.conf\n")
    (tmp_path / "b.conf").write_text("uacomment=b\n")
    arguments = parse(PROGRAM, [f"-datadir={tmp_path}"])
    prepare(arguments)
    assert arguments.get_list("uacomment") == ["b", "a"]
    assert capsys.readouterr().err == (
        "warning: -includeconf cannot be used from included files; ignoring -includeconf=never.conf\n"
    )
    arguments = parse(PROGRAM, [f"-datadir={tmp_path}", "-noincludeconf"])
    prepare(arguments)
    assert arguments.get_list("uacomment") == []
    (tmp_path / "b.conf").unlink()
    with pytest.raises(StartError, match=r"Failed to include configuration file b\.conf"):
        prepare(parse(PROGRAM, [f"-datadir={tmp_path}"]))
    (tmp_path / "b.conf").mkdir()
    with pytest.raises(StartError, match=r'Included config file ".*b\.conf" is a directory'):
        prepare(parse(PROGRAM, [f"-datadir={tmp_path}"]))
