"""The RPC engine against the rules in rpc.capnp's comments, the peer's messages written by pycapnp."""

import gc
from typing import Any

import pytest
from rpc_peer import Peer, Recorder, answer, encode, imported, payload, promised, results_with_capability

from ipc import DisconnectedError, RemoteError, UnimplementedError
from ipc.capnp import messages as m
from ipc.capnp import wire
from ipc.capnp.calls import Question
from ipc.capnp.capability import Capability, ImportCap, LocalCap, resolved
from ipc.capnp.rpc import MAX_CALLS
from ipc.errors import OVERLOADED, RemoteProtocolError

YOURSELF: dict[str, Any] = {"sendResultsTo": {"yourself": None}}


def kinds(heard: list[tuple[str, Any]]) -> list[str]:
    return [kind for kind, _ in heard]


def reason(heard: list[tuple[str, Any]]) -> str:
    ((kind, message),) = heard
    assert kind == "return", heard
    return str(message["exception"]["reason"])


def first_object(peer: Peer) -> Capability:
    """Return the peer's bootstrap object, its export 7."""
    cap = peer.rpc.bootstrap()
    ((kind, message),) = peer.heard()
    assert kind == "bootstrap"
    answered = results_with_capability(message["questionId"], m.SENDER_HOSTED, 7)
    assert kinds(peer.send(answered)) == ["finish"]
    assert isinstance(cap.resolution, ImportCap)
    peer.kept.append(cap.resolution)
    return cap.resolution


# Pipelining


def test_call_to_the_bootstrap_object_before_it_was_answered() -> None:
    peer = Peer()
    peer.send(encode(bootstrap={"questionId": 3}))
    assert peer.call(4, promised(3)) == []
    assert [call.id for call in peer.server.calls] == [4]


def test_calls_wait_for_the_results_they_are_made_to_and_keep_their_order() -> None:
    peer, other = Peer(), Recorder()
    peer.bootstrap()
    peer.call(1, imported(0))
    peer.call(2, promised(1), 20)
    peer.call(3, promised(1), 30)
    assert len(peer.server.calls) == 1
    answer(peer.server.calls[0], LocalCap(other))
    peer.run()
    assert [call.method for call in other.calls] == [20, 30]


def test_calls_on_the_results_of_a_call_that_fails_fail_with_it() -> None:
    peer = Peer()
    peer.bootstrap()
    peer.call(1, imported(0))
    peer.call(2, promised(1))
    peer.rpc.send_error(peer.server.calls[0], "it broke")
    early = peer.heard()
    assert [message["exception"]["reason"] for _, message in early] == ["it broke", "it broke"]
    # The failed call is not forgotten until the peer says so: a later call on it is no offence.
    assert reason(peer.call(3, promised(1))) == "it broke"
    assert peer.say(finish={"questionId": 1}) == []
    assert not [id_ for id_ in peer.rpc._answers if id_ == 1]


def test_call_on_results_without_capabilities() -> None:
    peer = Peer()
    peer.bootstrap()
    peer.call(1, imported(0))
    answer(peer.server.calls[0])
    ((_, returned),) = peer.heard()
    assert returned["noFinishNeeded"]
    assert "no capabilities" in reason(peer.call(2, promised(1, 0)))
    assert peer.call(3, imported(0)) == []


def test_descriptor_of_results_that_are_gone_breaks_only_that_capability() -> None:
    peer = Peer()
    peer.bootstrap()
    peer.call(1, imported(0), params=payload({"receiverAnswer": {"questionId": 77}}))
    cap = peer.server.calls[0].capability(0)
    assert cap is not None
    question = peer.ask(cap)
    assert isinstance(question.error, RemoteError)


