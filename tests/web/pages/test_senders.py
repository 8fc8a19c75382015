"""Who sends: the tree, one address whole, and its class set by hand."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from msgspec.structs import replace

from inalign.insight.texts import catalogue
from inalign.reports.report import DkimAuth, SpfAuth
from inalign.store.queries.sender_rows import LISTED
from inalign.store.state.accounts import Role
from inalign.store.state.overrides import overrides
from inalign.web.words import Words
from tests.store.material import aggregate, record
from tests.web.live_site import HOSTILE, Browser, Page, Site, serve

DAYS = "since=2026-10-01&until=2026-11-30"
EVER = "since=2020-01-01"
V6 = ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")


@pytest.fixture(scope="module")
def sender_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Addresses of both kinds, one of them with hostile names, another of thousands alike."""
    hostile = replace(
        record("192.0.2.66", 7, dkim=False),
        dkim=(DkimAuth(HOSTILE, HOSTILE, "pass"), DkimAuth("example.com", HOSTILE, "fail")),
        spf=(SpfAuth(HOSTILE, "mfrom", "pass"),),
    )
    many = [record(f"100.64.{at % 60}.{at // 60 + 1}", 1 + at, dkim=False, spf=False) for at in range(260)]
    strangers = [record(address, 3, dkim=False) for address in V6]
    more = [
        aggregate(hostile, *strangers, day=3, report_id="h", org="other.example"),
        aggregate(*many, day=5, report_id="many", org="other.example"),
    ]
    with serve(tmp_path_factory.mktemp("senders"), more=more) as site:
        site.user("reader", Role.READER)
        site.user("editor", Role.EDITOR)
        site.user("narrow", Role.EDITOR, ("example.net",))
        yield site


_BROWSERS: dict[tuple[int, str], Browser] = {}


def browser(site: Site, user: str) -> Browser:
    """Signed in; that takes time on purpose."""
    if (site.port, user) not in _BROWSERS:
        found = _BROWSERS[site.port, user] = Browser(site.port)
        assert found.sign_in(user).status == 303
    return _BROWSERS[site.port, user]


def rows(site: Site, path: str) -> list[dict[str, Any]]:  # Any: JSON
    page = browser(site, "reader").get(f"/api/v1/{path}")
    assert page.status == 200, page.text
    return list(json.loads(page.text))


SQL = """
SELECT domain, source_ip, sum(count),
sum(CASE WHEN dkim_aligned = 'pass' OR spf_aligned = 'pass' THEN count ELSE 0 END),
sum(CASE WHEN disposition = 'quarantine' THEN count ELSE 0 END), count(DISTINCT reporter), min(day), max(day),
100.0 * sum(CASE WHEN dkim_aligned = 'pass' THEN count ELSE 0 END) / sum(count)
FROM records WHERE day BETWEEN '2026-10-01' AND '2026-11-30' GROUP BY domain, source_ip
"""


def test_addresses_say_what_sql_says(sender_site: Site) -> None:
    found: dict[tuple[str, str], tuple[object, ...]] = {
        (row["domain"], row["source_ip"]): (
            row["messages"], row["passed"], row["quarantine"], row["reporters"], row["first_day"], row["last_day"],
            round(row["dkim_percent"], 6),
        )
        for row in rows(sender_site, f"sender-addresses?{DAYS}&limit=1000")
    }  # fmt: skip
    asked = sender_site.engine.query(SQL)
    assert len(asked) > 260
    assert found == {
        (str(domain), str(address)): (*numbers[:4], str(numbers[4]), str(numbers[5]), round(float(str(numbers[6])), 6))
        for domain, address, *numbers in asked
    }


def test_senders_and_classes_are_the_sums_of_their_addresses(sender_site: Site) -> None:
    addresses = rows(sender_site, f"sender-addresses?{DAYS}&limit=1000")
    senders = rows(sender_site, f"senders?{DAYS}&limit=1000")
    classes = rows(sender_site, f"sender-classes?{DAYS}")
    for name in ("messages", "passed", "none", "quarantine", "reject"):
        for row in senders:
            mine = [each for each in addresses if (each["class"], each["sender"]) == (row["class"], row["sender"])]
            assert row[name] == sum(each[name] for each in mine)
            assert row["addresses"] == len({each["source_ip"] for each in mine})
            assert row["networks"] == len({each["network"] for each in mine})
        for row in classes:
            assert row[name] == sum(each[name] for each in senders if each["class"] == row["class"])
            assert row["senders"] == len([each for each in senders if each["class"] == row["class"]])
    (whole,) = sender_site.engine.query("SELECT sum(count) FROM records")[0]
    assert sum(row["messages"] for row in classes) == whole


