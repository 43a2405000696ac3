"""The embedded store: whole batches, snapshots, and damage told in one line."""

import gc
import threading
from pathlib import Path

import plyvel
import pytest

from node.store import Store, StoreError, StoreFormatError


def test_batches_and_reopening(tmp_path: Path) -> None:
    path = tmp_path / "indexes" / "some"
    store = Store(path, b"test 1")
    store.write({b"a1": b"x", b"a2": b"y", b"b": b"z"}, sync=True)
    with store.snapshot() as snapshot:
        store.write({b"a2": b"new"}, iter([b"a1", b"none", b"a2"]))
        assert dict(snapshot.items(b"a")) == {b"a1": b"x", b"a2": b"y"}
        assert dict(snapshot.items(b"a", b"2")) == {b"a2": b"y"}
    store.close()
    store.close()
    again = Store(path, b"test 1")
    assert dict(again.items(b"a")) == {b"a2": b"new"}
    assert again.get(b"a1") is None
    assert not again.is_empty()
    again.close()
    wiped = Store(path, b"test 2", wipe=True)
    assert wiped.get(b"b") is None
    assert wiped.approximate_size() >= 0
    wiped.close()


def test_prefix_of_high_bytes(tmp_path: Path) -> None:
    store = Store(tmp_path / "s", b"t")
    store.write({b"\xff\xff1": b"", b"\xff": b"", b"z": b""})
    assert [key for key, _ in store.items(b"\xff\xff")] == [b"\xff\xff1"]
    assert [key for key, _ in store.items(b"\xff")] == [b"\xff", b"\xff\xff1"]
    store.close()


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    store = Store(tmp_path / "s", b"one")
    with pytest.raises(StoreError, match=r"^Fatal LevelDB error: IO error: lock .*LOCK"):
        Store(tmp_path / "s", b"one")
    store.close()
    with pytest.raises(StoreError, match=r"^Fatal LevelDB error: .*closed"):
        store.get(b"a")
    with pytest.raises(StoreFormatError, match="written by another program or version"):
        Store(tmp_path / "s", b"two")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Not a directory|File exists"):
        Store(tmp_path / "file" / "s", b"one")
    for manifest in (tmp_path / "s").glob("MANIFEST*"):
        manifest.unlink()
    with pytest.raises(StoreError, match=r"^Fatal LevelDB error: Corruption: CURRENT points to a non-existent file"):
        Store(tmp_path / "s", b"one")


def test_damage_is_found_not_read(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = Store(path, b"t", cache_size=1 << 18)
    store.write({number.to_bytes(4, "big"): bytes(100) for number in range(10_000)}, sync=True)
    store.close()
    store = Store(path, b"t")
    store.close()
    for table in path.glob("*.ldb"):
        with table.open("r+b") as file:
            file.seek(150)
            file.write(b"1" * 200)

    def read_all() -> None:
        store = Store(path, b"t")
        try:
            assert len(list(store.items(b"\0"))) == 10_000
        finally:
            store.close()

    with pytest.raises(StoreError, match=r"^Fatal LevelDB error: Corruption"):
        read_all()
    assert threading.active_count() == 1


def test_closing_frees_the_database(tmp_path: Path) -> None:
    def databases() -> int:
        return sum(isinstance(each, plyvel.DB) for each in gc.get_objects())

    before = databases()
    store = Store(tmp_path / "s", b"t")
    assert databases() == before + 1
    store.close()  # As garbage of a cycle, as of all that is left at the end, it would complain on standard error.
    assert databases() == before
    with pytest.raises(StoreError, match=r"^Fatal LevelDB error: .*closed"):
        store.get(b"k")
