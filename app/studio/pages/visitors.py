"""The key of a visitor, for rate limits and slots."""

from __future__ import annotations

from flask_login import current_user

from app.extensions import client_network


def visitor() -> str:
    """The account, or without one the network of the address.

    Reads the account's row, so call it before the transaction ends.
    """
    return f"account-{current_user.id}" if current_user.is_authenticated else client_network()
