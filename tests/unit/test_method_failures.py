"""What becomes of a method that raises something else than an RpcError."""

from __future__ import annotations

import pytest

from rpc.context import MethodContext
from rpc.errors import RPC_MISC_ERROR, RpcError
from rpc.json import Json
from rpc.method import Kind, Result, method
from rpc.server import MethodServer
from rpc.table import MethodTable
from wallet.errors import DatabaseError, WalletError


@method("wallet", "fill", result=Result(Kind.NONE), help="Fills the disk.")
def fill(context: MethodContext[str]) -> Json:
    del context
    raise DatabaseError("the disk is full\n")


@pytest.mark.parametrize("failures", [(), (WalletError,)])
def test_a_failure_is_told_with_a_traceback_only_if_it_is_a_bug(
    failures: tuple[type[Exception], ...], caplog: pytest.LogCaptureFixture
) -> None:
    server: MethodServer[str] = MethodServer(MethodTable([fill]), MethodContext, failures=failures)
    server.finish_warmup("the wallet")
    with pytest.raises(RpcError, match=r"^the disk is full\n$") as info:
        server.call("fill")
    assert info.value.code == RPC_MISC_ERROR
    (record,) = caplog.records
    assert (record.levelname, record.exc_info is None) == ("ERROR", bool(failures))
    if failures:
        assert record.getMessage() == "RPC method fill failed: the disk is full"
