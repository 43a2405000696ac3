"""What the parts of a running node share (Core: src/node/context.h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.clock import Clock
from node.network_options import NetworkOptions
from node.templates.miner import Miner
from node.templates.options import MiningPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from common.chains import ChainParams
    from node.chainstate import Chainstate
    from node.fees.watcher import FeeWatcher
    from node.indexes.indexes import Indexes
    from node.mempool.acceptance import Acceptance
    from node.mempool.mempool import Mempool
    from node.prune_lock import PruneLock


@dataclass(slots=True)
class NodeContext:
    """One node."""

    chain: ChainParams
    chainstate: Chainstate
    network_dir: Path
    shutdown: Callable[[], None]
    """Asks the program to end."""
    clock: Clock = field(default_factory=Clock)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    indexes: Indexes | None = None
    """None only where there is no chain either."""
    mempool: Mempool | None = None
    acceptance: Acceptance | None = None
    """The way into `mempool`; both are there or none."""
    prune_lock: PruneLock | None = None
    """None where nothing is pruned."""
    fees: FeeWatcher | None = None
    """None where fees are not estimated (-blocksonly)."""
    last_built: tuple[int, int] | None = None
    """Weight, with what is reserved, and number of transactions besides the coinbase of the block built last."""
    mining: MiningPolicy = field(default_factory=MiningPolicy)
    """How templates are filled."""
    echo_elsewhere: Callable[[str], str] = str
    """Has a process spawned for it send a text back."""
    bring_wallets_forward: Callable[[int], None] | None = None
    """Has wallets do sooner what they do from time to time, by so many seconds; None where there are none."""
    miner: Miner = field(init=False)
    """Templates, and those who wait for them."""

    def __post_init__(self) -> None:
        """Begin to serve templates."""
        self.miner = Miner(self, self.mining)
