"""Settings are checked before the site starts, in words that say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.config import PROJECT_ROOT, read_or_create_secret
from testing.site import make_settings
from testing.together import at_once

REQUIRED = ("SECRET_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "SITE_URL", "SMTP_HOST")


def start(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"INSTANCE_DIR": str(tmp_path), "PORT": "0", **environment}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT_ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", [("flask", "db", "upgrade"), ("gunicorn", "wsgi:app")])
def test_production_does_not_start_without_its_settings(tmp_path: Path, command: tuple[str, ...]) -> None:
    answer = start(tmp_path, *command, APP_ENV="production")
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    for name in REQUIRED:
        assert name in answer.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    answer = start(tmp_path, "flask", "routes", FREE_CREDITS="many")
    assert answer.returncode == 1
    assert "FREE_CREDITS: Input should be a valid integer" in answer.stderr


PRODUCTION: dict[str, object] = {
    "app_env": "production",
    "secret_key": "x" * 32,
    "stripe_secret_key": "sk_live_1",
    "stripe_webhook_secret": "whsec_1",
    "site_url": "https://art.example.com",
    "smtp_host": "mail.example.com",
    "trusted_proxies": 1,
}


def test_production_starts_with_all_that_it_needs(tmp_path: Path) -> None:
    assert make_settings(tmp_path, **PRODUCTION).https
    assert make_settings(tmp_path, **PRODUCTION | {"site_url": "HTTPS://art.example.com"}).https
    plain = {"site_url": "http://art.local", "trusted_proxies": 0}
    assert make_settings(tmp_path, **PRODUCTION | plain).trusted_hosts == ["art.local"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"site_url": "art.example.com"}, "SITE_URL must be a full address"),
        ({"site_url": "art.example.com:8000"}, "SITE_URL must be a full address"),
        ({"site_url": "https://"}, "SITE_URL must be a full address"),
        ({"site_url": "https:/art.example.com"}, "SITE_URL must be a full address"),
        ({"site_url": "ftp://art.example.com"}, "SITE_URL must be a full address"),
        ({"site_url": "https://[art"}, "SITE_URL must be a full address"),
        ({"trusted_proxies": 0}, "TRUSTED_PROXIES must be at least 1 when SITE_URL begins with https"),
        ({"secret_key": "x" * 31}, "SECRET_KEY needs at least 32 characters"),
    ],
)
def test_production_does_not_start_with_what_is_not_safe(
    tmp_path: Path, wrong: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        make_settings(tmp_path, **PRODUCTION | wrong)


def test_stripes_keys_come_together(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="STRIPE_WEBHOOK_SECRET"):
        make_settings(tmp_path, stripe_secret_key="sk_test_x")


def test_packs_have_different_slugs(tmp_path: Path) -> None:
    pack = {"slug": "ten", "title": "Ten", "credits": 10, "amount_minor": 100}
    with pytest.raises(ValidationError, match="different slug"):
        make_settings(tmp_path, credit_packs=[pack, pack])


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://me@db/art", "postgresql+psycopg://me@db/art"),
        ("postgresql://me@db/art", "postgresql+psycopg://me@db/art"),
        ("sqlite:////data/site.db", "sqlite:////data/site.db"),
    ],
)
def test_database_addresses_name_their_driver(tmp_path: Path, given: str, used: str) -> None:
    assert make_settings(tmp_path, database_url=given).resolved_database_url == used


def test_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "instance" / "secret"
    secrets = at_once([lambda: read_or_create_secret(path)] * 8)
    assert len(set(secrets)) == 1
    assert len(str(secrets[0])) >= 32
    assert path.stat().st_mode & 0o077 == 0
