"""Blocks and what they spent, read from the kernel's files."""

from __future__ import annotations

from node import kernel
from node.coin import Coin


def read_block(manager: int, entry: int) -> bytes | None:
    """Return a block, consensus serialised; None if it cannot be read."""
    block = kernel.block_read(manager, entry)
    if not block:
        return None
    try:
        return kernel.block_bytes(block)
    finally:
        kernel.block_destroy(block)


def read_undo(manager: int, entry: int) -> list[list[Coin]] | None:
    """Return the coins that each transaction but the coinbase spent, in order; None if they cannot be read."""
    outputs = kernel.spent_outputs_read(manager, entry)
    if not outputs:
        return None
    try:
        return [
            _transaction(kernel.spent_outputs_get(outputs, number))
            for number in range(kernel.spent_outputs_count(outputs))
        ]
    finally:
        kernel.spent_outputs_destroy(outputs)


def _transaction(spent: int) -> list[Coin]:
    get = kernel.transaction_spent_outputs_get_coin
    return [_coin(get(spent, number)) for number in range(kernel.transaction_spent_outputs_count(spent))]


def _coin(coin: int) -> Coin:
    output = kernel.coin_get_output(coin)
    return Coin(
        kernel.output_get_amount(output),
        kernel.script_bytes(kernel.output_get_script(output)),
        kernel.coin_get_height(coin),
        bool(kernel.coin_is_coinbase(coin)),
    )
