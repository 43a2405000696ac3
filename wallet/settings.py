"""What the options say of wallets (Core: src/wallet/init.cpp, CWallet::LoadWalletArgs in src/wallet/wallet.cpp)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WalletSettings:
    """The same for all wallets of a process. Amounts are satoshis, rates satoshis for 1,000 virtual bytes."""

    keypool: int = 1000
    """How many keys to make ahead for each descriptor."""
    address_type: str = "bech32"
    change_type: str | None = None
    """None: chosen by the outputs of the transaction."""
    avoid_partial_spends: bool = False
    spend_zero_conf_change: bool = True
    confirm_target: int = 6
    signal_rbf: bool = True
    min_fee: int = 1000
    fallback_fee: int = 0
    """0: none, so that nothing is sent while no rate can be estimated."""
    discard_fee: int = 10_000
    consolidate_fee_rate: int = 10_000
    max_fee: int = 10_000_000
    """The most to pay for one transaction."""
    max_avoid_partial_fee: int = 0
    """How much more to pay for spending addresses as a whole; -1 for never."""
    broadcast: bool = True
    reject_long_chains: bool = True
    unsafe_sync: bool = False
    cross_chain: bool = False
    signer: str = ""
    """The program that talks to devices that sign, with its first arguments."""
    warnings: tuple[str, ...] = ()
    """What the user should hear of these settings with each wallet."""
