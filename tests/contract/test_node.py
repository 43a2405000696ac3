"""The Node interface: what a desktop program asks of a node."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from block_factory import GENESIS_TIME, REGTEST_GENESIS_HASH, build_block
from conftest import wait_until
from regtest_node import Connected, RegtestInit, RegtestNode, connected_to, regtest_node

from interfaces.chain import FoundCoin, Outpoint
from interfaces.handler import Handler
from interfaces.node import (
    AlertCallback,
    BlockTip,
    BlockTipCallback,
    HeaderTip,
    HeaderTipCallback,
    MessageCallback,
    Node,
    ProgressCallback,
    RpcFailedError,
    SynchronizationState,
)
from node.node import LocalNode
from node.services import NodeServices
from primitives.block import Block

DOWNLOADING = SynchronizationState.INIT_DOWNLOAD


@pytest.fixture
def local(tmp_path: Path, no_leaks: None) -> Iterator[RegtestNode]:  # noqa: ARG001 - checked around everything else
    with regtest_node(tmp_path) as node:
        yield node


@pytest.fixture
def connected(local: RegtestNode, tmp_path: Path) -> Iterator[Connected]:
    with connected_to(local, tmp_path) as connected:
        yield connected


@pytest.fixture(params=["direct", "ipc"])
def node(request: pytest.FixtureRequest, local: RegtestNode) -> Node:
    if request.param == "direct":
        return RegtestInit(local).make_node()
    made = request.getfixturevalue("connected").client()[1].make_node()
    assert isinstance(made, Node)
    return made


class Heard(MessageCallback, ProgressCallback, AlertCallback, BlockTipCallback, HeaderTipCallback):
    """Writes down what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def call(self, *values: Any) -> None:
        self.calls.append(values)
        self.go_on.wait(20)


def test_how_far_it_is(local: RegtestNode, node: Node) -> None:
    tip = local.extend(2)[-1]
    local.chainstate.process_header(build_block(tip.hash, 3)[:80])
    assert node.get_num_blocks() == 2
    assert node.get_best_block_hash() == tip.hash
    assert node.get_last_block_time() == GENESIS_TIME + 1200
    assert node.get_header_tip() == HeaderTip(3, GENESIS_TIME + 1800)
    assert 0 < node.get_verification_progress() < 1
    info = node.get_tip_info()
    assert (info.block_height, info.block_time, info.header_height) == (2, GENESIS_TIME + 1200, 3)
    assert info.header_time == GENESIS_TIME + 1800
    assert info.verification_progress == pytest.approx(node.get_verification_progress(), rel=1e-3)
    assert node.is_initial_block_download()
    assert not node.is_loading_blocks()


def test_commands(local: RegtestNode, node: Node) -> None:
    local.extend(2)
    assert "getblockcount" in node.list_rpc_commands()
    assert node.execute_rpc("getblockcount", "[]") == "2"
    assert json.loads(node.execute_rpc("getblockhash", '{"height": 0}')) == REGTEST_GENESIS_HASH[::-1].hex()
    for command, params, code, text in (
        ("getblockhash", "[5]", -8, "Block height out of range"),
        ("nonsense", "[]", -32601, "Method not found"),
        ("getblockcount", "[", -32700, "Parse error"),
    ):
        with pytest.raises(RpcFailedError) as caught:
            node.execute_rpc(command, params)
        assert (caught.value.code, caught.value.message) == (code, text)


def test_unspent_output(local: RegtestNode, node: Node) -> None:
    (made,) = local.extend()
    output = Outpoint(Block.parse(local.chainstate.read_block(made)).transactions[0].txid, 0)
    assert node.get_unspent_output(output) == FoundCoin(output, 50 * 10**8, b"\x51", 1, is_coinbase=True)
    assert node.get_unspent_output(Outpoint(bytes(32), 0)) is None


def test_shutdown(local: RegtestNode, node: Node) -> None:
    assert not node.shutdown_requested()
    node.start_shutdown()
    assert node.shutdown_requested()
    assert local.stopped.is_set()


