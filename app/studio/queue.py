"""The queue between the web process and the workers. It carries render ids and nothing else.

A lost message loses nothing: the row in the database says what is to be done, and the sweep finds it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from huey import Huey, RedisHuey, SqliteHuey
from huey.consumer import Consumer
from huey.serializer import SignedSerializer

# How long a worker sleeps between looks at an SQLite queue, in seconds (Redis wakes it at once).
POLL_SECONDS = 0.05


class RenderQueue:
    """Hands render ids to ``handler``, in whatever thread or process a consumer runs."""

    def __init__(self, huey: Huey, handler: Callable[[uuid.UUID], None]) -> None:
        self._huey = huey
        self._task = huey.task(name="render")(lambda render_id: handler(uuid.UUID(render_id)))

    def submit(self, render_id: uuid.UUID) -> None:
        """Ask for a render. Asking twice is harmless: only one worker can claim the row."""
        self._task(str(render_id))

    def pending(self) -> int:
        """How many messages wait; a render being worked on is not among them."""
        return int(self._huey.pending_count())

    def consumer(self, *, embedded: bool) -> Consumer:
        """A consumer with one worker thread: an inference uses every core by itself."""
        kind = EmbeddedConsumer if embedded else Consumer
        return kind(
            self._huey,
            workers=1,
            worker_type="thread",
            periodic=False,
            initial_delay=POLL_SECONDS,
            backoff=1.0,
            max_delay=POLL_SECONDS,
            shutdown_timeout=30,
        )


class EmbeddedConsumer(Consumer):  # type: ignore[misc]  # Huey ships no types
    """A consumer inside the web process, which has signal handlers of its own."""

    def _set_signal_handlers(self) -> None:
        pass


def make_huey(url: str, secret: str) -> Huey:
    """A Huey instance for ``sqlite:///PATH`` or ``redis://...``.

    Huey pickles its messages; they are signed, so that who can write to the queue cannot run code here.
    """
    options: dict[str, Any] = {
        "results": False,
        "serializer": SignedSerializer(secret=secret, salt="render-queue"),
    }
    if url.startswith("sqlite:///"):
        return SqliteHuey("renders", filename=url.removeprefix("sqlite:///"), fsync=True, **options)
    if url.startswith(("redis://", "rediss://")):
        return RedisHuey("renders", url=url, **options)
    raise ValueError("QUEUE_URL must begin with sqlite:/// or redis://")
