"""What the options say of wallets."""

import json
from pathlib import Path

import pytest

from cli.arguments import Arguments, parse
from cli.errors import StartError
from cli.pywallet import PROGRAM
from cli.startup import Place
from cli.wallet_settings import make_remember, wallet_directory, wallet_names, wallet_settings
from common.chains import REGTEST
from primitives.fee_rate import FeeRate
from wallet.settings import WalletSettings


def given(*options: str) -> Arguments:
    arguments = parse(PROGRAM, options)
    arguments.choose_section("regtest")
    return arguments


def test_defaults_are_cores() -> None:
    assert wallet_settings(given()) == WalletSettings()


def test_each_option_has_its_setting() -> None:
    found = wallet_settings(
        given(
            "-keypool=0",
            "-addresstype=legacy",
            "-changetype=bech32m",
            "-mintxfee=0.00002",
            "-fallbackfee=0.0002",
            "-discardfee=0.00003",
            "-maxtxfee=0.5",
            "-maxapsfee=-1",
            "-consolidatefeerate=0.001",
            "-txconfirmtarget=3",
            "-walletrbf=0",
            "-spendzeroconfchange=0",
            "-walletbroadcast=0",
            "-walletrejectlongchains=0",
            "-avoidpartialspends",
            "-unsafesqlitesync",
            "-walletcrosschain",
        )
    )
    assert found == WalletSettings(
        keypool=1,
        address_type="legacy",
        change_type="bech32m",
        min_fee=2000,
        fallback_fee=20_000,
        discard_fee=3000,
        max_fee=50_000_000,
        max_avoid_partial_fee=-1,
        consolidate_fee_rate=100_000,
        confirm_target=3,
        signal_rbf=False,
        spend_zero_conf_change=False,
        broadcast=False,
        reject_long_chains=False,
        avoid_partial_spends=True,
        unsafe_sync=True,
        cross_chain=True,
        warnings=("-walletrbf is deprecated and will be fully removed in the next release.",),
    )


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("-addresstype=x", "Unknown address type 'x'"),
        ("-changetype=x", "Unknown change type 'x'"),
        ("-mintxfee=x", "Invalid amount for -mintxfee=<amount>: 'x'"),
        ("-maxapsfee=-2", "Invalid amount for -maxapsfee=<amount>: '-2'"),
        ("-fallbackfee=", "Invalid amount for -fallbackfee=<amount>: ''"),
        ("-consolidatefeerate=1.123456789", "Invalid amount for -consolidatefeerate=<amount>: '1.123456789'"),
        (
            "-maxtxfee=0.00000001",
            "Invalid amount for -maxtxfee=<amount>: '0.00000001' (must be at least the minrelay fee of ",
        ),
    ],
)
def test_what_is_refused(option: str, text: str) -> None:
    with pytest.raises(StartError) as caught:
        wallet_settings(given(option), FeeRate(100))
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("name", ["mintxfee", "fallbackfee", "discardfee", "maxapsfee", "maxtxfee"])
def test_much_is_warned_of(name: str) -> None:
    (warning,) = wallet_settings(given(f"-{name}=1.1")).warnings
    assert warning.startswith(f"-{name} is set very high! ")


def place(tmp_path: Path) -> Place:
    return Place(REGTEST, tmp_path, tmp_path, None)


def test_the_directory(tmp_path: Path) -> None:
    assert wallet_directory(given(), place(tmp_path)) == tmp_path
    (tmp_path / "wallets").mkdir()
    assert wallet_directory(given(), place(tmp_path)) == tmp_path / "wallets"
    assert wallet_directory(given(f"-walletdir={tmp_path}/"), place(tmp_path)) == tmp_path


def test_directories_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    for path, text in ((f"{tmp_path}/no", "does not exist"), (f"{tmp_path}/file", "is not a directory")):
        with pytest.raises(StartError, match=text):
            wallet_directory(given(f"-walletdir={path}"), place(tmp_path))
    with pytest.raises(StartError, match='Specified -walletdir "" does not exist'):
        wallet_directory(given("-nowalletdir"), place(tmp_path))
    with pytest.raises(StartError, match='Specified -walletdir "here" is a relative path'):
        wallet_directory(given("-walletdir=here"), place(tmp_path))


def test_the_wallets_to_load() -> None:
    assert wallet_names(given()) is None
    assert wallet_names(given("-nowallet")) == []
    assert wallet_names(given("-wallet=b", "-wallet=a")) == ["b", "a"]


def test_wallets_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"prune": 5}')
    remember = make_remember(given(), place(tmp_path))
    assert remember("a", True)
    assert remember("b", True)
    assert remember("a", True)
    assert remember("c", False)
    assert json.loads(path.read_text())["wallet"] == ["a", "b"]
    assert remember("a", False)
    found = json.loads(path.read_text())
    assert (found["wallet"], found["prune"]) == (["b"], 5)


def test_nothing_is_remembered_without_a_file(tmp_path: Path) -> None:
    assert not make_remember(given("-nosettings"), place(tmp_path))("a", True)
    (tmp_path / "settings.json").write_text("{")
    assert not make_remember(given(), place(tmp_path))("a", True)
