"""Two people with credits, each with a browser."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts.models import User
from testing.site import create_user, log_in


@pytest.fixture
def user(app: Flask) -> User:
    return create_user(app, "ada@example.com", credits=3)


@pytest.fixture
def ada(client: FlaskClient, user: User) -> FlaskClient:
    log_in(client, user)
    return client


@pytest.fixture
def eve(app: Flask, client: FlaskClient) -> FlaskClient:
    stranger = app.test_client()
    log_in(stranger, create_user(app, "eve@example.com", credits=3))
    return stranger


@pytest.fixture(autouse=True)
def painting_at_once(networks_shared: None) -> None:
    """Applications of tests share loaded networks."""
