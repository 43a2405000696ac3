"""The options of the command line client: those of Bitcoin Core's bitcoin-cli (SetupCliArgs in src/bitcoin-cli.cpp)."""

from __future__ import annotations

from typing import Final

from cli.common_options import HELP
from cli.options import COMMANDS, Option

CLIENT: Final = (
    *HELP,
    Option("conf", "<file>", "Read settings from this file (default: bitcoin.conf, relative to the data directory)"),
    Option("datadir", "<dir>", "Where the node keeps its data", negatable=False),
    Option("includeconf", "<file>", "", hidden=True),
    Option("addrinfo", "", "Tell how many addresses of peers the node knows, by network", COMMANDS),
    Option(
        "generate",
        "",
        "Make blocks that pay a new address of the wallet; may be followed by how many (default: 1) and how many tries",
        COMMANDS,
    ),
    Option("getinfo", "", "Tell the most important facts, which several calls find out one after another", COMMANDS),
    Option("netinfo", "", "Show the node's peers; may be followed by a level from 0 to 4, or by help", COMMANDS),
    Option("color", "<when>", "Colours for -getinfo: always, never, or auto for a terminal (default)", negatable=False),
    Option("named", "", "Take parameters as name=value (default: 0)"),
    Option(
        "rpcid", "<id>", "The id of the request, which the node logs (default: 1)", negatable=False, needs_value=True
    ),
    Option("rpcclienttimeout", "<n>", "Give up after so many seconds, 0 for never; not over IPC (default: 900)"),
    Option("rpcconnect", "<ip>", "Ask the node here, over HTTP (default: 127.0.0.1)"),
    Option("rpccookiefile", "<loc>", "The cookie, relative to the network's directory (default: .cookie)"),
    Option("rpcpassword", "<pw>", "The password of -rpcuser"),
    Option(
        "rpcport",
        "<port>",
        "The node's port (default: 8332, test: 18332, testnet4: 48332, signet: 38332, regtest: 18443)",
        network_only=True,
    ),
    Option("rpcuser", "<user>", "Who asks"),
    Option("rpcwait", "", "Wait for the node to start"),
    Option("rpcwaittimeout", "<n>", "Wait so many seconds at most, 0 for ever (default: 0)", negatable=False),
    Option("rpcwallet", "<walletname>", "Ask about this wallet"),
    Option("stdin", "", "Take more parameters from standard input, one on each line"),
    Option("stdinrpcpass", "", "Take the password from the first line of standard input"),
    Option(
        "stdinwalletpassphrase",
        "",
        "Take the wallet's passphrase from the first line of standard input, or from the second with -stdinrpcpass",
    ),
)
