"""Commands beside those of Flask and its extensions: ``flask --help`` lists them all."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from app.accounts.models import User
from app.billing import ledger
from app.billing.models import EntryReason
from app.commands.networks import networks
from app.commands.optimize import optimize
from app.commands.styles import styles
from app.commands.stylize import stylize
from app.commands.video import stylize_video
from app.db import transaction


def register_commands(app: Flask) -> None:
    """Add the project's commands to ``flask``."""
    for command in (stylize, stylize_video, optimize, styles, networks, worker, credits_group):
        app.cli.add_command(command)


@click.command("worker")
@with_appcontext
def worker() -> None:
    """Paint the pictures in the queue, in a separate process (set EMBEDDED_WORKER=false for the site)."""
    from app.studio.painting.worker import run_worker

    run_worker(current_app._get_current_object())  # type: ignore[attr-defined]


@click.group("credits")
def credits_group() -> None:
    """Show and correct people's credits."""


@credits_group.command("show")
@click.argument("email")
@with_appcontext
def show_credits(email: str) -> None:
    """Print how many credits EMAIL has."""
    with transaction() as session:
        user = _find_user(session.scalar(select(User).where(User.email == email.lower())), email)
        click.echo(ledger.balance(session, user.wallet_id))


# A negative AMOUNT looks like an option.
@credits_group.command("grant", context_settings={"ignore_unknown_options": True})
@click.argument("email")
@click.argument("amount", type=int)
@click.option("--reference", required=True, help="What this is for. The same reference counts only once.")
@with_appcontext
def grant_credits(email: str, amount: int, reference: str) -> None:
    """Give AMOUNT credits to EMAIL. A negative AMOUNT takes them away."""
    with transaction() as session:
        user = _find_user(session.scalar(select(User).where(User.email == email.lower())), email)
        granted = ledger.grant(session, user.wallet_id, amount, EntryReason.ADJUSTMENT, reference)
        balance = ledger.balance(session, user.wallet_id)
    click.echo(f"{'granted' if granted else 'already granted before'}; balance {balance}")


def _find_user(user: User | None, email: str) -> User:
    if user is None:
        raise click.BadParameter(f"no account has the email {email}")
    return user
