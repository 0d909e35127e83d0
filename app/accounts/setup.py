"""Flask-Security, set up in one place: which account pages there are, where, and what they say."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import structlog
from flask import Flask, Response, after_this_request, flash, request
from flask_babel import gettext
from flask_login import user_logged_out
from flask_security import MailUtil, Security, SQLAlchemyUserDatastore
from limits import parse
from sqlalchemy.orm import Session

from app.accounts.forms import (
    CheckPasswordForm,
    ConfirmationForm,
    ForgottenPasswordForm,
    LogInForm,
    NewEmailForm,
    NewPasswordForm,
    SignUpForm,
)
from app.accounts.login import configure_login
from app.accounts.models import User
from app.accounts.notices import configure_notices
from app.accounts.passwords import SitePasswordUtil
from app.accounts.services import open_account
from app.accounts.welcome import configure_welcome
from app.config import Settings, read_or_create_secret
from app.db import begin_write, db
from app.extensions import limiter
from app.mail import Mailer, plain_message
from app.sentences import translatable
from app.translation import CATALOGUES

log = structlog.get_logger(__name__)

# Mails that a stranger can cause, and how many of them one address gets. The person who asks is not told
# when there are more: that would tell whether there is an account.
COUNTED_MAILS = {"change_email_instructions", "confirmation_instructions", "reset_instructions", "welcome"}
MAILS_FOR_ONE = [parse("5/hour"), parse("15/day")]

MESSAGES = {
    "CONFIRM_REGISTRATION": (
        translatable("Welcome! We sent a link to %(email)s. Open it to confirm your address."),
        "success",
    ),
    "CONFIRMATION_REQUEST": (
        translatable("If %(email)s is not confirmed yet, a new link is on its way."),
        "info",
    ),
    "EMAIL_CONFIRMED": (translatable("Thank you. Your email is confirmed."), "success"),
    "ALREADY_CONFIRMED": (translatable("Your email is already confirmed."), "info"),
    "INVALID_CONFIRMATION_TOKEN": (
        translatable("This link does not work. Ask for a new one below."),
        "error",
    ),
    "CONFIRMATION_EXPIRED": (
        translatable("This link is older than %(within)s. Ask for a new one below."),
        "error",
    ),
    "EMAIL_ALREADY_ASSOCIATED": (
        translatable("This email already has an account. Log in instead."),
        "error",
    ),
    "INVALID_EMAIL_ADDRESS": (
        translatable("This does not look like an email address. Check it for typos."),
        "error",
    ),
    "EMAIL_NOT_PROVIDED": (translatable("Enter your email."), "error"),
    "PASSWORD_NOT_PROVIDED": (translatable("Enter your password."), "error"),
    "PASSWORD_INVALID_LENGTH": (
        translatable("Use at least %(length)s characters, and at most 128."),
        "error",
    ),
    "INVALID_PASSWORD": (translatable("Wrong password. Try again."), "error"),
    "RETYPE_PASSWORD_MISMATCH": (translatable("The two passwords do not match. Enter them again."), "error"),
    "GENERIC_AUTHN_FAILED": (translatable("Wrong email or password. Try again."), "error"),
    "PASSWORD_RESET_REQUEST": (
        translatable("If there is an account with %(email)s, a link is on its way."),
        "info",
    ),
    "INVALID_RESET_PASSWORD_TOKEN": (
        translatable("This link no longer works. Ask for a new one."),
        "error",
    ),
    "PASSWORD_RESET_EXPIRED": (
        translatable("This link is older than %(within)s. Ask for a new one."),
        "error",
    ),
    "PASSWORD_RESET": (translatable("Your new password is set, and you are logged in."), "success"),
    "PASSWORD_RESET_NO_LOGIN": (translatable("Your new password is set. Log in with it."), "success"),
    "PASSWORD_CHANGE": (
        translatable("Your password is changed. Other devices have been logged out."),
        "success",
    ),
    "PASSWORD_IS_THE_SAME": (translatable("This is already your password. Choose a different one."), "error"),
    "CHANGE_EMAIL_SENT": (
        translatable("We sent a link to %(email)s. Open it to confirm your new email."),
        "info",
    ),
    "CHANGE_EMAIL_CONFIRMED": (translatable("Your email is changed."), "success"),
    "CHANGE_EMAIL_EXPIRED": (
        translatable("This link is older than %(within)s. Enter the new email again."),
        "error",
    ),
    "UNAUTHENTICATED": (translatable("Log in to continue."), "info"),
    "ANONYMOUS_USER_REQUIRED": (translatable("You are already logged in."), "info"),
    "REAUTHENTICATION_REQUIRED": (translatable("Enter your password again to continue."), "info"),
    "REAUTHENTICATION_SUCCESSFUL": (translatable("Thank you. You can continue."), "success"),
    # The only way to this one here is a link to change the email that is broken, used or of a taken address.
    "API_ERROR": (translatable("This link no longer works. Enter the new email again."), "error"),
    "LOGIN": (translatable("Good to see you again."), "success"),
    "FORGOT_PASSWORD": (translatable("Forgotten your password?"), "info"),
}


class AccountDatastore(SQLAlchemyUserDatastore):  # type: ignore[misc]
    """Lets Flask-Security's sign-up open an account with its wallet; there are no roles here."""

    def __init__(self) -> None:
        super().__init__(db, User, None)

    def create_user(self, **values: Any) -> User:
        session: Session = db.session()
        return open_account(session, email=values["email"], password_hash=values["password"])


