"""The forms of the accounts; Flask-Security brings the others."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import flash
from flask_babel import gettext, lazy_gettext
from flask_login import current_user
from flask_security.change_email import ChangeEmailForm
from flask_security.confirmable import send_confirmation_instructions
from flask_security.forms import (
    ChangePasswordForm,
    EmailValidation,
    ForgotPasswordForm,
    Form,
    LoginForm,
    RegisterFormV2,
    SendConfirmationForm,
    VerifyForm,
    email_required,
)
from flask_security.recoverable import send_reset_password_instructions
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import EmailField, Field, PasswordField
from wtforms.validators import DataRequired, ValidationError

from app.accounts.after_answer import after_answer
from app.accounts.guessing import attempt
from app.accounts.models import User
from app.db import db
from app.wiring import mailer


class SlowsGuessing:
    """Counts the tries at an account's password; see :mod:`app.accounts.guessing`."""

    def validate(self, **options: Any) -> bool:
        sent: str | None = self.password.data  # type: ignore[attr-defined]
        email = current_user.email if current_user.is_authenticated else self.email.data  # type: ignore[attr-defined]
        if not sent or not email:
            return bool(super().validate(**options))  # type: ignore[misc]
        with attempt(email) as tried:
            tried.succeeded = bool(super().validate(**options))  # type: ignore[misc]
        return tried.succeeded


class LogInForm(SlowsGuessing, LoginForm):  # type: ignore[misc]  # the type checker skips the library
    """Email and password."""


class CheckPasswordForm(SlowsGuessing, VerifyForm):  # type: ignore[misc]
    """The password once more."""


class NewPasswordForm(SlowsGuessing, ChangePasswordForm):  # type: ignore[misc]
    """The password as it is, and the new one twice."""


class MailsLink:
    """Mails a link after the answer, if the address has an account that may have it.

    The form looks nothing up and is never valid. So the library's view gives its general answer, and neither
    the answer nor its time tells whether there is an account.
    """

    def validate(self, **options: Any) -> bool:
        if not Form.validate(self, **options):
            return False
        after_answer(partial(self.mail_link, self.email.data))  # type: ignore[attr-defined]
        if kept_in := mailer().folder:
            said = gettext("No mail server is set up here. Mails are kept in %(folder)s.", folder=kept_in)
            flash(said, "info")
        return False

    @staticmethod
    def mail_link(email: str) -> None:
        raise NotImplementedError


def _any_email() -> EmailField:
    """A field for an address that need not have an account."""
    return EmailField(
        render_kw={"autocomplete": "email"}, validators=[email_required, EmailValidation(verify=False)]
    )


class ForgottenPasswordForm(MailsLink, ForgotPasswordForm):  # type: ignore[misc]
    """The address whose password is forgotten."""

    email = _any_email()

    @staticmethod
    def mail_link(email: str) -> None:
        user = find_account(email)
        if user is not None and user.active:
            send_reset_password_instructions(user)


class ConfirmationForm(MailsLink, SendConfirmationForm):  # type: ignore[misc]
    """The address that is to be confirmed."""

    email = _any_email()

    @staticmethod
    def mail_link(email: str) -> None:
        user = find_account(email)
        if user is not None and user.confirmed_at is None:
            send_confirmation_instructions(user)


def find_account(email: str) -> User | None:
    """The account of an address, as the mail forms normalise it."""
    found: User | None = db.session.scalar(select(User).where(User.email == email))
    return found


class SaysWhenTaken:
    """Says plainly when an address has an account already.

    Log-in and forgotten-password do not tell whether an account exists (generic responses); here there is
    nothing to hide, since a sign-up that logs in at once tells it anyway. Dropping the library's note of
    the existing user makes it answer with the form's own error instead of pretending that all went well.
    """

    def validate(self, **options: Any) -> bool:
        valid = bool(super().validate(**options))  # type: ignore[misc]
        self.existing_email_user = None
        return valid


class SignUpForm(SaysWhenTaken, RegisterFormV2):  # type: ignore[misc]  # the type checker skips the library
    """An email and a password."""


class NewEmailForm(SaysWhenTaken, ChangeEmailForm):  # type: ignore[misc]
    """The address that shall become an account's."""


class DeleteAccountForm(SlowsGuessing, FlaskForm):  # type: ignore[misc]
    """Asks for the password before everything goes."""

    password = PasswordField(
        lazy_gettext("Your password"),
        validators=[DataRequired(lazy_gettext("Enter your password to delete your account."))],
        render_kw={"autocomplete": "current-password"},
    )

    def validate_password(self, field: Field) -> None:
        if not current_user.verify_and_update_password(field.data):
            raise ValidationError(gettext("Wrong password. Try again."))
