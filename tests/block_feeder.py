"""A process with a chain, to be killed: `block_feeder.py <folder> grow|crash|reindex|reindex_chainstate`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from block_factory import build_block

from common.chains import REGTEST
from node.chainstate import Chainstate
from node.chainstate_options import ChainstateOptions

GROWING = ("grow", "crash")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(folder: Path, what: str) -> int:
    failures: list[str] = []
    if what not in GROWING:
        say("ready")
    options = ChainstateOptions(
        reindex=what == "reindex", reindex_chainstate=what == "reindex_chainstate", on_failure=failures.append
    )
    if what == "crash":
        # The kernel leaves the process in the middle of writing coins, once in so many small parts.
        options = ChainstateOptions(batch_size=100, crash_ratio=20)
    chain = Chainstate(folder, REGTEST, options)
    if what not in GROWING:
        chain.wait_for_import()
        chain.close()
        return 0
    say("ready")
    while not failures:
        tip = chain.tip()
        chain.process_block(build_block(tip.hash, tip.height + 1))
        if tip.height % 200 == 0:
            chain.flush()
    say(f"failed: {failures[0]}")
    chain.close()
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
