"""What a mempool says of itself, worked out anew from its transactions."""

from node.mempool import memory
from node.mempool.mempool import Mempool
from primitives.transaction import Transaction


def check(pool: Mempool) -> None:
    """Check that a mempool is what its transactions make of it (Core: CTxMemPool::check)."""
    with pool.lock:
        entries = list(pool.entries())
        assert len(pool) == len(entries)
        by_txid = {entry.txid: entry for entry in entries}
        assert len(by_txid) == len(entries)
        spenders = {}
        for entry in entries:
            tx = Transaction.parse(entry.data)
            assert (entry.txid, entry.wtxid, entry.weight) == (tx.txid, tx.wtxid, tx.weight)
            assert pool.get(entry.txid) is entry
            assert pool.by_wtxid(entry.wtxid) is entry
            assert entry.usage == memory.transaction_usage(tx)
            assert entry.fee == entry.base_fee + pool.deltas.get(entry.txid, 0)
            assert entry.vsize == -(-max(tx.weight, entry.sigop_cost * pool.options.bytes_per_sigop) // 4)
            prevouts = [each.prevout.txid + each.prevout.index.to_bytes(4, "little") for each in tx.inputs]
            assert list(entry.prevouts) == prevouts
            for prevout in prevouts:
                assert prevout not in spenders
                spenders[prevout] = entry
        assert {prevout: pool.spender_of(prevout) for prevout in pool.spent_outpoints()} == spenders
        assert pool.total_vsize == sum(entry.vsize for entry in entries)
        assert pool.total_fee == sum(entry.base_fee for entry in entries)
        assert pool.unbroadcast <= by_txid.keys()
        for entry in entries:
            parents = {by_txid[prevout[:32]] for prevout in entry.prevouts if prevout[:32] in by_txid}
            assert set(entry.parents) == parents
            outputs = len(entry.transaction().outputs)
            keys = (entry.txid + index.to_bytes(4, "little") for index in range(outputs))
            assert set(entry.children) == {spenders[key] for key in keys if key in spenders}
        assert not pool.graph.oversized()
        seen: set[bytes] = set()
        for nodes, fee, size in pool.graph.mining_order():
            assert fee == sum(node.fee for node in nodes)
            assert size == sum(node.size for node in nodes)
            for node in nodes:
                assert all(parent.txid in seen for parent in node.parents)
                seen.add(node.txid)
        assert seen == by_txid.keys()
