"""A wallet in step with a node: directly and over IPC."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from mempool_chain import SCRIPT, spend
from regtest_node import Connected, RegtestInit, RegtestNode, connected_to, regtest_node
from running_programs import wait_for
from snapshot_chain import HEIGHT, snapshot_blocks
from wallet_lab import OTHERS, FakeKeys, plain_balances

from common.chains import REGTEST
from interfaces.chain import BlockParts, Chain, FoundBlock
from interfaces.events import EventBatch, Events, Position, Wanted
from node.mempool.mempool import RemovalReason
from primitives.block import BlockHeader
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from rpc.server import RpcOverIpc
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.errors import WalletError
from wallet.flags import BLANK
from wallet.ledger import Balances
from wallet.records import Records
from wallet.rescan import ScanStatus
from wallet.transaction import IN_MEMPOOL, INACTIVE, BlockConflicted, Confirmed
from wallet.wallet import Wallet

MINE = SCRIPT
"""So the coins that the node's helper spends are the wallet's."""


@dataclass
class Desk:
    """A node, and wallets that follow it."""

    node: RegtestNode
    folder: Path
    reach: Callable[[], tuple[Chain, Callable[[], Events]]]

    def context(self, *, online: bool = True) -> WalletContext:
        chain, make_events = self.reach() if online else (None, None)
        context = WalletContext(REGTEST, self.folder, chain=chain, make_events=make_events)
        context.lost = self.lost
        return context

    def lost(self, error: Exception) -> None:
        raise AssertionError(error)

    def open(self, *scripts: bytes, name: str = "w", online: bool = True, start: bool = True, born: int = 1) -> Wallet:
        context = self.context(online=online)
        database = WalletDatabase(self.folder / name, REGTEST, unsafe_sync=True)
        if Records(database).flags() is None:
            wallet = Wallet.create(name, database, context, BLANK)
        else:
            wallet, warnings = Wallet.load(name, database, context)
            assert not warnings
        keys = FakeKeys(list(scripts or (MINE,)), creation_time=born)
        wallet.take_descriptor(keys)  # type: ignore[arg-type] # It has all that is asked here.
        wallet.history.find_all_own()
        if start:
            wallet.start()
        return wallet


@pytest.fixture(params=["direct", "ipc"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, no_leaks: None) -> Iterator[Desk]:  # noqa: ARG001 - around all
    with regtest_node(tmp_path / "node") as node:
        folder = tmp_path / "wallets"
        folder.mkdir()
        if request.param == "direct":
            init = RegtestInit(node)
            yield Desk(node, folder, lambda: (init.make_chain(), init.make_events))
        else:
            with connected_to(node, tmp_path) as connected:
                yield Desk(node, folder, lambda: reached(connected))


def reached(connected: Connected) -> tuple[Chain, Callable[[], Events]]:
    init = connected.client()[1]
    chain = init.make_chain()
    assert chain is not None

    def make_events() -> Events:
        events = init.make_events()
        assert events is not None
        return events

    return chain, make_events


def settled(wallet: Wallet) -> Balances:
    """Return the balances once the wallet knows what the node knows, checked against all transactions."""
    assert wallet.wait_until_synced()
    with wallet.lock:
        found = wallet.ledger.balances()
        assert found == plain_balances(wallet)
        return found


def total_of(tx: Transaction) -> int:
    return sum(output.value for output in tx.outputs if output.script_pubkey == MINE)


def test_a_wallet_follows_blocks_and_mempool(desk: Desk) -> None:
    wallet = desk.open()
    mempool = desk.node.mempool
    mempool.prepare(3)
    assert settled(wallet) == Balances(3_000_000)
    assert (wallet.last_block, wallet.last_block_height) == (mempool.chain.tip().hash, 102)
    tx = spend(mempool.take(), fee=1000)
    mempool.send(tx)
    assert settled(wallet) == Balances(2_999_000)
    assert wallet.transactions[tx.txid].state == IN_MEMPOOL
    block = mempool.mine_all()
    assert settled(wallet) == Balances(2_999_000)
    assert wallet.transactions[tx.txid].state == Confirmed(block.hash, 103, 1)
    assert wallet.block_time(block.hash) == block.header.time
    mempool.undo()
    assert settled(wallet) == Balances(2_999_000)
    assert wallet.transactions[tx.txid].state == IN_MEMPOOL
    assert wallet.last_block_height == 102
    wallet.close()


class DamagedEvents:
    """Events in which no transaction can be read."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self.find_position, self.interrupt, self.close = events.find_position, events.interrupt, events.close

    def next(self, position: Position, wanted: Wanted, max_events: int) -> EventBatch | None:
        batch = self._events.next(position, wanted, max_events)
        if batch is None:
            return None
        return replace(batch, events=[replace(each, data=each.data and b"\1") for each in batch.events])


