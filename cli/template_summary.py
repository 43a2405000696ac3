"""What a miner wants to know of a template, as JSON: the same of pynode and of Core's bitcoin-node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.errors import StartError
from primitives.block import Block
from primitives.transaction import TxOut

if TYPE_CHECKING:
    from interfaces.mining import BlockCreateOptions, BlockTemplate, Mining


def summarise(mining: Mining, options: BlockCreateOptions) -> dict[str, Any]:
    """Have a template built now and tell about it; ids are written as people do. Raises StartError."""
    template = mining.create_new_block(options, cooldown=False)
    if template is None:
        raise StartError("The node made no template")
    with template:
        return _tell(template)


def _tell(template: BlockTemplate) -> dict[str, Any]:
    block = Block.parse(template.get_block())
    header, transactions = block.header, block.transactions[1:]
    parts = template.get_coinbase_tx()
    fees, sigops = template.get_tx_fees(), template.get_tx_sigops()
    return {
        "height": parts.lock_time + 1,
        "previousblockhash": header.previous[::-1].hex(),
        "version": header.version,
        "time": header.time,
        "bits": f"{header.bits:08x}",
        "weight": block.weight,
        "fees": sum(fees),
        "sigops": sum(sigops),
        "coinbase": {
            "value": parts.block_reward_remaining,
            "scriptsigprefix": parts.script_sig_prefix.hex(),
            "sequence": parts.sequence,
            "locktime": parts.lock_time,
            "witness": None if parts.witness is None else parts.witness.hex(),
            "requiredoutputs": [
                {"value": output.value, "script": output.script_pubkey.hex()}
                for output in map(TxOut.parse, parts.required_outputs)
            ],
            "merklepath": [sibling.hex() for sibling in template.get_coinbase_merkle_path()],
        },
        "transactions": [
            {"txid": transaction.txid[::-1].hex(), "weight": transaction.weight, "fee": fee, "sigops": cost}
            for transaction, fee, cost in zip(transactions, fees, sigops, strict=True)
        ],
    }
