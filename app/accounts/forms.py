"""The forms of the accounts; Flask-Security brings the others."""

from __future__ import annotations

from typing import Any

from flask_login import current_user
from flask_security.forms import RegisterFormV2
from flask_wtf import FlaskForm
from wtforms import Field, PasswordField
from wtforms.validators import DataRequired, ValidationError


class SignUpForm(RegisterFormV2):  # type: ignore[misc]  # Flask-Security is skipped by the type checker
    """Says plainly when an address has an account already.

    Log-in and forgotten-password do not tell whether an account exists (generic responses); here there is
    nothing to hide, since a sign-up that logs in at once tells it anyway. Dropping the library's note of
    the existing user makes it answer with the form's own error instead of pretending to have signed up.
    """

    def validate(self, **options: Any) -> bool:
        valid = bool(super().validate(**options))
        self.existing_email_user = None
        return valid


class DeleteAccountForm(FlaskForm):  # type: ignore[misc]
    """Asks for the password before everything goes."""

    password = PasswordField(
        "Your password",
        validators=[DataRequired("Enter your password to delete the account.")],
        render_kw={"autocomplete": "current-password"},
    )

    def validate_password(self, field: Field) -> None:
        if not current_user.verify_and_update_password(field.data):
            raise ValidationError("This is not your password.")
