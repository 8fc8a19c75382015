"""Whoever sees some domains tries to see others, by every filter, cursor, key and spelling."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest

from inalign.assessment.views import QUESTIONS
from inalign.store.queries.view import AFTER
from inalign.store.state.accounts import Role, Token
from inalign.web.tables import PAGES
from tests.store.material import aggregate, arrival, digest_of, failure, record
from tests.web.live_site import Browser, Page, Site, serve

OWN = "example.net"
OTHERS = ("theirs.example", "others-reporter", "203.0.113.77", "othersregion")
"""What stands in reports of domains that are not his, and nowhere else."""
DOMAINS = (
    "theirs.example",
    "THEIRS.EXAMPLE",
    "theirs.example.",
    "THEIRS.example..",
    "mail.theirs.example",
    "example",
    ".",
    "notexample.net",
    "example.net.theirs.example",
    "ｔｈｅｉｒｓ.example",
    "theirs。example",
    "xn--theirs-.example",
    "example.net,theirs.example",
    "%",
    "example.net' OR '1'='1",
    "theirs.example\x00example.net",
)
"""Each asked for as the domain."""
RAW = b"delivery: othersregion"

Get = Callable[[str], Page]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    def theirs(domain: str, number: int) -> object:
        return aggregate(
            record("203.0.113.77", 5, header_from=domain),
            # A message in his name, that others' report tells of.
            record("203.0.113.77", 3, header_from=f"mail.{OWN}"),
            domain=domain,
            org=f"others-reporter{number}.example",
            report_id=f"othersregion{number}",
        )

    more = [
        arrival(theirs(domain, number), raw=digest_of(RAW))  # type: ignore[arg-type]  # reports they are
        for number, domain in enumerate(
            ("theirs.example", "mail.theirs.example", "notexample.net", f"{OWN}.theirs.example", "nexample.net")
        )
    ]
    more += [
        arrival(
            failure(
                reported_domain="theirs.example",
                header_from="theirs.example",
                source_ip="203.0.113.77",
                subject="othersregion",
                reporter="r@others-reporter.example",
            )
        )
    ]
    with serve(tmp_path_factory.mktemp("bypass"), more=more, raws=[RAW]) as site:
        site.user("all", Role.ADMIN)
        site.user("some", Role.ADMIN, (OWN,))
        yield site


def _get(site: Site, user: str) -> Get:
    secret = site.accounts.open_session(user, site.now[0], "", longest=1e9)
    return Browser(site.port, {"inalign": secret}).get


@pytest.fixture(scope="module")
def some(site: Site) -> Get:
    return _get(site, "some")


@pytest.fixture(scope="module")
def all_of_it(site: Site) -> Get:
    return _get(site, "all")


def _told(text: str) -> list[str]:
    return [each for each in OTHERS if each in text.lower()]


@pytest.mark.parametrize("view", [name for name, view in QUESTIONS.items() if "domain" in view.filters])
def test_no_spelling_of_a_domain_opens_it(some: Get, view: str) -> None:
    for domain in DOMAINS:
        page = some(f"/api/v1/{view}?{urlencode({'domain': domain})}")
        assert page.status in (200, 400), domain
        # An error quotes what was asked for; an answer has none of it.
        assert page.status == 400 or not _told(page.text), domain


TRIED = {
    "source": ("0.0.0.0/0", "203.0.113.77", "203.0.113.0/24", "::ffff:203.0.113.77", "::/0"),
    "reporter": ("others-reporter0.example", "OTHERS-REPORTER0.example"),
    "zone": ("Asia/Tokyo", "Pacific/Kiritimati"),
    "since": ("2000-01-01",),
    "until": ("2099-01-01",),
    "action": ("accept",),
    "dmarc": ("fail", "none"),
    "limit": ("10000",),
}
"""Filters with values that reach over domains. The first value of each is the one that reaches furthest."""
ASKED = [name for name, view in QUESTIONS.items() if "key" not in view.filters]


def _try(some: Get, path: str, name: str, value: str) -> None:
    page = some(f"{path}?{urlencode({name: value, 'since': '2000-01-01'} | {name: value})}")
    assert page.status in (200, 400), (name, value)
    assert page.status == 400 or not _told(page.text), (path, name, value)


@pytest.mark.parametrize("view", ASKED)
def test_no_filter_opens_others(some: Get, view: str) -> None:
    for name, values in TRIED.items():
        _try(some, f"/api/v1/{view}", name, values[0])
    _try(some, f"/csv/{view}.csv", "since", "2000-01-01")


@pytest.mark.long
@pytest.mark.parametrize("view", ASKED)
def test_no_value_of_a_filter_opens_others(some: Get, view: str) -> None:
    for name, values in TRIED.items():
        for value in values:
            for path in (f"/api/v1/{view}", f"/csv/{view}.csv"):
                _try(some, path, name, value)


@pytest.mark.parametrize("view", [name for name, view in QUESTIONS.items() if "key" not in view.filters])
def test_no_cursor_of_another_opens_it(some: Get, all_of_it: Get, view: str) -> None:
    after, cursors = "", list[str]()
    while True:
        page = all_of_it(f"/api/v1/{view}?limit=2&after={after}")
        after = page.headers.get(AFTER, "")
        if not after or len(cursors) > 8:
            break
        cursors.append(after)
    for cursor in cursors:
        for query in ({"after": cursor}, {"after": cursor, "domain": "theirs.example"}):
            page = some(f"/api/v1/{view}?{urlencode(query)}")
            assert page.status in (200, 400)
            assert not _told(page.text)


def test_no_key_of_others_opens_it(some: Get, all_of_it: Get) -> None:
    rows = json.loads(all_of_it("/api/v1/reports?limit=100").text)
    theirs = [row["report_key"] for row in rows if _told(row["domain"])]
    assert len(theirs) == 4  # three reports and the failure
    for key in theirs:
        assert _told(all_of_it(f"/api/v1/report?key={key}").text)
        for path in ("/api/v1/report", "/api/v1/raw", "/report", "/raw"):
            page = some(f"{path}?key={key}")
            assert (page.status, page.text) == (200, "[]") if "api" in path else page.status == 404
            assert not _told(page.text)
    # What is there for all is there, or the tests above prove nothing.
    assert RAW.decode() in all_of_it(f"/raw?key={rows[-1]['report_key']}").text or any(
        RAW.decode() in all_of_it(f"/raw?key={key}").text for key in theirs
    )


@pytest.mark.parametrize("page", [*PAGES, "domains", "domain", "intake"])
def test_no_page_opens_others(some: Get, page: str) -> None:
    for query in (
        "domain=theirs.example",
        "source=203.0.113.77",
        "reporter=others-reporter0.example",
        "zone=Asia/Tokyo",
    ):
        answer = some(f"/{page}?{query}&since=2000-01-01")
        assert answer.status in (200, 303, 400)
        # What was asked for stands in the form and in addresses; what nobody asked for must not stand there at all.
        asked = query.partition("=")[2]
        assert not [each for each in _told(answer.text) if each not in asked]
        assert "<td>others" not in answer.text


@pytest.mark.parametrize("scope", ["theirs.example", "THEIRS.EXAMPLE", "*", "example", "net"])
def test_a_token_opens_no_more_than_its_user(site: Site, scope: str) -> None:
    domains = None if scope == "*" else (scope.lower(),)
    token = Token(name="t", user="some", role=Role.ADMIN, domains=domains, made=0, expires=site.now[0] + 99)
    bearer = f"Bearer {site.accounts.make_token(token)}"
    browser = Browser(site.port)
    for view in ("domains", "reports", "failure-reports", "addresses", "subdomains", "days"):
        assert not _told(browser.get(f"/api/v1/{view}", Authorization=bearer).text)
    assert browser.get("/users", Authorization=bearer).status == 403


def test_his_own_are_there(some: Get) -> None:
    """Else the tests above prove nothing."""
    for domain in (OWN, OWN.upper(), f"{OWN}."):
        rows = json.loads(some(f"/api/v1/domains?{urlencode({'domain': domain})}").text)
        assert [row["domain"] for row in rows] == [OWN]


def test_others_are_there_for_all(all_of_it: Get) -> None:
    """Likewise."""
    for view in ("domains", "reports", "failure-reports", "addresses", "reporters", "overview"):
        assert _told(all_of_it(f"/api/v1/{view}?limit=1000").text), view


def test_no_file_holds_a_formula(all_of_it: Get) -> None:
    for name in QUESTIONS:
        if name == "raw":
            continue
        page = all_of_it(f"/csv/{name}.csv?" + ("key=x" if "key" in QUESTIONS[name].filters else "since=2000-01-01"))
        assert page.status == 200
        for line in csv.reader(io.StringIO(page.text.lstrip("\ufeff"), newline="")):
            begun = [cell for cell in line if cell.lstrip()[:1] in tuple("=+-@＝＋－＠")]
            assert not [cell for cell in begun if not _is_number(cell)]


def _is_number(cell: str) -> bool:
    return cell.lstrip("-").replace(".", "", 1).isdigit()


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "＝1"]
)
def test_a_formula_becomes_text(text: str) -> None:
    from inalign.store.queries.csv_text import csv_cell

    for value in (text, [text]):
        cell = csv_cell(value)
        assert cell.startswith("'")
        assert text in cell
