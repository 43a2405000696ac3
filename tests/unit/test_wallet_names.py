"""Names of wallets are paths."""

from pathlib import Path

import pytest

from wallet.errors import DatabaseError
from wallet.names import wallet_path


@pytest.mark.parametrize("name", ["", "w", "a/b", "a/", "/abs/olute", "a//b", "..a", "a..", "…", "a b"])
def test_names_that_are_taken(tmp_path: Path, name: str) -> None:
    assert wallet_path(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        "bad/./path",
        "bad/../path",
        "/bad/./path",
        "/bad/../path",
        "../",
        "./",
        "./wallet",
        "../wallets/../wallets/wallet",
        "/..",
    ],
)
def test_names_that_are_not_normal(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatabaseError, match="Wallet name given as a path must be normalized"):
        wallet_path(tmp_path, name)


@pytest.mark.parametrize("name", ["../wallets/wallet", "..", ".", "../../w"])
def test_names_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatabaseError, match="given as a relative path cannot begin with"):
        wallet_path(tmp_path, name)


def test_the_root(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="Wallet name cannot be the root path"):
        wallet_path(tmp_path, "/")


def test_what_is_there_must_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    for name in ("link", "folder/file"):
        with pytest.raises(DatabaseError, match=f"Invalid -wallet path '{name}'. -wallet path should point"):
            wallet_path(tmp_path, name)
    (tmp_path / "good").symlink_to("folder")
    assert wallet_path(tmp_path, "good") == tmp_path / "good"
    with pytest.raises(DatabaseError, match="Failed to access database path"):
        wallet_path(tmp_path, "x" * 300)
