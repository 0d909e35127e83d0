"""Fair slots: no visitor holds all, and waiting visitors are served in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from app.fair_slots import FairSlots, NoSlot
from testing.together import at_once


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def assert_refused(slots: FairSlots, visitor: str) -> None:
    with pytest.raises(NoSlot), slots.slot(visitor, 0.02):
        pass


def test_one_visitor_leaves_a_slot_to_others() -> None:
    slots = FairSlots(2, each=1, present=8, present_each=4)
    with slots.slot("ada", 0):
        with pytest.raises(NoSlot), slots.slot("ada", 0.02):
            pass
        with slots.slot("bob", 0), pytest.raises(NoSlot), slots.slot("eve", 0.02):
            pass
    with slots.slot("ada", 0), slots.slot("eve", 0):
        pass  # all slots came back


def test_visitors_are_served_in_turn() -> None:
    slots, served = FairSlots(1, each=1, present=20, present_each=10), []

    def visit(visitor: str) -> None:
        with slots.slot(visitor, 10):
            served.append(visitor)

    threads = [
        threading.Thread(target=visit, args=(name,)) for name in ("ada",) * 4 + ("bob",) * 2 + ("eve",)
    ]
    with slots.slot("nobody", 0):
        for number, thread in enumerate(threads, 1):
            thread.start()
            until(lambda number=number: slots.waiting() == number)
    for thread in threads:
        thread.join()
    assert served == ["ada", "bob", "eve", "ada", "bob", "ada", "ada"]


def test_a_newcomer_is_served_before_whoever_has_just_held_a_slot() -> None:
    slots, served = FairSlots(2, each=1, present=20, present_each=10), []

    def visit(visitor: str) -> None:
        with slots.slot(visitor, 10):
            served.append(visitor)

    threads = [threading.Thread(target=visit, args=(name,)) for name in ("eve", "mallory", "ada")]
    with slots.slot("eve", 0):
        with slots.slot("mallory", 0):
            for number, thread in enumerate(threads, 1):
                thread.start()
                until(lambda number=number: slots.waiting() == number)
        until(lambda: len(served) >= 1)
    for thread in threads:
        thread.join()
    assert served[0] == "ada"


def test_a_newcomer_takes_the_place_of_whoever_crowds_the_others_out() -> None:
    slots, served, refused = FairSlots(1, each=1, present=5, present_each=3), [], []

    def visit(visitor: str) -> None:
        try:
            with slots.slot(visitor, 10):
                served.append(visitor)
        except NoSlot:
            refused.append(visitor)

    with slots.slot("nobody", 0):
        threads = []
        for number, name in enumerate(("ada", "ada", "ada", "bob", "eve"), 1):
            threads.append(threading.Thread(target=visit, args=(name,)))
            threads[-1].start()
            until(lambda number=number: slots.waiting() == min(number, 4))
        until(lambda: refused == ["ada"])
        assert_refused(slots, "eve")  # her second would be as many as anybody has
        assert_refused(slots, "ada")
    for thread in threads:
        thread.join()
    assert sorted(served) == ["ada", "ada", "bob", "eve"]


def test_no_more_slots_are_held_than_there_are() -> None:
    slots, lock = FairSlots(3, each=2, present=40, present_each=40), threading.Lock()
    now: list[str] = []
    most: list[tuple[int, int]] = []

    def visit(visitor: str) -> None:
        with slots.slot(visitor, 20):
            with lock:
                now.append(visitor)
                most.append((len(now), now.count(visitor)))
            time.sleep(0.002)
            with lock:
                now.remove(visitor)

    visits = [lambda name=name: visit(name) for name in ["ada", "bob", "eve"] * 10]
    assert at_once(visits) == [None] * 30
    assert max(all_held for all_held, _ in most) <= 3
    assert max(own for _, own in most) <= 2
    with slots.slot("ada", 0), slots.slot("ada", 0), slots.slot("bob", 0):  # as many as that are held
        assert_refused(slots, "eve")


def test_too_many_of_one_visitor_are_told_at_once() -> None:
    slots = FairSlots(1, each=1, present=4, present_each=2)

    def visit() -> None:
        with slots.slot("ada", 10):
            pass

    thread = threading.Thread(target=visit)
    with slots.slot("ada", 0):
        thread.start()
        until(lambda: slots.waiting() == 1)
        started = time.monotonic()
        with pytest.raises(NoSlot), slots.slot("ada", 10):
            pass
        assert time.monotonic() - started < 5
    thread.join()


def test_who_is_patient_waits_however_many_are_present() -> None:
    slots = FairSlots(1, each=1, present=1, present_each=1)
    done = threading.Event()

    def wait() -> None:
        with slots.slot("ada", None):
            done.set()

    with slots.slot("ada", 0):
        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: slots.waiting() == 1)
        assert not done.is_set()
    thread.join()
    assert done.is_set()


@pytest.mark.parametrize("visitor", [None, 0, ""])
def test_a_visitor_may_have_any_key(visitor: object) -> None:
    with FairSlots(1, each=1, present=1, present_each=1).slot(visitor, 0.02):
        pass


def test_who_gives_up_is_forgotten() -> None:
    slots = FairSlots(1, each=1, present=8, present_each=8)
    with slots.slot("ada", 0):
        for _ in range(3):
            with pytest.raises(NoSlot), slots.slot("bob", 0.01):
                pass
    assert slots.waiting() == 0
    with slots.slot("bob", 0):
        pass
