"""Mail in the outbox and through a real SMTP server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTPAuthenticationError, SMTPNotSupportedError
from ssl import SSLError
from typing import Any

import pytest
import structlog
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from structlog.testing import capture_logs

from app.config import Settings
from app.mail import Outbox, SmtpMailer, make_mailer, plain_message
from testing.live import free_port
from testing.site import make_settings
from testing.waiting import wait_until

LINK = "https://art.example.com/confirm/" + "x" * 300


def message() -> EmailMessage:
    return plain_message("Art <art@example.com>", "ada@example.com", "Confirm: ünïcode", f"Öffne\n\n{LINK}\n")


class Inbox:
    """The mails that the SMTP server received."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def check_login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"ada", b"secret"), handled=False)


@pytest.fixture
def server() -> Iterator[Controller]:
    """An SMTP server with one account, which also takes mail without a log-in."""
    controller = Controller(
        Inbox(),
        hostname="127.0.0.1",
        port=free_port(),
        enable_SMTPUTF8=True,
        authenticator=check_login,
        auth_require_tls=False,
    )
    controller.start()
    yield controller
    controller.stop()


def smtp_settings(tmp_path: Path, port: int, **options: object) -> Settings:
    return make_settings(
        tmp_path, **{"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"} | options
    )


def test_without_a_server_mail_is_kept_as_files(tmp_path: Path) -> None:
    mailer = make_mailer(make_settings(tmp_path))
    assert isinstance(mailer, Outbox)
    place = mailer.send(message())
    path = next((tmp_path / "outbox").glob("*.eml"))
    assert place == str(path)
    assert LINK in path.read_text(encoding="utf-8"), "a link must not be cut in two"
    assert re.fullmatch(r"[0-9-]+-confirm-n-code\.eml", path.name)


def test_the_place_is_named_as_one_would_type_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = Outbox(tmp_path / "outbox").send(message())
    assert place is not None
    assert place.startswith("outbox/")
    assert LINK.encode() in Path(place).read_bytes()


def test_an_outbox_that_cannot_be_written_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file in the way")
    assert Outbox(tmp_path / "outbox").send(message()) is None


@pytest.mark.parametrize("options", [{}, {"smtp_username": "ada", "smtp_password": "secret"}])
def test_mail_goes_through_the_server(tmp_path: Path, server: Controller, options: dict[str, object]) -> None:
    mailer = make_mailer(smtp_settings(tmp_path, server.port, **options))
    assert isinstance(mailer, SmtpMailer)
    assert mailer.send(message()) is None
    wait_until(lambda: server.handler.messages, "the mail arrives")
    got = server.handler.messages[0]
    assert got["Subject"] == "Confirm: ünïcode"
    assert got["To"] == "ada@example.com"
    assert LINK in got.get_content()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"smtp_username": "ada", "smtp_password": "wrong"}, SMTPAuthenticationError),
        ({"smtp_username": "ada", "smtp_password": "gehëim"}, UnicodeEncodeError),
        ({"smtp_security": "starttls"}, SMTPNotSupportedError),
        ({"smtp_security": "tls"}, SSLError),
    ],
)
def test_a_server_that_refuses_is_logged_and_raises_nothing(
    tmp_path: Path, server: Controller, options: dict[str, object], cause: type[Exception]
) -> None:
    assert cause.__name__ in failure(smtp_settings(tmp_path, server.port, **options))
    assert server.handler.messages == []


def test_a_server_that_is_not_there_is_logged_and_raises_nothing(tmp_path: Path) -> None:
    assert "ConnectionRefusedError" in failure(smtp_settings(tmp_path, free_port()))


def failure(settings: Settings) -> str:
    """Send a message that fails; return the last line of the traceback that is logged."""
    with capture_logs(processors=[structlog.processors.format_exc_info]) as logged:
        assert SmtpMailer(settings).send(message()) is None
        wait_until(lambda: logged, "the failure is logged")
    (entry,) = logged
    assert (entry["log_level"], entry["event"]) == ("error", "mail.failed")
    assert entry["subject"] == "Confirm: ünïcode"
    return str(entry["exception"]).splitlines()[-1]
