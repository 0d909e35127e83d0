"""Every page of the site, and how to get there."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from app.config import PROJECT_ROOT
from testing.customer import pay_by_card, sign_up, upload
from testing.easel import rest
from testing.live import LiveSite
from testing.waiting import wait_until

SAMPLES = PROJECT_ROOT / "static" / "samples"
PHOTOS = tuple(SAMPLES / name for name in ("coffee.jpg", "chelsea.jpg", "astronaut.jpg"))
STYLES = ("starry_night", "la_muse", "rain_princess")


@dataclass(frozen=True)
class Exhibit:
    """A site that somebody has used, with the addresses of what is there and everybody's cookies.

    The guest has no account, but has uploaded a photo.
    """

    site: LiveSite
    owner: StorageState
    newcomer: StorageState
    guest: StorageState
    photos: tuple[str, ...]
    order: str
    picture: str
    unshared: str
    failed: str
    share: str
    paid: str
    unpaid: str
    reset: str


@dataclass(frozen=True)
class Stop:
    """One page: its name, who looks at it, and how they come to it."""

    name: str
    go: Callable[[Page, Exhibit], object]
    who: str = "visitor"


def visit(address: str | Callable[[Exhibit], str]) -> Callable[[Page, Exhibit], object]:
    """Go to an address, which may depend on what the exhibit holds."""

    def go(page: Page, exhibit: Exhibit) -> None:
        page.goto(address if isinstance(address, str) else address(exhibit))

    return go


def _choice(photos: tuple[str, ...], styles: tuple[str, ...]) -> str:
    """Photos and styles as an address names them."""
    return urlencode({"photos": photos, "style": styles}, doseq=True)


# --- pages that take more than an address -------------------------------------------------------


def _studio(query: Callable[[Exhibit], str]) -> Callable[[Page, Exhibit], object]:
    """The studio once everything that is painted for it has arrived."""

    def go(page: Page, exhibit: Exhibit) -> None:
        page.goto(f"/studio?{query(exhibit)}")
        expect(page.locator("[data-wall]")).to_have_attribute("data-state", "complete", timeout=90_000)
        if "style=" in page.url:
            rest(page)

    return go


def _mask_tools(page: Page, exhibit: Exhibit) -> None:
    _studio(lambda _: "sample=chelsea&style=starry_night")(page, exhibit)
    page.locator("[data-paint-mask=mask]").click()
    expect(page.locator("[data-tools]")).to_be_visible()


def _controls(page: Page, exhibit: Exhibit) -> None:
    """The studio further down, where the controls are."""
    _studio(lambda it: urlencode({"photos": it.photos[0], "style": STYLES[0]}))(page, exhibit)
    page.locator("#second_style").select_option(STYLES[1])
    rest(page)
    page.locator("[data-mask-editor]").evaluate("tools => tools.scrollIntoView({ block: 'end' })")


def _german_studio(page: Page, exhibit: Exhibit) -> None:
    page.context.set_extra_http_headers({"Accept-Language": "de"})
    _studio(lambda it: urlencode({"photos": it.photos[1], "style": STYLES[2]}))(page, exhibit)


def _delete_photo(page: Page, exhibit: Exhibit) -> None:
    """The question that is asked where no script does."""
    page.goto("/studio")
    page.locator(f"form[action$='{exhibit.photos[0]}/delete']").evaluate(
        """form => {
            form.append(Object.assign(document.createElement("input"), { name: "ask", value: "y" }));
            form.submit();
        }"""
    )
    page.wait_for_url("**/photos/*/delete")


def _waiting_picture(page: Page, exhibit: Exhibit) -> None:
    _while_painting(page, exhibit, exhibit.unshared, "id = ?")


def _waiting_order(page: Page, exhibit: Exhibit) -> None:
    """Some pictures of the order are painted, some are not."""
    _while_painting(page, exhibit, exhibit.order, "order_id = ? AND rowid % 2")


def _while_painting(page: Page, exhibit: Exhibit, address: str, which: str) -> None:
    """A page as it is while some pictures are painted; it does not hear of what comes after."""
    page.route("**/status", lambda route: route.abort())
    number = address.rpartition("/")[2].replace("-", "")
    begin = "UPDATE renders SET status = 'running', progress = 0.4, lease_expires_at = '2100-01-01 00:00:00'"
    end = "UPDATE renders SET status = 'done', progress = 1, lease_expires_at = NULL WHERE id = ?"
    with closing(sqlite3.connect(exhibit.site.instance_dir / "site.db")) as connection:
        with connection:
            painted = connection.execute(f"{begin} WHERE {which} RETURNING id", (number,)).fetchall()
        try:
            assert painted
            page.goto(address)
        finally:
            with connection:
                connection.executemany(end, painted)


def _viewer(page: Page, exhibit: Exhibit) -> None:
    page.goto(exhibit.picture)
    page.locator("[data-viewer]").click()
    expect(page.locator("dialog.viewer img")).to_be_visible()


def _refused_log_in(page: Page, exhibit: Exhibit) -> None:
    page.goto("/log-in")
    page.locator("input[name=email]").fill("nobody@example.com")
    page.locator("input[name=password]").fill("not-the-password")
    page.locator("main button[type=submit]").click()
    expect(page.locator(".field-error, .flash-error").first).to_be_visible()


def _verify(page: Page, exhibit: Exhibit) -> None:
    page.goto("/account/verify")


def _checkout(page: Page, exhibit: Exhibit) -> None:
    page.goto("/credits")
    page.locator("button[name=pack]").first.click()
    page.wait_for_url("**/checkout/**")


def _authentication(page: Page, exhibit: Exhibit) -> None:
    _checkout(page, exhibit)
    pay_by_card(page, "4000 0025 0000 3155")
    page.wait_for_url("**/authentication")


def _declined(page: Page, exhibit: Exhibit) -> None:
    _checkout(page, exhibit)
    pay_by_card(page, "4000 0000 0000 0002")
    expect(page.locator(".field-error")).to_be_visible()


def _delete_pictures(page: Page, exhibit: Exhibit) -> None:
    page.goto(f"/pictures/delete?picture={exhibit.unshared.rpartition('/')[2]}")


def _gallery_with_ticks(page: Page, exhibit: Exhibit) -> None:
    page.goto("/pictures")
    page.locator(".picture-tick input").first.check()


def _expired_form(page: Page, exhibit: Exhibit) -> None:
    assert _post(page, "/studio") == 400


def _too_large(page: Page, exhibit: Exhibit) -> None:
    """A field larger than any of the site's."""
    assert _post(page, "/studio", "x" * 500_100) == 413


