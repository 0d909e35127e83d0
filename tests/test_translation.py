"""Everything is translated, and pages, mails and errors have the wanted language."""

from __future__ import annotations

import email
import re
import uuid
from email.policy import default
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.mofile import read_mo
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale

from app.accounts.models import User
from app.config import PROJECT_ROOT
from app.db import transaction, utc_now
from app.engine.catalogue import Catalogue
from app.errors import DomainError, in_words
from app.imaging.errors import TooManyPixels
from app.imaging.prints import SIZES
from app.sentences import Plural
from app.studio.domain.controls import Controls
from app.studio.domain.descriptions import size_note
from app.studio.domain.models import PictureOrder
from app.studio.painting.failures import CREDIT_BACK, failure_in_words, kept_failure
from app.studio.painting.notices import done_message
from app.translation import LANGUAGES, LOCALES
from scripts import translations
from testing.site import MakeUser, log_in
from testing.studio import paint, uploaded
from testing.waiting import finish_mails

GERMAN = {"Accept-Language": "de-AT, de;q=0.9, en;q=0.5"}
# The parts of a sentence that are no words: values in two notations, and tags.
PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}|</?[a-z][^>]*>")
NUMBER = {"%(num)d", "{num}"}

catalogs = pytest.mark.parametrize("path", translations.languages(), ids=lambda path: path.parent.parent.name)


# --- the catalogues -----------------------------------------------------------------------------


def said(message: Message) -> tuple[str, ...]:
    """The translations of a message: one, or two that depend on a number."""
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def translated(message: Message) -> tuple[str, ...]:
    string = message.string
    return (string,) if isinstance(string, str) else tuple(string)


def sentences(catalog: Catalog) -> dict[tuple[str | None, tuple[str, ...]], Message]:
    return {(message.context, said(message)): message for message in catalog if message.id}


def test_there_is_a_catalogue_for_every_language_but_english() -> None:
    assert {path.parent.parent.name for path in translations.languages()} == LANGUAGES.keys() - {"en"}
    assert LOCALES.keys() == LANGUAGES.keys()


@catalogs
def test_every_sentence_is_translated(path: Path) -> None:
    used, known = sentences(translations.extract()), sentences(translations.read(path))
    assert used.keys() - known.keys() == set(), "run `make translations`, and translate what is new"
    assert known.keys() - used.keys() == set(), "run `make translations`: these are not said any more"
    open_ = [key for key, message in known.items() if message.fuzzy or not all(translated(message))]
    assert open_ == []


@catalogs
def test_translations_have_the_places_of_their_sentences(path: Path) -> None:
    for message in sentences(translations.read(path)).values():
        originals = said(message)
        for index, form in enumerate(translated(message)):
            original = originals[min(index, len(originals) - 1)]
            places = [set(PLACE.findall(text)) - NUMBER for text in (original, form)]
            assert places[0] == places[1], form


