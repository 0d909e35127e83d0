"""``flask credits``: shows and corrects people's credits."""

from __future__ import annotations

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import User
from app.billing import ledger
from app.billing.models import EntryReason
from app.db import transaction


@click.group("credits")
def credits_group() -> None:
    """Show and correct people's credits."""


@credits_group.command("show")
@click.argument("email")
@with_appcontext
def show_credits(email: str) -> None:
    """Print how many credits EMAIL has."""
    with transaction() as session:
        user = _find_user(session, email)
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
        user = _find_user(session, email)
        granted = ledger.grant(session, user.wallet_id, amount, EntryReason.ADJUSTMENT, reference)
        balance = ledger.balance(session, user.wallet_id)
    click.echo(f"{'granted' if granted else 'already granted before'}; balance {balance}")


def _find_user(session: Session, email: str) -> User:
    user: User | None = session.scalar(select(User).where(User.email == email.lower()))
    if user is None:
        raise click.BadParameter(f"no account has the email {email}")
    return user
