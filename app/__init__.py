"""Style-Transfer-Art: the site (``create_app``) and the engine (``app.engine``).

The engine can be imported without the site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Build the web application; see :func:`app.factory.create_app`.

    This function imports the site late. ``import app.engine`` runs this file too, and must not load Flask.
    """
    from app.factory import create_app as build

    return build(settings)
