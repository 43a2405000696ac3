"""The options of a node about peers and what it relays to them, and ZeroMQ. They wait for peers, but are all known."""

from __future__ import annotations

from functools import partial
from typing import Final

from cli import options
from cli.options import Option

_peer = partial(Option, group=options.CONNECTION, waits_for="peers")
_relay = partial(Option, group=options.RELAY)
_relayed = partial(_relay, waits_for="peers")

PEERS: Final = (
    _peer("addnode", "<ip>", "Stay connected to this node, beside -maxconnections; may repeat", network_only=True),
    _peer("asmap", "<file>", "Spread peers over the networks (AS) that this file tells"),
    _peer("bantime", "<n>", "Ban for so many seconds by default (default: 86400)"),
    _peer("bind", "<addr>[:<port>][=onion]", "Listen here for peers, =onion for those of Tor", network_only=True),
    _peer("cjdnsreachable", "", "This machine reaches CJDNS, fc00::/8 (default: 0)"),
    _peer("connect", "<ip>", "Connect to this node only; -noconnect to none by itself; may repeat", network_only=True),
    _peer("discover", "", "Find out one's own addresses (default: 1 if it listens and has no proxy)"),
    _peer("dns", "", "Look up names given to -addnode, -seednode and -connect (default: 1)"),
    _peer("dnsseed", "", "Ask DNS for peers where few are known (default: 1)"),
    _peer("externalip", "<ip>", "Tell peers this address as one's own"),
    _peer("fixedseeds", "", "Use the built-in list of peers where DNS has none (default: 1)"),
    _peer("forcednsseed", "", "Always ask DNS for peers (default: 0)"),
    _peer("i2pacceptincoming", "", "Let peers connect over I2P, with -i2psam (default: 1)"),
    _peer("i2psam", "<ip:port>", "Reach I2P by this SAM proxy"),
    _peer("inboundrelaypercent", "<n>", "How many of the incoming peers may relay transactions (default: 50)"),
    _peer("listen", "", "Let peers connect (default: 1 without -proxy and -connect)"),
    _peer("listenonion", "", "Make an onion service (default: 1)"),
    _peer("maxconnections", "<n>", "Have at most so many peers (default: 200)"),
    _peer("maxreceivebuffer", "<n>", "Keep so many times 1000 bytes from a peer (default: 5000)"),
    _peer("maxsendbuffer", "<n>", "Keep so many times 1000 bytes for a peer (default: 1000)"),
    _peer("maxuploadtarget", "<n>", "Send at most so much a day, in MB or with a unit k, K, m, M, g, G, t, T (0: any)"),
    _peer("natpmp", "", "Ask the router for a way in, by PCP or NAT-PMP (default: 1)"),
    _peer("networkactive", "", "Whether to talk to peers at all (default: 1)"),
    _peer("onion", "<ip:port|path>", "Reach onion services by this SOCKS5 proxy (default: -proxy)"),
    _peer("onlynet", "<net>", "Connect only to ipv4, ipv6, onion, i2p or cjdns by oneself; may repeat"),
    _peer("peerblockfilters", "", "Give compact filters to peers, BIP157 (default: 0)"),
    _peer("peerbloomfilters", "", "Filter for peers, BIP37 (default: 0)"),
    _peer("peertimeout", "<n>", "Drop peers that are silent for so many seconds (default: 60)", debug_only=True),
    _peer(
        "port",
        "<port>",
        "Listen for peers on this port (default: 8333, test: 18333, testnet4: 48333, signet: 38333, regtest: 18444)",
        network_only=True,
    ),
    _peer(
        "proxy",
        "<ip>[:<port>]|unix:<path>[=<network>]",
        "Reach peers, or those of one network, by this SOCKS5 proxy",
        needs_value=True,
    ),
    _peer("proxyrandomize", "", "Use other credentials for each connection by proxy (default: 1)"),
    _peer("seednode", "<ip>", "Ask this node for peers and leave; may repeat"),
    _peer("timeout", "<n>", "Give up to connect after so many milliseconds (default: 5000)"),
    _peer("torcontrol", "<ip>:<port>", "Where Tor takes commands (default: 127.0.0.1:9051)"),
    _peer("torpassword", "<pass>", "The password for -torcontrol", sensitive=True),
    _peer("txreconciliation", "", "Reconcile sets of transactions, BIP330 (default: 0)", debug_only=True),
    _peer("v2transport", "", "Encrypt, BIP324 (default: 1)"),
    _peer(
        "whitebind",
        "<[permissions@]addr>",
        "Listen here and give peers permissions: bloomfilter, noban, forcerelay, relay, mempool, download, addr",
    ),
    _peer(
        "whitelist",
        "<[permissions@]IP address or network>",
        "Give peers of these addresses permissions as -whitebind does; also in and out, which connections it is for",
    ),
)
RELAY: Final = (
    _relay("acceptnonstdtxn", "", "Take transactions that are not standard (test chains; default: 0)", debug_only=True),
    _relayed(
        "blockreconstructionextratxn",
        "<n>",
        "Keep so many more transactions to complete compact blocks (default: 100)",
        group=options.GENERAL,
    ),
    _relay("blocksonly", "", "Take no transactions from peers (default: 0)", group=options.GENERAL),
    _relay("bytespersigop", "", "Count each signature check as so many bytes (default: 20)"),
    _relay("datacarrier", "", "Relay transactions that carry data (default: 1)"),
    _relay("datacarriersize", "", "Relay up to so many bytes of data in a transaction (default: 100000)"),
    _relay("dustrelayfee", "<amt>", "The rate in BTC/kvB that tells what is dust (default: 0.00003)", debug_only=True),
    _relay("incrementalrelayfee", "<amt>", "The rate in BTC/kvB that relay costs (default: 0.000001)", debug_only=True),
    _relay("minrelaytxfee", "<amt>", "Relay what pays at least this rate in BTC/kvB (default: 0.000001)"),
    _relay("permitbaremultisig", "", "Relay outputs to several keys that are not P2SH (default: 1)"),
    _relayed("privatebroadcast", "", "Send one's own transactions over Tor or I2P alone (default: 0)", refused=True),
    _relayed("txsendrate", "<n>", "Send peers so many transactions a second (default: 14)", debug_only=True),
    _relayed("whitelistforcerelay", "", "Give whitelisted peers the permission forcerelay (default: 0)"),
    _relayed("whitelistrelay", "", "Give whitelisted peers the permission relay (default: 1)"),
)
ZEROMQ: Final = (
    *(
        Option(
            f"zmqpub{topic}",
            "<address>",
            f"Publish {topic} at this address",
            options.ZMQ,
            waits_for="ZeroMQ; events over IPC tell the same",
            refused=True,
        )
        for topic in ("hashblock", "hashtx", "rawblock", "rawtx", "sequence")
    ),
    *(
        Option(
            f"zmqpub{topic}hwm",
            "<n>",
            f"Keep so many messages of {topic} for a slow reader (default: 1000)",
            options.ZMQ,
            waits_for="ZeroMQ",
        )
        for topic in ("hashblock", "hashtx", "rawblock", "rawtx", "sequence")
    ),
)
