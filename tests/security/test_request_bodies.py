"""Bodies are refused by size, rate or token before anything reads them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.billing.views import WEBHOOK_MAX_BYTES
from app.config import Settings
from app.request_bodies import FORM_MAX_FIELDS
from testing.site import MakeUser, log_in, running_app

MEGABYTE = 1_000_000


class Body(io.RawIOBase):
    """A body of ``size`` bytes that counts the bytes read."""

    def __init__(self, size: int) -> None:
        self.size, self.taken = size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self.size - self.taken)
        buffer[:count] = b"[" * count
        self.taken += count
        return count


def send(
    client: FlaskClient, path: str, body: Body, *, chunked: bool = False, **options: Any
) -> TestResponse:
    length = {"HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": str(body.size)}
    return client.post(
        path,
        environ_overrides=length | {"wsgi.input": body, "wsgi.input_terminated": True},
        **({"content_type": "application/json"} | options),
    )


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/", "/no/such/page", "/log-in", "/sign-up", "/studio", "/account/delete"])
def test_no_address_reads_a_large_json(client: FlaskClient, path: str, chunked: bool) -> None:
    body = Body(30 * MEGABYTE)
    answer = send(client, path, body, chunked=chunked)
    assert answer.status_code == (411 if chunked else 413)
    assert body.taken == 0
    form = Body(30 * MEGABYTE)
    send(client, path, form, chunked=chunked, content_type="application/x-www-form-urlencoded")
    assert form.taken == 0


def test_an_unknown_address_reads_no_body_at_all(client: FlaskClient) -> None:
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        body = Body(1000)
        assert send(client, "/no/such/page", body, content_type=content_type).status_code == 404
        assert body.taken == 0


def test_nobody_parses_json(client: FlaskClient, make_user: MakeUser) -> None:
    log_in(client, make_user())
    for rule in client.application.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and not rule.arguments and rule.rule != "/log-out":
            nested = b"[" * 100_000
            answer = client.post(rule.rule, data=nested, content_type="application/json")
            assert answer.status_code < 500, rule.rule


def test_a_form_of_ten_thousand_fields_is_refused(client: FlaskClient) -> None:
    fields = {f"field-{number}": "x" for number in range(10_000)}
    assert client.post("/log-in", data=fields).status_code == 413
    assert client.post("/log-in", data=fields, content_type="multipart/form-data").status_code == 413
    few = {f"field-{number}": "x" for number in range(FORM_MAX_FIELDS - 1)}
    assert client.post("/log-in", data=few).status_code == 200


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "application/json"])
def test_a_visitor_uploads_one_photo_at_most(
    client: FlaskClient, settings: Settings, content_type: str
) -> None:
    body = Body(settings.upload_max_bytes * 2)
    assert send(client, "/photos", body, content_type=content_type).status_code == 413
    assert body.taken == 0


def test_a_mask_has_a_limit_of_its_own(client: FlaskClient) -> None:
    body = Body(6 * MEGABYTE)
    assert send(client, "/previews/samples/coffee/masks", body).status_code == 413
    assert body.taken == 0


@pytest.mark.parametrize("headers", [{}, {"X-CSRFToken": "wrong"}])
def test_an_upload_without_its_token_is_not_read(app: Flask, headers: dict[str, str]) -> None:
    client = app.test_client()
    if headers:
        client.get("/studio")  # a session with a token, which the header then lacks
    body = Body(5 * MEGABYTE)
    answer = send(client, "/photos", body, content_type="multipart/form-data; boundary=x", headers=headers)
    assert answer.status_code == 400
    assert "This form has expired" in answer.text
    assert body.taken == 0


def test_an_upload_beyond_its_rate_is_not_read(settings: Settings) -> None:
    for app in running_app(settings.model_copy(update={"ratelimit_enabled": True})):
        client = app.test_client()
        sizes = []
        for _ in range(11):
            body = Body(1000)
            answer = send(client, "/photos", body, content_type="multipart/form-data; boundary=x")
            sizes.append(body.taken)
        assert answer.status_code == 429
        assert sizes[-1] == 0


def test_the_limits_of_a_view_count_once_a_request(settings: Settings) -> None:
    for app in running_app(settings.model_copy(update={"ratelimit_enabled": True})):
        app.config["WTF_CSRF_ENABLED"] = False
        client = app.test_client()
        statuses = [client.post("/forgotten-password", data={"email": "ada"}).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]


def test_the_webhook_reads_up_to_its_own_limit(client: FlaskClient) -> None:
    too_large = Body(WEBHOOK_MAX_BYTES + 1)
    assert send(client, "/webhooks/stripe", too_large).status_code == 413
    assert too_large.taken == 0
    chunked = Body(2 * WEBHOOK_MAX_BYTES)
    assert send(client, "/webhooks/stripe", chunked, chunked=True).status_code == 411
    assert chunked.taken == 0
    fits = Body(WEBHOOK_MAX_BYTES)
    assert send(client, "/webhooks/stripe", fits).status_code == 400, "unsigned"
    assert fits.taken == WEBHOOK_MAX_BYTES


def test_a_file_name_that_cannot_be_decoded_is_named_as_the_cause(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/studio").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0].encode()
    field = b'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n' + token + b"\r\n"
    file = (
        b'--x\r\nContent-Disposition: form-data; name="photos"; filename="\xff\xfe.jpg"\r\n\r\n\r\n--x--\r\n'
    )
    options: dict[str, Any] = {"data": field + file, "content_type": "multipart/form-data; boundary=x"}
    answer = client.post("/photos", **options)
    assert answer.status_code == 400
    assert "Rename the file" in answer.text
    german = client.post("/photos", headers={"Accept": "application/json"}, **options)
    assert json.loads(german.text) == {
        "error": "We could not read the name of a file. Rename the file and try again."
    }


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=y"])
def test_a_broken_form_is_no_expired_one(client: FlaskClient, content_type: str) -> None:
    answer = client.post("/log-in", data=b"--x\r\nnonsense", content_type=content_type)
    assert answer.status_code == 400
    assert "could not read this form" in answer.text
