"""Leases: a render's states and its credits, on real databases."""

from __future__ import annotations

import threading
import time

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import ledger
from app.db import transaction, utc_now
from app.studio.domain.models import Render, RenderStatus
from app.studio.domain.pictures import delete_renders
from app.studio.painting import leases
from testing.site import create_user
from testing.studio import LEASE, add_photo, submit
from testing.together import run_together


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=2)


def test_the_way_of_a_render(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        claimed = leases.claim(session, render.id, LEASE)
        assert claimed is not None
        assert (claimed.status, claimed.attempt) == (RenderStatus.RUNNING, 1)
        assert leases.claim(session, render.id, LEASE) is None
        assert leases.report_progress(session, render.id, 1, 0.5, LEASE)
        assert leases.finish(session, render.id, 1)
        session.refresh(render)
        assert (render.status, render.progress, render.lease_expires_at) == (RenderStatus.DONE, 1.0, None)
        assert not leases.finish(session, render.id, 1)


def test_a_worker_that_lost_its_lease_changes_nothing(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        leases.claim(session, render.id, LEASE)
        assert leases.requeue(session, render.id, 1)
        leases.claim(session, render.id, LEASE)
        assert not leases.report_progress(session, render.id, 1, 0.5, LEASE)
        assert not leases.finish(session, render.id, 1)
        assert not leases.fail(session, render.id, 1, user.wallet_id, "late")
        assert leases.finish(session, render.id, 2)
        assert ledger.balance(session, user.wallet_id) == 1


def test_a_failure_returns_the_credit_once(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        leases.claim(session, render.id, LEASE)
        assert leases.fail(session, render.id, 1, user.wallet_id, "The brush broke.")
        assert not leases.fail(session, render.id, 1, user.wallet_id, "The brush broke.")
        session.refresh(render)
        assert (render.status, render.failure) == (RenderStatus.FAILED, "The brush broke.")
        assert ledger.balance(session, user.wallet_id) == 2


def test_expired_leases_are_found(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        leases.claim(session, render.id, LEASE)
        assert list(leases.expired_leases(session, utc_now())) == []
        assert [late.id for late in leases.expired_leases(session, utc_now() + 2 * LEASE)] == [render.id]


@pytest.mark.parametrize("step", ["delete", "fail"])
def test_credits_are_returned_in_the_order_of_locks(app_on_both: Flask, step: str) -> None:
    """A transaction that waits for the wallet holds no lock on a render."""
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        render_id = submit(session, user, [add_photo(session, user)])[0].id
        if step == "fail":
            leases.claim(session, render_id, LEASE)
    holds_wallet = threading.Event()

    def hold() -> None:
        with app_on_both.app_context(), transaction() as session:
            ledger.lock_wallet(session, user.wallet_id)
            holds_wallet.set()
            time.sleep(0.5)  # the other thread waits for the wallet by now
            session.execute(update(Render).where(Render.id == render_id).values(name="held"))

    def return_credits() -> None:
        holds_wallet.wait()
        with app_on_both.app_context(), transaction() as session:
            if step == "fail":
                assert leases.fail(session, render_id, 1, user.wallet_id, "The brush broke.")
            else:
                delete_renders(session, user.id, user.wallet_id, [render_id])

    run_together([hold, return_credits])
    with app_on_both.app_context(), transaction() as session:
        assert ledger.balance(session, user.wallet_id) == 1


def test_only_one_worker_claims_a_render(app_on_both: Flask) -> None:
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        render_id = submit(session, user, [add_photo(session, user)])[0].id
    winners: list[int] = []

    def take(number: int) -> None:
        with app_on_both.app_context(), transaction() as session:
            if leases.claim(session, render_id, LEASE):
                winners.append(number)

    run_together([lambda number=number: take(number) for number in range(8)])
    assert len(winners) == 1
