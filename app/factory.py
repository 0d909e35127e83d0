"""The web application: only ``create_app`` wires its parts together."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Flask, Response
from flask_login import current_user
from sqlalchemy.engine import make_url
from werkzeug.middleware.proxy_fix import ProxyFix

from app import pages
from app.accounts import views as accounts_views
from app.accounts.setup import configure_accounts
from app.billing import ledger
from app.billing import views as billing_views
from app.billing.gateway import Gateway
from app.billing.sandbox import pages as sandbox_pages
from app.billing.sandbox.service import Sandbox
from app.caching import DAY_SECONDS, configure_caching
from app.cli import register_commands
from app.config import PROJECT_ROOT, Settings, load_settings
from app.db import configure_sqlite, db
from app.engine.catalogue import Catalogue
from app.errors import configure_errors
from app.extensions import csrf, limiter, migrate
from app.logging import configure_logging
from app.mail import make_mailer
from app.request_bodies import configure_request_bodies
from app.storage.local import LocalStorage
from app.studio.domain.pictures import delete_everything_of
from app.studio.pages import orders as order_views
from app.studio.pages import pictures as picture_views
from app.studio.pages import previews as preview_views
from app.studio.pages import shares as share_views
from app.studio.pages import upload as studio_views
from app.studio.painting.previewer import Previewer
from app.studio.painting.queue import RenderQueue, make_huey
from app.studio.painting.rendering import process_render
from app.translation import configure_translation


class Site(Flask):
    """Flask, except that browsers revalidate scripts, styles and icons on every use.

    A page of a new version needs scripts and styles of the same version. The ETag of an unchanged file gives
    a 304 response. Fonts and pictures never change, so browsers keep them for a day.
    """

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        if filename and filename.endswith((".js", ".css", ".svg")):
            return None
        return super().get_send_file_max_age(filename)

    def url_for(self, endpoint: str, *, _external: bool | None = None, **values: Any) -> str:
        """An address; a whole one begins with SITE_URL, whatever host the request names."""
        site_url: str | None = self.extensions["settings"].site_url
        if not _external or site_url is None:
            return super().url_for(endpoint, _external=_external, **values)
        return site_url.rstrip("/") + super().url_for(endpoint, **values)


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application.

    Raises:
        SystemExit: a setting is missing or wrong; the message names it.
    """
    settings = settings or load_settings()
    configure_logging(settings)
    app = Site(
        __name__,
        instance_path=str(settings.instance_dir),
        template_folder=str(PROJECT_ROOT / "templates"),
        static_folder=str(PROJECT_ROOT / "static"),
    )
    configure_flask(app, settings)
    configure_limits(app, settings)
    configure_caching(app)
    configure_request_bodies(app)
    csrf.init_app(app)
    configure_database(app, settings)
    configure_storage(app, settings)
    configure_payments(app, settings)
    configure_mail(app, settings)
    configure_accounts(app, settings)
    configure_studio(app, settings)
    configure_security_headers(app, settings)
    configure_templates(app, settings)
    configure_translation(app)
    configure_errors(app)
    register_blueprints(app, settings)
    register_commands(app)
    return app


def configure_flask(app: Flask, settings: Settings) -> None:
    """Flask's own settings, with cookies that are secure wherever the site is."""
    settings.instance_dir.mkdir(parents=True, exist_ok=True)
    app.extensions["settings"] = settings
    app.config.update(
        SECRET_KEY=settings.resolved_secret_key(),
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SECURE=settings.https,
        REMEMBER_COOKIE_HTTPONLY=True,
        WTF_CSRF_TIME_LIMIT=None,  # a form lives as long as its session
        SEND_FILE_MAX_AGE_DEFAULT=DAY_SECONDS,
        TRUSTED_HOSTS=settings.trusted_hosts,
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def configure_database(app: Flask, settings: Settings) -> None:
    """SQLAlchemy and Alembic; migrating is left to ``flask db upgrade``."""
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.resolved_database_url
    if make_url(settings.resolved_database_url).get_backend_name() == "postgresql":
        # A connection may have died while it waited in the pool.
        app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            configure_sqlite(db.engine)
    migrate.init_app(app, db, directory=str(PROJECT_ROOT / "migrations"), compare_type=True)


def configure_storage(app: Flask, settings: Settings) -> None:
    """Where photos and pictures are kept."""
    app.extensions["storage"] = LocalStorage(settings.instance_dir / "storage")


def configure_payments(app: Flask, settings: Settings) -> None:
    """Stripe, or without its keys the sandbox that stands in for it."""
    if settings.stripe_secret_key and settings.stripe_webhook_secret:
        app.extensions["gateway"] = Gateway(
            settings.stripe_secret_key.get_secret_value(), settings.stripe_webhook_secret.get_secret_value()
        )
        return
    sandbox = Sandbox(settings.instance_dir)
    app.extensions["sandbox"] = sandbox
    app.extensions["gateway"] = Gateway(sandbox.api_key, sandbox.webhook_secret, sandbox.api_address)


def configure_mail(app: Flask, settings: Settings) -> None:
    """How messages get on their way."""
    app.extensions["mailer"] = make_mailer(settings)


def configure_studio(app: Flask, settings: Settings) -> None:
    """The catalogue, the previewer, and the queue that carries renders to a worker."""
    app.extensions["catalogue"] = Catalogue(
        [PROJECT_ROOT / "models", settings.instance_dir / "styles"],
        public_domain_only=settings.styles_public_domain_only,
        fast=settings.fast_networks,
    )
    app.extensions["previewer"] = Previewer(
        app.extensions["catalogue"], app.extensions["storage"], settings.upload_max_pixels
    )
    huey = make_huey(settings.resolved_queue_url, settings.resolved_secret_key())
    app.extensions["render_queue"] = RenderQueue(huey, partial(process_render, app))
    app.extensions["account_closers"] = [delete_everything_of]


def configure_limits(app: Flask, settings: Settings) -> None:
    """Rate limits, counted per address."""
    app.config.update(
        RATELIMIT_ENABLED=settings.ratelimit_enabled,
        RATELIMIT_STORAGE_URI=settings.ratelimit_storage_url,
    )
    limiter.init_app(app)


def configure_security_headers(app: Flask, settings: Settings) -> None:
    """Headers that forbid content from elsewhere, inline scripts and embedding."""
    policy = "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' blob: data:",
            # A form that leads to Stripe's page is redirected there, which counts as its action.
            "form-action 'self' https://checkout.stripe.com",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "geolocation=(), microphone=()",
    }
    if settings.https:
        headers["Strict-Transport-Security"] = "max-age=31536000"

    @app.after_request
    def _add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response


def configure_templates(app: Flask, settings: Settings) -> None:
    """What every page knows."""
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}

    @app.context_processor
    def _everywhere() -> dict[str, object]:
        known = current_user and current_user.is_authenticated
        return {
            "product_name": "Style-Transfer-Art",
            "sandbox": settings.sandbox,
            "free_credits": settings.free_credits,
            "balance": ledger.balance(db.session(), current_user.wallet_id) if known else None,
        }


def register_blueprints(app: Flask, settings: Settings) -> None:
    """The pages. The sandbox's exist only while there is no live key."""
    app.register_blueprint(pages.bp)
    app.register_blueprint(accounts_views.bp)
    app.register_blueprint(billing_views.bp)
    app.register_blueprint(studio_views.bp)
    app.register_blueprint(preview_views.bp)
    app.register_blueprint(picture_views.bp)
    app.register_blueprint(order_views.bp)
    app.register_blueprint(share_views.bp)
    if settings.sandbox:
        app.register_blueprint(sandbox_pages.bp)