def test_call_that_is_finished_at_once_still_serves_those_made_on_its_results() -> None:
    """A C++ caller that wants only what it pipelines drops the first call before it is answered."""
    peer, other = Peer(), Recorder()
    peer.bootstrap()
    peer.call(1, imported(0))
    peer.call(2, promised(1))
    peer.say(finish={"questionId": 1})
    assert not peer.server.calls[0].canceled
    answer(peer.server.calls[0], LocalCap(other))
    ((_, returned),) = peer.heard()
    assert "canceled" in returned
    peer.run()
    assert [call.id for call in other.calls] == [2]
    assert peer.call(1, imported(0)) == []


def test_call_is_canceled_when_nobody_wants_its_results_any_more() -> None:
    peer = Peer()
    peer.bootstrap()
    peer.call(1, imported(0))
    peer.call(2, promised(1))
    peer.say(finish={"questionId": 1})
    peer.say(finish={"questionId": 2})
    assert peer.server.calls[0].canceled
    peer.rpc.send_error(peer.server.calls[0], "canceled")
    assert ["canceled" in returned for _, returned in peer.heard()] == [True, True]
    assert not [id_ for id_ in peer.rpc._answers if id_]


def test_parameter_from_a_call_that_is_finished_at_once() -> None:
    peer, other = Peer(), Recorder()
    peer.bootstrap()
    peer.call(1, imported(0))
    peer.call(2, imported(0), params=payload({"receiverAnswer": {"questionId": 1}}))
    peer.say(finish={"questionId": 1})
    made = LocalCap(other)
    answer(peer.server.calls[0], made)
    found = peer.server.calls[1].capability(0)
    assert found is not None
    assert resolved(found) is made


# Tail calls


def asked(peer: Peer) -> tuple[Question, list[tuple[str, Any]]]:
    question = peer.ask(first_object(peer))
    heard = peer.heard()
    assert kinds(heard) == ["call"]
    return question, heard


def test_tail_call_answered_after_the_return_that_takes_it() -> None:
    peer, other = Peer(), LocalCap(Recorder())
    export = peer.bootstrap(9)
    question, _ = asked(peer)
    assert peer.call(5, imported(export), **YOURSELF) == []
    assert peer.say(**{"return": {"answerId": question.id, "takeFromOtherQuestion": 5}}) == []
    assert not question.done
    answer(peer.server.calls[0], other)
    heard = peer.heard()
    assert kinds(heard) == ["return", "finish"]
    assert "resultsSentElsewhere" in heard[0][1]
    assert heard[1][1]["questionId"] == question.id
    assert question.done
    assert list(question.caps) == [other]
    assert peer.say(finish={"questionId": 5}) == []
    assert peer.ask(other).done is False
    assert question.id in peer.rpc._free_questions


def test_tail_call_answered_before_the_return_that_takes_it() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    question, _ = asked(peer)
    peer.call(5, imported(export), **YOURSELF)
    answer(peer.server.calls[0])
    assert kinds(peer.heard()) == ["return"]
    assert not question.done
    assert kinds(peer.say(**{"return": {"answerId": question.id, "takeFromOtherQuestion": 5}})) == ["finish"]
    assert question.done
    assert question.error is None


def test_tail_call_that_fails() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    question, _ = asked(peer)
    peer.call(5, imported(export), **YOURSELF)
    peer.say(**{"return": {"answerId": question.id, "takeFromOtherQuestion": 5}})
    peer.rpc.send_error(peer.server.calls[0], "no luck")
    heard = peer.heard()
    assert "resultsSentElsewhere" in heard[0][1]
    assert str(question.error) == "no luck"


def test_tail_call_whose_origin_loses_interest() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    question, _ = asked(peer)
    peer.call(5, imported(export), **YOURSELF)
    peer.say(**{"return": {"answerId": question.id, "takeFromOtherQuestion": 5}})
    peer.rpc.abandon(question)
    assert kinds(peer.heard()) == ["finish"]
    assert peer.say(finish={"questionId": 5}) == []
    assert peer.server.calls[0].canceled
    answer(peer.server.calls[0])
    assert kinds(peer.heard()) == ["return"]
    assert not peer.rpc._questions
    assert peer.rpc._free_questions.count(question.id) == 1


