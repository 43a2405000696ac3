"""Whole conversations of rpc.capnp with a peer that says anything at any time.

Whatever comes, the engine answers by the rules or ends the connection, every question
gets its answer, and nothing of ours outlives the connection.
"""

import gc
from collections import Counter, defaultdict
from contextlib import suppress
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rpc_peer import Peer, Recorder, answer, encode, imported, payload, promised

from ipc import IpcError
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.calls import IncomingCall, Question
from ipc.capnp.capability import Capability, LocalCap
from ipc.errors import FAILED

KINDS = (
    *("bootstrap", "call", "call", "call", "return", "return", "finish", "finish", "resolve", "release", "disembargo"),
    *(
        "unimplemented",
        "strange",
        "abort",
        "ask",
        "ask",
        "ask_first",
        "answer",
        "answer",
        "fail",
        "abandon",
        "drop",
        "take",
    ),
)
ID = st.integers(0, 3)
STEP = st.tuples(st.sampled_from(KINDS), ID, ID, st.integers(0, 11))
DAMAGE = st.tuples(st.integers(0, 12), st.integers(0, 2**16), st.integers(0, 255))


def target(a: int, b: int) -> dict[str, Any]:
    return imported(a) if b & 1 else promised(a, *range(b >> 1))


def descriptor(kind: int, id_: int) -> dict[str, Any]:
    return (
        {"senderHosted": id_},
        {"senderPromise": id_},
        {"receiverHosted": id_},
        {"receiverAnswer": {"questionId": id_}},
        {"none": None},
        {"thirdPartyHosted": {"vineId": id_}},
    )[kind % 6]


@cache
def message(kind: str, a: int, b: int, c: int) -> bytes:
    """Make one message of the peer's."""
    if kind == "bootstrap":
        return encode(bootstrap={"questionId": a})
    if kind == "call":
        sent = {"sendResultsTo": {"yourself": None}} if c % 4 == 3 else {}
        params = payload(descriptor(c, b), descriptor(c + 2, a))
        return encode(call={"questionId": a, "target": target(b, c), "methodId": c, "params": params, **sent})
    if kind == "return":
        flags = {"releaseParamCaps": bool(c & 1)}
        outcome: dict[str, Any] = (
            {"exception": {"reason": "bad"}},
            {"canceled": None},
            {"resultsSentElsewhere": None},
            {"takeFromOtherQuestion": b},
            {"takeFromOtherQuestion": b},
        )[c % 5]
        if c >= 5:
            buffer = m.begin_results(a, release_params=bool(c & 1), no_finish=False)
            wire.put_capability(buffer, m.RETURN_CONTENT, 0)
            tag = (m.SENDER_HOSTED, m.SENDER_PROMISE, m.RECEIVER_HOSTED, m.NONE)[c % 4]
            m.add_descriptors(buffer, m.RETURN_CONTENT, [m.Descriptor(tag, b)])
            return bytes(wire.finish_frame(buffer))
        return encode(**{"return": {"answerId": a, **flags, **outcome}})
    if kind == "finish":
        return encode(finish={"questionId": a, "releaseResultCaps": bool(c & 1)})
    if kind == "resolve":
        became = {"exception": {"reason": "broken"}} if c == 0 else {"cap": descriptor(c, b)}
        return encode(resolve={"promiseId": a, **became})
    if kind == "release":
        return encode(release={"id": a, "referenceCount": 1 + c % 2})
    if kind == "disembargo":
        context = {"senderLoopback": b} if c & 1 else {"receiverLoopback": b}
        return encode(disembargo={"target": target(a, c), "context": context})
    if kind == "unimplemented":
        inner = {"call": {"questionId": a}} if c & 1 else {"bootstrap": {"questionId": a}}
        return encode(unimplemented=inner if c < 11 else {"release": {"id": a}})
    if kind == "strange":
        return encode(join={"questionId": a}) if c & 1 else encode(accept={"questionId": a})
    assert kind == "abort"
    return encode(abort={"reason": "enough"})


class Rules:
    """What the peer may rely on, seen from what it hears."""

    def __init__(self) -> None:
        self.unanswered: set[int] = set()
        self.asked: dict[int, set[str]] = {}
        self.sent: Counter[int] = Counter()

    def said(self, data: bytes, kind: str, a: int) -> None:
        """Note what a well-formed message of the peer's means."""
        if kind in {"call", "bootstrap"}:
            self.unanswered.add(a)
        elif kind == "return" and a in self.asked:
            self.over(a, "return")
        elif kind == "unimplemented":
            self.asked.pop(a, None)
        for tag, id_ in descriptors(data):
            if tag in (m.SENDER_HOSTED, m.SENDER_PROMISE):
                self.sent[id_] += 1

    def heard(self, kind: str, body: dict[str, Any]) -> None:
        if kind == "return":
            assert body["answerId"] in self.unanswered, "answered what was not asked, or twice"
            self.unanswered.discard(body["answerId"])
        elif kind in {"call", "bootstrap"}:
            assert body["questionId"] not in self.asked, "a question id is used again too early"
            self.asked[body["questionId"]] = set()
        elif kind == "finish":
            self.over(body["questionId"], "finish")
        elif kind == "release":
            self.sent[body["id"]] -= body["referenceCount"]
            assert self.sent[body["id"]] >= 0, "gave back more than it was given"
        elif kind == "unimplemented" and "call" in body:
            self.unanswered.discard(body["call"]["questionId"])

    def over(self, question: int, how: str) -> None:
        done = self.asked[question]
        assert how not in done, f"two times {how}"
        done.add(how)
        if done == {"finish", "return"}:
            del self.asked[question]


