"""A person's own account: what it holds, and how to end it."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from flask_security import auth_required, logout_user

from app.accounts.forms import DeleteAccountForm
from app.accounts.models import User
from app.accounts.services import AccountCloser, close_account
from app.billing.settlement import expire_sessions_without_owner
from app.db import transaction
from app.extensions import limiter
from app.storage.base import discard_files
from app.wiring import gateway, storage

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


@bp.route("/delete", methods=["GET", "POST"])
@limiter.limit("20/minute;200/hour", methods=["POST"])
@auth_required("session")
def delete() -> ResponseReturnValue:
    form = DeleteAccountForm()
    if not form.validate_on_submit():
        return render_template("accounts/delete.html", form=form), 400 if form.errors else 200
    user_id, wallet_id = current_user.id, current_user.wallet_id
    closers = cast("list[AccountCloser]", current_app.extensions["account_closers"])
    with transaction() as session:
        prefixes = close_account(session, session.get_one(User, user_id), closers)
    logout_user()
    expire_sessions_without_owner(gateway(), wallet_id=wallet_id)
    discard_files(storage(), prefixes)
    flash(
        gettext("Your account and everything in it are deleted. Thank you for painting with us."), "success"
    )
    return redirect(url_for("pages.landing"), 303)
