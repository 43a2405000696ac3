"""The RPC method that finishes PSBTs (Core: finalizepsbt in src/rpc/rawtransaction.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.psbt_signing import PsbtSigner, spent_outputs
from primitives.psbt_writing import encode_psbt
from primitives.script_check import ScriptChecker
from rpc.help import example_cli
from rpc.method import Arg, Kind, Result, method
from rpc.psbt_arguments import PSBT_ARG, read_psbt

if TYPE_CHECKING:
    from primitives.psbt import Psbt
    from rpc.context import AnyContext
    from rpc.json import Json


@method(
    "rawtransactions",
    "finalizepsbt",
    PSBT_ARG,
    Arg(
        "extract",
        Kind.BOOL,
        "Return the transaction instead of the PSBT once it is complete.",
        default=True,
    ),
    result=Result(
        Kind.OBJ,
        inner=(
            Result(Kind.STR, "psbt", "The PSBT in base64, if the transaction is not returned", optional=True),
            Result(Kind.STR_HEX, "hex", "The transaction", optional=True),
            Result(Kind.BOOL, "complete", "Whether no signature is missing"),
        ),
    ),
    help="Finish the inputs of a PSBT whose signatures are there.\n"
    "Once all are, the transaction is returned, which sendrawtransaction takes.",
    examples=example_cli("finalizepsbt", '"psbt"'),
)
def finalizepsbt(context: AnyContext, text: str, extract: bool) -> Json:
    """Finish a PSBT."""
    del context
    psbt = read_psbt(text)
    complete, raw = finish_psbt(psbt)
    result = {"hex": raw} if complete and extract else {"psbt": encode_psbt(psbt)}
    return result | {"complete": complete}


def finish_psbt(psbt: Psbt) -> tuple[bool, str]:
    """Finish a PSBT as far as possible; return whether it is complete and the transaction it makes."""
    transaction = psbt.unsigned()
    if transaction is None:
        return False, ""
    with ScriptChecker(transaction, spent_outputs(psbt)) as checker:
        signer = PsbtSigner(psbt, transaction, checker)
        complete = signer.finalize()
    return complete, signer.extract().serialize().hex()


METHODS: Final = (finalizepsbt,)