def test_tail_call_during_which_the_connection_ends() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    question, _ = asked(peer)
    peer.call(5, imported(export), **YOURSELF)
    peer.say(**{"return": {"answerId": question.id, "takeFromOtherQuestion": 5}})
    peer.rpc.close(DisconnectedError("gone"))
    assert isinstance(question.error, DisconnectedError)


@pytest.mark.parametrize("other", [9, 5, 1234])
def test_results_that_are_not_kept_cannot_be_taken(other: int) -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    question, _ = asked(peer)
    peer.call(5, imported(export))
    with pytest.raises(RemoteProtocolError, match="not kept for another"):
        peer.say(**{"return": {"answerId": question.id, "takeFromOtherQuestion": other}})
    peer.rpc.close(RemoteProtocolError("bad"))
    assert question.done


def test_results_are_taken_only_once() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    cap = first_object(peer)
    first, second = peer.ask(cap), peer.ask(cap)
    peer.heard()
    peer.call(5, imported(export), **YOURSELF)
    peer.say(**{"return": {"answerId": first.id, "takeFromOtherQuestion": 5}})
    with pytest.raises(RemoteProtocolError, match="not kept for another"):
        peer.say(**{"return": {"answerId": second.id, "takeFromOtherQuestion": 5}})


# Promises and embargoes


def promise(peer: Peer) -> ImportCap:
    """Receive a promise, the peer's export 4, as the peer's first object."""
    cap = peer.rpc.bootstrap()
    peer.heard()
    peer.send(results_with_capability(0, m.SENDER_PROMISE, 4))
    found = cap.resolution
    assert isinstance(found, ImportCap)
    return found


def test_promise_that_becomes_another_object_of_the_peer() -> None:
    peer = Peer()
    cap = promise(peer)
    peer.ask(cap)
    ((_, sent),) = peer.heard()
    assert sent["target"] == {"importedCap": 4}
    assert peer.say(resolve={"promiseId": 4, "cap": {"senderHosted": 8}}) == []
    peer.ask(cap)
    ((_, sent),) = peer.heard()
    assert sent["target"] == {"importedCap": 8}


def test_promise_that_becomes_an_object_of_ours_is_embargoed() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    cap = promise(peer)
    peer.ask(cap, method=1)
    peer.heard()
    ((kind, sent),) = peer.say(resolve={"promiseId": 4, "cap": {"receiverHosted": export}})
    assert (kind, sent["target"]) == ("disembargo", {"importedCap": 4})
    embargo = sent["context"]["senderLoopback"]
    late = peer.ask(cap, method=2)
    peer.run()
    assert not peer.server.calls
    # What was sent to the promise comes back before the embargo does.
    peer.call(30, imported(export), 1)
    peer.say(disembargo={"target": imported(export), "context": {"receiverLoopback": embargo}})
    peer.run()
    assert [call.method for call in peer.server.calls] == [1, 2]
    answer(peer.server.calls[1])
    assert late.done


def test_object_of_ours_under_an_embargo_can_be_passed_on() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    cap = promise(peer)
    peer.ask(cap)
    peer.heard()
    peer.say(resolve={"promiseId": 4, "cap": {"receiverHosted": export}})
    peer.ask(first_object(peer), [cap])
    ((_, sent),) = peer.heard()
    assert sent["params"]["capTable"][0]["senderHosted"] == export


def test_unused_promise_needs_no_embargo() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    cap = promise(peer)
    assert peer.say(resolve={"promiseId": 4, "cap": {"receiverHosted": export}}) == []
    peer.ask(cap)
    peer.run()
    assert len(peer.server.calls) == 1


