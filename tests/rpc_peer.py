"""The other end of an `Rpc`, spoken by hand: messages made and read by pycapnp with its own rpc.capnp."""

from pathlib import Path
from typing import Any

import capnp

from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.calls import IncomingCall, Question
from ipc.capnp.capability import Capability, LocalCap
from ipc.capnp.rpc import Rpc

_CAPNP = Path(capnp.__file__).parent
RPC: Any = capnp.load(str(_CAPNP / "rpc.capnp"), imports=[str(_CAPNP.parent)])
INTERFACE = 0xABCDEF


def encode(**message: Any) -> bytes:
    """Write a Message of rpc.capnp, its one field given as a keyword."""
    made: bytes = RPC.Message.new_message(**message).to_bytes()
    return made


def read_all(data: bytes) -> list[tuple[str, Any]]:
    """Read a stream of messages, each as its kind and what is in it."""
    found = []
    for message in RPC.Message.read_multiple_bytes(data):
        kind = str(message.which())
        found.append((kind, message.to_dict()[kind]))
    return found


def imported(id_: int) -> dict[str, Any]:
    """Target an object of theirs by its export id."""
    return {"importedCap": id_}


def promised(question: int, *fields: int) -> dict[str, Any]:
    """Target an object among the results of a question."""
    return {"promisedAnswer": {"questionId": question, "transform": [{"getPointerField": f} for f in fields]}}


def payload(*descriptors: dict[str, Any]) -> dict[str, Any]:
    """Make a payload with a capability table; its content is null."""
    return {"capTable": list(descriptors)}


def results_with_capability(question: int, tag: int, id_: int) -> bytes:
    """Return one capability as the whole result, as an answer to Bootstrap does."""
    buffer = m.begin_results(question, release_params=True)
    wire.put_capability(buffer, m.RETURN_CONTENT, 0)
    m.add_descriptors(buffer, m.RETURN_CONTENT, [m.Descriptor(tag, id_)])
    return bytes(wire.finish_frame(buffer))


class Recorder:
    """A server that keeps its calls; what it answers is the test's business."""

    def __init__(self) -> None:
        self.calls: list[IncomingCall] = []
        self.gone = 0

    def dispatch(self, call: IncomingCall) -> None:
        self.calls.append(call)

    def released(self) -> None:
        self.gone += 1


class Peer:
    """Says things to an `Rpc` and hears what it says."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.rpc = Rpc(lambda: None)
        self.server = recorder or Recorder()
        self.kept: list[Capability] = []
        self.rpc.offer(LocalCap(self.server))

    def say(self, **message: Any) -> list[tuple[str, Any]]:
        return self.send(encode(**message))

    def send(self, data: bytes) -> list[tuple[str, Any]]:
        self.rpc.receive(data)
        self.run()
        return self.heard()

    def run(self) -> None:
        while self.rpc.events:
            self.rpc.events.popleft()()

    def heard(self) -> list[tuple[str, Any]]:
        self.rpc.release_dropped()
        data = b"".join(bytes(part) for part in self.rpc.output)
        self.rpc.output.clear()
        return read_all(data)

    def bootstrap(self, question: int = 0) -> int:
        """Ask for the first object and return its export id."""
        ((kind, answer),) = self.say(bootstrap={"questionId": question})
        assert kind == "return"
        return int(answer["results"]["capTable"][0]["senderHosted"])

    def call(self, question: int, target: dict[str, Any], method: int = 0, **more: Any) -> list[tuple[str, Any]]:
        return self.say(
            call={"questionId": question, "target": target, "interfaceId": INTERFACE, "methodId": method, **more}
        )

    def ask(self, target: Capability, caps: list[Capability | None] | None = None, method: int = 0) -> Question:
        """Let the `Rpc` call an object."""
        question = Question(_nothing)
        buffer = m.begin_call(INTERFACE, method)
        self.rpc.start_call(target, INTERFACE, method, buffer, caps or [], question)
        return question


def answer(call: IncomingCall, *caps: Capability) -> None:
    """Answer a call with nothing, or with one capability as the whole result."""
    buffer = m.begin_results(call.id & 0xFFFFFFFF, release_params=True)
    if caps:
        wire.put_capability(buffer, m.RETURN_CONTENT, 0)
    call.rpc.send_results(call, buffer, list(caps))


def _nothing() -> None:
    pass
