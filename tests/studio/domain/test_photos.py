"""Deleting photos while orders and pictures use them, on real databases."""

from __future__ import annotations

import threading
import time

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import ledger
from app.db import transaction
from app.studio.domain.errors import BeingPainted, NotFound
from app.studio.domain.models import Render
from app.studio.domain.photos import delete_photo
from app.studio.painting import leases
from testing.site import create_user
from testing.studio import LEASE, add_photo, submit
from testing.together import at_once


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=2)


def test_a_picture_outlives_its_photo(session: Session, user: User) -> None:
    with transaction():
        photo = add_photo(session, user)
        render = submit(session, user, [photo])[0]
        leases.claim(session, render.id, LEASE)
        leases.finish(session, render.id, 1)
        delete_photo(session, user.id, photo)
        session.refresh(render)
        assert render.photo is None
        assert render.name == "beach"


def test_a_photo_that_is_being_ordered_cannot_be_deleted(app_on_both: Flask) -> None:
    """The deletion waits for the order, and then is refused."""
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        photo = add_photo(session, user)
    ordered = threading.Event()

    def order() -> None:
        with app_on_both.app_context(), transaction() as session:
            submit(session, user, [photo])
            ordered.set()
            time.sleep(0.5)  # the other thread waits for the photo by now

    def delete() -> None:
        assert ordered.wait(60)
        with app_on_both.app_context(), transaction() as session:
            delete_photo(session, user.id, photo)

    outcomes = at_once([order, delete])
    assert [type(outcome) for outcome in outcomes] == [type(None), BeingPainted]
    with app_on_both.app_context(), transaction() as session:
        assert session.query(Render).one().photo_id == photo


def test_a_photo_that_is_being_deleted_cannot_be_ordered(app_on_both: Flask) -> None:
    """The order waits for the deletion, and then reports that the photo is gone."""
    user = create_user(app_on_both, "ada@example.com", credits=1)
    with app_on_both.app_context(), transaction() as session:
        photo = add_photo(session, user)
    deleted = threading.Event()

    def delete() -> None:
        with app_on_both.app_context(), transaction() as session:
            delete_photo(session, user.id, photo)
            deleted.set()
            time.sleep(0.5)

    def order() -> None:
        assert deleted.wait(60)
        with app_on_both.app_context(), transaction() as session:
            submit(session, user, [photo])

    outcomes = at_once([delete, order])
    assert [type(outcome) for outcome in outcomes] == [type(None), NotFound]
    with app_on_both.app_context(), transaction() as session:
        assert ledger.balance(session, user.wallet_id) == 1
