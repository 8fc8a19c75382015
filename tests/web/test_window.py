"""One window: plan, home, domain, chart, sparkline, CSV, API and commands count the same days."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from inalign.cli import main
from inalign.cli.configuration import load
from inalign.reports.report import DkimAuth, SpfAuth
from inalign.store.load.reports import Arrival
from inalign.store.state.answers import write_answers
from inalign.store.state.control import Control
from inalign.web.words import Words
from inalign.wiring.store import open_store
from tests.store.material import aggregate, arrival, record, store
from tests.web.live_site import Browser, Site, serve

DOMAIN = "window.example"
NOW = datetime.now(UTC)
UNTIL = NOW.date() - timedelta(3)
SINCE = UNTIL - timedelta(29)
ZONE: dict[str, dict[str, object]] = {
    DOMAIN: {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
    f"_dmarc.{DOMAIN}": {"TXT": ["v=DMARC1; p=none"]},
    f"s1._domainkey.{DOMAIN}": {"TXT": ["v=DKIM1; p=MIIB"]},
}


def _report(day: date, org: str, passing: int, failing: int) -> Arrival:
    def one(address: str, count: int, *, passes: bool) -> Any:
        made = record(address, count, dkim=passes, header_from=DOMAIN)
        signed = (DkimAuth(DOMAIN, "s1", "pass"),) if passes else ()
        return replace(made, dkim=signed, spf=(SpfAuth("other.example", "mfrom", "softfail"),), envelope_from="")

    report = aggregate(
        one("192.0.2.10", passing, passes=True),
        one("192.0.2.11", failing, passes=False),
        domain=DOMAIN,
        org=org,
        report_id=f"{org}{day}",
    )
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return arrival(replace(report, begin=begin, end=begin + timedelta(hours=23, minutes=59, seconds=59)), received=NOW)


def _counts(ago: int) -> tuple[int, int]:
    return 100 + ago, 10 + ago % 3


def _arrivals() -> list[Arrival]:
    """Reports of 45 days up to `UNTIL`, one of yesterday, which is not complete, and one of a future day."""
    made = [
        _report(UNTIL - timedelta(ago), org, *_counts(ago))
        for ago in range(45)
        for org in ("one.example", "two.example")
    ]
    return [
        *made,
        _report(NOW.date() - timedelta(1), "one.example", 700, 70),
        _report(NOW.date() + timedelta(5), "bad.example", 5_000, 500),
    ]


PASSING, FAILING = (2 * sum(_counts(ago)[place] for ago in range(30)) for place in (0, 1))
MESSAGES = PASSING + FAILING


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("window"), more=_arrivals(), usual=False) as made:
        write_answers(made.control, "/somewhere/zone.json", ZONE, now=NOW.timestamp())
        made.now[0] = NOW.timestamp()
        yield made


def _rows(site: Site, path: str) -> list[dict[str, Any]]:
    answer = Browser(site.port).get(path)
    assert answer.status == 200, answer.text
    rows: list[dict[str, Any]] = json.loads(answer.text)
    return rows


DAYS = {"since": SINCE.isoformat(), "until": UNTIL.isoformat()}
QUERY = f"since={SINCE}&until={UNTIL}"


def test_the_api_names_the_window_and_counts_its_days(site: Site) -> None:
    assert _rows(site, "/api/v1/window") == [DAYS]
    (row,) = _rows(site, f"/api/v1/overview?{QUERY}")
    assert (row["messages"], row["own_passed"]) == (MESSAGES, PASSING)
    (days,) = [_rows(site, f"/api/v1/days?domain={DOMAIN}&{QUERY}")]
    assert sum(each["messages"] for each in days) == MESSAGES
    (source,) = _rows(site, f"/api/v1/senders?domain={DOMAIN}")
    assert sum(source["trend"]) == MESSAGES


def test_the_plan_and_the_sparkline_are_of_the_window_whatever_is_asked(site: Site) -> None:
    for query in ("", "domain=window.example"):
        (plan,) = _rows(site, f"/api/v1/plan?{query}")
        assert {name: plan[name] for name in DAYS} == DAYS
        (blocking,) = plan["blocking"]
        assert {name: blocking[name] for name in DAYS} == DAYS
        assert (blocking["messages"], blocking["failing"]) == (MESSAGES, FAILING)
        assert plan["policies_last30"]["reject"] == {"own": FAILING}
        (row,) = _rows(site, f"/api/v1/overview?{query}")
        assert (row["trend_since"], row["trend_until"]) == tuple(DAYS.values())
        assert [sum(column) for column in zip(*row["trend"], strict=True)] == [MESSAGES, PASSING]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_pages_count_the_window_and_print_its_dates(site: Site, language: str) -> None:
    t = Words(language)
    dates = t("filter.dates", since=SINCE, until=UNTIL)
    home = html.unescape(Browser(site.port).get("/domains", Accept_Language=language).text)
    assert f'<p class="hint dates-shown">{dates}</p>' in home
    assert f"{t('home.trend')} <small>{dates}</small>" in home
    assert f'data-label="{t("column.messages")}">{MESSAGES:,}<' in home
    said = t(
        "home.trend_said", since=SINCE, until=UNTIL, messages=f"{MESSAGES:,}", share=f"{100 * PASSING / MESSAGES:.1f}%"
    )
    assert said in home
    page = html.unescape(Browser(site.port).get(f"/domain?domain={DOMAIN}", Accept_Language=language).text)
    for title in ("chart.said", "impact.title", "plan.blocking"):
        assert f"{t(title)} <small>{dates}</small>" in page
    assert f'<p class="hint dates-shown">{dates}</p>' in page
    assert t("plan.failing_of", failing=f"{FAILING:,}", messages=f"{MESSAGES:,}") + "</span>" in page
    assert t("desk.of_own", passed=f"{PASSING:,}", messages=f"{MESSAGES:,}") in page
    chart = json.loads(re.findall(r'data-charts="(\{.*?\})" data-of', page, re.DOTALL)[0])["classes"]
    assert (len(chart["labels"]), chart["labels"][0], chart["labels"][-1]) == (30, *DAYS.values())
    assert sum(map(sum, chart["counts"])) == MESSAGES
    for path in ("/sources", "/reporters", "/subdomains", "/tls"):
        assert dates in html.unescape(Browser(site.port).get(path, Accept_Language=language).text)
    # Pages of single events show them up to the present.
    for path in ("/reports", "/failures", "/milter", "/intake"):
        text = html.unescape(Browser(site.port).get(path, Accept_Language=language).text)
        assert t("filter.dates_since", since=SINCE) in text
        assert dates not in text


def test_a_file_for_spreadsheets_counts_the_window_and_is_named_by_it(site: Site) -> None:
    answer = Browser(site.port).get("/csv/overview.csv")
    (row,) = csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")))
    assert (row["messages"], row["trend_since"], row["trend_until"]) == (str(MESSAGES), *DAYS.values())
    assert f'"overview_{SINCE}_{UNTIL}.csv"' in str(answer.headers["Content-Disposition"])
    days = csv.DictReader(io.StringIO(Browser(site.port).get("/csv/days.csv").text.lstrip("\ufeff")))
    assert sum(int(each["messages"]) for each in days) == MESSAGES


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_the_dates_are_the_same_in_every_time_zone(site: Site, zone: str) -> None:
    page = Browser(site.port).get(f"/domain?domain={DOMAIN}&zone={zone}").text
    dates = Words("en")("filter.dates", since=SINCE, until=UNTIL)
    assert f'<p class="hint dates-shown">{dates} ({zone})</p>' in page
    assert f"{dates} (UTC)</small>" in page  # of the plan, whose days are those of UTC


def test_commands_count_the_window(tmp_path: Path) -> None:
    config = tmp_path / "inalign.toml"
    config.write_text('[store]\nfolder = "store"\n[insight]\nlook_up = false\n')
    engine = open_store(load(config))
    store(engine, tmp_path, *_arrivals())
    engine.close()
    control = Control(tmp_path / "store" / "control.sqlite")
    write_answers(control, "/somewhere/zone.json", ZONE, now=NOW.timestamp())
    control.close()

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["reports", *words, "--config", str(config)])
        assert result.exit_code == code, result.output
        return result.stdout

    assert json.loads(run("window", "--json")) == [DAYS]
    (row,) = json.loads(run("overview", "--days", "30", "--json"))
    assert row["messages"] == MESSAGES
    (plan,) = json.loads(run("plan", "--json"))
    assert ({name: plan[name] for name in DAYS}, plan["blocking"][0]["messages"]) == (DAYS, MESSAGES)
    head, *_ = run("days", "--days", "30").splitlines()
    assert head == f"{SINCE}/{UNTIL} UTC"
    rows = list(csv.DictReader(io.StringIO(run("days", "--days", "30", "--csv").lstrip("\ufeff"))))
    assert (rows[0]["day"], rows[-1]["day"], sum(int(each["messages"]) for each in rows)) == (*DAYS.values(), MESSAGES)
    run("days", "--days", "30", "--since", "2026-01-01", code=2)
    run("raw", "--key", "x", "--days", "30", code=2)