def _post(page: Page, address: str, filling: str = "") -> int:
    """Send a form that the site did not make; return the answer's status."""
    page.goto("/privacy")
    with page.expect_navigation() as landing:
        page.evaluate(
            """([address, filling]) => {
                const form = document.createElement("form");
                form.action = address;
                form.method = "post";
                form.enctype = "multipart/form-data";
                const field = document.createElement("input");
                form.append(Object.assign(field, { type: "hidden", name: "filling", value: filling }));
                document.body.append(form);
                form.submit();
            }""",
            [address, filling],
        )
    return int(landing.value.status)


def _broken(page: Page, exhibit: Exhibit) -> None:
    """A page whose table is gone."""
    with _without_table(exhibit.site.instance_dir / "site.db", "renders"):
        page.goto("/pictures")


@contextmanager
def _without_table(path: Path, table: str) -> Iterator[None]:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")  # leave other tables' references as they are
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        connection.commit()
        try:
            yield
        finally:
            connection.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
            connection.commit()


# --- all of them --------------------------------------------------------------------------------

STOPS = (
    Stop("landing", visit("/")),
    Stop("styles", visit("/styles")),
    Stop("privacy", visit("/privacy")),
    Stop("sign-up", visit("/sign-up")),
    Stop("log-in", visit("/log-in")),
    Stop("log-in-refused", _refused_log_in),
    Stop("forgotten-password", visit("/forgotten-password")),
    Stop("reset-password", visit(lambda it: it.reset)),
    Stop("confirm", visit("/confirm")),
    Stop("offline", visit("/offline")),
    Stop("studio-sample", _studio(lambda _: "sample=chelsea")),
    Stop("studio-visitor", _studio(lambda _: "sample=chelsea&style=starry_night")),
    Stop("studio-mask", _mask_tools),
    Stop("studio-guest", _studio(lambda _: "style=starry_night"), "guest"),
    Stop("studio-new", _studio(lambda _: ""), "newcomer"),
    Stop(
        "studio", _studio(lambda it: urlencode({"photos": it.photos[:2], "style": STYLES[0]}, True)), "owner"
    ),
    Stop("studio-controls", _controls, "owner"),
    Stop("studio-german", _german_studio, "owner"),
    Stop("photo-delete", _delete_photo, "owner"),
    Stop("order-review", visit(lambda it: f"/orders/new?{_choice(it.photos, STYLES[:2])}"), "owner"),
    Stop(
        "order-print", visit(lambda it: f"/orders/new?{_choice(it.photos[:1], STYLES[:1])}&size=a4"), "owner"
    ),
    Stop("order", visit(lambda it: it.order), "owner"),
    Stop("order-waiting", _waiting_order, "owner"),
    Stop("pictures-empty", visit("/pictures"), "newcomer"),
    Stop("pictures", visit("/pictures"), "owner"),
    Stop("pictures-ticked", _gallery_with_ticks, "owner"),
    Stop("pictures-delete", _delete_pictures, "owner"),
    Stop("picture", visit(lambda it: it.picture), "owner"),
    Stop("picture-viewer", _viewer, "owner"),
    Stop("picture-unshared", visit(lambda it: it.unshared), "owner"),
    Stop("picture-waiting", _waiting_picture, "owner"),
    Stop("picture-failed", visit(lambda it: it.failed), "owner"),
    Stop("share", visit(lambda it: it.share)),
    Stop("credits", visit("/credits"), "owner"),
    Stop("checkout", _checkout, "owner"),
    Stop("checkout-declined", _declined, "owner"),
    Stop("checkout-authentication", _authentication, "owner"),
    Stop("checkout-paid", visit(lambda it: f"/checkout/return?order={it.paid}"), "owner"),
    Stop("checkout-waiting", visit(lambda it: f"/checkout/return?order={it.unpaid}"), "owner"),
    Stop("checkout-cancelled", visit(lambda it: f"/checkout/cancelled?order={it.unpaid}"), "owner"),
    Stop("account", visit("/account"), "owner"),
    Stop("account-email", visit("/account/email"), "owner"),
    Stop("account-password", visit("/account/password"), "owner"),
    Stop("account-sessions", visit("/account/sessions"), "owner"),
    Stop("account-verify", _verify, "owner"),
    Stop("account-delete", visit("/account/delete"), "owner"),
    Stop("error-400", _expired_form),
    Stop("error-404", visit("/nothing-here")),
    Stop("error-413", _too_large),
    Stop("error-500", _broken, "owner"),
)