def test_calls_made_to_results_that_are_still_a_promise_are_embargoed_too() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    cap = peer.rpc.bootstrap()
    peer.ask(cap, method=1)
    peer.heard()
    peer.send(results_with_capability(0, m.SENDER_PROMISE, 4))
    heard = peer.say(resolve={"promiseId": 4, "cap": {"receiverHosted": export}})
    assert kinds(heard) == ["disembargo"]


def test_promise_that_breaks() -> None:
    peer = Peer()
    cap = promise(peer)
    peer.say(resolve={"promiseId": 4, "exception": {"reason": "never", "type": "failed"}})
    assert str(peer.ask(cap).error) == "never"


def test_promise_that_was_given_up_takes_what_it_became_with_it() -> None:
    peer = Peer()
    cap = promise(peer)
    del cap
    gc.collect()
    assert peer.heard() == [("release", {"id": 4, "referenceCount": 1})]
    heard = peer.say(resolve={"promiseId": 4, "cap": {"senderHosted": 8}})
    gc.collect()
    assert heard + peer.heard() == [("release", {"id": 8, "referenceCount": 1})]


def test_disembargo_of_the_peer_is_sent_back() -> None:
    peer = Peer()
    export = peer.bootstrap(9)
    peer.call(1, imported(export), params=payload({"senderHosted": 6}))
    theirs = peer.server.calls[0].capability(0)
    assert theirs is not None
    answer(peer.server.calls[0], theirs)
    peer.heard()
    # A call by way of us, then the disembargo: both must come back, in this order.
    heard = peer.call(2, promised(1), 5)
    heard += peer.say(disembargo={"target": promised(1), "context": {"senderLoopback": 3}})
    assert kinds(heard) == ["call", "disembargo"]
    assert heard[0][1]["target"] == imported(6)
    assert heard[1][1] == {"target": imported(6), "context": {"receiverLoopback": 3}}


@pytest.mark.parametrize("target", [imported(0), promised(9), promised(55)])
def test_disembargo_of_what_is_not_the_peers(target: dict[str, Any]) -> None:
    peer = Peer()
    peer.bootstrap(9)
    with pytest.raises(RemoteProtocolError, match="disembargo"):
        peer.say(disembargo={"target": target, "context": {"senderLoopback": 0}})


def test_disembargo_nobody_waits_for() -> None:
    with pytest.raises(RemoteProtocolError, match="unknown embargo"):
        Peer().say(disembargo={"target": imported(0), "context": {"receiverLoopback": 0}})


# Counting references


def test_references_to_ours_are_counted() -> None:
    peer = Peer()
    export = peer.bootstrap(0)
    assert peer.bootstrap(1) == export
    peer.say(finish={"questionId": 0})
    peer.say(finish={"questionId": 1, "releaseResultCaps": False})
    peer.rpc.offer(LocalCap(Recorder()))
    assert peer.server.gone == 0
    peer.say(release={"id": export, "referenceCount": 1})
    assert peer.server.gone == 1
    with pytest.raises(RemoteProtocolError, match="release of capability"):
        peer.say(release={"id": export, "referenceCount": 1})


def test_references_to_theirs_are_counted() -> None:
    peer = Peer()
    cap = first_object(peer)
    questions = []
    for _ in range(2):
        questions.append(peer.ask(cap))
        peer.heard()
        peer.send(results_with_capability(questions[-1].id, m.SENDER_HOSTED, 7))
        assert list(questions[-1].caps) == [cap]
    del cap
    questions.clear()
    peer.kept.clear()
    gc.collect()
    assert peer.heard() == [("release", {"id": 7, "referenceCount": 3})]


def test_return_gives_the_parameters_back_only_if_it_says_so() -> None:
    for released in (True, False):
        peer = Peer()
        cap, ours = first_object(peer), Recorder()
        question = peer.ask(cap, [LocalCap(ours)])
        peer.heard()
        peer.say(**{"return": {"answerId": question.id, "results": {}, "releaseParamCaps": released}})
        gc.collect()
        assert ours.gone == int(released)
        if not released:
            peer.say(release={"id": 0, "referenceCount": 1})
            assert ours.gone == 1


