"""Pages that need no account, and the two addresses that monitoring asks."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from app.extensions import db, limiter
from app.wiring import catalogue, settings

bp = Blueprint("pages", __name__)


@bp.get("/")
def landing() -> ResponseReturnValue:
    return render_template(
        "pages/landing.html",
        styles=catalogue().styles,
        packs=settings().credit_packs,
        currency=settings().currency,
        credits_per_picture=settings().credits_per_picture,
    )


@bp.get("/styles")
def styles() -> ResponseReturnValue:
    return render_template("pages/styles.html", styles=catalogue().styles)


@bp.get("/privacy")
def privacy() -> ResponseReturnValue:
    return render_template("pages/privacy.html")


@bp.get("/healthz")
@limiter.exempt
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
@limiter.exempt
def readyz() -> ResponseReturnValue:
    """The process can serve: its database answers."""
    db.session.execute(text("SELECT 1"))
    return {"status": "ready"}
