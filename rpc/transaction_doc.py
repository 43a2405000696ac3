"""What help says of the JSON of transactions and scripts (Core: TxDoc in src/rpc/rawtransaction_util.cpp)."""

from __future__ import annotations

from typing import Final

from primitives.script import TxoutType
from rpc.help import UNIX_EPOCH_TIME
from rpc.method import Arg, Kind, Num, Result

OUTPUT_TYPES: Final = ", ".join(TxoutType)

SCRIPT_PUBKEY: Final = (
    Result(Kind.STR, "asm", "The script in words"),
    Result(Kind.STR, "desc", "A descriptor for the script"),
    Result(Kind.STR_HEX, "hex", "The script's bytes in hex"),
    Result(Kind.STR, "address", "The address, if scripts of this type have one", optional=True),
    Result(Kind.STR, "type", f"The type (one of: {OUTPUT_TYPES})"),
)

_PREVOUT: Final = Result(
    Kind.OBJ,
    "prevout",
    "The output that is spent, unless the block's undo data is not there",
    (
        Result(Kind.BOOL, "generated", "Whether a coinbase made it"),
        Result(Kind.NUM, "height", "The height of the block that made it"),
        Result(Kind.STR_AMOUNT, "value", "Its value in BTC"),
        Result(Kind.OBJ, "scriptPubKey", "", SCRIPT_PUBKEY),
    ),
    optional=True,
)
BLOCK_OF_TRANSACTION: Final = (
    Result(
        Kind.BOOL,
        "in_active_chain",
        "Whether the block is in the best chain (only if `blockhash` is given)",
        optional=True,
    ),
    Result(Kind.STR_HEX, "blockhash", "The hash of the block", optional=True),
    Result(
        Kind.NUM, "vsize_adjusted", "The virtual size with its signature operations counted (mempool)", optional=True
    ),
    Result(Kind.NUM, "confirmations", "How many blocks confirm it", optional=True),
    Result(Kind.NUM_TIME, "blocktime", f"The time of the block, as {UNIX_EPOCH_TIME}", optional=True),
    Result(Kind.NUM, "time", "The same as `blocktime`", optional=True),
)


def transaction_doc(
    *, prevout: bool = False, fee: bool = False, hex_: bool = False, wallet: bool = False
) -> tuple[Result, ...]:
    """Return the members of a transaction's object; with `wallet` outputs tell whether they are change."""
    spent = (_PREVOUT,) if prevout else ()
    inputs = (
        Result(Kind.STR_HEX, "coinbase", "The script of a coinbase", optional=True),
        Result(Kind.STR_HEX, "txid", "The transaction that made the output spent", optional=True),
        Result(Kind.NUM, "vout", "The number of the output spent", optional=True),
        Result(
            Kind.OBJ,
            "scriptSig",
            "The script, unless of a coinbase",
            (Result(Kind.STR, "asm", "The script in words"), Result(Kind.STR_HEX, "hex", "Its bytes in hex")),
            optional=True,
        ),
        Result(Kind.ARR, "txinwitness", "", (Result(Kind.STR_HEX, "hex", "An item of the witness"),), optional=True),
        *spent,
        Result(Kind.NUM, "sequence", "The sequence number"),
    )
    outputs = (
        Result(Kind.STR_AMOUNT, "value", "The value in BTC"),
        Result(Kind.NUM, "n", "The number of the output"),
        Result(Kind.OBJ, "scriptPubKey", "", SCRIPT_PUBKEY),
        *((Result(Kind.BOOL, "ischange", "True if it is change", optional=True),) if wallet else ()),
    )
    fees = (Result(Kind.NUM, "fee", "The fee in BTC, unless the block's undo data is not there", optional=True),)
    return (
        Result(Kind.STR_HEX, "txid", "The transaction's id"),
        Result(Kind.STR_HEX, "hash", "The hash over its witness too"),
        Result(Kind.NUM, "size", "Its size in bytes"),
        Result(Kind.NUM, "vsize", "Its virtual size"),
        Result(Kind.NUM, "weight", "Its weight (between vsize*4-3 and vsize*4)"),
        Result(Kind.NUM, "version", "The version"),
        Result(Kind.NUM_TIME, "locktime", "The lock time"),
        Result(Kind.ARR, "vin", "", (Result(Kind.OBJ, "", "", inputs),)),
        Result(Kind.ARR, "vout", "", (Result(Kind.OBJ, "", "", outputs),)),
        *(fees if fee else ()),
        *((Result(Kind.STR_HEX, "hex", "The transaction's bytes in hex"),) if hex_ else ()),
    )


OUTPUT_ARGS: Final = (
    Arg(
        "",
        Kind.OBJ_USER_KEYS,
        "",
        (Arg("address", Kind.AMOUNT, "The key is the address, the value the amount in BTC"),),
        optional=True,
    ),
    Arg(
        "",
        Kind.OBJ,
        "",
        (Arg("data", Kind.STR_HEX, 'The key is "data", the value what an OP_RETURN output holds, in hex'),),
        optional=True,
    ),
)
"""The outputs of a transaction: what an element of the list may be."""


def creation_args() -> tuple[Arg, ...]:
    """Return the arguments of the methods that make an unsigned transaction (Core: CreateTxDoc)."""
    return (
        Arg(
            "inputs",
            Kind.ARR,
            "What it spends",
            (
                Arg(
                    "",
                    Kind.OBJ,
                    "",
                    (
                        Arg("txid", Kind.STR_HEX, "The transaction's id"),
                        Arg("vout", Kind.NUM, "The number of the output"),
                        Arg(
                            "sequence",
                            Kind.NUM,
                            "The sequence number",
                            hint="depends on the value of the 'replaceable' and 'locktime' arguments",
                        ),
                    ),
                    optional=True,
                ),
            ),
        ),
        Arg(
            "outputs",
            Kind.ARR,
            "What it pays, as pairs of key and value.\n"
            "Each address may be there once, and `data` once.\n"
            "One object that holds all pairs is accepted too, for compatibility.",
            OUTPUT_ARGS,
            skip_type_check=True,
        ),
        Arg(
            "locktime",
            Kind.NUM,
            "The lock time; other than 0 it makes the inputs' sequence numbers obey it",
            default=0,
            number=Num.INT64,
        ),
        Arg(
            "replaceable",
            Kind.BOOL,
            "Mark the transaction as one that a higher fee may replace (BIP125).\n"
            "It is an error if given and the sequence numbers say otherwise.",
            hint="true",
        ),
        Arg("version", Kind.NUM, "The version", default=2, number=Num.UINT),
    )
