"""What browsers and proxies may keep: one default for everything, and the few exceptions."""

from __future__ import annotations

from flask import Flask, Response, request

# Nobody keeps it. The default.
NEVER = "private, no-store"
# The person's browser keeps it and asks each time whether it may still show it. For pictures.
ASK_EACH_TIME = "private, no-cache"

# The same for everybody, so that these answers keep the header that their view gave them.
PUBLIC_ENDPOINTS = frozenset({"static", "studio.style_preview", "pages.manifest", "pages.service_worker"})
SUCCESSES = (200, 206, 304)
DAY_SECONDS = 86400


def configure_caching(app: Flask) -> None:
    """Mark every answer as private and not to be kept, unless its view asked for one of the exceptions."""

    @app.after_request
    def _mark(response: Response) -> Response:
        public = request.endpoint in PUBLIC_ENDPOINTS and response.status_code in SUCCESSES
        if not public and response.headers.get("Cache-Control") != ASK_EACH_TIME:
            response.headers["Cache-Control"] = NEVER
            response.headers.pop("Expires", None)
        return response


def ask_each_time(response: Response) -> Response:
    """Let the browser keep the answer, and show it again after the server has agreed; 304 if it has it."""
    if not response.get_etag()[0]:
        response.add_etag()
    response.headers["Cache-Control"] = ASK_EACH_TIME
    response.make_conditional(request)
    return response
