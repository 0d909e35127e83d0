"""Leases: the states of a render while workers paint it.

Every function works in the caller's transaction and commits nothing. All changes are conditional updates.
So two workers, or a worker and the sweep, cannot both win.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.billing import ledger
from app.db import utc_now
from app.sentences import translatable
from app.studio.domain.models import Render, RenderStatus

RENDER_FAILED = translatable(
    "This picture could not be painted, and its credit is back on your account. Please try again."
)


def claim(session: Session, render_id: uuid.UUID, lease: timedelta) -> Render | None:
    """Take a queued render for this worker; None if it does not wait any more."""
    now = utc_now()
    claimed = session.execute(
        update(Render)
        .where(Render.id == render_id, Render.status == RenderStatus.QUEUED)
        .values(
            status=RenderStatus.RUNNING,
            attempt=Render.attempt + 1,
            progress=0.0,
            started_at=now,
            lease_expires_at=now + lease,
        )
    )
    return session.get(Render, render_id, populate_existing=True) if _changed(claimed) else None


def report_progress(
    session: Session, render_id: uuid.UUID, attempt: int, progress: float, lease: timedelta
) -> bool:
    """Renew the lease and store the progress (0 to 1). False: the lease is lost."""
    values = {"progress": progress, "lease_expires_at": utc_now() + lease}
    return _update_running(session, render_id, attempt, values)


def finish(session: Session, render_id: uuid.UUID, attempt: int) -> bool:
    """Mark a render as done. False: the lease is lost, discard the result."""
    values = {
        "status": RenderStatus.DONE,
        "progress": 1.0,
        "finished_at": utc_now(),
        "lease_expires_at": None,
    }
    return _update_running(session, render_id, attempt, values)


def requeue(session: Session, render_id: uuid.UUID, attempt: int) -> bool:
    """Put a render back into the queue. False: the lease is lost."""
    values = {"status": RenderStatus.QUEUED, "progress": 0.0, "lease_expires_at": None}
    return _update_running(session, render_id, attempt, values)


def fail(session: Session, render_id: uuid.UUID, attempt: int, wallet_id: uuid.UUID, failure: str) -> bool:
    """Mark a render as failed with its failure, and return its credits once."""
    ledger.lock_wallet(session, wallet_id)  # first the wallet, then the render, as everywhere
    values = {
        "status": RenderStatus.FAILED,
        "failure": failure,
        "finished_at": utc_now(),
        "lease_expires_at": None,
    }
    if not _update_running(session, render_id, attempt, values):
        return False
    render = session.get_one(Render, render_id, populate_existing=True)
    ledger.return_credits(session, wallet_id, render.credits, reference=str(render_id))
    return True


def expired_leases(session: Session, now: datetime) -> Sequence[Render]:
    """Running renders whose lease has expired."""
    expired = select(Render).where(Render.status == RenderStatus.RUNNING, Render.lease_expires_at < now)
    return session.scalars(expired).all()


def queued_renders(session: Session) -> Sequence[uuid.UUID]:
    """The ids of all waiting renders, oldest first."""
    waiting = select(Render.id).where(Render.status == RenderStatus.QUEUED).order_by(Render.created_at)
    return session.scalars(waiting).all()


def _update_running(session: Session, render_id: uuid.UUID, attempt: int, values: dict[str, object]) -> bool:
    held = (Render.id == render_id, Render.attempt == attempt, Render.status == RenderStatus.RUNNING)
    return _changed(session.execute(update(Render).where(*held).values(**values)))


def _changed(result: object) -> bool:
    assert isinstance(result, CursorResult)
    return bool(result.rowcount)
