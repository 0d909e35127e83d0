"""Mail: by SMTP where a server is set, else as files that a newcomer can open."""

from __future__ import annotations

import re
import smtplib
import ssl
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Protocol

import structlog

from app.config import Settings

log = structlog.get_logger(__name__)

SMTP_TIMEOUT_SECONDS = 20


class Mailer(Protocol):
    """Something that gets a message on its way. It never raises: the request that caused a mail goes on.

    ``folder`` names the folder where messages stay if nobody delivers them.
    """

    folder: str | None

    def send(self, message: EmailMessage) -> str | None:
        """Send; return where the message lies if nobody will deliver it, for the page to say so."""


class Outbox:
    """Keeps each message as a file: for trying the site without a mail server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.folder: str | None = _short(folder)

    def send(self, message: EmailMessage) -> str | None:
        moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        subject = re.sub(r"[^a-z0-9]+", "-", str(message["Subject"]).lower()).strip("-")
        path = self._folder / f"{moment}-{subject}.eml"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(message.as_bytes())
        except OSError:
            log.exception("mail.not_kept", subject=str(message["Subject"]))
            return None
        return _short(path)


def _short(path: Path) -> str:
    """The path as a person in the project's folder would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


class SmtpMailer:
    """Hands messages to an SMTP server, in a thread of its own: a slow server holds up no page."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.folder: str | None = None

    def send(self, message: EmailMessage) -> str | None:
        threading.Thread(target=self._deliver, args=(message,), name="smtp").start()
        return None

    def _deliver(self, message: EmailMessage) -> None:
        settings = self._settings
        try:
            with self._connect() as server:
                if settings.smtp_security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if settings.smtp_username and settings.smtp_password:
                    server.login(settings.smtp_username, settings.smtp_password.get_secret_value())
                server.send_message(message)
            log.info("mail.sent", subject=str(message["Subject"]))
        except Exception:
            # The thread ends here. Not all errors are the server's: a password that is not ASCII, for one.
            log.exception("mail.failed", subject=str(message["Subject"]))

    def _connect(self) -> smtplib.SMTP:
        host, port = self._settings.smtp_host or "", self._settings.smtp_port
        if self._settings.smtp_security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=SMTP_TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(host, port, timeout=SMTP_TIMEOUT_SECONDS)


def make_mailer(settings: Settings) -> Mailer:
    """The mailer that the settings ask for."""
    return SmtpMailer(settings) if settings.smtp_host else Outbox(settings.instance_dir / "outbox")


def plain_message(sender: str, recipient: str, subject: str, body: str) -> EmailMessage:
    """A text message whose long links stay in one piece."""
    message = EmailMessage(policy=SMTP.clone(max_line_length=998, cte_type="8bit"))
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message.set_content(body, cte="8bit")
    return message
