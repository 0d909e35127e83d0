"""What people do with their accounts, through the test client."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.accounts.models import User
from app.db import transaction
from testing.site import PASSWORD
from testing.waiting import finish_mails

NEW_PASSWORD = "battery-horse-correct"


def sign_up(client: FlaskClient, email: str = "ada@example.com", password: str = PASSWORD) -> TestResponse:
    return client.post("/sign-up", data={"email": email, "password": password})


def mailed_link(tmp_path: Path, part: str) -> str:
    """The path of the newest mailed link that contains ``part``."""
    finish_mails()
    newest = max((tmp_path / "outbox").glob("*.eml"))
    link = re.search(rf"http://localhost(/\S*{part}\S*)", newest.read_text())
    assert link, newest.read_text()
    return link[1]


def find(app: Flask, email: str) -> User | None:
    with app.app_context(), transaction() as session:
        user = session.query(User).filter_by(email=email).one_or_none()
        if user:
            session.expunge(user)
    return user


def is_logged_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200
