"""The options that several programs share."""

from __future__ import annotations

from typing import Final

from cli.options import CHAIN as _CHAINS
from cli.options import DEBUG as _DEBUG
from cli.options import IPC as _IPC
from cli.options import Option

HELP: Final = (
    Option("?", "", "", hidden=True),
    Option("h", "", "", hidden=True),
    Option("help", "", "Show this text and exit (also -h or -?)"),
    Option("help-debug", "", "Show this text with the options for debugging and exit", _DEBUG),
    Option("version", "", "Show the version and exit"),
)
PLACE: Final = (
    Option(
        "allowignoredconf",
        "",
        "Only warn if the data directory holds a bitcoin.conf that is not read because -conf or datadir= named another",
    ),
    Option(
        "conf",
        "<file>",
        "Read settings from this file (default: bitcoin.conf, relative to the data directory). "
        "Only on the command line",
    ),
    Option("datadir", "<dir>", "Keep data in this directory, which must exist", negatable=False),
    Option(
        "includeconf",
        "<file>",
        "Read another configuration file too, relative to the data directory. Only in a configuration file",
    ),
    Option(
        "settings",
        "<file>",
        "Keep the settings that programs change while they run in this file (default: settings.json, relative to the "
        "network's directory); -nosettings keeps none",
    ),
)
CHAIN: Final = (
    Option("chain", "<chain>", "Use this chain: main (default), test, testnet4, signet or regtest", _CHAINS),
    Option(
        "regtest",
        "",
        "Use the chain for tests on one machine, whose blocks cost no work, same as -chain=regtest",
        _CHAINS,
        debug_only=True,
    ),
    Option("signet", "", "Use the signed test chain, same as -chain=signet; see -signetchallenge", _CHAINS),
    Option(
        "signetchallenge",
        "",
        "The script that blocks of a signet must satisfy (default: that of the public signet)",
        _CHAINS,
        negatable=False,
    ),
    Option(
        "signetseednode",
        "",
        "Where to find nodes of a signet, as host[:port]; may repeat (default: those of the public signet)",
        _CHAINS,
        negatable=False,
        waits_for="peers",
    ),
    Option(
        "testactivationheight",
        "name@height.",
        "From which height a rule holds: segwit, bip34, dersig, cltv or csv (regtest)",
        _DEBUG,
        debug_only=True,
    ),
    Option(
        "testnet", "", "Use the third test chain, same as -chain=test. It is on its way out: see -testnet4", _CHAINS
    ),
    Option("testnet4", "", "Use the fourth test chain, same as -chain=testnet4", _CHAINS),
    Option(
        "vbparams",
        "deployment:start:end[:min_activation_height]",
        "When a rule that miners signal may become active (regtest)",
        _CHAINS,
        debug_only=True,
    ),
)
LOGGING: Final = (
    Option(
        "debug",
        "<category>",
        'Log details of a category, as -debug=ipc; all if none is named, or 1 or "all"; 0 or "none" drops those named '
        "before it; may repeat",
        _DEBUG,
    ),
    Option("debugexclude", "<category>", "Leave a category out of -debug, whatever that says; may repeat", _DEBUG),
    Option(
        "debuglogfile",
        "<file>",
        "Write the log to this file, relative to the network's directory; -nodebuglogfile writes none",
    ),
    Option("logips", "", "Write addresses of peers to the log (default: 0)", _DEBUG),
    Option(
        "loglevel",
        "<level>|<category>:<level>",
        "How much detail -debug gives: info, debug (default) or trace; for one category if it is named; may repeat",
        _DEBUG,
        debug_only=True,
        negatable=False,
        needs_value=True,
    ),
    Option("loglevelalways", "", "Write category and level on every log line (default: 0)", _DEBUG),
    Option("logratelimit", "", "Bound how fast one place in the code may fill the log (default: 1)", _DEBUG),
    Option("logsourcelocations", "", "Write file, line and function on every log line (default: 0)", _DEBUG),
    Option("logthreadnames", "", "Write the thread's name on every log line (default: 0)", _DEBUG),
    Option("logtimemicros", "", "Write times to the microsecond (default: 0)", _DEBUG, debug_only=True),
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
        "Serve other processes at this address: unix for the default socket, <datadir>/node.sock, or unix:<path> "
        "relative to the network's directory; may repeat. Who can open the socket may do all that RPC can",
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
SPAWNED: Final = (Option("ipcfd", "<n>", "How a program is started by another one", _IPC, hidden=True),)
