"""Mine blocks on regtest, on pynode or bitcoin-node (v31, v32): python examples/miner.py SOCKET BLOCKS."""

import asyncio
import sys
from dataclasses import replace

from interfaces.asynchronous import AsyncBlockTemplate
from interfaces.init import Init
from interfaces.mining import BlockCreateOptions
from ipc import UnimplementedError, aio
from primitives.block import BlockHeader
from primitives.merkle import root_of_path
from primitives.transaction import TxOut


async def solve(template: AsyncBlockTemplate) -> None:
    parts = await template.get_coinbase_tx()
    coinbase = parts.build([TxOut(parts.block_reward_remaining, b"\x51")], data=b"\x05miner")
    root = root_of_path(coinbase.txid, await template.get_coinbase_merkle_path(), 0)
    header = replace(BlockHeader.parse(await template.get_block_header()), merkle_root=root)
    while not header.is_solved:
        header = replace(header, nonce=header.nonce + 1)
    solution = (header.version & 0xFFFFFFFF, header.time, header.nonce, coinbase.serialize())
    try:
        await template.submit_solution(*solution)
    except UnimplementedError:  # A node of v31 has this instead.
        await template.submit_solution_old7(*solution)


async def main(socket: str, blocks: int) -> None:
    async with await aio.connect(socket, Init) as init:
        if mining := await init.make_mining():
            for _ in range(blocks):
                if template := await mining.create_new_block(BlockCreateOptions(), cooldown=False):
                    await solve(template)
                    print(await mining.get_tip())


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
