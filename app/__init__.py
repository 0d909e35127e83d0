"""The web application. ``create_app`` is the only place where the parts are wired together."""

from __future__ import annotations

from flask import Flask
from sqlalchemy.engine import make_url
from werkzeug.middleware.proxy_fix import ProxyFix

from app.config import PROJECT_ROOT, Settings
from app.errors import configure_errors
from app.logging import configure_logging


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong; the message names it.
    """
    settings = settings or Settings()
    configure_logging(settings)
    app = Flask(
        __name__,
        instance_path=str(settings.instance_dir),
        template_folder=str(PROJECT_ROOT / "templates"),
        static_folder=str(PROJECT_ROOT / "static"),
    )
    configure_flask(app, settings)
    configure_database(app, settings)
    configure_storage(app, settings)
    configure_payments(app, settings)
    configure_accounts(app, settings)
    configure_limits(app, settings)
    configure_security_headers(app, settings)
    configure_errors(app)
    register_blueprints(app, settings)
    register_commands(app)
    return app
