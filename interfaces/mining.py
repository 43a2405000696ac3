"""Chain tip and block templates for miners (Core: src/interfaces/mining.h, src/node/types.h).

Hashes are 32 bytes in internal order, blocks and headers are consensus serialised,
amounts are satoshis, timeouts are milliseconds.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from sys import float_info
from typing import TYPE_CHECKING, Final

from interfaces.interface import Interface
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_MONEY: Final = 2_100_000_000_000_000
FOREVER: Final = float_info.max
"""A timeout in milliseconds that never ends."""


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block's place: its hash (32 bytes, internal order) and height."""

    hash: bytes
    height: int


@dataclass(frozen=True, slots=True)
class BlockCreateOptions:
    """How to build a template: weight in weight units, sigops as a count."""

    use_mempool: bool = True
    block_reserved_weight: int = 8000
    coinbase_output_max_additional_sigops: int = 400


@dataclass(frozen=True, slots=True)
class BlockWaitOptions:
    """When to stop waiting for a better template: after `timeout` ms or `fee_threshold` satoshis more."""

    timeout: float = FOREVER
    fee_threshold: int = MAX_MONEY


@dataclass(frozen=True, slots=True)
class BlockCheckOptions:
    """Which checks a candidate block undergoes."""

    check_merkle_root: bool = True
    check_pow: bool = True


@dataclass(frozen=True, slots=True)
class BlockValidation:
    """Whether a block is valid, and if not why: a reject reason and a debug message."""

    reason: str
    debug: str
    result: bool


@dataclass(frozen=True, slots=True)
class CoinbaseTx:
    """What a miner needs to build its coinbase transaction."""

    version: int
    sequence: int
    script_sig_prefix: bytes
    witness: bytes | None
    block_reward_remaining: int
    required_outputs: list[bytes] = field(default_factory=list)
    lock_time: int = 0

    def build(self, outputs: Sequence[TxOut], data: bytes = b"") -> Transaction:
        """Make a coinbase that pays `outputs`; `data` follows the height, at low heights at least one byte (BIP34)."""
        witness = () if self.witness is None else (self.witness,)
        spent = TxIn(OutPoint(bytes(32), 0xFFFFFFFF), self.script_sig_prefix + data, self.sequence, witness)
        required = (TxOut.parse(output) for output in self.required_outputs)
        return Transaction(self.version, (spent,), (*outputs, *required), self.lock_time)


class BlockTemplate(Interface, schema="mining.capnp"):
    """A block being built, to be solved by a miner."""

    @abstractmethod
    def get_block_header(self) -> bytes:
        """Return the 80 bytes of the header."""

    @abstractmethod
    def get_block(self) -> bytes:
        """Return the whole block with a dummy coinbase."""

    @abstractmethod
    def get_tx_fees(self) -> list[int]:
        """Return each transaction's fee, without the coinbase."""

    @abstractmethod
    def get_tx_sigops(self) -> list[int]:
        """Return each transaction's signature operation cost, without the coinbase."""

    @abstractmethod
    def get_coinbase_tx(self) -> CoinbaseTx:
        """Return what the coinbase must hold."""

    @abstractmethod
    def get_coinbase_merkle_path(self) -> list[bytes]:
        """Return the hashes that lead from the coinbase to the merkle root."""

    @abstractmethod
    def submit_solution(self, version: int, timestamp: int, nonce: int, coinbase: bytes) -> BlockValidation:
        """Complete the block with these fields and submit it (v32)."""

    @abstractmethod
    def submit_solution_old7(self, version: int, timestamp: int, nonce: int, coinbase: bytes) -> bool:
        """Complete the block with these fields and submit it (v31)."""

    @abstractmethod
    def wait_next(self, options: BlockWaitOptions) -> BlockTemplate | None:
        """Wait for a better template; None when time is up or the wait was interrupted."""

    @abstractmethod
    def interrupt_wait(self) -> None:
        """Make a running `wait_next` return."""


class Mining(Interface, schema="mining.capnp"):
    """What a miner asks of a node."""

    @abstractmethod
    def is_test_chain(self) -> bool:
        """Whether the chain is a test chain."""

    @abstractmethod
    def is_initial_block_download(self) -> bool:
        """Whether the node still catches up with the chain."""

    @abstractmethod
    def get_tip(self) -> BlockRef | None:
        """Return the tip, None while there is none."""

    @abstractmethod
    def wait_tip_changed(self, current_tip: bytes, timeout: float = FOREVER) -> BlockRef | None:
        """Wait until the tip differs from `current_tip`; return the tip, None on shutdown."""

    @abstractmethod
    def create_new_block(self, options: BlockCreateOptions, cooldown: bool = True) -> BlockTemplate | None:
        """Build a template; None when interrupted."""

    @abstractmethod
    def check_block(self, block: bytes, options: BlockCheckOptions) -> BlockValidation:
        """Check whether a block would be accepted on the tip."""

    @abstractmethod
    def interrupt(self) -> None:
        """Make running waits return."""

    @abstractmethod
    def submit_block(self, block: bytes) -> BlockValidation:
        """Validate a block and add it to the chain (v32)."""

    @abstractmethod
    def get_transactions_by_tx_id(self, txids: list[bytes]) -> list[bytes]:
        """Return the mempool's transactions with these txids, b"" for each unknown (v32)."""

    @abstractmethod
    def get_transactions_by_witness_id(self, wtxids: list[bytes]) -> list[bytes]:
        """Return the mempool's transactions with these wtxids, b"" for each unknown (v32)."""
