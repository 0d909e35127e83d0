"""Turns are given in the order of asking."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from app.engine.scheduling import FairQueue
from testing.waiting import wait_until


def test_who_asks_again_lines_up_behind_who_waits() -> None:
    queue = FairQueue()
    order: list[str] = []
    holding, release = threading.Event(), threading.Event()

    def large() -> None:
        with queue.turn():
            holding.set()
            release.wait(10)
        for _ in range(3):
            with queue.turn():
                order.append("tile")

    def small() -> None:
        with queue.turn():
            order.append("preview")

    first = threading.Thread(target=large)
    first.start()
    assert holding.wait(10)
    second = threading.Thread(target=small)
    second.start()
    wait_until(lambda: len(queue._waiting) == 2, "the preview waits")
    release.set()
    first.join()
    second.join()
    assert order == ["preview", "tile", "tile", "tile"]


class Asking:
    """Threads that ask a queue while its turn is held, and their results."""

    def __init__(self, answer: Callable[[Sequence[int]], Sequence[int]]) -> None:
        self.queue, self.batches = FairQueue(), list[list[int]]()
        self.answers, self.errors = dict[int, int](), dict[int, Exception]()
        self._answer = answer

    def ask_together(self, requests: dict[int, str], limit: int) -> None:
        """Ask in the order of the requests, each with its key."""
        threads = []
        with self.queue.turn():
            for number, key in requests.items():
                threads.append(threading.Thread(target=self._ask, args=(number, key, limit)))
                threads[-1].start()
                wait_until(lambda: len(self.queue._waiting) == 1 + len(threads), "the request waits")
        for thread in threads:
            thread.join(10)
        assert not self.queue._waiting

    def _ask(self, number: int, key: str, limit: int) -> None:
        def answer(numbers: Sequence[int]) -> Sequence[int]:
            self.batches.append(list(numbers))
            return self._answer(numbers)

        try:
            self.answers[number] = self.queue.share(key, number, answer, limit)
        except ValueError as error:
            self.errors[number] = error


def squares(numbers: Sequence[int]) -> Sequence[int]:
    return [number**2 for number in numbers]


def test_equal_requests_are_answered_together_up_to_the_limit() -> None:
    asking = Asking(squares)
    asking.ask_together({1: "a", 2: "b", 3: "a", 4: "a", 5: "b", 6: "a"}, limit=3)
    assert asking.batches == [[1, 3, 4], [2, 5], [6]]
    assert asking.answers == {number: number**2 for number in range(1, 7)}


def test_what_is_wrong_with_one_is_not_the_matter_of_the_others() -> None:
    def answer(numbers: Sequence[int]) -> Sequence[int]:
        if 2 in numbers:
            raise ValueError
        return squares(numbers)

    asking = Asking(answer)
    asking.ask_together({1: "a", 2: "a", 3: "a"}, limit=4)
    assert asking.batches == [[1, 2, 3], [1], [2], [3]]
    assert asking.answers == {1: 1, 3: 9}
    assert list(asking.errors) == [2]


def test_a_turn_ends_when_the_work_fails() -> None:
    queue = FairQueue()
    try:
        with queue.turn():
            raise ValueError
    except ValueError:
        pass
    with queue.turn():
        pass
