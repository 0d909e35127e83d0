"""Shared links: they show a picture to anybody, until the owner withdraws them.

Every function works in the caller's transaction and commits nothing.
"""

from __future__ import annotations

import secrets
import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.studio.domain.errors import NotFound
from app.studio.domain.models import Render, RenderStatus
from app.studio.domain.pictures import find_render

# 192 bits, so nobody can guess a link.
TOKEN_BYTES = 24


def share(session: Session, user_id: int, render_id: uuid.UUID, *, shows_photo: bool) -> str:
    """Share a finished picture; return the token of its new or existing link.

    Raises:
        NotFound: there is no such picture, it is somebody else's, or it is not painted yet.
    """
    render = find_render(session, user_id, render_id)
    if render.status is not RenderStatus.DONE:
        raise NotFound
    if render.share_token is None:
        render.share_token = secrets.token_urlsafe(TOKEN_BYTES)
    render.share_shows_photo = shows_photo
    session.flush()
    return render.share_token


def withdraw(session: Session, user_id: int, render_id: uuid.UUID) -> None:
    """Withdraw the link to a picture for good: sharing again makes another link.

    Raises:
        NotFound: there is no such picture, or it is somebody else's.
    """
    render = find_render(session, user_id, render_id)
    render.share_token = None
    render.share_shows_photo = False
    session.flush()


def find_shared(session: Session, token: str) -> Render:
    """The picture that a link shows.

    Raises:
        NotFound: the link was withdrawn, or never existed.
    """
    if "\0" in token:
        raise NotFound  # PostgreSQL cannot store such text
    shared = select(Render).where(Render.share_token == token, Render.status == RenderStatus.DONE)
    render = session.scalar(shared)
    if render is None:
        raise NotFound
    return render
