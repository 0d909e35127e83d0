"""A person's own account: what it holds, and how to end it."""

from __future__ import annotations

import uuid
from typing import cast

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from flask_security import auth_required, logout_user
from flask_security.recoverable import generate_reset_password_token
from flask_wtf import FlaskForm

from app.accounts.devices import device
from app.accounts.email_changes import find_undone, read_undo, restore_email
from app.accounts.forms import DeleteAccountForm
from app.accounts.login import lifetime, this_session
from app.accounts.models import User
from app.accounts.notices import tell_of_deletion
from app.accounts.services import AccountCloser, close_account
from app.accounts.sessions import end_session, end_sessions, sessions_of
from app.billing.settlement import expire_sessions_without_owner
from app.db import db, transaction
from app.extensions import limiter
from app.storage.base import discard_files
from app.wiring import gateway, storage
from app.wiring import settings as site_settings

bp = Blueprint("accounts", __name__, url_prefix="/account")


@bp.get("")
@auth_required("session")
def settings() -> ResponseReturnValue:
    return render_template("accounts/settings.html")


@bp.post("/mail")
@auth_required("session")
def mail() -> ResponseReturnValue:
    """Whether the person wants to be written to when pictures that took long are painted."""
    user_id, wanted = current_user.id, "mail_when_done" in request.form
    with transaction() as session:
        session.get_one(User, user_id).mail_when_done = wanted
    flash(
        gettext("Emails are on. We email you when a long order is ready.")
        if wanted
        else gettext("Emails are off."),
        "success",
    )
    return redirect(url_for("accounts.settings"), 303)


# --- sessions -----------------------------------------------------------------------------------


@bp.get("/sessions")
@auth_required("session")
def sessions() -> ResponseReturnValue:
    """Where the person is logged in."""
    known = sessions_of(db.session(), current_user.id, lifetime(site_settings()))
    return render_template("accounts/sessions.html", sessions=known, this=this_session(), device=device)


@bp.post("/sessions/<uuid:session_id>/end")
@auth_required("session")
def end_one(session_id: uuid.UUID) -> ResponseReturnValue:
    """Log out one device; of this device the ordinary way, which also clears its cookies."""
    if session_id == this_session():
        logout_user()
        return redirect(url_for("pages.landing"), 303)
    user_id = current_user.id
    with transaction() as session:
        end_session(session, user_id, session_id)
    flash(gettext("That device is logged out."), "success")
    return redirect(url_for("accounts.sessions"), 303)


@bp.post("/sessions/end-others")
@auth_required("session")
def end_others() -> ResponseReturnValue:
    user_id = current_user.id
    with transaction() as session:
        end_sessions(session, user_id, but=this_session())
    flash(gettext("All other devices are logged out."), "success")
    return redirect(url_for("accounts.sessions"), 303)


# --- undoing a change of the email --------------------------------------------------------------


@bp.get("/undo-email/<token>")
@limiter.limit("20/minute;200/hour")
def undo_email(token: str) -> ResponseReturnValue:
    """Ask before the change is undone: programs that check mails open links, too."""
    undo = read_undo(current_app.config["SECRET_KEY"], token)
    find_undone(db.session(), undo)
    return render_template("accounts/undo_email.html", email=undo.old_email, form=FlaskForm())


@bp.post("/undo-email/<token>")
@limiter.limit("20/minute;200/hour")
def restore(token: str) -> ResponseReturnValue:
    """Restore the email, and lead on to setting a new password."""
    undo = read_undo(current_app.config["SECRET_KEY"], token)
    with transaction() as session:
        new_password = generate_reset_password_token(restore_email(session, undo))
    flash(gettext("Your email is %(email)s again. Now set a new password.", email=undo.old_email), "success")
    return redirect(url_for("security.reset_password", token=new_password), 303)


# --- leaving ------------------------------------------------------------------------------------


@bp.route("/delete", methods=["GET", "POST"])
@limiter.limit("20/minute;200/hour", methods=["POST"])
@auth_required("session")
def delete() -> ResponseReturnValue:
    form = DeleteAccountForm()
    if not form.validate_on_submit():
        return render_template("accounts/delete.html", form=form), 400 if form.errors else 200
    user_id, wallet_id, email = current_user.id, current_user.wallet_id, current_user.email
    closers = cast("list[AccountCloser]", current_app.extensions["account_closers"])
    with transaction() as session:
        prefixes = close_account(session, session.get_one(User, user_id), closers)
    logout_user()
    expire_sessions_without_owner(gateway(), wallet_id=wallet_id)
    discard_files(storage(), prefixes)
    tell_of_deletion(email)
    flash(
        gettext("Your account and everything in it are deleted. Thank you for painting with us."), "success"
    )
    return redirect(url_for("pages.landing"), 303)
