"""What failure reports tell of persons is hidden from who only reads, whatever he asks, and however."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from inalign.assessment.views import QUESTIONS
from inalign.reports.flaw import Flaw
from inalign.reports.report import AbuseReport, FailureReport
from inalign.store.queries.filters import GIVEN
from inalign.store.queries.view import AFTER
from inalign.store.state.accounts import Role, Token
from inalign.web import tables
from inalign.web.redaction import Redactor
from tests.store.material import NOW, aggregate, arrival, digest_of, failure, record
from tests.web.live_site import Browser, Page, Site, serve

SECRET = "HanakoQ"
SINGLE, MIXED, PLAIN = b"From: HanakoQ@raw\r\n\r\nfailure", b"From: HanakoQ@mixed\r\n\r\nboth", b"<feedback/>"
READS = ("reader", "some domains", "token of a reader", "reading token of an admin")
SEES = ("editor", "admin", "token of an admin")

Get = Callable[[str], Page]


def _failure(number: int) -> FailureReport:
    return failure(
        reporter=f"{SECRET}.ruf@reporter.example",
        original_mail_from=f"{SECRET}+{number}@bounce.example",
        original_rcpt_to=(f"{SECRET}@there.example",),
        subject=f"{SECRET} and you",
        display_name=f"{SECRET} Yamada",
        message_id=f"<{SECRET}.{number}@mail.example.com>",
        sample_header=f"From: {SECRET}\nSubject: {SECRET}",
        flaws=(Flaw("shape", f"no field, left out: '{SECRET}'"),),
        source_ip=f"192.0.2.{number}",
    )


def _fill(site: Site) -> None:
    for role in Role:
        site.user(role.value, role)
    site.user("some domains", Role.READER, ("example.com",))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    more = [
        arrival(_failure(1), raw=digest_of(SINGLE)),
        *(arrival(_failure(number)) for number in (2, 3)),
        arrival(_failure(4), raw=digest_of(MIXED)),
        arrival(aggregate(record(), org="mixed.example"), raw=digest_of(MIXED)),
        arrival(aggregate(record(), org="plain.example"), raw=digest_of(PLAIN)),
        arrival(
            AbuseReport("abuse", "192.0.2.7", "example.com", NOW, SECRET + "@fbl.example", "", SECRET, f"<{SECRET}@m>")
        ),
    ]
    with serve(tmp_path_factory.mktemp("veil"), more=more, raws=(SINGLE, MIXED, PLAIN)) as site:
        _fill(site)
        yield site


@pytest.fixture(scope="module")
def visitors(site: Site) -> dict[str, Get]:
    """How each of them asks."""

    def signed_in(name: str) -> Get:
        browser = Browser(site.port)
        assert browser.sign_in(name).status == 303
        return browser.get

    def bearer(user: str, role: Role) -> Get:
        token = Token(name="t", user=user, role=role, made=site.now[0], expires=site.now[0] + 1_000)
        secret = site.accounts.make_token(token)
        return lambda path: Browser(site.port).get(path, Authorization=f"Bearer {secret}")

    found = {name: signed_in(name) for name in ("reader", "editor", "admin", "some domains")}
    found["token of a reader"] = bearer("reader", Role.ADMIN)
    found["reading token of an admin"] = bearer("admin", Role.READER)
    found["token of an admin"] = bearer("admin", Role.ADMIN)
    assert set(found) == {*READS, *SEES}
    return found


def _cursors(text: str) -> str:
    """What stands in cursors, and in all other words of that form."""
    words = [each + "A" * (-len(each) % 4) for each in re.findall(r"[A-Za-z0-9_-]{16,}", text)]
    return " ".join(base64.urlsafe_b64decode(each).decode("latin-1") for each in words)


def _tells(page: Page) -> bool:
    """Whether it holds the secret: as text, as an address of a page, or within a cursor."""
    text = page.text + str(page.headers)
    return SECRET.lower() in (text + _cursors(text)).lower()


def _keys(get: Get) -> list[str]:
    return [row["report_key"] for row in json.loads(get("/api/v1/reports?limit=100").text)]


def _walk(get: Get, view: str) -> list[Page]:
    """All pages of an answer, row by row."""
    pages, after = [], ""
    while True:
        pages.append(get(f"/api/v1/{view}?limit=1&after={after}"))
        after = pages[-1].headers.get(AFTER, "")
        if not after:
            return pages


@pytest.mark.parametrize("who", READS)
@pytest.mark.parametrize("view", [name for name, view in QUESTIONS.items() if "key" not in view.filters])
def test_no_answer_tells_it(visitors: dict[str, Get], view: str, who: str) -> None:
    pages = [visitors[who](path) for path in (f"/api/v1/{view}", f"/csv/{view}.csv?since=2020-01-01")]
    pages += _walk(visitors[who], view) if who == "reader" else []
    assert {page.status for page in pages} == {200}
    assert not [page.text for page in pages if _tells(page)]


@pytest.mark.parametrize("who", READS)
def test_no_page_tells_it(visitors: dict[str, Get], who: str) -> None:
    for name in (*tables.PAGES, "domains", "intake", "domain"):
        for query in ("since=2020-01-01", "domain=example.com", "source=192.0.2.1"):
            assert not _tells(visitors[who](f"/{name}?{query}")), name


@pytest.mark.parametrize("who", READS)
def test_no_report_and_no_download_tells_it(visitors: dict[str, Get], who: str) -> None:
    keys = _keys(visitors["admin"])
    assert len(keys) > 20
    for key in keys:
        for path in ("/report", "/raw", "/api/v1/report", "/api/v1/raw"):
            page = visitors[who](f"{path}?key={key}")
            assert page.status in (200, 404)
            assert not _tells(page), path


@pytest.mark.parametrize("who", SEES)
def test_others_see_it(visitors: dict[str, Get], who: str) -> None:
    """Else the tests above prove nothing."""
    get = visitors[who]
    (row,) = json.loads(get("/api/v1/failure-reports?source=192.0.2.1").text)
    assert (row["subject"], row["display_name"]) == (f"{SECRET} and you", f"{SECRET} Yamada")
    assert row["sample"].startswith("From:")
    assert _tells(get("/csv/failure-reports.csv?since=2020-01-01"))
    assert _tells(get("/failures?since=2020-01-01"))
    assert get(f"/raw?key={row['report_key']}").text == SINGLE.decode()
    assert _tells(get(f"/api/v1/report?key={row['report_key']}"))


def test_equal_ones_stay_equal(visitors: dict[str, Get]) -> None:
    rows = json.loads(visitors["reader"]("/api/v1/failure-reports?limit=100").text)
    rows = [row for row in rows if row["envelope_from"].endswith("@bounce.example")]
    assert len(rows) == 4
    assert len({row["subject"] for row in rows}) == 1
    assert len({row["envelope_from"] for row in rows}) == 4
    for row in rows:
        assert re.fullmatch(r"#[0-9a-f]{8}", row["subject"])
        assert re.fullmatch(r"#[0-9a-f]{8}@mail\.example\.com", row["message_id"])
        assert row["sample"] == ""
        assert (row["domain"], row["header_from"]) == ("example.com", "example.com")


def test_a_delivery_without_such_reports_is_there(visitors: dict[str, Get]) -> None:
    get = visitors["reader"]
    (row,) = json.loads(get("/api/v1/reports?reporter=plain.example").text)
    assert get(f"/raw?key={row['report_key']}").text == PLAIN.decode()
    assert json.loads(get(f"/api/v1/raw?key={row['report_key']}").text)[0]["kinds"] == ["aggregate"]
    (row,) = json.loads(get("/api/v1/reports?reporter=mixed.example").text)
    assert get(f"/raw?key={row['report_key']}").status == 404


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("value", ["true", "1", "", "null"])
def test_nobody_lifts_it_himself(visitors: dict[str, Get], name: str, value: str) -> None:
    for path in ("/api/v1/failure-reports", "/csv/failure-reports.csv", "/failures"):
        page = visitors["reader"](f"{path}?{name}={value}")
        assert page.status == 400
        assert not _tells(page)


def test_without_users_it_is_hidden(tmp_path: Path) -> None:
    with serve(tmp_path, more=[arrival(_failure(1))]) as site:
        get = Browser(site.port).get
        assert "#" in get("/api/v1/failure-reports").text
        assert not _tells(get("/api/v1/failure-reports"))


def test_the_key_is_kept(site: Site) -> None:
    key = site.accounts.stored_secret("veil")
    assert len(key) == 32
    assert site.accounts.stored_secret("veil") == key
    assert site.accounts.stored_secret("another") != key
    assert Redactor(key).hashed("a") != Redactor(bytes(32)).hashed("a")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("no address", "no address"),
        ("<a@b.example>", "#@b.example"),
        ('"a b"@b.example', "#@b.example"),
        ("a@b@c.example", "#@c.example"),
        ("x@y And More", "#"),
        ("@", "#"),
        ("a@[2001:db8::1]", "#@[2001:db8::1]"),
    ],
)
def test_of_an_address_the_domain_is_left(text: str, left: str) -> None:
    from inalign.store.queries.events import FailureRow

    names = FailureRow.__struct_fields__
    row = FailureRow(**dict.fromkeys(names, "") | {"envelope_from": text})  # type: ignore[arg-type]  # one field matters
    found = msgspec.structs.asdict(Redactor(b"k").row(row))["envelope_from"]
    assert re.sub(r"#[0-9a-f]{8}", "#", found) == left
