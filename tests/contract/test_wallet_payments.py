"""The Wallet interface: transactions, coins and payments, as a desktop program shows and makes them."""

from collections.abc import Callable
from typing import Any

import pytest
from conftest import wait_until
from regtest_node import RegtestNode
from served_wallets import call, engines, heard, loader, local, made

from interfaces.chain import Outpoint
from interfaces.wallet import Wallet, WalletAddress, WalletFailedError, WalletLoader
from interfaces.wallet_spending import CoinControl, FeeEstimateMode, Recipient
from interfaces.wallet_transactions import NO_HEIGHT, TxOut, WalletTxOut
from primitives.psbt import Psbt
from primitives.psbt_writing import serialize_psbt
from primitives.script import TxoutType, solve
from primitives.transaction import Transaction
from wallet.served import LocalWalletLoader
from wallet.transaction import INACTIVE

__all__ = ["engines", "heard", "loader", "local"]
ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
COIN = 100_000_000
RATE = CoinControl(fee_rate=10_000)


def rpc(local: RegtestNode, method: str, *params: Any) -> Any:
    return local.services.rpc().call(method, *params)


@pytest.fixture
def wallet(loader: WalletLoader, local: RegtestNode) -> Wallet:
    """A wallet with one coinbase that may be spent, of 50 BTC."""
    wallet = made(loader)
    rpc(local, "generatetoaddress", 1, wallet.get_new_destination("bech32", "mined"))
    rpc(local, "generatetodescriptor", 100, "raw(51)")
    wait_until(lambda: wallet.get_balance() == 50 * COIN, "the coin can be spent")
    return wallet


def pay(wallet: Wallet, amount: int = COIN, address: str = ELSEWHERE) -> bytes:
    made = wallet.create_transaction([Recipient(address, amount)], RATE)
    wallet.commit_transaction(made.tx, ["Thanks"])
    return made.txid


def test_a_payment_from_its_making_to_its_block(wallet: Wallet, local: RegtestNode) -> None:
    created = wallet.create_transaction([Recipient(ELSEWHERE, COIN)], RATE, change_pos=1)
    tx = Transaction.parse(created.tx)
    assert (created.txid, created.change_pos, created.fee_rate) == (tx.txid, 1, 10_000)
    assert created.fee_reason == "User Specified Fee"
    assert (tx.outputs[0].value, sum(each.value for each in tx.outputs)) == (COIN, 50 * COIN - created.fee)
    assert created.fee == 1410
    assert wallet.get_tx(created.txid) is None
    wallet.commit_transaction(created.tx, ["Thanks"])
    assert wallet.get_tx(created.txid) == created.tx
    told = wallet.get_wallet_tx(created.txid)
    assert told is not None
    assert (told.txid, told.tx, told.is_coinbase) == (created.txid, created.tx, False)
    assert (told.txin_is_mine, told.txout_is_mine) == ([True], [False, True])
    assert (told.txout_is_change, told.txout_address_is_mine) == ([False, True], [False, True])
    assert told.txout_address[0] == ELSEWHERE
    assert (told.debit, told.credit, told.change) == (50 * COIN, tx.outputs[1].value, tx.outputs[1].value)
    details = wallet.get_wallet_tx_details(created.txid)
    assert details is not None
    assert details.wallet_tx == told
    assert (details.in_mempool, details.num_blocks, details.messages) == (True, 101, ["Thanks"])
    status = details.status
    assert (status.block_height, status.depth_in_main_chain, status.is_trusted) == (NO_HEIGHT, 0, True)
    assert (status.is_abandoned, status.is_in_main_chain, status.is_coinbase) == (False, False, False)
    assert status.lock_time == tx.lock_time
    assert wallet.get_balances().balance == 50 * COIN - COIN - created.fee
    (block,) = rpc(local, "generatetodescriptor", 1, "raw(51)")

    def is_mined() -> bool:
        update = wallet.try_get_tx_status(created.txid)
        return update is not None and update.status.is_in_main_chain

    wait_until(is_mined, "it is mined")
    update = wallet.try_get_tx_status(created.txid)
    assert update is not None
    assert (update.num_blocks, update.status.depth_in_main_chain, update.status.block_height) == (102, 1, 102)
    assert update.block_time == rpc(local, "getblockheader", block)["time"]
    found = wallet.try_get_balances()
    assert found is not None
    assert (found.block_hash[::-1].hex(), found.balances) == (block, wallet.get_balances())


