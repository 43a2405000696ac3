"""The options of a node, by what they are about: those of Bitcoin Core's (SetupServerArgs in src/init.cpp).

Help is grouped as Core's. `waits_for` names what must come before an option has an effect.
"""

from __future__ import annotations

from typing import Final

from cli.options import BLOCKS, DEBUG, GENERAL, RPC, Option
from cli.peer_options import PEERS, RELAY, ZEROMQ
from cli.wallet_options import DEPRECATED_RPC, WALLET

RUNNING: Final = (
    Option("alertnotify", "<cmd>", "Run a command when there is a warning, which replaces %s in it"),
    Option("blocknotify", "<cmd>", "Run a command when the best block changes, whose hash replaces %s in it"),
    Option("daemon", "", "Go on in the background (default: 0)"),
    Option("daemonwait", "", "Go to the background once all is ready; implies -daemon (default: 0)"),
    Option("pid", "<file>", "Keep the process id in this file, relative to the network's directory (bitcoind.pid)"),
    Option("shutdownnotify", "<cmd>", "Run a command when the end begins, and wait for it; may repeat"),
    Option("startupnotify", "<cmd>", "Run a command once all is ready"),
    Option("uacomment", "<cmt>", "Add a comment to the user agent that peers see; may repeat", DEBUG),
)
STORAGE: Final = (
    Option("assumevalid", "<hex>", "Believe the scripts of this block and those before it; 0 checks all"),
    Option("blockfilterindex", "<type>", "Keep an index of compact filters: basic, 1 for all, 0 for none (default: 0)"),
    Option("blocksdir", "<dir>", "Keep the blocks folder in this directory, which must exist (default: <datadir>)"),
    Option("blocksxor", "", "Mask block files with a random key, for a new folder of blocks (default: 1)"),
    Option("coinstatsindex", "", "Keep statistics of all coins for each block, for gettxoutsetinfo (default: 0)"),
    Option("dbbatchsize", "", "Write so many bytes to a database at once (default: 33554432)", debug_only=True),
    Option("dbcache", "<n>", "Use so many MiB for databases, at least 4 (default: 1024)"),
    Option("loadblock", "<file>", "Take blocks from this file at start; may repeat"),
    Option("minimumchainwork", "<hex>", "How much work the best chain must have at least, in hex", debug_only=True),
    Option("par", "<n>", "Check scripts on so many threads, up to 15; 0 as many as fit, below 0 leaves cores free"),
    Option("prevoutfetchthreads", "<n>", "Read coins ahead on so many threads, 0 to 16 (default: 8)"),
    Option(
        "prune",
        "<n>",
        "Delete old blocks: 0 never (default), 1 when pruneblockchain says so, 550 or more: to stay below so many MiB. "
        "Not with -txindex or -txospenderindex. The way back is to get all blocks again",
    ),
    Option("reindex", "", "Make the block index, the coins and all other indexes anew from the files of blocks"),
    Option("reindex-chainstate", "", "Make the coins anew from the files of blocks"),
    Option("txindex", "", "Keep an index of all transactions, for getrawtransaction (default: 0)"),
    Option("txospenderindex", "", "Keep an index of what spends each output, for gettxspendingprevout (default: 0)"),
)
TESTING: Final = (
    Option(
        "acceptstalefeeestimates",
        "",
        "Use fee estimates older than 60 hours (regtest; default: 0)",
        DEBUG,
        debug_only=True,
    ),
    Option(
        "checkaddrman",
        "<n>",
        "Check the table of addresses every so many operations (default: 0)",
        DEBUG,
        debug_only=True,
        waits_for="peers",
    ),
    Option(
        "checkblockindex", "", "Check the tree of blocks as it changes (default: 1 on regtest)", DEBUG, debug_only=True
    ),
    Option("checkblocks", "<n>", "Check so many blocks at start, 0 for all (default: 6)", DEBUG, debug_only=True),
    Option(
        "checklevel",
        "<n>",
        "How well -checkblocks looks: 0 reads blocks, 1 checks them, 2 their undo data, 3 disconnects them, 4 connects "
        "them again; each does the ones before too (default: 3)",
        DEBUG,
        debug_only=True,
    ),
    Option(
        "checkmempool",
        "<n>",
        "Check the mempool after one change in so many, 0 for never (default: 0)",
        DEBUG,
        debug_only=True,
    ),
    Option("checkpoints", "", "", DEBUG, hidden=True),
    Option("capturemessages", "", "Write messages of peers to files", DEBUG, debug_only=True, waits_for="peers"),
    Option("dbcrashratio", "", "", DEBUG, hidden=True),
    DEPRECATED_RPC,
    Option("fastprune", "", "Use small files of blocks and prune from a low height", DEBUG, debug_only=True),
    Option("forcecompactdb", "", "", DEBUG, hidden=True),
    Option(
        "limitancestorcount",
        "<n>",
        "Tell wallets to spend no coin with so many ancestors; see -limitclustercount (default: 25)",
        DEBUG,
        debug_only=True,
    ),
    Option("limitancestorsize", "", "", DEBUG, hidden=True),
    Option(
        "limitclustercount",
        "<n>",
        "Refuse transactions that hang together with so many others, up to 64 (default: 64)",
        DEBUG,
        debug_only=True,
    ),
    Option(
        "limitclustersize",
        "<n>",
        "Refuse transactions that are more than so many kvB with what hangs together (default: 101)",
        DEBUG,
        debug_only=True,
    ),
    Option(
        "limitdescendantcount",
        "<n>",
        "Tell wallets to spend no coin whose ancestors have so many descendants; see -limitclustercount (default: 25)",
        DEBUG,
        debug_only=True,
    ),
    Option("limitdescendantsize", "", "", DEBUG, hidden=True),
    Option(
        "maxsigcachesize",
        "<n>",
        "Remember checked signatures and scripts in so many MiB (default: 32)",
        DEBUG,
        debug_only=True,
    ),
    Option(
        "maxtipage",
        "<n>",
        "The node counts as behind while its tip is older than so many seconds (default: 86400)",
        DEBUG,
        debug_only=True,
    ),
    Option(
        "mocktime", "<n>", "Take this for the time, in seconds since 1970; 0 for the real one", DEBUG, debug_only=True
    ),
    Option(
        "printpriority",
        "",
        "Log the fee rates of transactions in new blocks (default: 0)",
        DEBUG,
        debug_only=True,
    ),
    Option("stopafterblockimport", "", "End once blocks were taken from disk (default: 0)", DEBUG, debug_only=True),
    Option("stopatheight", "", "End at this height (default: 0, go on)", DEBUG, debug_only=True),
    Option(
        "test",
        "<option>",
        "For tests: addrman (addresses without chance), reindex_after_failure_noninteractive_yes (answer yes where one "
        "is asked whether to reindex), bip94 (follow BIP94)",
        DEBUG,
        debug_only=True,
    ),
)
MEMPOOL: Final = (
    Option("maxmempool", "<n>", "Keep the mempool below so many MB (default: 300)"),
    Option("mempoolexpiry", "<n>", "Forget transactions after so many hours (default: 336)"),
    Option("persistmempool", "", "Keep the mempool over a restart (default: 1)"),
    Option("persistmempoolv1", "", "Write mempool.dat in its first format (default: 0)"),
)
MINING: Final = (
    Option("blockmaxweight", "<n>", "Make blocks of at most this weight (default: 4000000)", BLOCKS, debug_only=True),
    Option("blockmintxfee", "<amt>", "Take transactions that pay this rate in BTC/kvB (default: 0.00000001)", BLOCKS),
    Option(
        "blockreservedweight",
        "<n>",
        "Leave this weight for header and coinbase in blocks for RPC clients (default: 8000)",
        BLOCKS,
    ),
    Option("blockversion", "<n>", "Make blocks of this version (regtest)", BLOCKS, debug_only=True),
)
SERVER: Final = (
    Option("rest", "", "Answer REST requests of anybody who may connect (default: 0)", RPC),
    Option(
        "rpcallowip",
        "<ip>",
        "Let these addresses connect: one (1.2.3.4), a network (1.2.3.4/24, 1.2.3.4/255.255.255.0, ::/0); may repeat",
        RPC,
    ),
    Option(
        "rpcauth",
        "<userpw>",
        "A user and a hash of his password, <user>:<salt>$<HMAC-SHA-256>, as Core's share/rpcauth makes it; may repeat",
        RPC,
        sensitive=True,
    ),
    Option(
        "rpcbind",
        "<addr>[:port]",
        "Listen here, with -rpcallowip; [host]:port for IPv6; may repeat (default: 127.0.0.1 and ::1). Never open it "
        "to networks you do not trust",
        RPC,
        network_only=True,
    ),
    Option(
        "rpccookiefile", "<loc>", "Keep the cookie here, relative to the network's directory (default: .cookie)", RPC
    ),
    Option(
        "rpccookieperms",
        "<readable-by>",
        "Who may read the cookie: owner, group or all (default: owner)",
        RPC,
    ),
    Option("rpcdoccheck", "", "Hold results of RPC methods to their help (default: 0)", RPC, debug_only=True),
    Option("rpcpassword", "<pw>", "The password of -rpcuser", RPC, sensitive=True),
    Option(
        "rpcport",
        "<port>",
        "Listen on this port (default: 8332, test: 18332, testnet4: 48332, signet: 38332, regtest: 18443)",
        RPC,
        network_only=True,
    ),
    Option(
        "rpcservertimeout",
        "<n>",
        "Drop clients that are silent for so many seconds (default: 30)",
        RPC,
        debug_only=True,
    ),
    Option("rpcthreads", "<n>", "Answer so many requests at a time (default: 16)", RPC),
    Option("rpcuser", "<user>", "A user of JSON-RPC", RPC, sensitive=True),
    Option(
        "rpcwhitelist",
        "<whitelist>",
        "Which methods a user may call, <user>:<method>,<method>; may repeat, then only what all of his lists name",
        RPC,
    ),
    Option(
        "rpcwhitelistdefault",
        "",
        "Whether users without -rpcwhitelist may call nothing (default: 1 if there is any -rpcwhitelist)",
        RPC,
    ),
    Option("rpcworkqueue", "<n>", "Let so many requests wait (default: 64)", RPC, debug_only=True),
    Option("server", "", "Answer JSON-RPC (default: 1)", RPC),
)
DESKTOP: Final = tuple(
    Option(name, "", "", GENERAL, hidden=True)
    for name in ("choosedatadir", "lang", "min", "resetguisettings", "splash", "uiplatform")
)
"""Of Core's desktop program, which may share bitcoin.conf."""

NODE: Final = (*RUNNING, *STORAGE, *TESTING, *MEMPOOL, *MINING, *SERVER, *PEERS, *RELAY, *ZEROMQ, *WALLET, *DESKTOP)
