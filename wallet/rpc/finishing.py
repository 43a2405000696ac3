"""The end of methods that send: signing, and a transaction or a PSBT as result (Core: FinishTransaction)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.psbt import Psbt
from primitives.psbt_writing import encode_psbt
from primitives.transaction import Transaction
from rpc.method import Kind, Result
from wallet.rpc.filling import filling
from wallet.rpc.spending_options import flag, node_of
from wallet.spending.commit import commit
from wallet.spending.create import NON_FINAL_SEQUENCE, RBF_SEQUENCE, anti_fee_sniping_lock_time
from wallet.spending.signing import sign_psbt

if TYPE_CHECKING:
    from rpc.json import Json
    from wallet.wallet import Wallet

SENT_RESULT: Final = Result(
    Kind.OBJ,
    inner=(
        Result(Kind.BOOL, "complete", "Whether no signature is missing"),
        Result(Kind.STR_HEX, "txid", "The transaction's id, if it is complete", optional=True),
        Result(Kind.STR_HEX, "hex", "The transaction, if it is not sent", optional=True),
        Result(Kind.STR, "psbt", "The PSBT, if signatures are missing or nothing is sent", optional=True),
    ),
)


def finish(wallet: Wallet, transaction: Transaction, options: dict[str, Json]) -> Json:
    """Sign a transaction, and send it unless the options say not to. Raises RpcError."""
    node = node_of(wallet)
    sequences = {each.sequence for each in transaction.inputs}
    if "locktime" not in options and sequences <= {RBF_SEQUENCE, NON_FINAL_SEQUENCE}:
        lock_time = anti_fee_sniping_lock_time(wallet, node)
        transaction = Transaction(transaction.version, transaction.inputs, transaction.outputs, lock_time)
    psbt = Psbt.of(transaction, 2)
    with filling():
        signed = sign_psbt(wallet, psbt)
    wants_psbt = flag(options, "psbt", default=False)
    add_to_wallet = flag(options, "add_to_wallet", default=True)
    result: dict[str, Json] = {}
    if wants_psbt or signed is None or not add_to_wallet:
        result["psbt"] = encode_psbt(psbt)
    if signed is not None:
        result["txid"] = signed.txid[::-1].hex()
        if add_to_wallet and not wants_psbt:
            commit(wallet, node, signed)
        else:
            result["hex"] = signed.serialize().hex()
    return result | {"complete": signed is not None}
