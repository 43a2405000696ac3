"""A miner to be killed: `template_holder.py <socket> <count>` holds so many templates and waits for the next one."""

import sys

from cli.program_init import ProgramInit
from interfaces.mining import BlockCreateOptions, BlockWaitOptions
from ipc import Ipc


def main(socket: str, count: int) -> None:
    with Ipc("pyminer", sys.argv[0], ProgramInit()) as ipc:
        init = ipc.connect_address(f"unix:{socket}")
        assert init is not None
        mining = init.make_mining()
        assert mining is not None
        held = []
        for number in range(count):
            # Different options make different templates.
            template = mining.create_new_block(BlockCreateOptions(block_reserved_weight=8000 + number), cooldown=False)
            assert template is not None
            held.append(template)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        held[-1].wait_next(BlockWaitOptions())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
