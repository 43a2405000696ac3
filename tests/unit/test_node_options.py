"""What the options of a node mean together, and what is refused, with Core's texts."""

import logging

import pytest

from cli.arguments import Arguments, parse
from cli.checks import check_late, check_options, filter_types
from cli.errors import StartError
from cli.interactions import apply_interactions
from cli.node_options import NODE
from cli.node_settings import mining_policy
from cli.options import help_text
from cli.pynode import PROGRAM
from cli.wallet_settings import wallet_settings
from common.chains import chain_by_name
from node.templates.options import MiningPolicy
from primitives.fee_rate import FeeRate


def given(*words: str, config: str = "", chain: str = "regtest") -> Arguments:
    arguments = parse(PROGRAM, words)
    arguments.config.read(PROGRAM, config, "bitcoin.conf")
    arguments.choose_section(chain)
    apply_interactions(arguments)
    return arguments


def check(*words: str, config: str = "", chain: str = "regtest") -> list[str]:
    return check_options(given(*words, config=config, chain=chain), chain_by_name(chain))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-bind=127.0.0.1"], ["-bind set -> setting -listen=1"]),
        (["-whitebind=127.0.0.1"], ["-whitebind set -> setting -listen=1"]),
        (
            ["-noconnect", "-natpmp=1", "-discover=1", "-listenonion=0"],
            [
                "-connect or -maxconnections=0 set -> setting -dnsseed=0",
                "-connect or -maxconnections=0 set -> setting -listen=0",
                "-listen=0 -> setting -i2pacceptincoming=0",
            ],
        ),
        (
            ["-proxy=127.0.0.1:1", "-listen=1"],
            ["-proxy set -> setting -natpmp=0", "-proxy set -> setting -discover=0"],
        ),
        (["-proxy=0"], []),
        (["-externalip=1.2.3.4"], ["-externalip set -> setting -discover=0"]),
        (
            ["-blocksonly"],
            [
                "-blocksonly=1 -> setting -whitelistrelay=0",
                "-blocksonly=1 -> setting -maxmempool=5",
                "-blocksonly=1 -> setting -walletbroadcast=0",
            ],
        ),
        (["-disablewallet", "-wallet=a", "-wallet=b"], [f"-disablewallet -> ignoring -wallet={name}" for name in "ab"]),
        (["-whitelistforcerelay"], ["-whitelistforcerelay=1 -> setting -whitelistrelay=1"]),
        (["-onlynet=onion"], ["-onlynet excludes IPv4 and IPv6 -> setting -dnsseed=0"]),
        (["-onlynet=onion", "-onlynet=ipv4"], []),
    ],
)
def test_interactions(words: list[str], expected: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    given(*words)
    # Core has a capital letter where wallets are concerned.
    assert [text.lower() for text in caplog.messages] == [f"parameter interaction: {text.lower()}" for text in expected]


def test_a_node_that_relays_nothing_sends_nothing_of_its_wallets() -> None:
    assert not wallet_settings(given("-blocksonly")).broadcast
    assert wallet_settings(given("-blocksonly", "-walletbroadcast")).broadcast


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-blockfilterindex=x"], "Unknown -blockfilterindex value x."),
        (["-peerblockfilters"], "Cannot set -peerblockfilters without -blockfilterindex."),
        (["-prune=550", "-txindex"], "Prune mode is incompatible with -txindex."),
        (["-prune=550", "-txospenderindex"], "Prune mode is incompatible with -txospenderindex."),
        (["-prune=1", "-reindex-chainstate"], "Prune mode is incompatible with -reindex-chainstate. Use full -reindex"),
        (["-prune=-1"], "Prune cannot be configured with a negative value."),
        (["-prune=2"], "Prune configured below the minimum of 550 MiB.  Please use a higher number."),
        (["-forcednsseed", "-dnsseed=0"], "Cannot set -forcednsseed to true when setting -dnsseed to false."),
        (["-bind=127.0.0.1", "-listen=0"], "Cannot set -bind or -whitebind together with -listen=0"),
        (["-listen=0", "-listenonion=1"], "Cannot set -listen=0 together with -listenonion=1"),
        (["-maxconnections=-1"], "-maxconnections must be greater or equal than zero"),
        (["-peertimeout=0"], "peertimeout must be a positive integer."),
        (["-maxuploadtarget=x"], "Unable to parse -maxuploadtarget: 'x'"),
        (["-onlynet=moon"], "Unknown network specified in -onlynet: 'moon'"),
        (["-onlynet=i2p", "-dnsseed=1"], "Incompatible options: -dnsseed=1 was explicitly specified, but -onlynet"),
        (["-onlynet=cjdns"], "Outbound connections restricted to CJDNS (-onlynet=cjdns) but -cjdnsreachable is not"),
        (["-blockreservedweight=1"], "-blockreservedweight (1) is lower than minimum safety value of (2000)"),
        (["-blockmaxweight=4000001"], "-blockmaxweight (4000001) exceeds consensus maximum block weight (4000000)"),
        (["-blockmaxweight=3000"], "-blockreservedweight (8000) exceeds -blockmaxweight (3000)"),
        (["-minimumchainwork=x"], "Invalid minimum work specified (x), must be up to 64 hex digits"),
        (["-assumevalid=x"], "Invalid assumevalid block hash specified (x), must be up to 64 hex digits (or 0 to"),
        (["-prevoutfetchthreads=-1"], "-prevoutfetchthreads must be non-negative (got -1)."),
        (["-minrelaytxfee=x"], "Invalid amount for -minrelaytxfee=<amount>: 'x'"),
        (["-blockmintxfee=0.000000001"], "Invalid amount for -blockmintxfee=<amount>: '0.000000001'"),
        (["-limitclustercount=65"], "limitclustercount must be less than or equal to 64"),
        (["-zmqpubhashblock=tcp://127.0.0.1:1"], "-zmqpubhashblock is not served yet: pynode has no ZeroMQ"),
        (["-privatebroadcast"], "-privatebroadcast is not served yet: pynode has no peers"),
    ],
)
def test_refused(words: list[str], message: str) -> None:
    with pytest.raises(StartError) as caught:
        check(*words)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("words", "chain", "message"),
    [
        (["-acceptnonstdtxn"], "main", "acceptnonstdtxn is not currently supported for main chain"),
        (["-vbparams=x:0:1"], "main", "The -vbparams option may not be used on mainnet."),
        (["-testactivationheight=csv@1"], "main", "The -testactivationheight option may not be used on mainnet."),
        (["-test=addrman"], "signet", "-test=<option> can only be used with regtest"),
    ],
)
def test_refused_on_a_chain(words: list[str], chain: str, message: str) -> None:
    with pytest.raises(StartError) as caught:
        check(*words, chain=chain)
    assert str(caught.value) == message


