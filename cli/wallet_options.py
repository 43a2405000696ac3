"""The options about wallets, of pynode and of pywallet (Core: src/wallet/init.cpp)."""

from __future__ import annotations

from functools import partial
from typing import Final

from cli.options import DEBUG, WALLET_DEBUG, Option
from cli.options import WALLET as _WALLET

_wallet = partial(Option, group=_WALLET)
_KINDS: Final = "legacy, p2sh-segwit, bech32 or bech32m"

WALLET: Final = (
    _wallet("addresstype", "", f"Make addresses of this type: {_KINDS} (default: bech32)"),
    _wallet("avoidpartialspends", "", "Spend all outputs of an address together (default: 0)"),
    _wallet("changetype", "", f"Send change to addresses of this type: {_KINDS}"),
    _wallet(
        "consolidatefeerate", "<amt>", "Up to this rate in BTC/kvB spend more outputs than needed (default: 0.0001)"
    ),
    Option("disablewallet", "", "Start no wallet", _WALLET),
    _wallet("discardfee", "<amt>", "Give change to the fee that is dust at this rate in BTC/kvB (default: 0.0001)"),
    _wallet("fallbackfee", "<amt>", "The rate in BTC/kvB to use where none can be estimated; 0 for none (default: 0)"),
    _wallet("keypool", "<n>", "Make so many keys ahead (default: 1000)"),
    _wallet("maxapsfee", "<n>", "Pay up to so many BTC more to spend addresses as a whole (default: 0)"),
    _wallet("maxtxfee", "<amt>", "Pay at most so many BTC for a transaction (default: 0.10)", group=DEBUG),
    _wallet("mintxfee", "<amt>", "Pay at least this rate in BTC/kvB (default: 0.00001)"),
    _wallet("signer", "<cmd>", "Let this program, and devices behind it, sign; see docs/external-signer.md"),
    _wallet("spendzeroconfchange", "", "Spend change that is not in a block yet (default: 1)"),
    _wallet("txconfirmtarget", "<n>", "Pay to be in one of the next so many blocks (default: 6)"),
    _wallet("unsafesqlitesync", "", "Do not wait for the disk (default: 0)", group=WALLET_DEBUG, debug_only=True),
    _wallet("wallet", "<path>", "Load this wallet at start; may repeat", network_only=True),
    _wallet("walletbroadcast", "", "Send the wallet's transactions (default: 1)"),
    _wallet("walletcrosschain", "", "Take wallets of another chain (default: 0)", group=WALLET_DEBUG, debug_only=True),
    _wallet("walletdir", "<dir>", "Keep wallets in this directory (default: <datadir>/wallets)", network_only=True),
    _wallet(
        "walletnotify",
        "<cmd>",
        "Run a command when a transaction of a wallet changes: %s is its id, %w the wallet, %b the block or "
        "'unconfirmed', %h the height or -1",
    ),
    _wallet("walletrbf", "", "Make transactions that say they may be replaced; on its way out (default: 1)"),
    _wallet(
        "walletrejectlongchains",
        "",
        "Make no transactions that the mempool refuses for what they hang together with (default: 1)",
        group=WALLET_DEBUG,
        debug_only=True,
    ),
)
"""What pynode passes on to its wallet, and pywallet takes too."""

DEPRECATED_RPC: Final = Option(
    "deprecatedrpc", "<method>", "Let an RPC method or field go on that is on its way out", DEBUG, debug_only=True
)
