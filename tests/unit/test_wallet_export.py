"""A wallet that only watches is made of another one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from json_rpc_node import AnswerError
from wallet_server import WalletServer, wallet_server

from primitives.descriptor_checksum import add_checksum


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WalletServer]:
    with wallet_server(tmp_path / "wallets", keypool=5) as made:
        made.rpc("createwallet", "w")
        yield made


def test_it_has_what_the_first_has_but_private_keys(server: WalletServer, tmp_path: Path) -> None:
    address = server.rpc("getnewaddress", "mine", wallet="w")
    server.rpc("setlabel", "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202", "theirs", wallet="w")
    file = str(tmp_path / "copy.dat")
    assert server.rpc("exportwatchonlywallet", file, wallet="w") == {"exported_file": file}
    assert server.rpc("restorewallet", "copy", file) == {"name": "copy"}
    for method in ("listdescriptors", "listlabels"):
        first, copy = (server.rpc(method, wallet=name) for name in ("w", "copy"))
        if method == "listdescriptors":
            first, copy = first["descriptors"], copy["descriptors"]
        assert copy == first
    assert server.rpc("getaddressinfo", address, wallet="copy")["labels"] == ["mine"]
    assert server.rpc("getnewaddress", wallet="copy") == server.rpc("getnewaddress", wallet="w")
    assert server.rpc("getwalletinfo", wallet="copy")["private_keys_enabled"] is False
    with pytest.raises(AnswerError, match="watch-only"):
        server.rpc("listdescriptors", True, wallet="copy")


def test_positions_behind_a_hardened_step_are_those_derived_already(server: WalletServer, tmp_path: Path) -> None:
    server.rpc("createwallet", "hard", False, True)
    xprv = server.rpc("gethdkeys", {"private": True}, wallet="w")[0]["xprv"]
    request = {"desc": add_checksum(f"wpkh({xprv}/*h)"), "timestamp": "now", "active": True, "range": [0, 3]}
    assert server.rpc("importdescriptors", [request], wallet="hard") == [{"success": True}]
    file = str(tmp_path / "hard.dat")
    server.rpc("exportwatchonlywallet", file, wallet="hard")
    server.rpc("restorewallet", "copy", file)
    for _ in range(5):
        assert server.rpc("getnewaddress", wallet="copy") == server.rpc("getnewaddress", wallet="hard")
    with pytest.raises(AnswerError, match="no available keys"):
        server.rpc("getnewaddress", wallet="copy")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "Error: Export destination cannot be empty"),
        (".", "Error: Export destination '.' already exists"),
        ("no/where.dat", "Error: Could not create file 'no/where.dat'"),
    ],
)
def test_wrong_destinations(server: WalletServer, name: str, text: str) -> None:
    result, error = server.reply("exportwatchonlywallet", name, wallet="w")
    assert (result, error) == (None, {"code": -4, "message": text})


def test_a_wallet_without_descriptors_is_not_exported(server: WalletServer, tmp_path: Path) -> None:
    server.rpc("createwallet", "blank", False, True)
    file = tmp_path / "blank.dat"
    _, error = server.reply("exportwatchonlywallet", str(file), wallet="blank")
    assert error == {"code": -4, "message": "Error: Wallet has no descriptors to export"}
    assert not file.exists()
