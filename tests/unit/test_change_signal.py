"""Threads that wait for a change are all woken, one after another, and none is lost."""

import threading
import time

from conftest import wait_until

from interfaces.cancellation import Cancellation
from node.change_signal import ChangeSignal


def test_every_waiter_is_woken_at_every_change() -> None:
    signal = ChangeSignal()
    counts = [0] * 50
    done = threading.Event()

    def follow(i: int) -> None:
        seen = 0
        while not done.is_set():
            signal.wait(seen, 20)
            if signal.count != seen:
                seen = signal.count
                counts[i] = seen

    threads = [threading.Thread(target=follow, args=(i,)) for i in range(50)]
    for thread in threads:
        thread.start()
    for change in range(1, 21):
        signal.changed()
        wait_until(lambda: counts == [change] * 50, "all saw the change")  # noqa: B023 - called at once
    done.set()
    signal.close()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_those_who_give_up_do_not_hold_up_the_others() -> None:
    signal = ChangeSignal()
    gone = Cancellation()
    ended: list[int] = []

    def wait(i: int) -> None:
        if i % 3 == 0:
            signal.wait(0, 0.02)
        else:
            signal.wait(0, 20, [gone] if i % 3 == 1 else ())
        ended.append(i)

    threads = [threading.Thread(target=wait, args=(i,)) for i in range(60)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(ended) == 20, "time was up for some")
    gone.cancel()
    wait_until(lambda: len(ended) == 40, "some were cancelled")
    assert signal.waiting == 20
    signal.changed()
    for thread in threads:
        thread.join(10)
    assert sorted(ended) == list(range(60))
    assert signal.waiting == 0


def test_a_change_before_the_wait_ends_it() -> None:
    signal = ChangeSignal()
    seen = signal.count
    signal.changed()
    started = time.monotonic()
    signal.wait(seen, 20)
    signal.close()
    signal.wait(signal.count, 20)
    assert time.monotonic() - started < 5
