"""Paging through a large account: ten thousand pictures of one person on SQLite."""

from __future__ import annotations

import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flask_migrate import upgrade
from sqlalchemy import insert

from app import create_app
from app.db import db, transaction, utc_now
from app.studio.domain.controls import Controls
from app.studio.domain.gallery import newest_page, oldest_page, page_before
from app.studio.domain.models import PictureOrder, Render, RenderStatus
from testing.site import create_user, log_in, make_settings

PICTURES, PAGE, ROUNDS = 10_000, 24, 20


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(make_settings(Path(folder)))
        app.config["WTF_CSRF_ENABLED"] = False
        with app.app_context():
            upgrade()
        user = create_user(app, "ada@example.com")
        with app.app_context():
            fill(user.id)
            session = db.session()
            print(f"Gallery: pages of {PAGE} among {PICTURES:,} pictures, SQLite, median of {ROUNDS}")
            middle = newest_page(session, user.id, PICTURES // 2).last
            report("query, newest page", lambda: newest_page(session, user.id, PAGE))
            report("query, page in the middle", lambda: page_before(session, user.id, PAGE, middle))
            report("query, oldest page", lambda: oldest_page(session, user.id, PAGE))
            session.rollback()
        client = app.test_client()
        log_in(client, user)
        report("whole page, newest", lambda: client.get("/pictures"))
        report("whole page, in the middle", lambda: client.get(f"/pictures?before={middle}"))
        report("whole page, oldest", lambda: client.get("/pictures?oldest"))


def fill(user_id: int) -> None:
    """One order of that many finished pictures, a second apart."""
    now = utc_now()
    controls = Controls(style="wave")
    with transaction() as session:
        order = PictureOrder(
            id=uuid.uuid4(),
            user_id=user_id,
            request_key=uuid.uuid4().hex,
            credits=PICTURES,
            site_address="http://localhost/",
            created_at=now,
            completed_at=now,
        )
        session.add(order)
        session.flush()
        rows = [
            {
                "id": uuid.uuid4(),
                "user_id": user_id,
                "order_id": order.id,
                "name": f"Photo {number}",
                "width": 1024,
                "height": 768,
                "controls": controls,
                "credits": 1,
                "status": RenderStatus.DONE,
                "attempt": 1,
                "progress": 1.0,
                "created_at": now - timedelta(seconds=number),
            }
            for number in range(PICTURES)
        ]
        session.execute(insert(Render), rows)


def report(what: str, work: Callable[[], object]) -> None:
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    print(f"  {what:<28} {statistics.median(seconds) * 1000:6.1f} ms, longest {max(seconds) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
