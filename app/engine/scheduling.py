"""Turns on the processor: first come, first served, one strip at a time.

Equal requests may share a turn.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

log = logging.getLogger(__name__)

Request = TypeVar("Request")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Ticket:
    """A position in the queue. Requests of equal ``key`` may be answered in one turn."""

    key: Hashable = None
    request: Any = None
    answers: list[Any] = field(default_factory=list)  # empty, or one answer


class FairQueue:
    """A lock that threads get in the order of asking.

    One pass uses every core, so passes take turns. A large picture asks again for each of its strips, so
    small pictures come in between. A plain lock may go again and again to the thread that has just released
    it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[_Ticket] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn for the length of the block; wait for it first."""
        with self._line_up(_Ticket()):
            yield

    def share(
        self,
        key: Hashable,
        request: Request,
        answer: Callable[[Sequence[Request]], Sequence[Answer]],
        limit: int,
    ) -> Answer:
        """The answer to a request, made in its turn or earlier with an equal request.

        Args:
            key: requests of equal keys can be answered together.
            request: the caller's request.
            answer: makes one answer for each request. If it fails for several, each is answered alone in its
                own turn, so one bad request cannot fail the others.
            limit: how many requests may be answered together.
        """
        ticket = _Ticket(key, request)
        with self._line_up(ticket):
            if not ticket.answers and not self._answer_together(ticket, answer, limit):
                ticket.answers = list(answer([request]))
        mine: Answer = ticket.answers[0]
        return mine

    def _answer_together(self, ticket: _Ticket, answer: Callable[[Any], Any], limit: int) -> bool:
        """Answer the first request and its equals together; False if it has no equals."""
        with self._changed:
            equals = [each for each in self._waiting if each.key == ticket.key and not each.answers]
        group = equals[:limit]
        if ticket.key is None or len(group) < 2:
            return False
        try:
            answers = list(answer([each.request for each in group]))
        except Exception:
            log.warning("A batch of %d failed: each is tried alone", len(group), exc_info=True)
            for each in group:
                each.key = None
            return False
        with self._changed:
            for each, theirs in zip(group, answers, strict=True):
                each.answers = [theirs]
            self._changed.notify_all()
        return True

    @contextmanager
    def _line_up(self, ticket: _Ticket) -> Iterator[None]:
        """Wait for the ticket's turn or answer; leave the queue after the block."""
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: ticket.answers or self._waiting[0] is ticket)
            except BaseException:
                self._leave(ticket)
                raise
        try:
            yield
        finally:
            with self._changed:
                self._leave(ticket)

    def _leave(self, ticket: _Ticket) -> None:
        self._waiting.remove(ticket)
        self._changed.notify_all()
