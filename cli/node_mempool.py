"""The mempool of a node's program, with what keeps it and what learns from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.mempool_settings import mempool_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.arguments import Arguments
    from cli.startup import Place
    from node.chainstate import Chainstate
    from node.clock import Clock


class NodeMempool:
    """From the chain's loading to the end."""

    def __init__(
        self, arguments: Arguments, place: Place, chainstate: Chainstate, clock: Clock, failed: Callable[[str], None]
    ) -> None:
        """Follow a chain with an empty mempool; `failed` is told why that cannot go on."""
        from node.fees.watcher import FeeWatcher
        from node.mempool.acceptance import Acceptance
        from node.mempool.chain_follower import ChainFollower
        from node.mempool.checker import MempoolChecker
        from node.mempool.keeper import MempoolKeeper
        from node.mempool.mempool import Mempool
        from node.mempool.persist import MEMPOOL_FILE

        self.pool = Mempool(mempool_options(arguments, place.chain), clock)
        self.acceptance = Acceptance(chainstate, self.pool)
        self.fees: FeeWatcher | None = None
        if not arguments.get_bool("blocksonly"):
            self.fees = FeeWatcher(place.network_dir, accept_stale=arguments.get_bool("acceptstalefeeestimates"))
            self.fees.start(self.pool, chainstate)
        self._follower = ChainFollower(chainstate, self.acceptance, failed)
        self._checker = MempoolChecker(self.pool, chainstate, failed) if self.pool.options.check_ratio else None
        self._keeper = MempoolKeeper(self.pool, self.acceptance, chainstate, place.network_dir / MEMPOOL_FILE)

    def load(self) -> None:
        """Begin to load what was kept over the restart."""
        if self._checker is not None:
            self._checker.start()
        self._keeper.start()

    def stop(self) -> None:
        """Keep what is there; nobody may change it any more."""
        if self._checker is not None:
            self._checker.stop()
        self._follower.close()
        self._keeper.stop()
        if self.fees is not None:
            self.fees.stop()
