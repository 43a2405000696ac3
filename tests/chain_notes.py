"""A client of the Chain interface that writes down what it hears."""

from interfaces.chain import BlockInfo, ChainNotifications
from primitives.transaction import Transaction


class Notes(ChainNotifications):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self.blocks: list[BlockInfo] = []
        self.transactions: list[tuple[str, bytes]] = []

    def block_connected(self, block: BlockInfo) -> None:
        self.heard.append(("+", block.height))
        self.blocks.append(block)

    def block_disconnected(self, block: BlockInfo) -> None:
        self.heard.append(("-", block.height))

    def updated_block_tip(self) -> None:
        self.heard.append(("tip", 0))

    def transaction_added_to_mempool(self, tx: bytes) -> None:
        self.transactions.append(("+", Transaction.parse(tx).txid))

    def transaction_removed_from_mempool(self, txid: bytes, reason: str) -> None:
        self.transactions.append((reason, txid))
