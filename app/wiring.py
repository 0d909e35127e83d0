"""Typed access to the parts of the application, inside an application context."""

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
    """The settings this application was built with."""
    return cast("Settings", current_app.extensions["settings"])


def storage() -> Storage:
    """Where photos and pictures are kept."""
    return cast("Storage", current_app.extensions["storage"])


def mailer() -> Mailer:
    """What gets messages on their way."""
    return cast("Mailer", current_app.extensions["mailer"])


def gateway() -> Gateway:
    """The way to Stripe, or to the local sandbox."""
    return cast("Gateway", current_app.extensions["gateway"])


def catalogue() -> Catalogue:
    """The styles on offer: those that ship and those imported here."""
    return cast("Catalogue", current_app.extensions["catalogue"])


def previewer() -> Previewer:
    """What paints previews and remembers them."""
    return cast("Previewer", current_app.extensions["previewer"])


def render_queue() -> RenderQueue:
    """The queue that carries render ids to a worker."""
    return cast("RenderQueue", current_app.extensions["render_queue"])
