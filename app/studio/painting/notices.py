"""Mails to people about their pictures."""

from __future__ import annotations

from collections import Counter
from email.message import EmailMessage

from flask import current_app, render_template, url_for
from flask_babel import ngettext
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.db import utc_now
from app.mail import plain_message
from app.studio.domain.descriptions import painting_title, style_title
from app.studio.domain.models import PictureOrder, RenderStatus
from app.translation import speaking
from app.wiring import settings


def done_message(session: Session, order: PictureOrder) -> EmailMessage | None:
    """The mail about a finished order; None if nobody needs or wants one.

    Only confirmed addresses get mail, since anybody can type somebody else's address.
    """
    owner = session.get_one(User, order.user_id)
    waited = (utc_now() - order.created_at).total_seconds()
    if waited < settings().mail_after_seconds or not owner.mail_when_done or owner.confirmed_at is None:
        return None
    renders = order.renders
    count = Counter(render.status for render in renders)
    if not count[RenderStatus.DONE]:
        return None
    first = renders[0]
    # Links in a mail need the site's address, and a worker has no request to take it from.
    with current_app.test_request_context(base_url=order.site_address), speaking(order.language):
        link = (
            url_for("pictures.show", picture_id=first.id, _external=True)
            if len(renders) == 1
            else url_for("orders.show", order_id=order.id, _external=True)
        )
        body = render_template(
            "pictures/email/done.txt",
            count=len(renders),
            done=count[RenderStatus.DONE],
            failed=count[RenderStatus.FAILED],
            name=first.name,
            painting=painting_title(first.controls, style_title),
            link=link,
            account=url_for("accounts.settings", _external=True),
        )
        subject = ngettext("Your picture is ready", "Your pictures are ready", len(renders))
    return plain_message(settings().mail_from, owner.email, subject, body)