def test_what_is_not_there(wallet: Wallet) -> None:
    nothing = bytes(32)
    assert wallet.get_tx(nothing) is None
    assert wallet.get_wallet_tx(nothing) is None
    assert wallet.get_wallet_tx_details(nothing) is None
    assert wallet.try_get_tx_status(nothing) is None
    assert not wallet.transaction_can_be_abandoned(nothing)
    assert not wallet.transaction_can_be_bumped(nothing)
    assert not wallet.abandon_transaction(nothing)
    assert wallet.get_coins([Outpoint(nothing, 0)]) == [WalletTxOut(TxOut(-1, b""), 0, -1, False)]
    assert wallet.get_address(ELSEWHERE) is None
    assert not wallet.del_address_book(ELSEWHERE)
    assert not wallet.is_spendable(ELSEWHERE)


REFUSED: list[tuple[Callable[[Wallet], object], str]] = [
    (lambda wallet: wallet.create_transaction([], RATE), "Transaction must have at least one recipient"),
    (lambda wallet: wallet.create_transaction([Recipient("x", 1)], RATE), "Invalid Bitcoin address: x"),
    (lambda wallet: wallet.create_transaction([Recipient(ELSEWHERE, -1)], RATE), "Amount out of range"),
    (lambda wallet: wallet.create_transaction([Recipient(ELSEWHERE, 1)], RATE), "Transaction amount too small"),
    (lambda wallet: wallet.create_transaction([Recipient(ELSEWHERE, 60 * COIN)], RATE), "Insufficient funds"),
    (
        lambda wallet: wallet.create_transaction([Recipient(ELSEWHERE, COIN)], CoinControl()),
        "Fee estimation failed. Fallbackfee is disabled.",
    ),
    (
        lambda wallet: wallet.create_transaction([Recipient(ELSEWHERE, COIN)], CoinControl(fee_rate=1)),
        "is lower than the minimum fee rate",
    ),
    (
        lambda wallet: wallet.create_transaction([Recipient(ELSEWHERE, COIN)], CoinControl(confirm_target=0)),
        "Invalid conf_target, must be between 1 and",
    ),
    (
        lambda wallet: wallet.create_transaction([Recipient(ELSEWHERE, COIN)], CoinControl(change_type="x")),
        "Unknown address type 'x'",
    ),
    (lambda wallet: wallet.commit_transaction(b"garbage", []), "TX decode failed"),
    (lambda wallet: wallet.fill_psbt(b"garbage"), "TX decode failed"),
    (lambda wallet: wallet.create_bump_transaction(bytes(32), RATE), "Invalid or non-wallet transaction id"),
    (lambda wallet: wallet.commit_bump_transaction(bytes(32), b""), "TX decode failed"),
    (lambda wallet: wallet.get_wallet_txs(bytes(32)), "Invalid or non-wallet transaction id"),
    (lambda wallet: wallet.get_new_destination("x", ""), "Unknown address type 'x'"),
    (lambda wallet: wallet.set_address_book(ELSEWHERE, "", "x"), "Unknown purpose 'x'"),
    (lambda wallet: wallet.sign_message("x", ELSEWHERE), "Address does not refer to key"),
    (lambda wallet: wallet.display_address(ELSEWHERE), "There is no ScriptPubKeyManager for this address"),
]


def test_what_fails_says_why(wallet: Wallet) -> None:
    for act, text in REFUSED:
        with pytest.raises(WalletFailedError, match=text):
            act(wallet)
    assert wallet.get_balance() == 50 * COIN


def test_transactions_in_pages(wallet: Wallet, engines: list[LocalWalletLoader]) -> None:
    """Newest first, each once, though one comes in between."""
    engine = engines[0].context.find("w")
    assert engine is not None
    (mined,) = engine.transactions.values()

    def add(number: int) -> bytes:
        tx = Transaction(2, mined.tx.inputs, (mined.tx.outputs[0]._replace(value=number),), number)
        engine.add_transaction(tx, INACTIVE)
        return tx.txid

    with engine.lock, engine.database.transaction():
        added = [add(number) for number in range(1, 2500)]
    pages = [wallet.get_wallet_txs(count=3)]
    while pages[-1]:
        pages.append(wallet.get_wallet_txs(pages[-1][-1].txid, 5000))
        if len(pages) == 2:
            add(5000)
    assert [len(page) for page in pages] == [3, 1000, 1000, 497, 0]
    assert [tx.txid for page in pages for tx in page] == [*reversed(added), mined.txid]


def test_no_coin_is_spent_by_two_payments(wallet: Wallet) -> None:
    first, second = (wallet.create_transaction([Recipient(ELSEWHERE, amount)], RATE) for amount in (COIN, 2 * COIN))
    wallet.commit_transaction(first.tx, [])
    with pytest.raises(WalletFailedError, match=f":0 was spent meanwhile, by transaction {first.txid[::-1].hex()}"):
        wallet.commit_transaction(second.tx, [])
    assert wallet.get_wallet_tx(second.txid) is None
    wallet.commit_transaction(first.tx, [])


