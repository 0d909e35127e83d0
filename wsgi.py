"""The WSGI entry point: ``gunicorn wsgi:app`` and every ``flask`` command start here."""

from app import create_app

app = create_app()