def open_context(
    browser: Browser, exhibit: Exhibit, stop: Stop, width: int, scheme: str, *, scale: float = 1.0
) -> BrowserContext:
    """A window of whoever looks at the page, with ``scale`` pixels of the screen to one of the page."""
    states = {"owner": exhibit.owner, "newcomer": exhibit.newcomer, "guest": exhibit.guest}
    return browser.new_context(
        base_url=exhibit.site.url,
        storage_state=states.get(stop.who),
        viewport={"width": width, "height": 844 if width < 600 else 900},
        device_scale_factor=scale,
        is_mobile=scale > 1,
        color_scheme="dark" if scheme == "dark" else "light",
    )


# --- making the exhibit -------------------------------------------------------------------------


def furnish(browser: Browser, site: LiveSite) -> Exhibit:
    """Use a site as a customer does, until every page has something to show. Takes 11 free credits."""
    newcomer = browser.new_context(base_url=site.url)
    sign_up(newcomer.new_page(), "newcomer@example.com")
    guest = browser.new_context(base_url=site.url)
    page = guest.new_page()
    page.goto("/studio")
    upload(page, PHOTOS[2])
    owner = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
    page = owner.new_page()
    sign_up(page, "owner@example.com")
    upload(page, *PHOTOS)
    photos = tuple(re.findall(r"photos=([0-9a-f-]{36})", page.url))
    order = _order(page, photos, STYLES)
    pictures = page.locator(".picture-card a")
    picture, unshared = (str(pictures.nth(place).get_attribute("href")) for place in (0, 1))
    share = _share(page, picture)
    failed = _fail(page, site)
    paid, unpaid = _pay(page), _leave_unpaid(page)
    exhibit = Exhibit(
        site=site,
        owner=owner.storage_state(),
        newcomer=newcomer.storage_state(),
        guest=guest.storage_state(),
        photos=photos,
        order=order,
        picture=picture,
        unshared=unshared,
        failed=failed,
        share=share,
        paid=paid,
        unpaid=unpaid,
        reset=_ask_for_reset(browser, site),
    )
    for context in (owner, newcomer, guest):
        context.close()
    return exhibit


