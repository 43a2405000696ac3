"""A process with a chain: `block_feeder.py <folder> grow|reindex|reindex_chainstate`, to be killed at any moment."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from block_factory import build_block

from common.chains import REGTEST
from node.chainstate import Chainstate
from node.chainstate_options import ChainstateOptions


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(folder: Path, what: str) -> int:
    failures: list[str] = []
    if what != "grow":
        say("ready")
    options = ChainstateOptions(
        reindex=what == "reindex", reindex_chainstate=what == "reindex_chainstate", on_failure=failures.append
    )
    chain = Chainstate(folder, REGTEST, options)
    if what != "grow":
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