def test_replacing_a_transaction(wallet: Wallet, local: RegtestNode) -> None:
    txid = pay(wallet)
    assert wallet.transaction_can_be_bumped(txid)
    bump = wallet.create_bump_transaction(txid, CoinControl(fee_rate=50_000))
    assert (bump.old_fee, bump.new_fee) == (1410, 7050)
    signed = wallet.sign_bump_transaction(bump.tx)
    assert signed is not None
    with pytest.raises(WalletFailedError, match="does not spend all"):
        wallet.commit_bump_transaction(txid, wallet.get_tx(wallet.get_wallet_txs()[-1].txid) or b"")
    new = wallet.commit_bump_transaction(txid, signed)
    assert new == Transaction.parse(signed).txid
    assert rpc(local, "getrawmempool") == [new[::-1].hex()]
    assert wallet.get_balance() == 50 * COIN - COIN - 7050
    assert not wallet.transaction_can_be_bumped(txid)
    with pytest.raises(WalletFailedError, match=r"already bumped|already spent"):
        wallet.create_bump_transaction(txid, CoinControl(fee_rate=90_000))
    rpc(local, "generatetodescriptor", 1, "raw(51)")
    wait_until(lambda: not wallet.transaction_can_be_bumped(new), "it is mined")


def test_giving_up_a_transaction(wallet: Wallet) -> None:
    unsigned = wallet.create_transaction([Recipient(ELSEWHERE, COIN)], RATE, sign=False)
    wallet.commit_transaction(unsigned.tx, [])
    assert wallet.get_balance() == 0
    assert wallet.transaction_can_be_abandoned(unsigned.txid)
    assert wallet.abandon_transaction(unsigned.txid)
    assert not wallet.transaction_can_be_abandoned(unsigned.txid)
    details = wallet.get_wallet_tx_details(unsigned.txid)
    assert details is not None
    assert details.status.is_abandoned
    assert wallet.get_balance() == 50 * COIN
    sent = pay(wallet)
    assert not wallet.transaction_can_be_abandoned(sent)
    assert not wallet.abandon_transaction(sent)


def test_coins(wallet: Wallet, local: RegtestNode) -> None:
    (mined,) = wallet.get_addresses()
    txid = pay(wallet)
    change = next(
        Outpoint(txid, index) for index, output in enumerate(outputs(wallet, txid)) if output.value not in {COIN, 0}
    )
    (group,) = wallet.list_coins()
    assert group.address == mined.address
    ((outpoint, output),) = [(coin.outpoint, coin.output) for coin in group.coins]
    assert (outpoint, output.depth_in_main_chain, output.is_spent) == (change, 0, False)
    assert wallet.get_coins([change]) == [output]
    assert wallet.txin_is_mine(change)
    assert wallet.txout_is_mine(output.txout)
    assert wallet.get_debit(change) == wallet.get_credit(output.txout) == output.txout.value
    assert wallet.get_available_balance(CoinControl()) == output.txout.value
    assert wallet.lock_coin(change, write_to_db=True)
    assert wallet.is_locked_coin(change)
    assert wallet.list_locked_coins() == [change]
    assert wallet.get_available_balance(CoinControl()) == 0
    assert wallet.get_available_balance(CoinControl(selected=[change])) == output.txout.value
    with pytest.raises(WalletFailedError, match="Insufficient funds"):
        pay(wallet)
    chosen = wallet.create_transaction(
        [Recipient(ELSEWHERE, COIN)], CoinControl(fee_rate=10_000, selected=[change], allow_other_inputs=False)
    )
    assert [each.prevout for each in Transaction.parse(chosen.tx).inputs] == [(change.txid, change.index)]
    assert wallet.unlock_coin(change)
    assert not wallet.is_locked_coin(change)
    rpc(local, "generatetodescriptor", 1, "raw(51)")
    wait_until(lambda: wallet.get_coins([change])[0].depth_in_main_chain == 1, "it is mined")


def outputs(wallet: Wallet, txid: bytes) -> tuple[Any, ...]:
    return Transaction.parse(wallet.get_tx(txid) or b"").outputs


