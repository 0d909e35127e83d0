"""Typed access to the application's parts; it needs an application context."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from app.billing.gateway import Gateway
    from app.config import Settings
    from app.engine.catalogue import Catalogue
    from app.mail import Mailer
    from app.storage.base import Storage
    from app.studio.painting.previewer import Previewer
    from app.studio.painting.queue import RenderQueue


def settings() -> Settings:
    """The settings of this application."""
    return cast("Settings", current_app.extensions["settings"])


def storage() -> Storage:
    """The storage of photos and pictures."""
    return cast("Storage", current_app.extensions["storage"])


def mailer() -> Mailer:
    """The mailer."""
    return cast("Mailer", current_app.extensions["mailer"])


def gateway() -> Gateway:
    """The gateway to Stripe or to the sandbox."""
    return cast("Gateway", current_app.extensions["gateway"])


def catalogue() -> Catalogue:
    """The styles on offer: those that ship with the site and those imported."""
    return cast("Catalogue", current_app.extensions["catalogue"])


def previewer() -> Previewer:
    """The previewer, which paints and caches previews."""
    return cast("Previewer", current_app.extensions["previewer"])


def render_queue() -> RenderQueue:
    """The queue that carries render ids to a worker."""
    return cast("RenderQueue", current_app.extensions["render_queue"])
