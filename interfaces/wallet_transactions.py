"""What a wallet tells of its transactions and coins (Core: the structs of src/interfaces/wallet.h).

Amounts are satoshis, times seconds since 1970, hashes 32 bytes in internal order. Addresses are text, "" where an
output has none. Transactions are as on the wire, with witnesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from interfaces.chain import Outpoint

NO_HEIGHT: Final = 2**31 - 1
"""The height of a block that there is not."""


@dataclass(frozen=True, slots=True)
class WalletTx:
    """A transaction of the wallet. Lists are by input or by output."""

    txid: bytes
    tx: bytes
    txin_is_mine: list[bool]
    txout_is_mine: list[bool]
    txout_is_change: list[bool]
    txout_address: list[str]
    txout_address_is_mine: list[bool]
    credit: int
    """What it pays the wallet; 0 while it is an immature coinbase."""
    debit: int
    """What it spends of the wallet's."""
    change: int
    time: int
    comment: str | None
    """What the owner noted of it, and of whom it pays in `comment_to`."""
    comment_to: str | None
    is_coinbase: bool


@dataclass(frozen=True, slots=True)
class WalletTxStatus:
    """How far a transaction is."""

    block_height: int
    """Of the block that has it, or excludes it; NO_HEIGHT if there is none."""
    blocks_to_maturity: int
    depth_in_main_chain: int
    """Its confirmations; negative for those of the block that excludes it."""
    time_received: int
    lock_time: int
    is_trusted: bool
    is_abandoned: bool
    is_coinbase: bool
    is_in_main_chain: bool


@dataclass(frozen=True, slots=True)
class WalletTxUpdate:
    """The status of a transaction, as seen from a block."""

    status: WalletTxStatus
    num_blocks: int
    """The height of the wallet's last block."""
    block_time: int
    """Its time; -1 if it is not known."""


@dataclass(frozen=True, slots=True)
class WalletTxDetails:
    """All that a wallet knows of a transaction."""

    wallet_tx: WalletTx
    status: WalletTxStatus
    messages: list[str]
    payment_requests: list[str]
    in_mempool: bool
    num_blocks: int
    """The height of the wallet's last block."""


@dataclass(frozen=True, slots=True)
class TxOut:
    """An output, or what one would be."""

    value: int
    script_pubkey: bytes


@dataclass(frozen=True, slots=True)
class WalletTxOut:
    """An output of one of the wallet's transactions; a depth of -1 if there is none, or a block excludes it."""

    txout: TxOut
    time: int
    depth_in_main_chain: int
    is_spent: bool


@dataclass(frozen=True, slots=True)
class WalletCoin:
    """An output that the wallet may spend."""

    outpoint: Outpoint
    output: WalletTxOut


@dataclass(frozen=True, slots=True)
class AddressCoins:
    """The coins of an address, and of the change that was given when its coins were spent."""

    address: str
    coins: list[WalletCoin]
