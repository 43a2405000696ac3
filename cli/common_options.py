"""The options that several programs share."""

from __future__ import annotations

from typing import Final

from cli.options import Option

_CHAINS: Final = "Chain selection options"
_DEBUG: Final = "Debugging/Testing options"
_IPC: Final = "Interprocess options"

HELP: Final = (
    Option("?", "", "Show this text and exit"),
    Option("h", "", "Same as -help", debug_only=True),
    Option("help", "", "Show this text and exit"),
    Option("help-debug", "", "Show this text with the options for debugging and exit"),
    Option("version", "", "Show the version and exit"),
)
PLACE: Final = (
    Option("conf", "<file>", "Read settings from this file (default: bitcoin.conf, relative to the data directory)"),
    Option("datadir", "<dir>", "Keep data in this directory, which must exist"),
    Option("includeconf", "<file>", "In a configuration file, read another one too, relative to the data directory"),
)
CHAIN: Final = (
    Option("chain", "<chain>", "Use this chain: main (default), test, testnet4, signet or regtest", _CHAINS),
    Option("regtest", "", "Use the chain for tests on one machine, same as -chain=regtest", _CHAINS),
    Option("signet", "", "Use the signed test chain, same as -chain=signet", _CHAINS),
    Option("testnet", "", "Use the third test chain, same as -chain=test", _CHAINS),
    Option("testnet4", "", "Use the fourth test chain, same as -chain=testnet4", _CHAINS),
)
LOGGING: Final = (
    Option("debug", "<category>", "Log details of a category, as -debug=ipc; all if none is named; may repeat", _DEBUG),
    Option("debugexclude", "<category>", "Leave a category out of -debug; may repeat", _DEBUG),
    Option("debuglogfile", "<file>", "Write the log to this file, relative to the network's directory", _DEBUG),
    Option("loglevel", "<level>|<category>:<level>", "How much detail -debug gives: info, debug, trace", _DEBUG, True),
    Option("loglevelalways", "", "Write category and level on every log line", _DEBUG),
    Option("logsourcelocations", "", "Write file, line and function on every log line", _DEBUG),
    Option("logthreadnames", "", "Write the thread's name on every log line", _DEBUG),
    Option("logtimemicros", "", "Write times to the microsecond", _DEBUG, True),
    Option("logtimestamps", "", "Write the time on every log line (default: 1)", _DEBUG),
    Option("printtoconsole", "", "Write the log to the terminal too (default: 1 without -daemon)", _DEBUG),
    Option("shrinkdebugfile", "", "Cut a long log file at start (default: 1 without -debug)", _DEBUG),
)
IPC_SERVER: Final = (
    Option(
        "ipcallowuid",
        "<uid>",
        "Let processes of this user id connect beside one's own and root's; may repeat. "
        "The socket's folder must let them in too.",
        _IPC,
    ),
    Option(
        "ipcbind",
        "<address>",
        "Serve other processes at this address: unix for the default socket, or unix:<path> relative to the "
        "network's directory; may repeat",
        _IPC,
    ),
    Option("ipcmaxconnections", "<n>", "Serve so many processes at a time (default: 4096)", _IPC),
)
IPC_CLIENT: Final = (
    Option(
        "ipcconnect",
        "<address>",
        "Use the node that serves this address: unix, unix:<path>, or auto for the default socket if anybody "
        "serves it (default: auto); 0 for none",
        _IPC,
    ),
)
SPAWNED: Final = (Option("ipcfd", "<n>", "How a program is started by another one", _IPC, debug_only=True),)