def _order(page: Page, photos: tuple[str, ...], styles: tuple[str, ...]) -> str:
    """Have every photo painted in every style, and return the address of what came of it."""
    page.goto(f"/orders/new?{_choice(photos, styles)}")
    page.locator("#order-price button[type=submit]").first.click()
    page.wait_for_url(re.compile(r"/(orders|pictures)/[0-9a-f-]{36}"))
    finished = "#order-status:not([hx-get]), #picture:not([hx-get])"
    expect(page.locator(finished)).to_be_visible(timeout=120_000)
    return page.url


def _share(page: Page, picture: str) -> str:
    page.goto(picture)
    page.locator("#share button[type=submit]").click()
    return page.locator("#share-link").input_value()


def _fail(page: Page, site: LiveSite) -> str:
    """Order a picture of a photo whose file is spoilt."""
    page.goto("/studio")
    upload(page, PHOTOS[0])
    photo = re.findall(r"photos=([0-9a-f-]{36})", page.url)[0]
    (site.instance_dir / "storage" / "photos" / photo / "original").write_bytes(b"spoilt")
    failed = _order(page, (photo,), STYLES[:1])
    page.goto("/studio")
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(f"form[action$='{photo}/delete'] button").click()
    expect(page.locator(".flash-success")).to_be_visible()
    return failed


def _pay(page: Page) -> str:
    page.goto("/credits")
    page.locator("button[name=pack]").first.click()
    page.wait_for_url("**/checkout/**")
    pay_by_card(page, "4242 4242 4242 4242")
    page.wait_for_url("**/checkout/return?order=*")
    return page.url.rpartition("=")[2]


def _leave_unpaid(page: Page) -> str:
    page.goto("/credits")
    page.locator("button[name=pack]").first.click()
    page.locator(".checkout-summary p a").click()
    page.wait_for_url("**/checkout/cancelled?order=*")
    return page.url.rpartition("=")[2]


def _ask_for_reset(browser: Browser, site: LiveSite) -> str:
    """The link by mail with which the newcomer, logged out, can choose another password."""
    with browser.new_context(base_url=site.url) as nobody:
        page = nobody.new_page()
        page.goto("/forgotten-password")
        page.locator("input[name=email]").fill("newcomer@example.com")
        page.locator("main button[type=submit]").click()
        expect(page.locator(".flashes")).to_be_visible()
    link = re.compile(r"http://\S+/forgotten-password/\S+")
    found: list[str] = []

    def arrived() -> bool:
        for path in (site.instance_dir / "outbox").glob("*.eml"):
            found.extend(link.findall(path.read_text()))
        return bool(found)

    wait_until(arrived, "the mail is there")
    return found[0]
