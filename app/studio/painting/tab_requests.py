"""Requests for large previews by browser tab; superseded requests are skipped."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass

from app.errors import DomainError
from app.recent import Recent
from app.sentences import translatable


class Superseded(DomainError):
    """The same tab has sent a newer request, so nobody waits for this one any more."""

    status = 409

    def __init__(self) -> None:
        super().__init__(translatable("A newer preview is on its way instead."))


@dataclass(frozen=True)
class TabRequest:
    """The tab and its request number. Without a tab nothing is ever superseded."""

    tab: str = ""
    number: int = 0


@dataclass(frozen=True)
class LatestRequest:
    """The newest request of a tab: its number, and the painting that it needs."""

    number: int
    painting: Hashable


class LatestRequests:
    """Remembers the newest request of each tab; safe to use from several threads."""

    def __init__(self, tabs: int) -> None:
        self._latest: Recent[str, LatestRequest] = Recent(tabs)
        self._lock = threading.Lock()

    def note(self, request: TabRequest, painting: Hashable) -> None:
        """Remember a request and the painting that it needs.

        Raises:
            Superseded: the tab has sent a newer request already.
        """
        if request.tab:
            with self._lock:
                self.check(request)
                self._latest.put(request.tab, LatestRequest(request.number, painting))

    def check(self, request: TabRequest, painting: Hashable = None) -> None:
        """Stop the work on a request that is superseded.

        ``painting`` is being painted for it. A newer request that needs the same painting lets it go on.

        Raises:
            Superseded: the tab has sent a newer request, which needs another painting.
        """
        if not request.tab:
            return
        latest = self.latest(request, painting)
        if latest.number > request.number and latest.painting != painting:
            raise Superseded

    def latest(self, request: TabRequest, painting: Hashable = None) -> LatestRequest:
        """The newest request of the same tab: this one, if no other is known."""
        return self._latest.get(request.tab, lambda: LatestRequest(request.number, painting))
