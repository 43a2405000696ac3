"""What options about peers mean together."""

import pytest

from cli.arguments import parse
from cli.errors import StartError
from cli.peer_settings import network_options
from cli.pynode import PROGRAM
from node.network_options import NetworkOptions, Proxy, service_names


def options(*words: str) -> NetworkOptions:
    return network_options(parse(PROGRAM, words))


def test_without_options() -> None:
    plain = options()
    assert plain.reachable == ("ipv4", "ipv6")
    assert plain.proxies == {}
    assert plain.user_agent == "/pynode:0.1.0/"
    assert service_names(plain.services) == ["NETWORK", "WITNESS", "NETWORK_LIMITED"]


def test_proxies() -> None:
    found = options("-proxy=127.0.0.1", "-i2psam=127.0.0.1:7656", "-proxyrandomize=0")
    proxy = Proxy("127.0.0.1:9050", randomize_credentials=False)
    assert found.proxies == dict.fromkeys(("ipv4", "ipv6", "onion", "cjdns"), proxy) | {
        "i2p": Proxy("127.0.0.1:7656", randomize_credentials=False)
    }
    assert found.reachable == ("ipv4", "ipv6", "onion", "i2p")
    found = options("-proxy=[::1]:1=ipv6", "-onion=unix:/tor", "-onlynet=onion")
    assert found.proxies == {"ipv6": Proxy("[::1]:1"), "onion": Proxy("unix:/tor")}
    assert found.reachable == ("onion",)
    assert options("-proxy=127.0.0.1:1", "-proxy=0").proxies == {}


def test_services() -> None:
    pruned = options("-prune=1", "-peerbloomfilters", "-peerblockfilters", "-blockfilterindex")
    assert service_names(pruned.services) == ["BLOOM", "WITNESS", "COMPACT_FILTERS", "NETWORK_LIMITED"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-uacomment=a/b"], "User Agent comment (a/b) contains unsafe characters."),
        (["-uacomment=" + "a" * 256], "Total length of network version string (272) exceeds maximum length (256). "),
        (["-proxy=127.0.0.1:1="], "Invalid -proxy address or hostname, ends with '=': '127.0.0.1:1='"),
        (["-proxy=127.0.0.1:1=moon"], "Unrecognized network in -proxy='127.0.0.1:1=moon': 'moon'"),
        (["-onion=a b"], "Invalid -onion address or hostname: 'a b'"),
    ],
)
def test_refused(words: list[str], message: str) -> None:
    with pytest.raises(StartError) as caught:
        options(*words)
    assert str(caught.value).startswith(message)
