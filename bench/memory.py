"""Does the serving process keep its size? 100 renders of different sizes through the real worker."""

from __future__ import annotations

import io
import os
import random
import tempfile
import uuid
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from PIL import Image

from app import create_app
from app.accounts.services import open_account
from app.billing import ledger
from app.billing.models import EntryReason
from app.config import PROJECT_ROOT, Settings
from app.db import db, transaction
from app.studio.domain import orders
from app.studio.domain.controls import Controls
from app.studio.domain.orders import OrderItem
from app.studio.domain.photos import keep_photo
from app.studio.painting.rendering import process_render
from app.wiring import storage

RENDERS = 100
EARLY = 10


def resident_memory() -> float:
    """This process's resident memory in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    print(f"Memory: the serving process over {RENDERS} renders of different sizes and styles")
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(_env_file=None, instance_dir=Path(folder), log_level="ERROR"))
        with app.app_context():
            upgrade()
            styles = [style.slug for style in app.extensions["catalogue"].styles]
            with transaction() as session:
                user = open_account(session, email="a@example.com", password_hash="-")
                ledger.grant(session, user.wallet_id, RENDERS, EntryReason.ADJUSTMENT, "bench")
                user_id, wallet_id = user.id, user.wallet_id
        chance = random.Random(1)
        early = 0.0
        for number in range(1, RENDERS + 1):
            size = (chance.randint(200, 2000), chance.randint(200, 1500))
            render(app, user_id, wallet_id, size, chance.choice(styles))
            if number == EARLY:
                early = resident_memory()
            if number % 10 == 0:
                print(f"after {number:>3}: {resident_memory():7.0f} MB", flush=True)
        print(f"ratio of the last to that after {EARLY}: {resident_memory() / early:.3f}")
        with app.app_context():
            db.engine.dispose()


def render(app: Flask, user_id: int, wallet_id: uuid.UUID, size: tuple[int, int], style: str) -> None:
    data = io.BytesIO()
    with Image.open(PROJECT_ROOT / "static" / "samples" / "coffee.jpg") as sample:
        sample.convert("RGB").resize(size).save(data, "JPEG")
    with app.app_context():
        photo = keep_photo(storage(), "photo.jpg", data.getvalue(), max_pixels=10**8)
        with transaction() as session:
            session.add(photo.row(user_id))
        with transaction() as session:
            order = orders.place_order(
                session,
                user_id=user_id,
                wallet_id=wallet_id,
                items=[OrderItem(photo.id, Controls(style=style))],
                credits_each=1,
                max_pictures=1,
                form_token=uuid.uuid4().hex,
                site_address="",
            )
            render_id = order.renders[0].id
    process_render(app, render_id)


if __name__ == "__main__":
    main()