def test_a_trend_is_the_days_of_thirty(sender_site: Site) -> None:
    (row,) = rows(sender_site, "sender-addresses?source=192.0.2.1&domain=example.com")
    asked = sender_site.engine.query(
        "SELECT day, sum(count) FROM records WHERE source_ip = '192.0.2.1' GROUP BY day ORDER BY day DESC"
    )
    assert len(row["trend"]) == 30
    assert [count for count in reversed(row["trend"]) if count] == [count for _, count in asked][:30]


def test_days_are_those_of_the_zone(sender_site: Site) -> None:
    query = "sender-addresses?source=192.0.2.1&domain=example.com&zone="
    days = {zone: rows(sender_site, query + zone)[0]["last_day"] for zone in ("UTC", "Pacific/Kiritimati")}
    assert days["UTC"] < days["Pacific/Kiritimati"]
    assert rows(sender_site, "sender-addresses?until=0001-01-01") == []


def test_classes_are_listed_with_what_can_be_acted_on_first(sender_site: Site) -> None:
    places = [LISTED.index(row["class"]) for row in rows(sender_site, f"senders?{DAYS}&limit=1000")]
    assert places == sorted(places)
    assert [name for name in LISTED if name][-2:] == ["forwarder", "hosting"]


def test_addresses_of_ipv6_are_put_together_by_64(sender_site: Site) -> None:
    found = {row["source_ip"]: row["network"] for row in rows(sender_site, "sender-addresses?source=2001:db8::/32")}
    assert found == {V6[0]: "2001:db8::/64", V6[1]: "2001:db8::/64", V6[2]: "2001:db8:0:1::/64"}


@pytest.mark.parametrize(
    ("search", "count"),
    [("100.64.1.", 5), ("2001:DB8::", 2), ("100.64.1.3'", 0), ("%", 0), ("192.0.2.66", 1)],
)
def test_a_search_finds_what_is_in_a_name_or_an_address(sender_site: Site, search: str, count: int) -> None:
    assert len(rows(sender_site, f"sender-addresses?search={quote(search)}&limit=1000")) == count


def test_pages_follow_one_another(sender_site: Site) -> None:
    whole = rows(sender_site, f"sender-addresses?{DAYS}&limit=1000")
    get = browser(sender_site, "reader").get
    found, after = [], ""
    while True:
        page = get(f"/api/v1/sender-addresses?{DAYS}&limit=60{after}")
        found += json.loads(page.text)
        if "Inalign-After" not in page.headers:
            break
        after = f"&after={page.headers['Inalign-After']}"
    assert found == whole


def test_the_tree_works_without_script(sender_site: Site) -> None:
    get = browser(sender_site, "reader").get
    page = get(f"/sources?{EVER}")
    assert page.status == 200
    assert 'class="badge' in page.text
    sender = html.unescape(re.findall(r'<a href="(/sources\?[^"]*sender=[^"]*)"', page.text)[0])
    below = get(sender)
    address = html.unescape(re.findall(r'<a href="(/source\?[^"]*)"', below.text)[0])
    assert get(address).status == 200
    one_class = html.unescape(re.findall(r'<a href="(/sources\?[^"]*class=[^"&]*)"', page.text)[0])
    more = re.findall(r'<a href="(/sources\?[^"]*after=[^"]*)"', get(one_class).text)
    assert more
    assert get(html.unescape(more[0])).status == 200


@pytest.mark.parametrize("language", ["en", "ja"])
def test_one_source_is_told_whole(sender_site: Site, language: str) -> None:
    query = f"domain=example.com&source=192.0.2.66&{EVER}"
    page = browser(sender_site, "reader").get(f"/source?{query}", Accept_Language=language)
    (row,) = rows(sender_site, f"source?{query}")
    say = catalogue(language)
    shown = html.unescape(page.text)
    assert row["evidence"]
    assert all(say.say("evidence", each["code"], each) in shown for each in row["evidence"])
    assert say.say("class", row["class"]) in shown
    assert row["messages"] == 7
    assert [(each["reporter"], each["messages"]) for each in row["reporters"]] == [("other.example", 7)]
    assert f"/report?key={row['reports'][0]['report_key']}" in shown
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


