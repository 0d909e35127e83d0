"""What a browser calls itself, in plain words."""

from __future__ import annotations

from flask_babel import gettext

# Part of the User-Agent header, and the name. The first that fits counts: most browsers name others too.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def device(user_agent: str) -> str:
    """``Firefox on Windows``, as far as the browser tells."""
    browser = _name(user_agent, BROWSERS)
    system = _name(user_agent, SYSTEMS)
    if browser and system:
        return str(gettext("%(browser)s on %(system)s", browser=browser, system=system))
    return browser or system or str(gettext("Unknown device"))


def _name(user_agent: str, names: tuple[tuple[str, str], ...]) -> str:
    return next((name for part, name in names if part in user_agent), "")
