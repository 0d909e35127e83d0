"""The forms of the accounts; Flask-Security brings the others."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext, lazy_gettext
from flask_login import current_user
from flask_security.change_email import ChangeEmailForm
from flask_security.forms import RegisterFormV2
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField
from wtforms.validators import DataRequired, ValidationError


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


class DeleteAccountForm(FlaskForm):  # type: ignore[misc]
    """Asks for the password before everything goes."""

    password = PasswordField(
        lazy_gettext("Your password"),
        validators=[DataRequired(lazy_gettext("Enter your password to delete your account."))],
        render_kw={"autocomplete": "current-password"},
    )

    def validate_password(self, field: Field) -> None:
        if not current_user.verify_and_update_password(field.data):
            raise ValidationError(gettext("Wrong password. Try again."))
