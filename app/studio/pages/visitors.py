"""Who asks: what is counted and shared out by visitor."""

from __future__ import annotations

from flask_login import current_user

from app.extensions import client_network


def visitor() -> str:
    """The account, or the network of the address without one.

    It reads the account's row: call it before the transaction ends.
    """
    return f"account-{current_user.id}" if current_user.is_authenticated else client_network()
