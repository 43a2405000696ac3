"""Options about the chain, as the kernel gets them."""

from pathlib import Path

import pytest

from cli.arguments import parse
from cli.chain_options import chainstate_options
from cli.errors import StartError
from cli.pynode import PROGRAM
from cli.startup import Place, choose_chain
from node.chainstate_options import PRUNE_MANUALLY, ChainstateOptions, Deployment, share_cache


def read(*words: str) -> ChainstateOptions:
    arguments = parse(PROGRAM, list(words))
    place = Place(choose_chain(arguments), Path("/data"), Path("/data/net"), None)
    return chainstate_options(arguments, place, bool, lambda: None, lambda _: None)


def test_defaults() -> None:
    options = read("-regtest")
    assert options.prune_target == 0
    assert (options.reindex, options.reindex_chainstate, options.load_blocks) == (False, False, ())
    unset = "cache blocks_xor check_blocks check_level check_block_index max_tip_age minimum_chain_work assume_valid"
    for name in [*unset.split(), "signet_challenge", "batch_size", "signature_cache"]:
        assert getattr(options, name) is None, name


def test_values(tmp_path: Path) -> None:
    options = read(
        "-regtest", "-reindex", "-prune=1", "-par=3", "-blocksxor=0", "-checkblocks=5", "-checklevel=4",
        "-checkblockindex", "-maxtipage=7", "-minimumchainwork=0x10", "-assumevalid=0", "-fastprune",
        "-testactivationheight=segwit@5", "-testactivationheight=csv@6", "-vbparams=testdummy:1:2:3", "-test=bip94",
        "-stopatheight=9", f"-blocksdir={tmp_path}", "-loadblock=/a", "-loadblock=/b", "-dbcache=1", "-dbbatchsize=8",
        "-maxsigcachesize=2", "-dbcrashratio=4",
    )  # fmt: skip
    assert options.prune_target == PRUNE_MANUALLY
    assert (options.workers, options.blocks_xor, options.check_blocks, options.check_level) == (2, False, 5, 4)
    assert (options.check_block_index, options.max_tip_age, options.minimum_chain_work) == (1, 7, 16)
    assert (options.assume_valid, options.fast_prune, options.enforce_bip94) == (bytes(32), True, True)
    assert options.activation_heights == (("segwit", 5), ("csv", 6))
    assert options.deployments == (("testdummy", Deployment(1, 2, 3)),)
    assert (options.stop_at_height, options.blocks_dir) == (9, tmp_path / "regtest")
    assert options.load_blocks == (Path("/a"), Path("/b"))
    assert (options.cache, options.batch_size, options.signature_cache, options.crash_ratio) == (4 << 20, 8, 2 << 20, 4)
    assert read("-regtest", "-prune=550").prune_target == 550 << 20
    assert read("-signet", "-signetchallenge=51").signet_challenge == b"\x51"
    hash_ = "0" * 56 + "01020304"
    assert read("-regtest", f"-assumevalid={hash_}").assume_valid == bytes.fromhex(hash_)[::-1]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-testactivationheight=segwit", "Invalid format (segwit) for -testactivationheight=name@height."),
        ("-testactivationheight=segwit@x", "Invalid height value (segwit@x) for -testactivationheight=name@height."),
        ("-testactivationheight=segwit@-1", "Invalid height value (segwit@-1) for -testactivationheight=name@height."),
        ("-testactivationheight=no@1", "Invalid name (no@1) for -testactivationheight=name@height."),
        (
            "-vbparams=testdummy:1",
            "Version bits parameters malformed, expecting deployment:start:end[:min_activation_height]",
        ),
        ("-vbparams=testdummy:a:2", "Invalid nStartTime (a)"),
        ("-vbparams=testdummy:1:b", "Invalid nTimeout (b)"),
        ("-vbparams=testdummy:1:2:c", "Invalid min_activation_height (c)"),
        ("-vbparams=no:1:2", "Invalid deployment (no)"),
        ("-blocksdir=/no/such/place", 'Specified blocks directory "/no/such/place" does not exist.'),
    ],
)
def test_errors(words: str, text: str) -> None:
    with pytest.raises(StartError) as raised:
        read("-regtest", words)
    assert str(raised.value) == text


def test_errors_of_signets() -> None:
    with pytest.raises(StartError, match=r"^-signetchallenge cannot be multiple values\.$"):
        read("-signet", "-signetchallenge=51", "-signetchallenge=52")
    with pytest.raises(StartError, match=r"^-signetchallenge must be hex, not 'x'\.$"):
        read("-signet", "-signetchallenge=x")


def test_cache_is_shared_as_core_does() -> None:
    assert share_cache(450 << 20) == ((450 - 2 - 8) << 20, 8 << 20)
    assert share_cache(4 << 20) == (1_835_008, 1_835_008)