@catalogs
def test_the_compiled_catalogue_is_the_written_one(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    written = sentences(translations.read(path))
    found = {
        (context.decode() if isinstance(context, bytes) else context, ids): translated(message)
        for (context, ids), message in sentences(compiled).items()
    }
    assert found == {key: translated(message) for key, message in written.items()}, "run `make translations`"


class BareText(HTMLParser):
    """Collects the words of a template that no translation function wraps."""

    SPOKEN = ("aria-label", "alt", "placeholder", "title", "data-confirm")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        words = data.strip()
        is_query = words.startswith("?")  # the query of an address from a macro
        self.found += [words] if re.search(r"[^\W\d_]{2}", words) and not is_query else []

    def handle_starttag(self, _tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in self.SPOKEN and value:
                self.handle_data(value)


MANY_PHOTOS = Plural(
    "You can upload %(num)d photo at a time. Choose just one.",
    "You can upload %(num)d photos at a time. Choose fewer.",
)
# Names that are the same in every language.
NAMES = {"JPEG", "PNG", "Style-Transfer-Art"}


@pytest.mark.parametrize(
    "path",
    [*PROJECT_ROOT.glob("templates/**/*.html"), *PROJECT_ROOT.glob("templates/**/*.txt")],
    ids=lambda path: str(path.relative_to(PROJECT_ROOT / "templates")),
)
def test_no_word_of_a_template_is_left_out(path: Path) -> None:
    source = path.read_text()
    source = re.sub(r"\{%\s*trans\b.*?%\}.*?\{%\s*endtrans\s*%\}", "", source, flags=re.DOTALL)
    parser = BareText()
    parser.feed(re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", source, flags=re.DOTALL))
    assert set(parser.found) - NAMES == set()


def test_the_words_of_the_styles_are_known() -> None:
    known = {sentence for _, ids in sentences(translations.extract()) for sentence in ids}
    for style in Catalogue([PROJECT_ROOT / "models"]).styles:
        assert {style.title, style.movement, style.rights} - {""} <= known, style.title


# --- which language -----------------------------------------------------------------------------


def test_a_page_is_english_unless_german_is_asked_for(client: FlaskClient) -> None:
    page = client.get("/")
    assert ('<html lang="en">' in page.text, page.headers["Content-Language"]) == (True, "en")
    assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "fr, it;q=0.8"}).text
    page = client.get("/", headers=GERMAN)
    assert ('<html lang="de">' in page.text, page.headers["Content-Language"]) == (True, "de")
    assert "Dein Foto, von anderer Hand gemalt." in page.text
    assert {"accept-language", "cookie"} <= {name.lower() for name in page.vary}


def test_the_language_chosen_in_the_footer_stays(client: FlaskClient) -> None:
    assert 'value="/styles?after=1"' in client.get("/styles?after=1").text
    answer = client.post("/language", data={"language": "de", "next": "/styles?after=1"})
    assert (answer.status_code, answer.location) == (303, "/styles?after=1")
    assert "Arten, ein Foto zu malen" in client.get("/styles").text
    client.post("/language", data={"language": "en", "next": "/"})
    assert "ways to paint a photo" in client.get("/styles", headers=GERMAN).text


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        "/styles\\..\\\\evil.example",
        "/\0/evil.example",
        "",
    ],
)
def test_choosing_a_language_leads_nowhere_else(client: FlaskClient, elsewhere: str) -> None:
    answer = client.post("/language", data={"language": "tlh", "next": elsewhere})
    assert (answer.status_code, answer.location) == (303, "/")
    assert "Set-Cookie" not in answer.headers


def test_the_footer_of_a_page_that_was_posted_leads_to_one_that_can_be_asked_for(client: FlaskClient) -> None:
    page = client.post("/photos", data={}, headers={"Accept": "text/html"})
    assert page.status_code == 400
    assert '<input type="hidden" name="next" value="/">' in page.text


# --- how it is said -----------------------------------------------------------------------------


def test_money_and_dates_are_written_the_german_way(client: FlaskClient, make_user: MakeUser) -> None:
    log_in(client, make_user("ada@example.com", credits=3))
    page = client.get("/credits", headers=GERMAN).text
    assert "4,90\N{NO-BREAK SPACE}€" in page
    assert utc_now().strftime("%d.%m.%Y") in page
    assert "<strong>3</strong> Credits übrig" in page


def test_movements_are_translated_and_found(client: FlaskClient) -> None:
    page = client.get("/studio?q=kubismus", headers=GERMAN).text
    assert '<option value="Cubism">Kubismus</option>' in page
    assert re.search(r"\b2 von \d+ Stilen", page)


def test_print_sizes_are_said_in_german(app: Flask) -> None:
    with app.test_request_context(headers=GERMAN):
        notes = {size.slug: size_note(size) for size in SIZES}
    assert notes["a4"] == "21 × 29,7 cm bei 300 dpi"
    assert notes["square"] == "1080 × 1080 Pixel, für soziale Medien"


def test_errors_are_told_in_german_and_logged_in_english(app: Flask) -> None:
    error = TooManyPixels(9000, 8000, 60_000_000)
    with app.test_request_context(headers=GERMAN):
        assert in_words(error).startswith("Dieses Foto hat 9000 × 8000 Pixel. Möglich sind 60 Megapixel.")
        assert failure_in_words(f"This file is empty. Choose the photo again. {CREDIT_BACK}") == (
            "Diese Datei ist leer. Wähle das Foto noch einmal. Dein Credit ist wieder auf deinem Konto."
        ), "as rows of old have it"
        assert failure_in_words(kept_failure(error)) == (
            "Dieses Foto hat 9000 × 8000 Pixel. Möglich sind 60 Megapixel. Mach es kleiner "
            "und versuche es noch einmal. Dein Credit ist wieder auf deinem Konto."
        )
        assert failure_in_words(kept_failure(DomainError(MANY_PHOTOS, num=2))) == (
            "Du kannst 2 Fotos auf einmal hochladen. Wähle weniger. Dein Credit ist wieder auf deinem Konto."
        )
    assert str(error).startswith("This photo has 9000 × 8000 pixels. The limit is 60 megapixels.")