def test_a_source_nobody_saw_is_not_there(sender_site: Site) -> None:
    get = browser(sender_site, "reader").get
    assert get("/source?domain=example.com&source=198.51.100.250").status == 404
    assert get("/source?domain=example.com&source=192.0.2.0/24").status == 400
    assert browser(sender_site, "narrow").get(f"/source?domain=example.com&source=192.0.2.1&{EVER}").status == 404


def _set(found: Browser, headers: dict[str, str] | None = None, **fields: str) -> Page:
    form = {"domain": "example.com", "source": "100.64.0.3", "on": "address", "class": "approved"} | fields
    own = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{found.port}"}
    return found.ask("POST", "/source/override", own | (headers or {}), urlencode(form))


@pytest.mark.parametrize(
    ("user", "headers", "fields", "status"),
    [
        ("reader", {}, {}, 403),
        ("narrow", {}, {}, 400),
        ("editor", {"Origin": "http://evil.example"}, {}, 403),
        ("editor", {}, {"class": "friend"}, 400),
        ("editor", {}, {"on": "everything"}, 400),
        ("editor", {}, {"service": "x" * 101}, 400),
        ("editor", {}, {"service": "a\nb"}, 400),
        ("editor", {}, {"source": ""}, 400),
        ("editor", {}, {"source": "100.64.0.0/24"}, 400),
        ("editor", {}, {"source": "198.51.100.250"}, 400),
        ("editor", {}, {"domain": ""}, 400),
    ],
)
def test_what_may_not_be_set_is_not(
    sender_site: Site, user: str, headers: dict[str, str], fields: dict[str, str], status: int
) -> None:
    assert _set(browser(sender_site, user), headers, **fields).status == status
    assert _set(Browser(sender_site.port)).status in (303, 403)  # nobody: to the sign-in, or refused
    assert overrides(sender_site.control) == []


def test_a_class_set_by_hand_holds_and_the_plan_changes(site: Site, alice: Browser) -> None:
    site.user("editor", Role.EDITOR)
    plan = json.loads(alice.get("/api/v1/plan?domain=example.com").text)[0]
    query = f"domain=example.com&source=203.0.113.9&{EVER}"
    before = json.loads(alice.get(f"/api/v1/source?{query}").text)[0]["class"]
    answer = _set(alice, source="203.0.113.9", service="Our <b>shop</b>")
    assert answer.status == 303
    page = alice.get(answer.to)
    assert "Our &lt;b&gt;shop" in page.text
    row = json.loads(alice.get(f"/api/v1/source?{query}").text)[0]
    assert (before, row["class"], row["service"]) != ("approved", "approved", "Our <b>shop</b>")
    assert (row["class"], row["service"]) == ("approved", "Our <b>shop</b>")
    assert row["evidence"][0]["code"] == "overridden"
    assert json.loads(alice.get("/api/v1/plan?domain=example.com").text)[0]["policies"] != plan["policies"]
    (kept,) = json.loads(alice.get("/api/v1/sender-overrides").text)
    assert (kept["source"], kept["source_class"], kept["who"]) == ("203.0.113.9", "approved", "alice")
    assert site.accounts.audit()[0].act == "class of a sender set"
    listed = alice.get(f"/sources?domain=example.com&{EVER}").text
    assert "203.0.113.9" in listed.partition(Words("en")("source.overrides"))[2]
    site.user("narrow", Role.EDITOR, ("example.net",))
    narrow = browser(site, "narrow")
    assert json.loads(narrow.get("/api/v1/sender-overrides").text) == []
    address = "203.0.113.9"
    assert narrow.post("/source/automatic", domain="example.com", key=address, source=address).status == 400
    assert len(overrides(site.control)) == 1
    assert alice.post("/source/automatic", domain="example.com", key=address, source=address).status == 303
    assert overrides(site.control) == []
    assert json.loads(alice.get(f"/api/v1/source?{query}").text)[0]["class"] == before


@pytest.mark.parametrize(("on", "key"), [("network", "100.64.0.0/24"), ("sender", "100.64.0.0/24")])
def test_a_class_may_hold_for_more_than_an_address(sender_site: Site, on: str, key: str) -> None:
    editor = browser(sender_site, "editor")
    assert _set(editor, on=on).status == 303
    try:
        (kept,) = overrides(sender_site.control)
        assert kept.source == key
        (other,) = rows(sender_site, "sources?domain=example.com&source=100.64.0.2")
        assert other["class"] == "approved"
    finally:
        for each in overrides(sender_site.control):
            editor.post("/source/automatic", domain=each.domain, key=each.source, source="100.64.0.3")
