"""Core's interfaces as an asyncio client sees them, for type checkers: each method awaits its answer.

`ipc.aio.connect(path, Init)` returns an `AsyncInit`. What a method does stands at the interface it is taken from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from interfaces.mining import FOREVER, BlockCheckOptions, BlockCreateOptions, BlockWaitOptions

if TYPE_CHECKING:
    from types import TracebackType

    from interfaces.mining import BlockRef, BlockValidation, CoinbaseTx


class AsyncInterface(Protocol):
    """What all have in common: an end, which a `with` block brings too."""

    async def close(self) -> None:
        """End the object in the other process; for the first object of a connection, the connection."""

    async def __aenter__(self) -> Self:
        """Return it."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""


class AsyncEcho(AsyncInterface, Protocol):
    """See interfaces.echo.Echo."""

    async def echo(self, echo: str) -> str:
        """Send a text back."""


class AsyncRpc(AsyncInterface, Protocol):
    """See interfaces.rpc.Rpc."""

    async def execute_rpc(self, request: str, uri: str, user: str) -> str:
        """Answer a whole JSON-RPC request."""


class AsyncBlockTemplate(AsyncInterface, Protocol):
    """See interfaces.mining.BlockTemplate."""

    async def get_block_header(self) -> bytes:
        """Return the 80 bytes of the header."""

    async def get_block(self) -> bytes:
        """Return the whole block with a dummy coinbase."""

    async def get_tx_fees(self) -> list[int]:
        """Return each transaction's fee, without the coinbase."""

    async def get_tx_sigops(self) -> list[int]:
        """Return each transaction's signature operation cost, without the coinbase."""

    async def get_coinbase_tx(self) -> CoinbaseTx:
        """Return what the coinbase must hold."""

    async def get_coinbase_merkle_path(self) -> list[bytes]:
        """Return the hashes that lead from the coinbase to the merkle root."""

    async def submit_solution(self, version: int, timestamp: int, nonce: int, coinbase: bytes) -> BlockValidation:
        """Complete the block with these fields and submit it (v32)."""

    async def submit_solution_old7(self, version: int, timestamp: int, nonce: int, coinbase: bytes) -> bool:
        """Complete the block with these fields and submit it (v31)."""

    async def wait_next(self, options: BlockWaitOptions) -> AsyncBlockTemplate | None:
        """Wait for a better template; None when time is up or the wait was interrupted."""

    async def interrupt_wait(self) -> None:
        """Make a running `wait_next` return."""


class AsyncMining(AsyncInterface, Protocol):
    """See interfaces.mining.Mining."""

    async def is_test_chain(self) -> bool:
        """Whether the chain is a test chain."""

    async def is_initial_block_download(self) -> bool:
        """Whether the node still catches up with the chain."""

    async def get_tip(self) -> BlockRef | None:
        """Return the tip, None while there is none."""

    async def wait_tip_changed(self, current_tip: bytes, timeout: float = FOREVER) -> BlockRef | None:  # noqa: ASYNC109 - the node's
        """Wait until the tip differs from `current_tip`; return the tip, None on shutdown."""

    async def create_new_block(self, options: BlockCreateOptions, cooldown: bool = True) -> AsyncBlockTemplate | None:
        """Build a template; None when interrupted."""

    async def check_block(self, block: bytes, options: BlockCheckOptions) -> BlockValidation:
        """Check whether a block would be accepted on the tip."""

    async def interrupt(self) -> None:
        """Make running waits return."""

    async def submit_block(self, block: bytes) -> BlockValidation:
        """Validate a block and add it to the chain (v32)."""

    async def get_transactions_by_tx_id(self, txids: list[bytes]) -> list[bytes]:
        """Return the mempool's transactions with these txids, b"" for each unknown (v32)."""

    async def get_transactions_by_witness_id(self, wtxids: list[bytes]) -> list[bytes]:
        """Return the mempool's transactions with these wtxids, b"" for each unknown (v32)."""


class AsyncInit(AsyncInterface, Protocol):
    """See interfaces.init.Init."""

    async def make_echo(self) -> AsyncEcho | None:
        """Make an `Echo`."""

    async def make_mining(self) -> AsyncMining | None:
        """Make a `Mining`."""

    async def make_rpc(self) -> AsyncRpc | None:
        """Make an `Rpc` (v32)."""

    async def make_mining_old2(self) -> None:
        """Refuse: the old Mining interface is gone."""
