"""Ids, ordinals and defaults of the shipped schemas are Core's."""

import pytest

from interfaces.chain import Chain, ChainNotifications
from interfaces.echo import Echo
from interfaces.events import EventReceiver, Events
from interfaces.handler import Handler
from interfaces.init import Init, PynodeInit
from interfaces.interface import Interface
from interfaces.mining import BlockTemplate, Mining
from interfaces.node import BlockTipCallback, Node
from interfaces.rpc import Rpc
from ipc.binding.binding import binding_of

METHODS: dict[type[Interface], list[str]] = {
    Init: ["construct", "makeEcho", "makeMiningOld2", "makeMining", "makeRpc"],
    Echo: ["destroy", "echo"],
    Mining: [
        "isTestChain", "isInitialBlockDownload", "getTip",
        "waitTipChanged", "createNewBlock", "checkBlock", "interrupt",
        "submitBlock",
        "getTransactionsByTxID", "getTransactionsByWitnessID",
    ],
    BlockTemplate: [
        "destroy", "getBlockHeader", "getBlock", "getTxFees", "getTxSigops", "getCoinbaseTx", "getCoinbaseMerklePath",
        "submitSolutionOld7", "waitNext", "interruptWait", "submitSolution",
    ],
    Rpc: ["executeRpc"],
}  # fmt: skip


@pytest.mark.parametrize("interface", METHODS)
def test_ordinals(interface: type[Interface]) -> None:
    methods = binding_of(interface).schema.methods.values()
    assert [m.name for m in sorted(methods, key=lambda m: m.ordinal)] == METHODS[interface]


@pytest.mark.parametrize("interface", METHODS)
def test_every_method_takes_a_context_except_a_few(interface: type[Interface]) -> None:
    without = {m.schema.name for m in binding_of(interface).methods.values() if m.context is None}
    assert without == {Init: {"makeMiningOld2"}, Mining: {"interrupt"}, BlockTemplate: {"interruptWait"}}.get(
        interface, set()
    )


def test_our_own_methods_have_ids_of_their_own() -> None:
    schema = binding_of(PynodeInit).schema
    assert {m.interface for m in schema.methods.values()} == {"Init", "PynodeInit"}
    own = sorted(m.ordinal for m in schema.methods.values() if m.interface == "PynodeInit")
    assert own == list(range(len(own)))
    assert schema.methods["obsoleteMakeChainClient"].ordinal == 2
    assert schema.methods["makeMining"].interface_id != schema.methods["configure"].interface_id


@pytest.mark.parametrize(
    "interface", [Events, EventReceiver, Node, BlockTipCallback, Chain, ChainNotifications, Handler]
)
def test_our_own_interfaces_end_with_destroy(interface: type[Interface]) -> None:
    binding = binding_of(interface)
    assert binding.destroy is not None
    assert binding.destroy.ordinal == 0
    assert {m.schema.name for m in binding.methods.values() if m.context is None} == (
        {"interrupt"} if interface is Events else set()
    )
