"""What the options say of wallets (Core: src/wallet/init.cpp, load.cpp, CWallet::LoadWalletArgs in wallet.cpp)."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from cli.errors import StartError
from primitives.fee_rate import FeeRate
from primitives.money import parse_money
from wallet.settings import WalletSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.arguments import Arguments
    from cli.startup import Place

log: Final = logging.getLogger()
_TYPES: Final = ("legacy", "p2sh-segwit", "bech32", "bech32m")
_HIGH_RATE: Final = 1_000_000
_HIGH_PARTIAL_FEE: Final = 10_000
_HIGH_FEE: Final = 100_000_000
_FIRST_WORDS: Final = "Invalid amount for "


def wallet_settings(arguments: Arguments, min_relay: FeeRate | None = None) -> WalletSettings:
    """Return the settings of all wallets. Raises StartError with Core's texts.

    `min_relay` is the least rate that the node relays, if it is known.
    """
    default = WalletSettings()
    warnings: list[str] = []

    def rate(name: str, fallback: int, high: str = "") -> int:
        if not arguments.is_set(name):
            return fallback
        amount = parse_money(arguments.get(name))
        if amount is None:
            raise StartError(f"{_FIRST_WORDS}-{name}=<amount>: '{arguments.get(name)}'")
        if high and amount > _HIGH_RATE:
            warnings.append(f"-{name} is set very high! {high}")
        return amount

    min_fee = rate("mintxfee", default.min_fee, "This is the minimum transaction fee you pay on every transaction.")
    partial_fee = _partial_fee(arguments, default.max_avoid_partial_fee, warnings)
    fallback_fee = rate(
        "fallbackfee",
        default.fallback_fee,
        "This is the transaction fee you may pay when fee estimates are not available.",
    )
    discard_fee = rate(
        "discardfee",
        default.discard_fee,
        "This is the transaction fee you may discard if change is smaller than dust at this level",
    )
    max_fee = rate("maxtxfee", default.max_fee)
    if max_fee > _HIGH_FEE:
        warnings.append("-maxtxfee is set very high! Fees this large could be paid on a single transaction.")
    if min_relay is not None and FeeRate.of(max_fee, 1000) < min_relay:
        raise StartError(
            f"{_FIRST_WORDS}-maxtxfee=<amount>: '{arguments.get('maxtxfee')}' (must be at least the minrelay fee of "
            f"{min_relay} to prevent stuck transactions)"
        )
    consolidate = rate("consolidatefeerate", default.consolidate_fee_rate)
    if min_relay is not None and min_relay > FeeRate(_HIGH_RATE):
        warnings.append(
            "-minrelaytxfee is set very high! The wallet will avoid paying less than the minimum relay fee."
        )
    if arguments.is_set("walletrbf"):
        warnings.append("-walletrbf is deprecated and will be fully removed in the next release.")
    return WalletSettings(
        keypool=max(1, arguments.get_int("keypool", default.keypool)),
        address_type=_type(arguments, "addresstype", "address") or default.address_type,
        change_type=_type(arguments, "changetype", "change"),
        avoid_partial_spends=arguments.get_bool("avoidpartialspends"),
        spend_zero_conf_change=arguments.get_bool("spendzeroconfchange", default=True),
        confirm_target=arguments.get_int("txconfirmtarget", default.confirm_target),
        signal_rbf=arguments.get_bool("walletrbf", default=True),
        min_fee=min_fee,
        fallback_fee=fallback_fee,
        discard_fee=discard_fee,
        consolidate_fee_rate=consolidate,
        max_fee=max_fee,
        max_avoid_partial_fee=partial_fee,
        broadcast=arguments.get_bool("walletbroadcast", default=True),
        reject_long_chains=arguments.get_bool("walletrejectlongchains", default=True),
        unsafe_sync=arguments.get_bool("unsafesqlitesync"),
        cross_chain=arguments.get_bool("walletcrosschain"),
        signer=arguments.get("signer"),
        warnings=tuple(warnings),
    )


def _type(arguments: Arguments, name: str, what: str) -> str | None:
    text = arguments.get(name)
    if text and text not in _TYPES:
        raise StartError(f"Unknown {what} type '{text}'")
    return text or None


def _partial_fee(arguments: Arguments, default: int, warnings: list[str]) -> int:
    text = arguments.get("maxapsfee") if arguments.is_set("maxapsfee") else None
    if text is None:
        return default
    if text == "-1":
        return -1
    amount = parse_money(text)
    if amount is None:
        raise StartError(f"{_FIRST_WORDS}-maxapsfee=<amount>: '{text}'")
    if amount > _HIGH_PARTIAL_FEE:
        warnings.append(
            "-maxapsfee is set very high! This is the maximum transaction fee you pay (in addition to the normal fee) "
            "to prioritize partial spend avoidance over regular coin selection."
        )
    return amount


def wallet_directory(arguments: Arguments, place: Place) -> Path:
    """Return where wallets are. Raises StartError with Core's texts."""
    if not arguments.is_set("walletdir"):
        folder = place.network_dir / "wallets"
        return folder if folder.is_dir() else place.network_dir
    given = "" if arguments.is_negated("walletdir") else arguments.get("walletdir")
    path = arguments.get_path("walletdir")
    if path is None or not path.exists():
        raise StartError(f'Specified -walletdir "{given}" does not exist')
    if not path.is_dir():
        raise StartError(f'Specified -walletdir "{given}" is not a directory')
    if not path.is_absolute():
        raise StartError(f'Specified -walletdir "{given}" is a relative path')
    return path.resolve()


def wallet_names(arguments: Arguments) -> list[str] | None:
    """Return the wallets to load at start; None if the user said nothing of them. Raises StartError."""
    names = arguments.values("wallet")
    if not all(isinstance(name, str) for name in names):
        raise StartError(
            "Invalid value detected for '-wallet' or '-nowallet'. '-wallet' requires a string value, while '-nowallet' "
            "accepts only '1' to disable all wallets"
        )
    return names if arguments.is_set("wallet") else None


def reread_wallet_names(arguments: Arguments, place: Place) -> None:
    """Take what settings.json says of wallets now, after the process that has them changed it, as what it said."""
    from cli.settings_file import read_settings

    chosen = arguments.get_path("settings", "settings.json")
    if chosen is None:
        return
    try:
        names = read_settings(place.network_dir / chosen).get("wallet")
    except StartError as error:
        log.warning("%s", error)
        return
    saved = {name: value for name, value in arguments.saved.items() if name != "wallet"}
    arguments.saved = saved if names is None else {**saved, "wallet": names}


def make_remember(arguments: Arguments, place: Place, first: list[str] | None = None) -> Callable[[str, bool], bool]:
    """Return what adds a wallet to those that settings.json loads at start, or takes it away.

    Where it names none yet, `first` are those that were loaded all the same.
    """
    from cli.settings_file import read_settings, write_settings

    one_at_a_time = threading.Lock()

    def remember(name: str, load: bool) -> bool:
        with one_at_a_time:
            return change(name, load)

    def change(name: str, load: bool) -> bool:
        chosen = arguments.get_path("settings", "settings.json")
        if chosen is None:
            return False
        path = place.network_dir / chosen
        try:
            saved = read_settings(path)
            names = saved.get("wallet")
            names = list(names) if isinstance(names, list) else list(first or ())
            if load == (name in names):
                return True
            saved["wallet"] = [*names, name] if load else [other for other in names if other != name]
            write_settings(path, saved)
        except StartError:
            return False
        return True

    return remember
