"""Pages that need no account, and the two addresses that monitoring asks."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Blueprint, Response, current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from app.db import db
from app.extensions import limiter
from app.wiring import catalogue, settings

bp = Blueprint("pages", __name__)

# What the page that is shown without a connection is drawn with.
OFFLINE_FILES = (
    "css/site.css",
    "icons/icon.svg",
    "vendor/fraunces/fraunces-latin-wght-normal.woff2",
    "vendor/instrument-sans/instrument-sans-latin-wght-normal.woff2",
)


@bp.get("/")
def landing() -> ResponseReturnValue:
    return render_template(
        "pages/landing.html",
        styles=catalogue().styles,
        packs=settings().credit_packs,
        currency=settings().currency,
        credits_per_picture=settings().credits_per_picture,
        upload_max_megapixels=settings().upload_max_megapixels,
    )


@bp.get("/styles")
def styles() -> ResponseReturnValue:
    return render_template("pages/styles.html", styles=catalogue().styles)


@bp.get("/privacy")
def privacy() -> ResponseReturnValue:
    return render_template("pages/privacy.html")


# --- kept like an app, and without a connection -------------------------------------------------


@bp.get("/manifest.webmanifest")
def manifest() -> Response:
    """What a phone needs to keep the site like an app, in the language of the pages."""
    text = render_template("pages/manifest.webmanifest")
    return Response(text, mimetype="application/manifest+json", headers={"Cache-Control": "no-cache"})


@bp.get("/offline")
def offline() -> ResponseReturnValue:
    """The page that the service worker shows when no other can be reached; the same for everybody."""
    return render_template("pages/offline.html")


@bp.get("/service-worker.js")
def service_worker() -> Response:
    """The script that keeps the offline page; it lies here because it serves the addresses below its own."""
    script = render_template(
        "pages/service-worker.js",
        version=_offline_version(),
        offline=url_for("pages.offline"),
        shell=[url_for("static", filename=name) for name in OFFLINE_FILES],
    )
    return Response(script, mimetype="text/javascript", headers={"Cache-Control": "no-cache"})


def _offline_version() -> str:
    """Changes with the offline page, its language and whatever it is drawn with."""
    assert current_app.static_folder is not None
    digest = hashlib.sha256(render_template("pages/offline.html").encode())
    for name in OFFLINE_FILES:
        digest.update(Path(current_app.static_folder, name).read_bytes())
    return digest.hexdigest()[:16]


# --- for monitoring -----------------------------------------------------------------------------


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
