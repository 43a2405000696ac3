"""How many bytes Core's TxGraph says it takes, since -maxmempool is measured in these.

Sizes of its structures on 64-bit Linux (Core: txgraph.cpp).
"""

from node.mempool.memory import allocated

ENTRY_BYTES = 80
"""Each transaction in the vector of entries."""

CHUNK_BYTES = allocated(40)
"""Each chunk in the set that keeps their order."""

LONE_BYTES = allocated(48) + 8 + CHUNK_BYTES
"""A cluster of one transaction, and its chunk."""

MEMBER_BYTES = 4 + 4 + 32 + CHUNK_BYTES
"""About what one more transaction adds to a cluster, until it is in order."""


def cluster_bytes(count: int) -> int:
    """Return what a cluster of two or more takes without its chunks."""
    return allocated(104) + 8 + 2 * allocated(4 * count) + allocated(32 * count)
