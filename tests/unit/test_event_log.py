"""The log of chain and mempool beside what tells of both."""

import time
from pathlib import Path
from threading import Event, Thread

from regtest_node import regtest_node

from node.event_log import EventLog


def test_it_can_begin_while_an_import_tells_of_blocks(tmp_path: Path) -> None:
    with regtest_node(tmp_path) as node:
        pool, telling = node.mempool.pool, Event()

        def tell() -> None:
            with node.chainstate.telling:
                telling.set()
                time.sleep(0.1)  # Meanwhile the log begins.
                with pool.lock:
                    pass

        def begin() -> None:
            EventLog(node.chainstate, pool, lambda: None).close()

        teller, beginner = Thread(target=tell, daemon=True), Thread(target=begin, daemon=True)
        teller.start()
        assert telling.wait(5)
        beginner.start()
        for thread in (teller, beginner):
            thread.join(5)
            assert not thread.is_alive()