@cache
def descriptors(data: bytes) -> tuple[tuple[int, int], ...]:
    """Return tag and id of each capability that a message carries."""
    found = []
    received = wire.FrameReader().feed(data)[0]
    tag, body = m.tag_and_body(received)
    if tag == m.CALL:
        found = [(d.tag, d.id) for d in m.read_payload(received, m.child(received, body, 1)).descriptors]
    elif tag == m.RETURN and m.data(received, body, 8)[6] == m.RESULTS:
        found = [(d.tag, d.id) for d in m.read_payload(received, m.child(received, body, 0)).descriptors]
    elif tag == m.RESOLVE and m.data(received, body, 8)[4] == 0:
        one = m.read_descriptor(received, m.child(received, body, 0))
        found = [(one.tag, one.id)]
    return tuple(found)


made: list[int] = [0]
gone: list[int] = [0]


class Counted(Recorder):
    def __init__(self) -> None:
        super().__init__()
        made[0] += 1

    def released(self) -> None:
        super().released()
        gone[0] += 1


class Conversation:
    """One connection, and what both ends do with it."""

    def __init__(self) -> None:
        self.server = Counted()
        self.others: list[Counted] = []
        self.peer = Peer(self.server)
        self.rules: Rules | None = Rules()
        self.caps: list[Capability] = []
        self.questions: list[Question] = []

    def pick(self, index: int) -> Capability:
        if not self.caps or index == 0:
            self.others.append(Counted())
            self.caps.append(LocalCap(self.others[-1]))
            return self.caps[-1]
        return self.caps[index % len(self.caps)]

    def calls(self) -> list[IncomingCall]:
        return [call for call in self.server.calls if not call.returned]

    def act(self, kind: str, a: int, b: int, c: int) -> None:
        """Do something at our end."""
        if kind == "ask_first":
            self.caps.append(self.peer.rpc.bootstrap())
        elif kind == "ask":
            caps: list[Capability | None] = [self.pick(c)] if c & 1 else []
            question = self.peer.ask(self.pick(b + 1), caps)
            self.questions.append(question)
            if a & 1:
                with self.peer.rpc.lock:
                    self.caps.append(self.peer.rpc.pipeline(question, ()))
        elif kind == "answer" and self.calls():
            answer(self.calls()[a % len(self.calls())], *([self.pick(b)] if c & 1 else []))
        elif kind == "fail" and self.calls():
            self.peer.rpc.send_error(self.calls()[0], "not today", FAILED)
        elif kind == "abandon" and self.questions:
            self.peer.rpc.abandon(self.questions[a % len(self.questions)])
        elif kind == "drop" and self.caps:
            del self.caps[a % len(self.caps)]
        elif kind == "take" and self.calls():
            call = self.calls()[0]
            if call.payload.descriptors:
                cap = call.capability(b % len(call.payload.descriptors))
                if cap is not None:
                    self.caps.append(cap)

    def hear(self) -> None:
        for kind, body in self.peer.heard():
            if self.rules is not None:
                self.rules.heard(kind, body)

    def end(self, error: Exception) -> None:
        rpc = self.peer.rpc
        rpc.close(error)
        self.peer.run()
        for server in (self.server, *self.others):
            for call in server.calls:
                rpc.send_error(call, "too late")
        self.peer.run()
        assert not rpc.output
        assert all(question.done for question in self.questions)
        assert not any((rpc._questions, rpc._answers, rpc._exports, rpc._imports, rpc._embargoes))


def converse(steps: list[tuple[str, int, int, int]], damage: list[tuple[int, int, int]]) -> None:
    talk = Conversation()
    changes: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for at, position, value in damage:
        changes[at].append((position, value))
    try:
        for number, (kind, a, b, c) in enumerate(steps):
            if kind in {"ask", "ask_first", "answer", "fail", "abandon", "drop", "take"}:
                with suppress(IpcError):
                    talk.act(kind, a, b, c)
                talk.peer.run()
            else:
                data = bytearray(message(kind, a, b, c))
                for position, value in changes[number]:
                    data[8 + position % (len(data) - 8)] = value
                    talk.rules = None
                if talk.rules is not None:
                    talk.rules.said(bytes(data), kind, a)
                talk.peer.rpc.receive(bytes(data))
                talk.peer.run()
            talk.hear()
    except IpcError as error:
        talk.end(error)
    else:
        talk.end(IpcError("closed"))


@settings(max_examples=6000, deadline=None, report_multiple_bugs=False)
@given(steps=st.lists(STEP, min_size=1, max_size=14))
def test_any_conversation(steps: list[tuple[str, int, int, int]]) -> None:
    converse(steps, [])


@settings(max_examples=4000, deadline=None, report_multiple_bugs=False)
@given(steps=st.lists(STEP, min_size=1, max_size=12), damage=st.lists(DAMAGE, min_size=1, max_size=3))
def test_any_damaged_conversation(steps: list[tuple[str, int, int, int]], damage: list[tuple[int, int, int]]) -> None:
    converse(steps, damage)


def test_nothing_outlived_its_conversation() -> None:
    for seed in range(50):
        converse([("bootstrap", 0, 0, 0), ("call", 1, 0, seed % 12), ("answer", 0, 0, 1), ("ask_first", 0, 0, 0)], [])
    gc.collect()
    assert made[0] > 50
    assert gone == made
