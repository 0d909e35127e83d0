"""Typed settings, read from the environment or ``.env`` and validated at start."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.files import write_new
from app.sentences import translatable

PROJECT_ROOT = Path(__file__).resolve().parent.parent
# Anyone who guesses the key can forge sessions, so production requires a long random one.
SECRET_KEY_LENGTH = 32


class CreditPack(BaseModel):
    """Credits sold for one price.

    ``amount_minor`` is in the currency's smallest unit.
    """

    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    title: str
    credits: int = Field(gt=0)
    amount_minor: int = Field(gt=0)


DEFAULT_PACKS = [
    CreditPack(slug="pack-10", title=translatable("Sketchbook"), credits=10, amount_minor=490),
    CreditPack(slug="pack-50", title=translatable("Studio"), credits=50, amount_minor=1900),
    CreditPack(slug="pack-200", title=translatable("Gallery"), credits=200, amount_minor=5900),
]


class Settings(BaseSettings):
    """Everything an operator can set. ``.env.example`` explains each variable."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore"
    )

    app_env: Literal["local", "production"] = "local"
    instance_dir: Path = PROJECT_ROOT / "instance"
    secret_key: SecretStr | None = None
    database_url: str | None = None
    site_url: str | None = None
    trusted_proxies: int = Field(default=0, ge=0)
    session_idle_days: float = Field(default=30.0, gt=0)
    session_most_days: float = Field(default=180.0, gt=0)
    password_fresh_minutes: float = Field(default=10.0, gt=0)
    web_threads: int = Field(default=48, gt=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    mail_from: str = "Style-Transfer-Art <no-reply@localhost>"

    stripe_secret_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")] = "eur"
    credit_packs: list[CreditPack] = Field(default=DEFAULT_PACKS, min_length=1)
    free_credits: int = Field(default=3, ge=0)
    credits_per_picture: int = Field(default=1, gt=0)

    upload_max_megabytes: int = Field(default=30, gt=0)
    upload_max_megapixels: int = Field(default=60, gt=0)
    upload_max_files: int = Field(default=10, gt=0)
    order_max_pictures: int = Field(default=60, gt=0)
    mail_after_seconds: float = Field(default=60.0, ge=0)
    styles_public_domain_only: bool = False
    fast_networks: bool = False

    queue_url: str | None = None
    embedded_worker: bool = True
    render_lease_seconds: float = Field(default=20.0, gt=0)
    render_max_attempts: int = Field(default=3, gt=0)
    sweep_interval_seconds: float = Field(default=5.0, gt=0)

    ratelimit_enabled: bool = True
    ratelimit_storage_url: str = "memory://"

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.instance_dir = self.instance_dir.resolve()
        slugs = [pack.slug for pack in self.credit_packs]
        if len(set(slugs)) != len(slugs):
            raise ValueError("CREDIT_PACKS: give every pack a different slug")
        if (self.stripe_secret_key is None) != (self.stripe_webhook_secret is None):
            raise ValueError("Set both STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, or neither")
        if self.site_url is not None and not _is_web_address(self.site_url):
            raise ValueError("SITE_URL must be a full address, such as https://art.example.com")
        if self.app_env == "production":
            self._check_production()
        return self

    def _check_production(self) -> None:
        required = {
            "SECRET_KEY": self.secret_key,
            "STRIPE_SECRET_KEY": self.stripe_secret_key,
            "STRIPE_WEBHOOK_SECRET": self.stripe_webhook_secret,
            "SITE_URL": self.site_url,
            "SMTP_HOST": self.smtp_host,
        }
        missing = [name for name, value in required.items() if not value]
        if missing:
            raise ValueError(f"APP_ENV=production also needs {', '.join(missing)}")
        if len(self.resolved_secret_key()) < SECRET_KEY_LENGTH:
            raise ValueError(f"SECRET_KEY needs at least {SECRET_KEY_LENGTH} characters")
        if self.https and not self.trusted_proxies:
            # Behind the https proxy every request has the proxy's address: all people would share one limit.
            raise ValueError(
                "TRUSTED_PROXIES must be at least 1 when SITE_URL begins with https://. "
                "Set it to the number of proxies in front of the site"
            )

    @property
    def sandbox(self) -> bool:
        """Whether payments go to the local sandbox, where no money moves."""
        return self.stripe_secret_key is None

    @property
    def https(self) -> bool:
        """Whether people reach the site by https; cookies are then marked secure."""
        return urlsplit(self.site_url or "").scheme == "https"

    @property
    def trusted_hosts(self) -> list[str] | None:
        """The host names that requests may use.

        In production that is the host of SITE_URL. Without SITE_URL it is None: any host.
        """
        host = urlsplit(self.site_url or "").hostname
        if not host:
            return None
        return [host] if self.app_env == "production" else [host, "127.0.0.1", "localhost"]

    @property
    def upload_max_bytes(self) -> int:
        return self.upload_max_megabytes * 1_000_000

    @property
    def upload_max_pixels(self) -> int:
        return self.upload_max_megapixels * 1_000_000

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL; the default is an SQLite file in the instance folder."""
        url = self.database_url or f"sqlite:///{self.instance_dir / 'site.db'}"
        # Hosting companies provide postgres:// URLs; SQLAlchemy needs the driver's name in them.
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url

    @property
    def resolved_queue_url(self) -> str:
        """``sqlite:///PATH`` or ``redis://...``.

        The default is an SQLite file in the instance folder.
        """
        return self.queue_url or f"sqlite:///{self.instance_dir / 'queue.db'}"

    def resolved_secret_key(self) -> str:
        """The configured key, or one made at the first local start and kept on disk."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        return read_or_create_secret(self.instance_dir / "secret_key")


def _is_web_address(text: str) -> bool:
    """Whether ``text`` has a scheme and a host.

    Without them the site would check no host and mark no cookie as secure.
    """
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname)
    except ValueError:
        return False


def load_settings() -> Settings:
    """Read the settings from the environment and ``.env``.

    Raises:
        SystemExit: settings are missing or wrong; the message has one line for each.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            ": ".join(
                (
                    *(str(part).upper() for part in trouble["loc"]),
                    trouble["msg"].removeprefix("Value error, "),
                )
            )
            for trouble in error.errors()
        ]
        raise SystemExit(
            "The site cannot start. Change these settings:\n" + "\n".join(f"  {line}" for line in lines)
        ) from error


def read_or_create_secret(path: Path) -> str:
    """Return the secret in ``path``; create it if missing.

    Only its owner can read the file.
    """
    if not path.exists():
        # If two processes start at once, the secret written first stays.
        with suppress(FileExistsError):
            write_new(path, secrets.token_urlsafe(48).encode())
    return path.read_text().strip()