def test_options_of_one_network_belong_in_its_section() -> None:
    with pytest.raises(StartError) as caught:
        check(config="addnode=x\nrpcport=1\n")
    assert str(caught.value) == (
        "Config setting for -addnode only applied on regtest network when in [regtest] section.\n"
        "Config setting for -rpcport only applied on regtest network when in [regtest] section."
    )
    assert check(config="addnode=x\n[regtest]\naddnode=y\n") == []
    assert check(config="addnode=x\n", chain="main") == []


def test_warnings() -> None:
    assert check("-checkpoints=1") == [
        "Option '-checkpoints' is set but checkpoints were removed. This option has no effect."
    ]
    assert check("-test=nonsense") == ['Unrecognised option "nonsense" provided in -test=<option>.']
    assert check(config="[moon]\na.b=1\n") == [
        "bitcoin.conf:1 Section [moon] is not recognized.\nbitcoin.conf:2 Section [moon.a] is not recognized.\n"
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-port=0"], "Invalid port specified in -port: '0'"),
        (["-rpcport=65536"], "Invalid port specified in -rpcport: '65536'"),
        (["-bind=127.0.0.1:x=onion"], "Invalid port specified in -bind: '127.0.0.1:x=onion'"),
        (["-onion=127.0.0.1:x"], "Invalid port specified in -onion: '127.0.0.1:x'"),
        (["-rpcbind=[::1]:0"], "Invalid port specified in -rpcbind: '[::1]:0'"),
    ],
)
def test_ports(words: list[str], message: str) -> None:
    with pytest.raises(StartError) as caught:
        check_late(given(*words), chain_by_name("regtest"))
    assert str(caught.value) == message
    check_late(given("-proxy=unix:/x", "-bind=::1", "-rpcbind=[::1]:5"), chain_by_name("regtest"))


def test_filter_types() -> None:
    assert filter_types(given()) == ()
    assert filter_types(given("-blockfilterindex")) == ("basic",)
    assert filter_types(given("-blockfilterindex=0")) == ()
    assert filter_types(given("-blockfilterindex=basic", "-blockfilterindex=basic")) == ("basic",)


def test_options_are_known_once() -> None:
    names = [option.name for option in PROGRAM.options]
    assert len(names) == len(set(names)) >= 200


def test_help_says_what_waits() -> None:
    text = " ".join(help_text(PROGRAM, debug=True).split())
    assert "No effect before pynode has peers" in text
    assert "Refused before pynode has ZeroMQ" in text
    assert all(not option.refused or option.waits_for for option in NODE)


def test_mining_options() -> None:
    def policy(*words: str, chain: str = "regtest") -> MiningPolicy:
        return mining_policy(given(*words, chain=chain), chain_by_name(chain))

    assert policy() == MiningPolicy()
    assert policy(
        "-blockmaxweight=3000000", "-blockreservedweight=4000", "-blockmintxfee=0.00001", "-blockversion=7",
        "-printpriority",
    ) == MiningPolicy(3_000_000, 4000, FeeRate(1000), 7, log_fees=True)  # fmt: skip
    assert policy("-blockversion=4294967295").version == -1
    # Elsewhere it has no effect, as in Core.
    assert policy("-blockversion=7", chain="signet").version is None