def configure_accounts(app: Flask, settings: Settings) -> None:
    """Sign-up, log-in, confirmation, recovery and changes, by Flask-Security on Flask-Login."""
    app.config.update(_security_options(app, settings))
    app.config.update({f"SECURITY_MSG_{name}": message for name, message in MESSAGES.items()})
    security = Security(
        app,
        AccountDatastore(),
        register_form=SignUpForm,
        login_form=LogInForm,
        verify_form=CheckPasswordForm,
        change_password_form=NewPasswordForm,
        forgot_password_form=ForgottenPasswordForm,
        send_confirmation_form=ConfirmationForm,
        password_util_cls=SitePasswordUtil,
        change_email_form=NewEmailForm,
        mail_util_cls=_mail_util(app.extensions["mailer"]),
    )
    # Files are the same for everybody: no database is asked, nor has to be there, for what a page looks like.
    security.principal.skip_static = True
    configure_login(app, settings)
    configure_welcome(app, settings)
    configure_notices(app)
    _write_in_one_transaction(app)
    _limit_guessing(app)
    _forget_pages(app)


def _security_options(app: Flask, settings: Settings) -> dict[str, object]:
    return {
        "SECURITY_PASSWORD_SALT": read_or_create_secret(settings.instance_dir / "password_salt")
        if settings.secret_key is None
        else app.config["SECRET_KEY"],
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_SINGLE_HASH": ["argon2"],
        "SECURITY_DEPRECATED_PASSWORD_SCHEMES": [],
        # For what signed links carry: the address that they are mailed to, or the salted hash of a password.
        # Stretching that, as the default does, makes whoever signs up wait a third of a second for nothing.
        "SECURITY_HASHING_SCHEMES": ["hex_sha256"],
        "SECURITY_REGISTERABLE": True,
        "SECURITY_CONFIRMABLE": True,
        "SECURITY_RECOVERABLE": True,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_CHANGE_EMAIL": True,
        "SECURITY_USE_REGISTER_V2": True,
        "SECURITY_PASSWORD_CONFIRM_REQUIRED": False,
        # People come to see their photo painted; the address is confirmed on the side.
        "SECURITY_LOGIN_WITHOUT_CONFIRMATION": True,
        "SECURITY_AUTO_LOGIN_AFTER_RESET": True,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        # People log in by the form; nothing here hands out or takes tokens.
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_LOGIN_URL": "/log-in",
        "SECURITY_LOGOUT_URL": "/log-out",
        "SECURITY_REGISTER_URL": "/sign-up",
        "SECURITY_RESET_URL": "/forgotten-password",
        "SECURITY_CHANGE_URL": "/account/password",
        "SECURITY_CHANGE_EMAIL_URL": "/account/email",
        "SECURITY_CONFIRM_URL": "/confirm",
        "SECURITY_VERIFY_URL": "/account/verify",
        "SECURITY_POST_LOGIN_VIEW": "studio.index",
        "SECURITY_POST_REGISTER_VIEW": "studio.index",
        "SECURITY_POST_CONFIRM_VIEW": "studio.index",
        "SECURITY_POST_RESET_VIEW": "studio.index",
        "SECURITY_POST_CHANGE_VIEW": "accounts.settings",
        "SECURITY_POST_CHANGE_EMAIL_VIEW": "accounts.settings",
        "SECURITY_CHANGE_EMAIL_ERROR_VIEW": "security.change_email",
        "SECURITY_POST_LOGOUT_VIEW": "pages.landing",
        # Changing the email asks for a password that was entered lately; time is not granted on top.
        "SECURITY_FRESHNESS": timedelta(minutes=settings.password_fresh_minutes),
        "SECURITY_FRESHNESS_GRACE_PERIOD": timedelta(0),
        "REMEMBER_COOKIE_DURATION": timedelta(days=settings.session_most_days),
        "SECURITY_RESET_PASSWORD_WITHIN": timedelta(hours=2),
        # The library speaks German already; what is said here is in the site's own catalogue.
        "SECURITY_I18N_DIRNAME": ["builtin", str(CATALOGUES)],
        "SECURITY_I18N_DOMAIN": "flask_security;messages",
        "SECURITY_EMAIL_HTML": False,
        "SECURITY_EMAIL_SENDER": settings.mail_from,
        "SECURITY_EMAIL_SUBJECT_REGISTER": translatable("Welcome to Style-Transfer-Art"),
        "SECURITY_EMAIL_SUBJECT_CONFIRM": translatable("Confirm your email"),
        "SECURITY_EMAIL_SUBJECT_PASSWORD_RESET": translatable("Set a new password"),
        "SECURITY_EMAIL_SUBJECT_PASSWORD_NOTICE": translatable("Your password was reset"),
        "SECURITY_EMAIL_SUBJECT_PASSWORD_CHANGE_NOTICE": translatable("Your password was changed"),
        "SECURITY_CHANGE_EMAIL_SUBJECT": translatable("Confirm your new email"),
        # Addresses are checked by their form; asking DNS would make sign-up depend on the network.
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
    }


