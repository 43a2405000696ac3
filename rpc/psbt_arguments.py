"""PSBTs among the arguments of RPC methods, and the scripts that sign them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.errors import PsbtError
from primitives.psbt_reading import decode_psbt
from primitives.psbt_signing import SigningError
from rpc import json
from rpc.errors import RPC_DESERIALIZATION_ERROR, RPC_INVALID_PARAMETER, RPC_VERIFY_ERROR, RpcError
from rpc.method import Arg, Kind, Num

if TYPE_CHECKING:
    from primitives.psbt import Psbt
    from rpc.json import Json

PSBT_ARG: Final = Arg("psbt", Kind.STR, "The PSBT in base64")
PSBTS_ARG: Final = Arg("txs", Kind.ARR, "PSBTs in base64", (Arg("psbt", Kind.STR, "A PSBT in base64", optional=True),))
VERSION_ARG: Final = Arg("psbt_version", Kind.NUM, "The version of the PSBT", default=2, number=Num.UINT)
_SCAN_OBJECT: Final = Arg(
    "",
    Kind.OBJ,
    "A descriptor and a range",
    (
        Arg("desc", Kind.STR, "A descriptor"),
        Arg("range", Kind.RANGE, "Which positions: the last, or [begin,end]", default=1000),
    ),
    optional=True,
)
DESCRIPTORS_INNER: Final = (Arg("", Kind.STR, "A descriptor", optional=True), _SCAN_OBJECT)


def read_psbt(value: Json) -> Psbt:
    """Read a PSBT in base64. Raises RpcError."""
    try:
        return decode_psbt(json.to_str(value))
    except PsbtError as error:
        raise RpcError(RPC_DESERIALIZATION_ERROR, f"TX decode failed {error}") from error


def check_version(version: int) -> int:
    """Return a version of PSBTs that can be made. Raises RpcError."""
    if version not in {0, 2}:
        raise RpcError(RPC_INVALID_PARAMETER, "The PSBT version can only be 2 or 0")
    return version


def signing_error(error: SigningError) -> RpcError:
    """Return what an RPC method raises for an error of signing."""
    code = RPC_DESERIALIZATION_ERROR if error is SigningError.SIGHASH_MISMATCH else RPC_VERIFY_ERROR
    return RpcError(code, error.value)
