"""Work that begins once the answer is sent, so that its time tells nobody what was done."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flask import Response, after_this_request, copy_current_request_context

THREAD_NAME = "after-answer"


def after_answer(work: Callable[[], None]) -> None:
    """Run ``work`` in a thread of its own, in a copy of this request, after its answer is sent."""
    thread = threading.Thread(target=copy_current_request_context(work), name=THREAD_NAME)

    def start_later(response: Response) -> Response:
        response.call_on_close(thread.start)
        return response

    after_this_request(start_later)
