"""What Stripe said of the orders last asked for, so that not everybody who waits asks it every time."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections import OrderedDict

from app.billing.fulfilment import CheckoutStatus

ANSWERS_KEPT = 1000


class LastAnswers:
    """The answers of one process; another may ask as well."""

    def __init__(self) -> None:
        self._answers: OrderedDict[uuid.UUID, tuple[float, CheckoutStatus | None]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, order_id: uuid.UUID) -> tuple[float, CheckoutStatus | None]:
        """How many seconds ago it was asked for, and what was answered (None: nothing)."""
        with self._lock:
            asked_at, status = self._answers.get(order_id, (-math.inf, None))
        return time.monotonic() - asked_at, status

    def note(self, order_id: uuid.UUID, status: CheckoutStatus | None) -> None:
        """Note an answer that came just now."""
        with self._lock:
            self._answers[order_id] = time.monotonic(), status
            self._answers.move_to_end(order_id)
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.popitem(last=False)
