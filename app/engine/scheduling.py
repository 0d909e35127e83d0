"""Who may use the processor next: first come, first served, one tile at a time; equals may go together."""

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
    """A place in the queue. A request with a ``key`` may be answered along with one whose turn it is."""

    key: Hashable = None
    request: Any = None
    answers: list[Any] = field(default_factory=list)  # none, or the one


class FairQueue:
    """A lock that is passed on in the order of asking.

    One inference uses every core, so inferences take turns. A large picture asks anew for each of its tiles
    and so lines up behind a small one that came meanwhile; a plain lock may be taken back by the thread that
    has just released it, again and again.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[_Ticket] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn and keep it for the length of the block."""
        with self._line_up(_Ticket()):
            yield

    def share(
        self,
        key: Hashable,
        request: Request,
        answer: Callable[[Sequence[Request]], Sequence[Answer]],
        limit: int,
    ) -> Answer:
        """Have a request answered in one's turn, or before it along with an equal one that has its turn.

        Args:
            key: requests of equal keys can be answered together.
            request: what is asked.
            answer: makes one answer for each request. If it fails for several, each is answered alone in its
                own turn, so that what is wrong with one is the matter of that one.
            limit: how many requests may be answered together.
        """
        ticket = _Ticket(key, request)
        with self._line_up(ticket):
            if not ticket.answers and not self._answer_together(ticket, answer, limit):
                ticket.answers = list(answer([request]))
        mine: Answer = ticket.answers[0]
        return mine

    def _answer_together(self, ticket: _Ticket, answer: Callable[[Any], Any], limit: int) -> bool:
        """Answer the first in line and its equals, if there are any; whether that was done."""
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
        """Wait for the ticket's turn, or for the answer to its request; leave the queue after the block."""
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