def test_an_error_page_is_german(client: FlaskClient) -> None:
    assert (
        "Hier ist nichts. Vielleicht ist die Seite umgezogen" in client.get("/no/page", headers=GERMAN).text
    )
    address, headers = f"/pictures/{uuid.uuid4()}/status", {**GERMAN, "Accept": "application/json"}
    assert client.get(address, headers=headers).json == {
        "error": "Hier ist nichts. Vielleicht wurde das Bild gelöscht."
    }


def test_an_upload_is_refused_in_german(client: FlaskClient) -> None:
    data = {"photos": (BytesIO(b"not a photo"), "notes.txt")}
    page = client.post("/photos", data=data, headers={**GERMAN, "Accept": "text/html"})
    assert "notes.txt: Das ist kein Foto, das wir lesen können." in page.text


@pytest.fixture
def forms(app: Flask) -> FlaskClient:
    """A German visitor's client, without CSRF checks."""
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    client.set_cookie("language", "de")
    return client


def kept_mail(folder: Path) -> tuple[str, str]:
    """Subject and text of the newest mail."""
    finish_mails()
    newest = max((folder / "outbox").glob("*.eml"))
    message = email.message_from_bytes(newest.read_bytes(), policy=default)
    return str(message["Subject"]), str(message.get_content())  # type: ignore[attr-defined]


def test_signing_up_is_german_from_the_form_to_the_mail(forms: FlaskClient, tmp_path: Path) -> None:
    refused = forms.post("/sign-up", data={"email": "ada@", "password": "short"}).text
    assert "Das sieht nicht wie eine E-Mail-Adresse aus." in refused
    assert "Nimm mindestens 8 und höchstens 128 Zeichen." in refused
    answer = forms.post("/sign-up", data={"email": "ada@example.com", "password": "correct-horse-battery"})
    assert answer.status_code == 302
    assert "Willkommen! Wir haben einen Link an ada@example.com geschickt" in forms.get("/studio").text
    subject, text = kept_mail(tmp_path)
    assert subject == "Willkommen bei Style-Transfer-Art"
    assert "Öffne diesen Link, um deine E-Mail-Adresse zu bestätigen:" in text


def test_how_long_a_link_works_is_said_in_german(
    forms: FlaskClient, make_user: MakeUser, tmp_path: Path
) -> None:
    make_user("ada@example.com")
    forms.post("/forgotten-password", data={"email": "ada@example.com"})
    subject, text = kept_mail(tmp_path)
    assert (subject, "Der Link gilt 2 Stunden lang." in text) == ("Neues Passwort setzen", True)


def test_sentences_of_the_library_are_german_as_well(app: Flask) -> None:
    with app.test_request_context(), force_locale("de_DE"):
        domain = app.extensions["security"].i18n_domain
        assert domain.gettext("Specified user does not exist") == "Der angegebene Benutzer existiert nicht"


def test_the_mail_of_an_order_is_in_the_language_it_was_placed_in(
    app: Flask, forms: FlaskClient, make_user: MakeUser
) -> None:
    user = make_user("ada@example.com", credits=3)
    log_in(forms, user)
    app.extensions["settings"].mail_after_seconds = 0
    paint(forms, uploaded(forms))
    with app.app_context(), transaction() as session:
        session.get_one(User, user.id).confirmed_at = utc_now()
        order = session.query(PictureOrder).one()
        assert order.language == "de"
        order.renders[0].status = "done"
        session.flush()
        message = done_message(session, order)
    assert message is not None
    assert message["Subject"] == "Dein Bild ist fertig"
    assert "Hier kannst du es ansehen:" in message.get_content()


def test_controls_that_cannot_be_are_refused_in_german(client: FlaskClient) -> None:
    answer = client.get(
        f"/previews/samples/chelsea/large.jpg?style={Controls(style='wave').style}&strength=700",
        headers={**GERMAN, "Accept": "application/json"},
    )
    assert answer.json == {"error": "Die Stärke geht von 0 bis 150. Wähle einen Wert dazwischen."}
