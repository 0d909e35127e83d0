"""Mails that tell of a change to the account; Flask-Security sends those about the password itself."""

from __future__ import annotations

from flask import Flask, current_app, url_for
from flask_babel import gettext
from flask_security.signals import change_email_confirmed
from flask_security.utils import send_mail

from app.accounts.email_changes import sign_undo
from app.accounts.models import User


def configure_notices(app: Flask) -> None:
    """Tell both addresses when the email of an account changes."""
    change_email_confirmed.connect(_email_changed, app, weak=False)


def _email_changed(app: Flask, user: User, old_email: str, **_: object) -> None:
    token = sign_undo(current_app.config["SECRET_KEY"], user.id, old_email)
    undo = url_for("accounts.undo_email", token=token, _external=True)
    for recipient, link in ((old_email, undo), (user.email, None)):
        _send(gettext("Your email has been changed"), recipient, "email_changed", user=user, undo_link=link)


def tell_of_deletion(email: str) -> None:
    """Confirm to a person that their account is deleted."""
    _send(gettext("Your account is deleted"), email, "account_deleted", user=None)


def _send(subject: str, recipient: str, template: str, **values: object) -> None:
    send_mail(subject, recipient, f"security/email/{template}", **values)
