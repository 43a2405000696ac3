"""Names of wallets are paths."""

from pathlib import Path

import pytest

from wallet.errors import DatabaseError
from wallet.names import wallet_path


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a/../b", "must be normalized"),
        ("./a", "must be normalized"),
        ("a/.", "must be normalized"),
        ("/../a", "must be normalized"),
        ("../a", "cannot begin with ./ or ../"),
        ("..", "cannot begin with ./ or ../"),
        (".", "cannot begin with ./ or ../"),
        ("/", "cannot be the root path"),
        ("../", "must be normalized"),
        ("./", "must be normalized"),
        ("../w/../w/x", "must be normalized"),
        ("/..", "must be normalized"),
        ("a\0b", "must be normalized"),
        ("folder/file", "should point to a directory where wallet.dat"),
        ("broken", "should point to a directory where wallet.dat"),
    ],
)
def test_names_that_are_no_place_for_a_wallet(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DatabaseError, match=problem):
        wallet_path(tmp_path, name)


def test_names_that_are_a_place_for_a_wallet(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("new", "folder", "link", "file", "new/deep", "a/", "a//b", "...", "ä b"):
        assert wallet_path(tmp_path, name) == tmp_path / name
    assert wallet_path(tmp_path, "") == tmp_path
    assert wallet_path(tmp_path / "folder", str(tmp_path / "x")) == tmp_path / "x"
