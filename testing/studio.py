"""Makes photos, orders and pictures: by the domain's functions, or by requests."""

from __future__ import annotations

import io
import uuid
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from huey import Huey
from PIL import Image
from sqlalchemy import update
from sqlalchemy.orm import Session
from urllib3 import encode_multipart_formdata

from app.accounts.models import User
from app.billing import ledger
from app.config import PROJECT_ROOT, Settings
from app.db import transaction, utc_now
from app.imaging.prints import FULL, PrintSize
from app.studio.domain import orders
from app.studio.domain.controls import Controls
from app.studio.domain.models import Photo, Render
from app.studio.domain.orders import OrderItem
from app.studio.domain.photos import keep_photo
from app.studio.painting import leases
from app.studio.painting.queue import make_huey
from app.studio.painting.rendering import process_render
from app.studio.painting.sweeper import sweep
from app.wiring import storage

COFFEE = PROJECT_ROOT / "static" / "samples" / "coffee.jpg"
JSON = {"Accept": "application/json"}
LEASE = timedelta(seconds=20)
WAVE = Controls(style="wave")


def sample_jpeg(width: int = 160, height: int = 120) -> bytes:
    """The sample of coffee as a JPEG of this size."""
    data = io.BytesIO()
    with Image.open(COFFEE) as photo:
        photo.convert("RGB").resize((width, height)).save(data, "JPEG", quality=90)
    return data.getvalue()


def mask_png(level: int = 0) -> bytes:
    """A uniform mask for a sample of the default size."""
    data = io.BytesIO()
    Image.new("L", (160, 120), level).save(data, "PNG")
    return data.getvalue()


# --- by the domain's functions ------------------------------------------------------------------


def add_photo(session: Session, user: User) -> uuid.UUID:
    """A photo without files; returns its id."""
    photo = Photo(
        id=uuid.uuid4(),
        user_id=user.id,
        name="beach",
        media_type="image/jpeg",
        width=40,
        height=30,
        byte_size=9,
    )
    session.add(photo)
    session.flush()
    return photo.id


def submit(session: Session, user: User, photo_ids: list[uuid.UUID], **options: object) -> list[Render]:
    """Order the photos in one style and return the renders."""
    arguments: dict[str, object] = {
        "user_id": user.id,
        "wallet_id": user.wallet_id,
        "items": [OrderItem(photo_id, WAVE) for photo_id in photo_ids],
        "credits_each": 1,
        "max_pictures": 10,
        "form_token": uuid.uuid4().hex,
        "site_address": "http://localhost/",
    }
    return orders.place_order(session, **(arguments | options)).renders  # type: ignore[arg-type]


def add_uploaded_photo(app: Flask, user: User, data: bytes) -> uuid.UUID:
    """A photo with its files, as an upload makes it; returns its id."""
    with app.app_context():
        photo = keep_photo(storage(), "coffee.jpg", data, max_pixels=10**7)
        with transaction() as session:
            session.add(photo.row(user.id))
    return photo.id


def order_picture(
    app: Flask, user: User, data: bytes | None = None, size: PrintSize = FULL, **choices: object
) -> uuid.UUID:
    """Upload a photo and order one picture of it; returns the render's id."""
    controls = Controls.from_json({"style": "wave"} | choices)
    photo_id = add_uploaded_photo(app, user, data or sample_jpeg())
    with app.app_context(), transaction() as session:
        return submit(session, user, [], items=[OrderItem(photo_id, controls, size)])[0].id


def read(app: Flask, user: User, render_id: uuid.UUID) -> tuple[Render, int]:
    """The render's row as it is now, and its owner's balance."""
    with app.app_context(), transaction() as session:
        render = session.get_one(Render, render_id)
        credits = ledger.balance(session, user.wallet_id)
        session.expunge(render)
    return render, credits


def die_at_work(app: Flask, render_id: uuid.UUID, *, times: int) -> None:
    """Let workers claim the render and die ``times`` times; sweep after each."""
    for _ in range(times):
        with app.app_context(), transaction() as session:
            assert leases.claim(session, render_id, LEASE)
            session.execute(update(Render).values(lease_expires_at=utc_now() - timedelta(seconds=1)))
        sweep(app)


def huey_of(app: Flask) -> Huey:
    """The site's queue as another process opens it."""
    settings: Settings = app.extensions["settings"]
    return make_huey(settings.resolved_queue_url, settings.resolved_secret_key())


def balance(app: Flask, user: User) -> int:
    """The credits that a person has."""
    with app.app_context(), transaction() as session:
        return ledger.balance(session, user.wallet_id)


# --- by a browser's requests --------------------------------------------------------------------


def upload(client: FlaskClient, *files: tuple[bytes, str], headers: dict[str, str] | None = None) -> Any:
    """Send files with their names, as the upload form does."""
    body, content_type = encode_multipart_formdata([("photos", (name, data)) for data, name in files])
    return client.post("/photos", data=body, content_type=content_type, headers=headers)


def uploaded(client: FlaskClient, data: bytes | None = None, name: str = "My coffee.jpeg") -> str:
    """Upload one photo; returns its id."""
    answer = upload(client, (data or sample_jpeg(), name), headers=JSON)
    assert answer.json
    return str(answer.json["photos"][0]["id"])


def paint(client: FlaskClient, *photos: str, **fields: object) -> Any:
    """Send the studio's form: paint these photos as the wave, or as the fields say."""
    form = {"token": str(uuid.uuid4()), "photos": list(photos), "style": "wave", "strength": "100"}
    return client.post("/orders", data=form | fields)


def painted(app: Flask, client: FlaskClient) -> str:
    """Order a picture and paint it; returns its id."""
    location = paint(client, uploaded(client)).location
    assert location
    picture_id = location.rsplit("/", 1)[1]
    process_render(app, uuid.UUID(picture_id))
    return str(picture_id)
