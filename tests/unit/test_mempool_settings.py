"""What the options say of the mempool, with Core's texts."""

import logging

import pytest

from cli.arguments import parse
from cli.errors import StartError
from cli.mempool_settings import check_size, mempool_options
from cli.pynode import PROGRAM
from common.chains import MAIN, REGTEST, ChainParams
from node.policy.options import MempoolOptions
from primitives.fee_rate import FeeRate


def options(*words: str, chain: ChainParams = MAIN) -> MempoolOptions:
    return mempool_options(parse(PROGRAM, words), chain)


def test_defaults() -> None:
    assert options() == MempoolOptions()
    assert options(chain=REGTEST) == MempoolOptions()


def test_every_option_counts() -> None:
    found = options(
        "-maxmempool=5", "-mempoolexpiry=1", "-minrelaytxfee=0.00005", "-incrementalrelayfee=0.00002",
        "-dustrelayfee=0", "-permitbaremultisig=0", "-datacarriersize=83", "-acceptnonstdtxn", "-bytespersigop=30",
        "-limitclustercount=20", "-limitclustersize=100", "-limitancestorcount=7", "-limitdescendantcount=8",
        "-persistmempool=0", "-persistmempoolv1", "-checkmempool=50", chain=REGTEST,
    )  # fmt: skip
    assert found == MempoolOptions(
        max_bytes=5_000_000,
        expiry=3600,
        min_relay=FeeRate(5000),
        incremental=FeeRate(2000),
        dust_relay=FeeRate(0),
        permit_bare_multisig=False,
        max_datacarrier=83,
        require_standard=False,
        bytes_per_sigop=30,
        cluster_count=20,
        cluster_size_vbytes=100_000,
        ancestor_count=7,
        descendant_count=8,
        persist=False,
        persist_v1=True,
        check_ratio=50,
    )


def test_no_data_carrier_means_no_size() -> None:
    assert options("-datacarrier=0", "-datacarriersize=83").max_datacarrier is None


def test_the_incremental_fee_lifts_the_least_fee_unless_that_is_given(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert options("-incrementalrelayfee=0.00002").min_relay == FeeRate(2000)
    assert options("-incrementalrelayfee=0.00002", "-minrelaytxfee=0.00001").min_relay == FeeRate(1000)
    assert options("-incrementalrelayfee=0").min_relay == FeeRate(100)
    assert caplog.messages == ["Increasing minrelaytxfee to 0.00002000 BTC/kvB to match incrementalrelayfee"]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("-minrelaytxfee=a", "Invalid amount for -minrelaytxfee=<amount>: 'a'"),
        ("-incrementalrelayfee=-1", "Invalid amount for -incrementalrelayfee=<amount>: '-1'"),
        ("-dustrelayfee=", "Invalid amount for -dustrelayfee=<amount>: ''"),
        ("-dustrelayfee=21000001", "Invalid amount for -dustrelayfee=<amount>: '21000001'"),
        ("-acceptnonstdtxn", "acceptnonstdtxn is not currently supported for main chain"),
        ("-limitclustercount=65", "limitclustercount must be less than or equal to 64"),
        ("-limitclustercount=-1", "limitclustercount must be less than or equal to 64"),
    ],
)
def test_what_cannot_be(word: str, text: str) -> None:
    with pytest.raises(StartError) as raised:
        options(word)
    assert str(raised.value) == text


@pytest.mark.parametrize("words", [["-maxmempool=4"], ["-maxmempool=-1"], ["-maxmempool=4", "-limitclustersize=101"]])
def test_a_mempool_needs_room_for_clusters(words: list[str]) -> None:
    with pytest.raises(StartError, match=r"^-maxmempool must be at least 5 MB$"):
        check_size(options(*words))


def test_a_mempool_may_hold_nothing() -> None:
    check_size(options("-maxmempool=0"))
    check_size(options("-maxmempool=1", "-limitclustersize=25"))
