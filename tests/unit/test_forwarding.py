"""RPC methods that another process runs."""

from __future__ import annotations

import json

import pytest

from rpc.context import MethodContext
from rpc.errors import RPC_INVALID_PARAMETER, RPC_TYPE_ERROR, RPC_WALLET_NOT_FOUND, RpcError
from rpc.forwarding import forwarded
from rpc.json import Amount, Json
from rpc.method import Arg, Kind, Num, Result, method
from rpc.request import Caller, Request
from rpc.server import MethodServer, RpcOverIpc
from rpc.table import MethodTable


@method(
    "wallet",
    "pay",
    Arg("to", Kind.STR, "Whom"),
    Arg("amount", Kind.AMOUNT, "How much"),
    Arg("times", Kind.NUM, "How often", default=1, number=Num.INT),
    result=Result(Kind.OBJ, "", "", (Result(Kind.STR_AMOUNT, "paid"), Result(Kind.STR, "who"))),
    help="Pays.",
)
def pay(context: MethodContext[str], to: str, amount: Json, times: int) -> Json:
    """Pay, unless it is for nobody."""
    if not to:
        raise RpcError(RPC_WALLET_NOT_FOUND, "for „nobody“")
    caller = context.request.caller
    return {"paid": Amount(int(float(amount) * 100_000_000) * times), "who": f"{caller.user} at {caller.uri}"}


def server() -> MethodServer[str]:
    """Return what a client asks, behind which another one has the method."""
    there: MethodServer[str] = MethodServer(MethodTable([pay]), MethodContext)
    there.finish_warmup("the wallet")
    here: MethodServer[str] = MethodServer(MethodTable(forwarded([pay], RpcOverIpc(there).execute_rpc)), MethodContext)
    here.finish_warmup("the node")
    return here


def call(params: Json) -> Json:
    request = Request(Caller("/wallet/w", "me"), method="pay", params=params)
    reply = server().answer(json.dumps({"method": "pay", "params": params}), request.caller)
    assert reply.body is not None
    return reply.body


def test_the_result_comes_as_it_was_written_there() -> None:
    assert call(["x", 0.5]) == b'{"result":{"paid":0.50000000,"who":"me at /wallet/w"},"error":null}'
    assert json.loads(call({"to": "x", "amount": "1", "times": 3}))["result"]["paid"] == 3


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        (["", 1], RPC_WALLET_NOT_FOUND, "for „nobody“"),
        ([1, 1], RPC_TYPE_ERROR, "Wrong type passed"),
        ({"whom": 1}, RPC_INVALID_PARAMETER, "Unknown named parameter whom"),
    ],
)
def test_errors_come_as_they_are(params: Json, code: int, text: str) -> None:
    error = json.loads(call(params))["error"]
    assert error["code"] == code
    assert text in error["message"]


def test_help_is_here() -> None:
    assert server().table.help("pay").startswith('pay "to" amount ( times )')