def test_messages_progress_and_warnings(local: RegtestNode, node: Node) -> None:
    notices = local.services.notices
    messages, progress, alerts = Heard(), Heard(), Heard()
    handlers = [
        node.handle_init_message(messages),
        node.handle_show_progress(progress),
        node.handle_notify_alert_changed(alerts),
    ]
    notices.init_message("Loading…")
    notices.init_message("Done loading")
    notices.show_progress("Reindexing", 40)
    notices.set_warning("disk", "The disk is full.")
    notices.set_warning("disk", "The disk is full.")
    wait_until(lambda: messages.calls == [("Loading…",), ("Done loading",)], "the messages came")
    wait_until(lambda: progress.calls == [("Reindexing", 40, False)], "the progress came")
    wait_until(lambda: alerts.calls == [()], "the alert came")
    assert node.get_warnings() == ["The disk is full."]
    notices.unset_warning("disk")
    notices.unset_warning("disk")
    wait_until(lambda: alerts.calls == [(), ()], "the alert came")
    assert node.get_warnings() == []
    for handler in handlers:
        handler.disconnect()
        handler.disconnect()
    notices.init_message("Unheard")
    for handler in handlers:
        handler.close()
    assert len(messages.calls) == 2


def test_tips(local: RegtestNode, node: Node) -> None:
    blocks, headers = Heard(), Heard()
    with node.handle_notify_block_tip(blocks), node.handle_notify_header_tip(headers):
        (made,) = local.extend()
        tip = BlockTip(1, GENESIS_TIME + 600, made.hash)
        wait_until(lambda: [call[:2] for call in blocks.calls] == [(DOWNLOADING, tip)], "the tip was told")
        assert 0 < blocks.calls[0][2] < 1
        wait_until(lambda: headers.calls == [(DOWNLOADING, tip, False)], "the header was told")
        following = build_block(made.hash, 2)
        local.chainstate.process_header(following[:80])
        wait_until(lambda: len(headers.calls) == 2, "the header was told")
    assert headers.calls[1][1].block_height == 2
    assert len(blocks.calls) == 1
    local.extend()
    assert len(blocks.calls) == 1


def test_slow_callback_gets_the_newest(local: RegtestNode, node: Node) -> None:
    slow = Heard()
    slow.go_on.clear()
    with node.handle_notify_block_tip(slow):
        local.extend()
        wait_until(lambda: len(slow.calls) == 1, "the first tip was told")
        local.extend(30)
        slow.go_on.set()
        wait_until(lambda: len(slow.calls) == 2, "another tip was told")
        assert [call[1].block_height for call in slow.calls] == [1, 31]


def test_handlers_end_with_their_client(local: RegtestNode, connected: Connected) -> None:
    ipc, init = connected.client()
    node = init.make_node()
    assert node is not None
    begin: list[Callable[[Any], Handler]] = [
        node.handle_init_message, node.handle_show_progress, node.handle_notify_alert_changed,
        node.handle_notify_block_tip, node.handle_notify_header_tip,
    ]  # fmt: skip
    handlers = [handle(Heard()) for handle in begin]
    assert len(delivering()) == len(handlers)
    ipc.close()
    wait_until(lambda: not delivering(), "all ended")
    local.extend()


def delivering() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "node-deliver"]


@pytest.mark.usefixtures("no_leaks")
def test_a_node_that_loads(tmp_path: Path) -> None:
    """Messages come while the chain loads; what needs the chain waits for it."""
    with regtest_node(tmp_path) as local:
        services = NodeServices(local.services.rpc, local.stopped.set, local.stopped.is_set)
        node = LocalNode(services)
        messages, tips = Heard(), Heard()
        with node.handle_init_message(messages), node.handle_notify_block_tip(tips):
            services.notices.init_message("Loading block index…")
            wait_until(lambda: len(messages.calls) == 1, "the message came")
            assert node.is_loading_blocks()
            assert node.get_warnings() == []
            threading.Timer(0.05, lambda: services.loaded(local.services.node())).start()
            assert node.get_num_blocks() == 0
            wait_until(lambda: len(tips.calls) == 1, "the first tip was told")
        services.close()


@pytest.mark.usefixtures("no_leaks")
def test_a_node_that_never_loads(tmp_path: Path) -> None:
    with regtest_node(tmp_path) as local:
        services = NodeServices(local.services.rpc, local.stopped.set, local.stopped.is_set)
        node = LocalNode(services)
        with node.handle_notify_block_tip(Heard()):
            threading.Timer(0.05, services.interrupt).start()
            with pytest.raises(RuntimeError, match="The node is shutting down"):
                node.get_num_blocks()
        services.close()


def test_a_node_without_wallets(node: Node) -> None:
    assert node.wallet_loader() is None
