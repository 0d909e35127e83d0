"""Ask the site in this container whether it can serve: ``python -m app.health``."""

from __future__ import annotations

import os
from urllib.parse import urlsplit
from urllib.request import Request, urlopen


def check(port: str, site_url: str | None) -> None:
    """Raise unless the site answers; production answers only requests for the host of SITE_URL."""
    headers = {"Host": urlsplit(site_url).netloc} if site_url else {}
    with urlopen(Request(f"http://127.0.0.1:{port}/readyz", headers=headers), timeout=4):
        pass


if __name__ == "__main__":
    check(os.environ.get("PORT", "8000"), os.environ.get("SITE_URL"))
