"""A wallet with coins that follows a node, both in this process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mempool_chain import Coin, spend
from regtest_node import RegtestInit, RegtestNode, regtest_node

from common.chains import REGTEST
from primitives.descriptor import OutputType
from primitives.fee_rate import FeeRate
from primitives.transaction import Transaction, TxOut
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.settings import WalletSettings
from wallet.spending.coin_control import CoinControl, Recipient
from wallet.spending.create import Created, create_transaction
from wallet.spending.node_view import ChainNode
from wallet.wallet import Wallet

FALLBACK = 20_000
"""The fee rate where none can be estimated, in satoshis per kvB."""
ELSEWHERE = b"\0\x14" + bytes(20)
"""The script of somebody else."""


@dataclass
class SpendingWallet:
    """The parts."""

    node: RegtestNode
    wallet: Wallet
    view: ChainNode

    def address(self, kind: OutputType = OutputType.BECH32) -> bytes:
        """Return the script of a fresh address."""
        return self.wallet.keypool.new_address(kind, "")

    def receive(self, amounts: Sequence[int], kind: OutputType = OutputType.BECH32, depth: int = 1) -> Transaction:
        """Get amounts in one transaction, and let it be so deep; 0 leaves it in the mempool."""
        chain = self.node.mempool
        outputs = [TxOut(amount, self.address(kind)) for amount in amounts]
        coins: list[Coin] = []
        while sum(coin.value for coin in coins) < sum(amounts) + 50_000:
            coins += chain.take()
        paid = spend(coins, fee=50_000, extra=outputs)
        if depth:
            chain.mine([paid])
            for _ in range(depth - 1):
                chain.mine()
        else:
            chain.send(paid)
        self.wallet.wait_until_synced()
        return paid

    def mine(self, count: int = 1) -> None:
        """Confirm what is in the mempool."""
        for _ in range(count):
            self.node.mempool.mine_all()
        self.wallet.wait_until_synced()

    def pay(self, amount: int, control: CoinControl | None = None, *, subtract_fee: bool = False) -> Created:
        """Make a transaction that pays somebody else."""
        control = control or CoinControl()
        return create_transaction(self.wallet, self.view, [Recipient(ELSEWHERE, amount, subtract_fee)], control)

    def accepts(self, transaction: Transaction) -> bool:
        """Whether the node's mempool would take a transaction: scripts, amounts and rules of relay hold."""
        result = self.node.mempool.acceptance.accept(transaction, test=True)
        assert result.rejection is None, result.rejection
        return True


@contextmanager
def spending_wallet(folder: Path, settings: WalletSettings | None = None, flags: int = 0) -> Iterator[SpendingWallet]:
    """Open a node and a wallet in a folder and close them again."""
    settings = settings or WalletSettings(keypool=10, fallback_fee=FALLBACK)
    with regtest_node(folder) as node:
        node.mempool.prepare(200)
        init = RegtestInit(node)
        chain = init.make_chain()
        context = WalletContext(REGTEST, folder, settings, chain=chain, make_events=init.make_events)
        wallet = Wallet.create("spender", WalletDatabase(None, REGTEST), context, flags)
        try:
            wallet.start()
            yield SpendingWallet(node, wallet, ChainNode(chain))
        finally:
            wallet.close()
            node.services.interrupt()


def rate(sat_per_vbyte: float) -> CoinControl:
    """Return what a user says who wants a fee rate."""
    return CoinControl(fee_rate=FeeRate(round(sat_per_vbyte * 1000)))
