"""The domains and the page of a domain: their numbers are those of the store, and what they say follows from them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from inalign.charts.svg import BOTTOM, HEIGHT, TOP
from inalign.insight.result import DomainState
from inalign.reports.report import AggregateReport, DkimAuth, SpfAuth
from inalign.store.state.accounts import Role
from inalign.store.state.answers import write_answers
from inalign.web.words import Words
from tests.store.material import NOW, aggregate, record
from tests.web import live_site
from tests.web.live_site import Browser, Site, serve

DOMAIN = "desk.example"
SINCE = "2026-10-25"
ZONE: dict[str, dict[str, object]] = {
    DOMAIN: {
        "TXT": ["v=spf1 ip4:192.0.2.0/24 include:unused.example -all", "unrelated"],
        "MX": [[10, "mx.desk.example"]],
    },
    f"_dmarc.{DOMAIN}": {"TXT": ["v=DMARC1; p=quarantine; np=reject; rua=mailto:r@desk.example"]},
    f"s1._domainkey.{DOMAIN}": {"TXT": ["v=DKIM1; p=MIIB"]},
    f"s9._domainkey.{DOMAIN}": {"TXT": ["v=DKIM1; p=MIIB"]},
    "unused.example": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
    "mx.desk.example": {"A": ["192.0.2.25"]},
}


def _report(day: int, org: str) -> AggregateReport:
    def one(address: str, count: int, *, passes: bool, disposition: str = "none") -> object:
        made = record(address, count, dkim=passes, header_from=DOMAIN, disposition=disposition)
        signed = (DkimAuth(DOMAIN, "s1", "pass"),) if passes else ()
        return replace(made, dkim=signed, spf=(SpfAuth("other.example", "mfrom", "softfail"),), envelope_from="")

    report = aggregate(
        one("192.0.2.10", 100 + day, passes=True),  # type: ignore[arg-type]  # replace() keeps the type
        one("192.0.2.11", 10, passes=False),  # type: ignore[arg-type]
        one("203.0.113.66", 7, passes=False, disposition="quarantine"),  # type: ignore[arg-type]
        domain=DOMAIN,
        org=org,
        day=day,
        report_id=f"{org}{day}",
    )
    return replace(report, policy=replace(report.policy, domain=DOMAIN, p="quarantine" if day < 5 else "none"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    reports = [_report(day, org) for day in range(20) for org in ("one.example", "two.example")]
    with serve(tmp_path_factory.mktemp("desk"), more=reports) as site:
        write_answers(site.control, "/somewhere/zone.json", ZONE, now=NOW.timestamp())
        yield site


def _text(site: Site, path: str, language: str = "en") -> str:
    page = Browser(site.port).get(path, Accept_Language=language)
    assert page.status == 200
    return page.text


def _cells(text: str, domain: str) -> dict[str, str]:
    """Of a row of the domains, by heading."""
    (row,) = re.findall(rf'<tr>\s*<th scope="row"><a class="name"[^>]*>{domain}</a>.*?</tr>', text, re.DOTALL)
    return {
        label: html.unescape(re.sub(r"<svg.*?</svg>|<[^>]*>", "", cell, flags=re.DOTALL)).strip()
        for label, cell in re.findall(r'data-label="([^"]*)">(.*?)</td>', row, re.DOTALL)
    }


def _sum(site: Site, where: str, *, since: str = SINCE) -> int:
    sql = f"SELECT sum(count) FROM records WHERE domain = :domain AND day >= :since AND {where}"  # noqa: S608 - of this file
    ((found,),) = site.engine.query(sql, {"domain": DOMAIN, "since": date.fromisoformat(since)})
    return int(str(found or 0))


PASSES = "(dkim_aligned = 'pass' OR spf_aligned = 'pass')"
OWN = "source_ip IN ('192.0.2.10', '192.0.2.11')"


@pytest.mark.parametrize("since", [SINCE, "2026-11-15"])
def test_the_numbers_of_a_domain_are_those_of_its_records(desk: Site, since: str) -> None:
    cells, t = _cells(_text(desk, f"/domains?since={since}"), DOMAIN), Words("en")
    own, passed = _sum(desk, OWN, since=since), _sum(desk, f"{OWN} AND {PASSES}", since=since)
    stopped = _sum(desk, "source_ip = '203.0.113.66' AND disposition <> 'none'", since=since)
    assert own > passed > 0
    assert cells[t("column.messages")] == f"{_sum(desk, '1 = 1', since=since):,}"
    assert cells[t("home.own")] == f"{100 * passed / own:.1f}%"
    assert cells[t("home.spoofed")] == f"{stopped:,} / 0"
    assert cells[t("home.forwarded")] == "0"
    assert cells[t("home.last_report")] == "2026-11-19"
    assert cells[t("home.action")] == t.number("action.fix", 1)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_line_on_top_counts_the_states(desk: Site, language: str) -> None:
    t = Words(language)
    states = [row["state"] for row in json.loads(Browser(desk.port).get("/api/v1/overview").text)]
    text = _text(desk, "/domains", language)
    assert t.number("home.domains", len(states)) in text
    for state in DomainState:
        told = t.number(f"summary.{state}", states.count(str(state)))
        assert (told in text) is (str(state) in states)
        assert (f'<span class="state {state}">' in text) is (str(state) in states)


def test_domains_are_found_by_state_and_name(desk: Site) -> None:
    browser = Browser(desk.port)
    rows = {row["domain"]: row["state"] for row in json.loads(browser.get("/api/v1/overview").text)}
    for state in DomainState:
        shown = re.findall(r'class="name"[^>]*>([^<]*)</a>', _text(desk, f"/domains?state={state}"))
        assert sorted(shown) == sorted(name for name, its in rows.items() if its == state)
    assert re.findall(r'class="name"[^>]*>([^<]*)</a>', _text(desk, "/domains?q=DESK")) == [DOMAIN]
    for query in ("q=nowhere", f"state={DomainState.SAFE}&q=desk"):
        assert Words("en")("home.none_found") in _text(desk, f"/domains?{query}")
    assert 'value="&lt;script&gt;"' in _text(desk, "/domains?q=<script>&state=<b>&from=x")


def test_who_sees_no_domain_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    t = Words("en")
    monkeypatch.setattr(live_site, "reports", list)
    with serve(tmp_path) as site:
        text = html.unescape(_text(site, "/domains"))
        assert t("home.begin") in text
        assert "v=DMARC1; p=none; rua=mailto:" in text
        site.user("elsewhere", Role.READER, ("elsewhere.example",))
        browser = Browser(site.port)
        browser.sign_in("elsewhere")
        assert t("home.begin_scope") in browser.get("/domains").text


def test_each_day_is_divided_into_the_four_classes(desk: Site) -> None:
    text = _text(desk, f"/domain?domain={DOMAIN}&since={SINCE}")
    charts = json.loads(html.unescape(re.findall(r'data-charts="([^"]*)"', text)[0]))
    parts = {
        "authenticated": PASSES,
        "forwarded": "1 = 0",
        "failing": f"{OWN} AND NOT {PASSES}",
        "unwanted": f"NOT {OWN} AND NOT {PASSES}",
    }
    for place, where in enumerate(parts.values()):
        sql = f"SELECT day, sum(count) FROM records WHERE domain = :domain AND {where} GROUP BY day"  # noqa: S608
        asked = {str(day): int(str(count)) for day, count in desk.engine.query(sql, {"domain": DOMAIN})}
        shown = zip(charts["classes"]["labels"], charts["classes"]["counts"], strict=True)
        assert {day: counts[place] for day, counts in shown if counts[place]} == asked
    outcomes = [sum(column) for column in zip(*charts["outcomes"]["counts"], strict=True)]
    assert outcomes == [_sum(desk, f"disposition = '{name}'") for name in ("none", "quarantine", "reject")]


def test_the_figure_is_drawn_without_script(desk: Site) -> None:
    text = _text(desk, f"/domain?domain={DOMAIN}&since={SINCE}&show=percent")
    (image,) = re.findall(r'<svg class="columns".*?</svg>', text, re.DOTALL)
    columns = re.findall(r'<a href="/sources[^>]*>.*?</a>', image, re.DOTALL)
    assert len(columns) == 26  # the first six have no reports
    heights = [re.findall(r'height="([\d.]+)" fill="(?!none)', column) for column in columns]
    assert not any(heights[:6])
    room = HEIGHT - TOP - BOTTOM
    assert [sum(map(float, each)) for each in heights[6:]] == pytest.approx([room] * 20, abs=0.1)
    assert f"domain={DOMAIN}&amp;since=2026-10-31&amp;until=2026-10-31" in columns[6]
    assert "diagonal-quarantine" not in image
    assert "diagonal-quarantine" in _text(desk, f"/domain?domain={DOMAIN}&of=outcomes")


def test_a_change_of_the_record_stands_in_the_figure(desk: Site) -> None:
    text = _text(desk, f"/domain?domain={DOMAIN}&since={SINCE}")
    assert Words("en")("chart.changed", day="2026-11-15", record="v=DMARC1; p=quarantine") in text
    assert text.count('<path class="mark"') == 1


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_says_how_it_is_and_where_on_the_way(desk: Site, language: str) -> None:
    t = Words(language)
    text = html.unescape(_text(desk, f"/domain?domain={DOMAIN}&since={SINCE}", language))
    share = 100 * _sum(desk, f"{OWN} AND {PASSES}") / _sum(desk, OWN)
    assert t("desk.passes", share=f"{share:.1f}%") in text
    assert t.number("desk.work", 1, policy="p=reject") in text
    marks = dict(re.findall(r'<li class="is-(\w+)".*?<span class="what">([^<]*)</span>', text, re.DOTALL))
    assert marks["now"] == t("stair.quarantine")
    assert '<p class="aside is-done">' in text
    assert "192.0.2.11" in text.partition('id="plan"')[2].partition("</section>")[0]


def test_records_of_dns_stand_beside_what_reporters_saw(desk: Site) -> None:
    rows = json.loads(Browser(desk.port).get(f"/api/v1/records?domain={DOMAIN}").text)
    assert {(row["kind"], row["name"]) for row in rows} == {
        ("spf", DOMAIN),
        ("spf", "unused.example"),
        ("dmarc", f"_dmarc.{DOMAIN}"),
        ("dkim", f"s1._domainkey.{DOMAIN}"),
        ("dkim", f"s9._domainkey.{DOMAIN}"),
        ("mx", DOMAIN),
    }
    assert {row["origin"] for row in rows} == {"zone.json"}
    section = _text(desk, f"/domain?domain={DOMAIN}").partition('id="records"')[2].partition("</section>")[0]
    assert "v=DMARC1; p=quarantine; np=reject" in section
    assert re.findall(r'<tr class="(\w*)">\s*<td><code>([^<]*)</code>', section) == [
        ("same", "v=DMARC1; p=quarantine"),
        ("differs", "v=DMARC1; p=none"),
    ]
    assert "includes unused.example" in section
    assert "s9" in section.partition("findings")[2]


def test_countries_add_up(desk: Site) -> None:
    rows = json.loads(Browser(desk.port).get(f"/api/v1/countries?domain={DOMAIN}&since={SINCE}").text)
    assert sum(row["messages"] for row in rows) == _sum(desk, "1 = 1")
    assert sum(row["own"] for row in rows) == _sum(desk, OWN)
    assert sum(row["unwanted"] for row in rows) == _sum(desk, f"NOT {OWN}")
    assert sum(row["passed"] for row in rows) == _sum(desk, PASSES)
    assert 'id="countries"' in _text(desk, f"/domain?domain={DOMAIN}")


def test_every_table_of_the_page_is_there_for_programs(desk: Site) -> None:
    text = _text(desk, f"/domain?domain={DOMAIN}&since={SINCE}") + _text(desk, "/domains")
    links = {html.unescape(each) for each in re.findall(r'href="(/(?:csv|api)/[^"]*)"', text)}
    assert {re.split(r"[/.?]", each.removeprefix("/api/v1").removeprefix("/csv"))[1] for each in links} >= {
        *("overview", "classes", "days", "plan", "published", "records", "countries", "subdomains", "reporters"),
    }
    assert all(Browser(desk.port).get(each).status == 200 for each in sorted(links))


@pytest.mark.parametrize("path", ["/domains", f"/domain?domain={DOMAIN}", f"/domain?domain={DOMAIN}&of=outcomes"])
def test_no_two_parts_have_the_same_id(desk: Site, path: str) -> None:
    found = re.findall(r'\bid="([^"]*)"', _text(desk, path))
    assert len(found) == len(set(found))


def test_a_name_below_leads_to_the_domain_that_is_judged(desk: Site) -> None:
    answer = Browser(desk.port).get("/domain?domain=x.desk.example&since=2026-11-01")
    assert answer.to == "/domain?domain=desk.example&since=2026-11-01"


def test_a_domain_without_reports_says_what_to_publish(desk: Site) -> None:
    text = html.unescape(_text(desk, "/domain?domain=nothing.example"))
    assert '_dmarc.nothing.example. TXT "v=DMARC1; p=none; rua=mailto:' in text