def test_a_wallet_that_cannot_follow_is_unloaded(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    whole = desk.reach

    def damaged() -> tuple[Chain, Callable[[], Events]]:
        chain, make_events = whole()
        return chain, lambda: DamagedEvents(make_events())  # type: ignore[return-value]

    desk.reach = damaged
    wallet = desk.open()
    context = wallet.context
    context.add(wallet)
    mempool = desk.node.mempool
    mempool.prepare(1)
    mempool.send(spend(mempool.take(), fee=1000))
    wait_for(lambda: not context.wallets(), "it is unloaded")
    context.wait_until_given_up()
    assert "Wallet 'w' is unloaded, as it cannot follow the node." in caplog.text
    desk.reach = whole
    again = desk.open()
    assert settled(again) == Balances(999_000)
    again.close()


class CountedChain:
    """A chain that counts which blocks it was asked to send."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.sent: list[bytes] = []

    def find_block(self, block: bytes, parts: BlockParts) -> FoundBlock | None:
        if parts.data:
            self.sent.append(block)
        return self._chain.find_block(block, parts)

    def __getattr__(self, name: str) -> object:
        return getattr(self._chain, name)


def test_only_blocks_that_may_concern_a_wallet_are_sent(desk: Desk) -> None:
    chain, make_events = desk.reach()
    counted = CountedChain(chain)
    desk.reach = lambda: (counted, make_events)  # type: ignore[assignment,return-value] # It passes all on.
    wallet = desk.open(OTHERS)
    mempool = desk.node.mempool
    mempool.prepare(3)
    assert settled(wallet) == Balances(0)
    assert not counted.sent
    assert (wallet.last_block, wallet.last_block_height) == (mempool.chain.tip().hash, 102)
    paid = spend(mempool.take(), fee=1000, outputs=0, extra=[TxOut(900_000, OTHERS)])
    block = mempool.mine([paid])
    mempool.mine()
    assert settled(wallet) == Balances(900_000)
    assert counted.sent == [block.hash]
    wallet.close()


def test_a_reorganisation_that_spends_double_excludes_what_was_confirmed(desk: Desk) -> None:
    wallet = desk.open()
    mempool = desk.node.mempool
    mempool.prepare(2)
    coin = mempool.take()
    mine = spend(coin, fee=1000)
    child = Transaction(2, (TxIn(OutPoint(mine.txid, 0), b"", 0, (b"\x51",)),), (TxOut(5000, MINE),), 0)
    mempool.mine([mine])
    mempool.send(child)
    assert settled(wallet) == Balances(1_005_000)
    theft = spend(coin, fee=1000, outputs=0, extra=[TxOut(900_000, OTHERS)])
    mempool.undo()
    block = mempool.mine([theft], extra=1)
    mempool.mine()
    assert settled(wallet) == Balances(1_000_000)
    for tx in (mine, child):
        assert wallet.transactions[tx.txid].state == BlockConflicted(block.hash, 103)
    assert wallet.history.depth(wallet.transactions[child.txid]) == -2
    wallet.close()
    wallet = desk.open()
    assert settled(wallet) == Balances(1_000_000)
    assert wallet.transactions[child.txid].state == BlockConflicted(block.hash, 103)
    mempool.undo(2)
    assert settled(wallet) == Balances(1_000_000)
    assert wallet.transactions[child.txid].state == INACTIVE
    wallet.close()


def test_who_waits_for_a_tip_that_leaves_the_chain_waits_for_the_next_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = desk.open()
    mempool = desk.node.mempool
    mempool.prepare(1)
    assert wallet.wait_until_synced()
    height = wallet.last_block_height
    source = desk.node.services.events()
    find = source.find_position

    def find_and_undo(locator: Sequence[bytes]) -> Position:
        position = find(locator)
        monkeypatch.undo()
        mempool.undo()
        wait_for(lambda: wallet.last_block_height < height, "the wallet hears of it")
        return position

    monkeypatch.setattr(source, "find_position", find_and_undo)
    assert wallet.wait_until_synced(5)
    wallet.close()


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_wallet_catches_up_with_what_it_missed(desk: Desk, is_killed: bool) -> None:
    mempool = desk.node.mempool
    wallet = desk.open()
    mempool.prepare(3)
    lost = spend(mempool.take(), fee=1000)
    mempool.mine([lost])
    settled(wallet)
    if is_killed:
        # All that is on disk is there, but nobody said goodbye.
        copy = desk.folder / "copy"
        copy.mkdir()
        wallet.database.backup(copy / "wallet.dat")
        name = "copy"
    else:
        name = "w"
    wallet.close()
    mempool.undo()
    mempool.pool.remove(list(mempool.pool.entries()), RemovalReason.EXPIRY)
    mempool.mine([spend(mempool.take(), fee=500)])
    mempool.mine()
    mempool.send(spend(mempool.take(), fee=300))
    wallet = desk.open(name=name)
    # What was lost is sent again.
    assert settled(wallet) == Balances(999_000 + 999_500 + 999_700)
    assert wallet.transactions[lost.txid].state == IN_MEMPOOL
    wallet.close()


def test_a_wallet_that_could_not_catch_up_does_so_next_time(desk: Desk) -> None:
    mempool = desk.node.mempool
    mempool.prepare(1)
    desk.open().close()
    mempool.mine([spend(mempool.take(), fee=1000)])
    wallet = desk.open(start=False)
    with wallet.rescan.reserved(), pytest.raises(WalletError, match="Failed to acquire rescan reserver"):
        wallet.start()
    wallet.close()
    wallet = desk.open()
    assert settled(wallet) == Balances(999_000)
    wallet.close()


def test_a_scan_that_was_ended_goes_on_where_it_was(desk: Desk) -> None:
    mempool = desk.node.mempool
    mempool.prepare(2)
    desk.open().close()
    mempool.mine([spend(mempool.take(), fee=1000)])
    desk.node.extend(150)
    mempool.mine([spend(mempool.take(), fee=500)])
    wallet = desk.open(start=False)
    stood = wallet.records.best_block()
    asked = iter((False, True))
    wallet.context.shutdown_requested = lambda: next(asked)
    with pytest.raises(WalletError, match="Failed to rescan the wallet during initialization"):
        wallet.start()
    wallet.close()
    wallet = desk.open(start=False)
    chain, locator = wallet.chain_or_fail(), wallet.records.best_block()
    reached, before = chain.find_block(locator[0], BlockParts()), chain.find_block(stood[0], BlockParts())
    assert reached is not None
    assert before is not None
    assert reached.height - before.height == 99
    assert wallet.ledger.balances() == Balances(999_000 + 1_000_000)
    wallet.start()
    assert settled(wallet) == Balances(999_000 + 999_500)
    wallet.close()


def test_a_wallet_waits_for_blocks_below_a_snapshot(desk: Desk, tmp_path: Path) -> None:
    blocks = snapshot_blocks()
    file = tmp_path / "coins"
    with regtest_node(tmp_path / "full") as full:
        for block in blocks:
            full.chainstate.process_block(block)
        assert "error" not in ask(full, "dumptxoutset", str(file), "latest")
    chainstate = desk.node.chainstate
    wallet = desk.open()
    late = desk.open(OTHERS, name="late", born=BlockHeader.parse(blocks[-1][:80]).time + 3 * 60 * 60)
    for block in blocks[:5]:
        chainstate.process_block(block)
    assert settled(wallet) == Balances(immature=5 * 50 * 10**8)
    for block in blocks:
        chainstate.process_header(block[:80])
    assert "error" not in ask(desk.node, "loadtxoutset", str(file))
    # A wallet that nothing below concerns goes on, the other one knows no more than it did.
    assert late.wait_until_synced()
    assert late.last_block_height == HEIGHT
    assert not wallet.wait_until_synced()
    assert wallet.last_block_height == 5
    assert wallet.is_connected
    for block in blocks[5:]:
        chainstate.process_block(block)
    # Coinbases of 50, and after a halving of 25; those of 100 blocks are mature.
    assert settled(wallet).trusted == 100 * 50 * 10**8
    assert wallet.last_block_height == HEIGHT
    late.close()
    wallet.close()


def ask(node: RegtestNode, method: str, *params: str) -> str:
    """Call a method of the node's RPC."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return RpcOverIpc(node.services.rpc()).execute_rpc(body, "/", "me")


def test_transactions_that_leave_the_mempool_wait_to_be_abandoned(desk: Desk) -> None:
    wallet = desk.open()
    mempool = desk.node.mempool
    mempool.prepare(2)
    coin = mempool.take()
    tx = spend(coin, fee=1000)
    mempool.send(tx)
    assert settled(wallet) == Balances(1_999_000)
    assert not wallet.abandon(tx.txid)
    mempool.pool.remove(list(mempool.pool.entries()), RemovalReason.EXPIRY)
    assert settled(wallet) == Balances(1_000_000)
    assert wallet.abandon(tx.txid)
    assert settled(wallet) == Balances(2_000_000)
    mempool.send(tx)
    assert settled(wallet) == Balances(1_999_000)
    replaced = spend(coin, fee=5000)
    mempool.send(replaced)
    assert settled(wallet) == Balances(1_995_000)
    assert wallet.transactions[tx.txid].mempool_conflicts == {replaced.txid}
    wallet.close()


def test_what_a_wallet_learns_of_later_is_found_by_a_rescan(desk: Desk) -> None:
    mempool = desk.node.mempool
    mempool.prepare(4)
    early = mempool.mine([spend(mempool.take(), fee=1)])
    for _ in range(3):
        mempool.mine()
    late = mempool.mine([spend(mempool.take(), fee=2)])
    wallet = desk.open(start=False, born=late.header.time + 10_000)
    wallet.start()
    assert settled(wallet) == Balances()
    with wallet.rescan.reserved() as is_free:
        assert is_free
        with wallet.rescan.reserved() as is_second_free:
            assert not is_second_free
        last = wallet.rescan.scan(late.header.hash, 107)
    assert (last.status, last.last_hash, last.last_height) == (ScanStatus.SUCCESS, late.header.hash, 107)
    assert settled(wallet) == Balances(999_998)
    assert wallet.rescan.progress == 1.0
    with wallet.rescan.reserved():
        part = wallet.rescan.scan(early.header.hash, 103, 104)
        assert (part.status, part.last_height) == (ScanStatus.SUCCESS, 104)
        assert settled(wallet) == Balances(999_998 + 999_999)
        assert wallet.rescan.from_time(0) == 0
    assert settled(wallet) == Balances(3_999_997)
    times = [wtx.time for wtx in wallet.history.ordered]
    assert times[0] == late.header.time
    assert wallet.history.ordered[1].time == early.header.time
    wallet.close()


def test_a_rescan_ends_when_told_to_and_says_what_is_unknown(desk: Desk) -> None:
    mempool = desk.node.mempool
    mempool.prepare(1)
    wallet = desk.open()
    with wallet.rescan.reserved():
        wallet.rescan.abort()
        assert wallet.rescan.is_aborting
        assert wallet.rescan.scan(mempool.chain.tip().hash, 102).status is ScanStatus.ABORTED
    with wallet.rescan.reserved():
        assert not wallet.rescan.is_aborting
        failed = wallet.rescan.scan(b"\1" * 32, 5)
        assert (failed.status, failed.failed_block) == (ScanStatus.FAILURE, b"\1" * 32)
    stale = mempool.mine()
    mempool.undo()
    with wallet.rescan.reserved():
        left = wallet.rescan.scan(stale.header.hash, 103)
        assert (left.status, left.failed_block) == (ScanStatus.FAILURE, stale.header.hash)
    wallet.close()


def test_wallets_of_other_chains_are_refused(desk: Desk) -> None:
    wallet = desk.open()
    wallet.close()
    database = WalletDatabase(desk.folder / "w", REGTEST, unsafe_sync=True)
    Records(database).write_best_block([b"\5" * 32])
    database.close()
    with pytest.raises(WalletError, match="Wallet files should not be reused across chains"):
        desk.open()


def test_a_wallet_without_a_node_shows_what_it_has(desk: Desk) -> None:
    wallet = desk.open()
    desk.node.mempool.prepare(2)
    settled(wallet)
    wallet.close()
    wallet.close()
    wallet = desk.open(online=False)
    assert not wallet.is_connected
    assert wallet.wait_until_synced()
    assert wallet.ledger.balances().trusted == 2_000_000
    with pytest.raises(WalletError, match="not connected"):
        wallet.chain_or_fail()
    wallet.close()


def test_several_wallets_follow_one_node(desk: Desk) -> None:
    wallets = [desk.open(name=f"w{number}") for number in range(3)]
    desk.node.mempool.prepare(2)
    tx = spend(desk.node.mempool.take(), fee=10)
    desk.node.mempool.send(tx)
    for wallet in wallets:
        assert settled(wallet) == Balances(1_999_990)
        wallet.close()


def test_a_node_that_ends_lets_the_wallet_be(desk: Desk) -> None:
    wallet = desk.open()
    desk.node.mempool.prepare(1)
    settled(wallet)
    desk.node.services.interrupt()
    assert wallet.wait_until_synced(5) in {True, False}
    assert wallet.ledger.balances() == Balances(1_000_000)
    wallet.close()
