"""The WSGI entry point of ``gunicorn wsgi:app`` and every ``flask`` command."""

from app import create_app

app = create_app()