def test_parameters_nobody_kept_are_given_back_with_the_return() -> None:
    peer = Peer()
    peer.bootstrap()
    params = payload({"senderHosted": 5}, {"senderHosted": 6})
    peer.call(1, imported(0), params=params)
    answer(peer.server.calls[0])
    assert peer.heard()[0][1]["releaseParamCaps"] is True
    peer.call(2, imported(0), params=params)
    kept = peer.server.calls[1].capability(1)
    answer(peer.server.calls[1])
    released, returned = peer.heard()
    assert released == ("release", {"id": 5, "referenceCount": 1})
    assert returned[1]["releaseParamCaps"] is False
    del kept
    peer.server.calls.clear()
    gc.collect()
    assert peer.heard() == [("release", {"id": 6, "referenceCount": 1})]


def test_capability_that_cannot_be_sent_leaves_nothing_behind() -> None:
    peer, elsewhere = Peer(), Peer()
    cap, foreign = first_object(peer), first_object(elsewhere)
    ours = Recorder()
    with pytest.raises(Exception, match="another connection"):
        peer.ask(cap, [LocalCap(ours), foreign])
    gc.collect()
    assert ours.gone == 1
    assert not peer.rpc._questions
    assert peer.heard() == []
    peer.bootstrap(9)
    peer.call(1, imported(0))
    answer(peer.server.calls[0], LocalCap(ours), foreign)
    assert "another connection" in reason(peer.heard())
    gc.collect()
    assert ours.gone == 2


# Finish, unimplemented, abort


def test_finish_before_the_return_cancels() -> None:
    peer = Peer()
    peer.bootstrap()
    peer.call(1, imported(0))
    (call,) = peer.server.calls
    noticed = []
    call.on_cancel = lambda: noticed.append(True)
    assert peer.say(finish={"questionId": 1}) == []
    assert noticed == [True]
    answer(call, LocalCap(Recorder()))
    ((_, returned),) = peer.heard()
    assert "canceled" in returned
    assert peer.call(1, imported(0)) == []


def test_finish_of_an_unknown_question_is_no_offence() -> None:
    assert Peer().say(finish={"questionId": 12}) == []


def test_question_is_not_asked_twice() -> None:
    peer = Peer()
    peer.bootstrap(1)
    for message in ({"bootstrap": {"questionId": 1}}, {"call": {"questionId": 1, "target": imported(0)}}):
        with pytest.raises(RemoteProtocolError, match="asked twice"):
            peer.say(**message)


@pytest.mark.parametrize(
    "message",
    [
        {"provide": {"questionId": 1, "target": {"importedCap": 0}}},
        {"accept": {"questionId": 1}},
        {"join": {"questionId": 1, "target": {"importedCap": 0}}},
        {"disembargo": {"target": {"importedCap": 0}, "context": {"accept": None}}},
    ],
)
def test_what_is_not_implemented_is_sent_back(message: dict[str, Any]) -> None:
    peer = Peer()
    peer.bootstrap()
    ((kind, echoed),) = peer.say(**message)
    assert kind == "unimplemented"
    assert set(echoed) == set(message)
    assert peer.bootstrap(20) == 0


def test_results_for_a_third_party() -> None:
    peer = Peer()
    peer.bootstrap()
    call = m.begin_call(1, 1)
    m.set_question(call, 8)
    call[38] = 2
    ((kind, echoed),) = peer.send(bytes(wire.finish_frame(call)))
    assert (kind, "thirdParty" in echoed["call"]["sendResultsTo"]) == ("unimplemented", True)


def test_call_that_is_unimplemented() -> None:
    peer = Peer()
    ours = Recorder()
    question = peer.ask(first_object(peer), [LocalCap(ours)])
    ((_, sent),) = peer.heard()
    peer.say(unimplemented={"call": sent})
    assert isinstance(question.error, UnimplementedError)
    gc.collect()
    assert ours.gone == 1


