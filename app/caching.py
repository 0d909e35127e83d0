"""Cache headers: one default for every response, and a few exceptions."""

from __future__ import annotations

from flask import Flask, Response, request

# The default: nothing may cache the response.
NEVER = "private, no-store"
# For pictures: only the browser caches it, and it revalidates on every use.
ASK_EACH_TIME = "private, no-cache"

# These responses are the same for everybody, so they keep the header that their view set.
PUBLIC_ENDPOINTS = frozenset({"static", "studio.style_preview", "pages.manifest", "pages.service_worker"})
SUCCESSES = (200, 206, 304)
DAY_SECONDS = 86400


def configure_caching(app: Flask) -> None:
    """Forbid caching of every response, except where its view allows it."""

    @app.after_request
    def _mark(response: Response) -> Response:
        public = request.endpoint in PUBLIC_ENDPOINTS and response.status_code in SUCCESSES
        if not public and response.headers.get("Cache-Control") != ASK_EACH_TIME:
            response.headers["Cache-Control"] = NEVER
            response.headers.pop("Expires", None)
        return response


def ask_each_time(response: Response) -> Response:
    """Let the browser cache the response and revalidate it; a cached copy gets a 304."""
    if not response.get_etag()[0]:
        response.add_etag()
    response.headers["Cache-Control"] = ASK_EACH_TIME
    response.make_conditional(request)
    return response
