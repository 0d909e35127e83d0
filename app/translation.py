"""The site's languages: choosing one, and formatting sentences and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, has_request_context, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel, force_locale, format_date, format_time, get_locale, gettext

from app.extensions import csrf

# Each language's own name, by locale. The locale sets the format of numbers and dates. Flask-Security
# keeps its German sentences under de_DE; a catalogue called de serves that locale too.
LANGUAGES = {"en": "English", "de": "Deutsch"}
LOCALES = {"en": "en_GB", "de": "de_DE"}
COOKIE = "language"
YEAR_SECONDS = 365 * 24 * 3600
CATALOGUES = Path(__file__).parent / "translations"

# An address on this site. Two leading slashes lead to another site. Browsers read a backslash as a slash,
# and drop tabs and line breaks, so these are refused as well.
PATH_OF_OURS = re.compile(r"/(?!/)[^\\\x00-\x1f\x7f]*")

bp = Blueprint("translation", __name__)


def configure_translation(app: Flask) -> None:
    """Bind Flask-Babel, and set the headers of translated pages."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(CATALOGUES)
    Babel(app, locale_selector=lambda: LOCALES[asked_language()])
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.context_processor(lambda: {"language": language(), "languages": LANGUAGES, "way_back": _way_back()})
    app.add_template_filter(translated)
    app.add_template_filter(day)
    app.add_template_filter(moment)
    app.register_blueprint(bp)

    @app.after_request
    def _name_language(response: Response) -> Response:
        if response.mimetype in ("text/html", "application/manifest+json"):
            response.headers.setdefault("Content-Language", language())
            response.vary.update(("Accept-Language", "Cookie"))
        return response


# --- which language -----------------------------------------------------------------------------


def asked_language() -> str:
    """The language chosen in the footer, else the browser's preference, else English."""
    if not has_request_context():
        return "en"
    chosen = request.cookies.get(COOKIE)
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, "en")


def language() -> str:
    """The language in use now."""
    locale = get_locale()
    return locale.language if locale else "en"


@contextmanager
def speaking(wanted: str) -> Iterator[None]:
    """Use a given language, for mails and for sentences that are stored."""
    with force_locale(LOCALES.get(wanted, LOCALES["en"])):
        yield


@bp.post("/language")
@csrf.exempt  # nothing of an account changes, and pages for strangers need no session for the token
def choose() -> ResponseReturnValue:
    """Set this browser's language, and return to the page."""
    back = request.form.get("next", "")
    response = redirect(back if PATH_OF_OURS.fullmatch(back) else url_for("pages.landing"), 303)
    chosen = request.form.get("language")
    if chosen in LANGUAGES:
        response.set_cookie(
            COOKIE,
            chosen,
            max_age=YEAR_SECONDS,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Lax",
        )
    return response


def _way_back() -> str:
    """The address that leads back to this page.

    That is the home page if this page cannot be requested again.
    """
    if not has_request_context():
        return ""
    rule = request.url_rule
    again = rule is None or "GET" in (rule.methods or ())
    return request.full_path.removesuffix("?") if again else url_for("pages.landing")


# --- formatting ---------------------------------------------------------------------------------


def translated(text: str) -> str:
    """Translate a word that was marked elsewhere.

    A word without a translation stays as it is.
    """
    return str(gettext(text)) if text else ""


def day(when: datetime) -> str:
    """A date as the language writes it: ``21 Nov 2026``."""
    return str(format_date(when, "medium"))


def moment(when: datetime) -> str:
    """A date and time as the language writes them: ``21 November 2026, 14:05 UTC``."""
    return f"{format_date(when, 'long')}, {format_time(when, 'short')} UTC"
