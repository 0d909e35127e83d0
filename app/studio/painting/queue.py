"""The queue between the web process and the workers. It carries only render ids.

A lost message loses nothing: the sweep finds the render's row, which still waits.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import structlog
from huey import Huey, RedisHuey, SqliteHuey
from huey.consumer import Consumer
from huey.serializer import SignedSerializer

log = structlog.get_logger(__name__)

# How often a worker checks an SQLite queue, in seconds. Redis wakes a worker at once.
POLL_SECONDS = 0.05
# How long a stopping consumer may finish its picture, in seconds. compose.yaml waits a little longer.
SHUTDOWN_SECONDS = 30


class RenderQueue:
    """Passes render ids to ``handler``, which runs wherever a consumer runs."""

    def __init__(self, huey: Huey, handler: Callable[[uuid.UUID], None]) -> None:
        self._huey = huey
        self._task = huey.task(name="render")(lambda render_id: handler(uuid.UUID(render_id)))

    def submit(self, *render_ids: uuid.UUID, delay: float = 0.0) -> None:
        """Ask for renders, in ``delay`` seconds; asking twice is harmless.

        Never raises, since the sweep finds rows without a message. The first error ends the loop: a request
        must not wait for an unreachable queue once per picture.
        """
        try:
            for render_id in render_ids:
                self._send(str(render_id), delay)
        except Exception:
            log.exception("queue.unreachable", renders=[str(render_id) for render_id in render_ids])

    def _send(self, render_id: str, delay: float) -> None:
        if delay:
            self._task.schedule((render_id,), delay=delay)
        else:
            self._task(render_id)

    def pending(self) -> list[uuid.UUID]:
        """The render ids of all waiting messages, delayed ones included."""
        waiting = [*self._huey.pending(), *self._huey.scheduled()]
        return [uuid.UUID(message.args[0]) for message in waiting]

    def consumer(self, *, embedded: bool) -> Consumer:
        """A consumer with one worker thread, since one picture uses every core.

        As a process of its own it finishes its picture after SIGTERM, which service managers send. It drops
        the picture after a second SIGTERM, or after SIGINT.
        """
        kind = EmbeddedConsumer if embedded else Consumer
        return kind(
            self._huey,
            workers=1,
            worker_type="thread",
            periodic=False,
            initial_delay=POLL_SECONDS,
            backoff=1.0,
            max_delay=POLL_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
            graceful_signal="TERM",
        )


class EmbeddedConsumer(Consumer):  # type: ignore[misc]  # Huey ships no types
    """A consumer inside the web process, which has its own signal handlers."""

    def _set_signal_handlers(self) -> None:
        pass


def make_huey(url: str, secret: str) -> Huey:
    """A Huey instance for ``sqlite:///PATH`` or ``redis://...``.

    Huey pickles its messages. They are signed, so that nobody who can write to the queue can run code here.
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
