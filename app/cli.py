"""Registers the project's commands beside those of Flask and its extensions: ``flask --help`` lists all."""

from __future__ import annotations

from flask import Flask

from app.commands.credits import credits_group
from app.commands.networks import networks
from app.commands.styles import styles
from app.commands.stylize import stylize
from app.commands.video import stylize_video
from app.commands.worker import worker


def register_commands(app: Flask) -> None:
    """Add the project's commands to ``flask``."""
    for command in (stylize, stylize_video, styles, networks, worker, credits_group):
        app.cli.add_command(command)
