"""Neither the answer nor its time tells whether an address has an account."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from scipy.stats import mannwhitneyu

from testing.site import create_user
from testing.waiting import finish_mails

TRIES = 200
KNOWN, UNKNOWN = "ada@example.com", "eve@example.com"
# Below this p-value the two differ. Noise alone gets here once in a thousand runs.
CERTAIN = 0.001


def seconds(app: Flask, path: str, email: str, password: str) -> float:
    client = app.test_client()
    began = time.perf_counter()
    answer = client.post(path, data={"email": email, "password": password}, buffered=False)
    answer.get_data()
    took = time.perf_counter() - began
    assert answer.status_code == 200
    answer.close()  # what begins after the answer begins here
    finish_mails()
    return took


@pytest.mark.parametrize("path", ["/forgotten-password", "/confirm", "/log-in"])
def test_the_time_tells_nothing(app: Flask, path: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    create_user(app, KNOWN)
    asked = [KNOWN, UNKNOWN] * TRIES
    random.Random(7).shuffle(asked)
    for email in (KNOWN, UNKNOWN):
        seconds(app, path, email, "wrong-password")  # templates are compiled
    took: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for email in asked:
        took[email].append(seconds(app, path, email, "wrong-password"))
    medians = {email: float(np.median(times)) for email, times in took.items()}
    p = mannwhitneyu(took[KNOWN], took[UNKNOWN]).pvalue
    assert p > CERTAIN or abs(medians[KNOWN] / medians[UNKNOWN] - 1) < 0.02, (medians, p)


def test_only_who_exists_gets_a_mail(app: Flask, tmp_path: Path) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    create_user(app, KNOWN)
    for email in (KNOWN, UNKNOWN):
        seconds(app, "/forgotten-password", email, "")
    (mail,) = (tmp_path / "outbox").glob("*.eml")
    assert f"To: {KNOWN}" in mail.read_text()