def test_who_pays_the_fee(wallet: Wallet) -> None:
    made = wallet.create_transaction([Recipient(ELSEWHERE, 50 * COIN, subtract_fee_from_amount=True)], RATE)
    assert made.change_pos is None
    (output,) = Transaction.parse(made.tx).outputs
    assert output.value == 50 * COIN - made.fee
    change = wallet.get_new_destination("bech32m", "change")
    made = wallet.create_transaction([Recipient(ELSEWHERE, COIN)], CoinControl(fee_rate=10_000, dest_change=change))
    assert made.change_pos is not None
    found = Transaction.parse(made.tx).outputs[made.change_pos]
    assert solve(found.script_pubkey)[0] is TxoutType.WITNESS_V1_TAPROOT


def test_fees(wallet: Wallet) -> None:
    assert wallet.get_required_fee(1000) == 1000
    fee = wallet.get_minimum_fee(1000, CoinControl(fee_rate=7000))
    assert (fee.fee, fee.reason) == (7000, "User Specified Fee")
    fee = wallet.get_minimum_fee(1000, CoinControl(fee_mode=FeeEstimateMode.ECONOMICAL))
    assert fee.reason == "Fallback fee"
    assert wallet.get_confirm_target() == 6
    assert wallet.get_default_max_tx_fee() == 10_000_000


def test_psbts(wallet: Wallet) -> None:
    unsigned = wallet.create_transaction([Recipient(ELSEWHERE, COIN)], RATE, sign=False)
    psbt = serialize_psbt(Psbt.of(Transaction.parse(unsigned.tx), 2))
    updated = wallet.fill_psbt(psbt, sign=False)
    assert not updated.complete
    assert len(updated.psbt) > len(psbt)
    signed = wallet.fill_psbt(updated.psbt, bip32_derivs=False)
    assert signed.complete
    assert len(signed.psbt) > len(updated.psbt)
    with pytest.raises(WalletFailedError, match="Specified sighash value does not match"):
        wallet.fill_psbt(wallet.fill_psbt(psbt, sighash=3, finalize=False).psbt, sighash=2)


def test_addresses(wallet: Wallet) -> None:
    (mined,) = wallet.get_addresses()
    assert wallet.get_address(mined.address) == mined == WalletAddress(mined.address, True, "receive", "mined")
    assert wallet.is_spendable(mined.address)
    assert not wallet.del_address_book(mined.address)
    wallet.set_address_book(ELSEWHERE, "shop", "refund")
    assert wallet.get_address(ELSEWHERE) == WalletAddress(ELSEWHERE, False, "refund", "shop")
    assert wallet.del_address_book(ELSEWHERE)
    assert wallet.get_addresses() == [mined]
    assert wallet.set_address_receive_request(mined.address, "1", "please")
    assert wallet.set_address_receive_request(mined.address, "2", "do")
    assert wallet.get_address_receive_requests() == ["please", "do"]
    assert wallet.set_address_receive_request(mined.address, "1", "")
    assert wallet.get_address_receive_requests() == ["do"]
    key = wallet.get_pub_key(mined.address)
    assert key is not None
    assert key[0] in {2, 3}
    assert wallet.get_pub_key(wallet.get_new_destination("bech32m", "")) is None


def test_a_message(wallet: Wallet, local: RegtestNode) -> None:
    address = wallet.get_new_destination("legacy", "")
    signature = wallet.sign_message("hello", address)
    assert rpc(local, "verifymessage", address, signature, "hello")
    wallet.encrypt_wallet("secret")
    with pytest.raises(WalletFailedError, match="Private key not available"):
        wallet.sign_message("hello", address)
    with pytest.raises(WalletFailedError, match="Signing transaction failed"):
        pay(wallet)


def test_what_it_is(wallet: Wallet, loader: WalletLoader, tmp_path: Any) -> None:
    assert (wallet.hd_enabled(), wallet.can_get_addresses(), wallet.taproot_enabled()) == (True, True, True)
    assert (wallet.has_external_signer(), wallet.get_default_address_type()) == (False, "bech32")
    watching = made(loader, "watching", disable_private_keys=True)
    assert (watching.hd_enabled(), watching.can_get_addresses(), watching.taproot_enabled()) == (False, False, False)
    wallet.export_watch_only_wallet(str(tmp_path / "public.dat"))
    assert loader.restore_wallet(str(tmp_path / "public.dat"), "public") == []
    public = loader.get_wallet("public")
    assert public is not None
    assert public.private_keys_disabled()
    assert public.get_addresses() == wallet.get_addresses()


def test_a_wallet_that_was_unloaded(wallet: Wallet, loader: WalletLoader) -> None:
    wallet.remove()
    assert loader.get_wallets() == []
    for ask in (wallet.get_wallet_name, wallet.get_balances, wallet.get_wallet_txs, wallet.remove):
        with pytest.raises(Exception, match="Requested wallet does not exist or is not loaded"):
            ask()
    assert call(loader, "listwallets")["result"] == []
