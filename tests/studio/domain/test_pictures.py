"""Pictures: deleting them, with the credits of those not started."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import ledger
from app.db import transaction
from app.studio.domain.errors import BeingPainted, NotFound
from app.studio.domain.photos import delete_photo
from app.studio.domain.pictures import delete_renders, find_render
from app.studio.painting import leases
from testing.site import create_user
from testing.studio import LEASE, add_photo, submit


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=2)


def test_taking_back_a_waiting_render_returns_its_credit(session: Session, user: User) -> None:
    with transaction():
        render = submit(session, user, [add_photo(session, user)])[0]
        prefixes = delete_renders(session, user.id, user.wallet_id, [render.id])
        assert prefixes == [f"renders/{render.id}"]
        assert ledger.balance(session, user.wallet_id) == 2
    with pytest.raises(NotFound), transaction():
        find_render(session, user.id, render.id)


def test_what_is_being_painted_cannot_be_deleted(session: Session, user: User) -> None:
    with transaction():
        photo = add_photo(session, user)
        render = submit(session, user, [photo])[0]
        leases.claim(session, render.id, LEASE)
        with pytest.raises(BeingPainted):
            delete_photo(session, user.id, photo)
        with pytest.raises(BeingPainted):
            delete_renders(session, user.id, user.wallet_id, [render.id])