@pytest.mark.parametrize("message", [{"finish": {}}, {"return": {}}, {"release": {}}, {"disembargo": {}}])
def test_peer_that_lacks_what_it_must_have(message: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match="does not implement"):
        Peer().say(unimplemented=message)


def test_abort_tells_why() -> None:
    peer = Peer()
    question = peer.ask(first_object(peer))
    with pytest.raises(DisconnectedError, match="out of patience") as caught:
        peer.say(abort={"reason": "out of patience"})
    peer.rpc.close(caught.value)
    assert str(question.error) == "IPC client method call interrupted by disconnect."


@pytest.mark.parametrize(
    "message",
    [
        {"return": {"answerId": 44, "results": {}}},
        {"release": {"id": 3, "referenceCount": 1}},
        {"call": {"questionId": 1, "target": {"importedCap": 99}}},
        {"unimplemented": {"call": {"questionId": 12}}},
        {"return": {"answerId": 1, "resultsSentElsewhere": None}},
        {"resolve": {"promiseId": 7, "cap": {"senderHosted": 1}}},
    ],
)
def test_offence(message: dict[str, Any]) -> None:
    """Whatever was asked before ends with the connection."""
    peer = Peer()
    peer.bootstrap()
    cap = first_object(peer)
    question = peer.ask(cap)
    assert question.id in {0, 1}
    if "return" in message and message["return"]["answerId"] == 1:
        message = {"return": {**message["return"], "answerId": question.id}}
    with pytest.raises(RemoteProtocolError) as caught:
        peer.say(**message)
    peer.rpc.close(caught.value)
    assert question.done


def test_too_many_questions_are_answered_as_overloaded() -> None:
    peer = Peer()
    heard: list[tuple[str, Any]] = []
    data = b"".join(encode(bootstrap={"questionId": i}) for i in range(100))
    for start in range(0, MAX_CALLS + 200, 100):
        batch = bytearray(data)
        for i in range(100):
            batch[i * len(data) // 100 + 32 : i * len(data) // 100 + 36] = (start + i).to_bytes(4, "little")
        heard = peer.send(bytes(batch))
    assert all(message["exception"]["type"] == "overloaded" for _, message in heard)
    assert len(peer.rpc._answers) == MAX_CALLS
    assert OVERLOADED == 1
    peer.say(finish={"questionId": 0})
    assert peer.bootstrap(0) == 0


def test_requests_that_take_too_much_memory_are_answered_as_overloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipc.capnp.rpc.MAX_HELD", 1 << 20)
    peer = Peer()
    peer.bootstrap()
    request = m.begin_call(1, 1)
    m.set_target(request, 0, None)
    wire.put_data(request, m.CALL_CONTENT, bytes(300_000))
    data = bytearray(wire.finish_frame(request))
    heard: list[tuple[str, Any]] = []
    for number in range(1, 6):
        m.set_question(data, number)
        heard += peer.send(bytes(data))
    assert [message["answerId"] for _, message in heard] == [4, 5]
    assert all(message["exception"]["type"] == "overloaded" for _, message in heard)
    for call in peer.server.calls:
        answer(call)
    assert peer.rpc._held == 0
    peer.heard()
    assert peer.send(bytes(data)) == []


def test_call_that_waits_for_results_when_the_connection_ends() -> None:
    """Neither a call of the peer's nor one of ours may wait for ever for an object that never comes."""
    peer = Peer()
    peer.bootstrap()
    peer.call(1, imported(0))
    peer.call(2, imported(0), params=payload({"receiverAnswer": {"questionId": 1}}))
    cap = peer.server.calls[1].capability(0)
    assert cap is not None
    question = peer.ask(cap)
    assert not question.done
    peer.rpc.close(DisconnectedError("gone"))
    assert question.done