def _mail_util(mailer: Mailer) -> type[Any]:
    """Flask-Security's way to send mail, through ours."""

    class AppMailUtil(MailUtil):  # type: ignore[misc]
        # Stored in lower case, an address is unique in whatever case people type it, by the database's rule.
        def normalize(self, email: str) -> str:
            return str(super().normalize(email)).lower()

        def validate(self, email: str) -> str:
            return str(super().validate(email)).lower()

        def send_mail(
            self,
            template: str,
            subject: str,
            recipient: str,
            sender: str | tuple[str, str],
            body: str | None,
            html: str | None,
            **context: Any,
        ) -> None:
            if template.rpartition("/")[2] in COUNTED_MAILS and not _may_have_another(recipient):
                log.warning("mail.too_many", template=template)
                return
            message: EmailMessage = plain_message(str(sender), recipient, str(subject), body or "")
            kept_at = mailer.send(message)
            if kept_at:
                said = gettext("No mail server is set up here. You find the email in %(path)s.", path=kept_at)
                flash(said, "info")

    return AppMailUtil


def _may_have_another(recipient: str) -> bool:
    """Count a mail to an address; False if it has had too many."""
    digest = hashlib.sha256(recipient.lower().encode()).hexdigest()[:32]
    return not limiter.enabled or all(limiter.limiter.hit(most, "mails", digest) for most in MAILS_FOR_ONE)


def _write_in_one_transaction(app: Flask) -> None:
    """Begin the requests of Flask-Security that write as writing transactions; it commits them itself."""

    @app.before_request
    def _begin() -> None:
        if request.blueprint == "security" and (
            request.method == "POST" or "token" in (request.view_args or {})
        ):
            begin_write(db.session())


def _limit_guessing(app: Flask) -> None:
    """Slow down whoever tries passwords or makes accounts and mails by the hundred."""
    limits = {
        "security.login": "20/minute;200/hour",
        "security.register": "10/minute;40/hour",
        "security.forgot_password": "5/minute;20/hour",
        "security.send_confirmation": "5/minute;20/hour",
        "security.change_email": "5/minute;20/hour",
        "security.change_password": "20/minute;200/hour",
        "security.verify": "20/minute;200/hour",
    }
    for endpoint, limit in limits.items():
        view = app.view_functions[endpoint]
        app.view_functions[endpoint] = limiter.limit(limit, methods=["POST"])(view)


def _forget_pages(app: Flask) -> None:
    """Have the browser drop the pages that it keeps once somebody has logged out or closed their account.

    It keeps whole pages to go back to, asks nobody before it shows them, and whoever comes next may go back.
    The page that was left last is kept only after this, so ``site.js`` sees to it.
    """

    def clear(response: Response) -> Response:
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    def logged_out(_app: Flask, **_: object) -> None:
        after_this_request(clear)

    user_logged_out.connect(logged_out, app, weak=False)
