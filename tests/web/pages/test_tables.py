"""Reporters, subdomains, failures, TLS, the mail server and a report: what the pages tell equals what SQL tells."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inalign.reports.read import read_reports
from inalign.reports.report import Report
from inalign.spool.evaluation_record import DkimCheck, EvaluationRecord, SpfCheck
from inalign.store.load.evaluations import load_evaluations
from inalign.store.load.reports import Arrival
from inalign.store.state.accounts import Role
from inalign.web.words import Words
from tests.store.material import NOW, PLACES, aggregate, arrival, digest_of, failure, record
from tests.web.live_site import HOSTILE, Browser, Site, serve

EVER = "since=2020-01-01"
XML = f"""<?xml version="1.0"?><feedback><report_metadata><org_name>raw.example</org_name><email>a@raw.example</email>
<report_id>raw-1</report_id><date_range><begin>1795046400</begin><end>1795132799</end></date_range></report_metadata>
<policy_published><domain>example.com</domain><p>reject</p></policy_published><record><row><source_ip>192.0.2.1</source_ip>
<count>many</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf><reason>
<type>local_policy</type><comment>{html.escape(HOSTILE)}</comment></reason></policy_evaluated></row><identifiers>
<header_from>example.com</header_from></identifiers><auth_results><spf><domain>example.com</domain><result>pass</result>
</spf></auth_results></record></feedback>""".encode()


def evaluation(number: int) -> EvaluationRecord:
    verdict = ("pass", "fail", "none", "temperror")[number % 4]
    return EvaluationRecord(
        id=f"1-{number}",
        seen_at=NOW - timedelta(seconds=25 * number),
        host="mx1",
        queue_id=HOSTILE if number == 1 else f"4Q{number}",
        source_ip="192.0.2.7",
        spf=(SpfCheck("mfrom", "pass", "matched", "bounce.example.org"),),
        dkim=(DkimCheck("fail", "expired", "example.org", "s1"),),
        dmarc=verdict,
        dmarc_reason="aligned" if verdict == "pass" else "not_aligned",
        header_from="example.com",
        policy_domain="example.com",
        action="reject" if verdict == "fail" else "accept",
        rule="dmarc_reject" if verdict == "fail" else "dmarc_pass",
        held_us=1000 * number,
        total_us=2000 * number,
        octets=100,
    )


@pytest.fixture(scope="module")
def told_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("told")
    (told,) = read_reports(XML).reports
    more: list[Report | Arrival] = [
        arrival(told, raw=digest_of(XML)),
        failure(
            display_name="Bank <x>", subject="Hello", message_id="<1@example.com>", user_agent="Agent/1",
            sample_header="From: Bank <yamada.taro@example.com>\r\nSubject: Hello\r\n", source_ip="192.0.2.9",
        ),
        # Three say that an address passes, one that it fails.
        *(
            aggregate(record("192.0.2.40", 100, dkim=org != "odd.example"), org=org, report_id=f"d-{org}", day=2)
            for org in ("a.example", "b.example", "c.example", "odd.example")
        ),
    ]  # fmt: skip
    with serve(folder, more=more, raws=[XML]) as site:
        records = [msgspec.structs.replace(evaluation(number)) for number in range(40)]
        load_evaluations(site.engine, records, places=PLACES, folder=folder)
        site.user("reader", Role.READER)
        site.user("editor", Role.EDITOR)
        site.user("narrow", Role.EDITOR, ("example.net",))
        yield site


_BROWSERS: dict[tuple[int, str], Browser] = {}


def browser(site: Site, user: str = "editor") -> Browser:
    if (site.port, user) not in _BROWSERS:
        found = _BROWSERS[site.port, user] = Browser(site.port)
        assert found.sign_in(user).status == 303
    return _BROWSERS[site.port, user]


def rows(site: Site, path: str) -> list[dict[str, Any]]:  # Any: JSON
    page = browser(site).get(f"/api/v1/{path}")
    assert page.status == 200, page.text
    return list(json.loads(page.text))


def test_reporters_say_what_sql_says(told_site: Site) -> None:
    asked = told_site.engine.query(
        "SELECT reporter, sum(count), sum(CASE WHEN disposition = 'quarantine' THEN count ELSE 0 END) "
        "FROM records GROUP BY reporter"
    )
    found = rows(told_site, "reporter-quality")
    assert {(row["reporter"], row["messages"], row["quarantine"]) for row in found} == set(asked)
    page = browser(told_site).get(f"/reporters?{EVER}").text
    assert all(f"{messages:,}" in page for _, messages, _ in asked if isinstance(messages, int))


def test_who_is_at_odds_with_all_others_is_marked(told_site: Site) -> None:
    flags = {row["reporter"]: row["flags"] for row in rows(told_site, "reporter-quality")}
    assert [name for name, told in flags.items() if "disagrees" in told] == ["odd.example"]
    assert "flawed" in flags["raw.example"]
    assert "⚠ disagrees" in browser(told_site).get(f"/reporters?{EVER}").text


def test_subdomains_say_what_sql_says(told_site: Site) -> None:
    asked = told_site.engine.query(
        "SELECT header_from, sum(count) FROM records WHERE header_from <> org_domain GROUP BY header_from"
    )
    found = rows(told_site, "subdomains")
    assert {(row["header_from"], row["messages"]) for row in found} == set(asked)
    (row,) = [each for each in found if each["header_from"] == "x.example.com"]
    assert (row["in_dns"], row["policy_from"], row["suggestion"]) == ("unknown", "p", "nothing")
    assert Words("en")("in_dns.unknown") in browser(told_site).get(f"/subdomains?{EVER}").text


def test_tls_days_say_what_sql_says(told_site: Site) -> None:
    asked = told_site.engine.query("SELECT day, sum(successful), sum(failed) FROM tls_policies GROUP BY day")
    assert [(row["day"], row["successful"], row["failed"]) for row in rows(told_site, "tls-days")] == [
        (str(day), good, bad) for day, good, bad in asked
    ]
    (row,) = rows(told_site, "tls-failures")
    assert (row["result_type"], row["receiving_mx"], row["sessions"]) == ("certificate-expired", "mx.example.com", 3)
    assert "mx.example.com" in browser(told_site).get(f"/tls?{EVER}").text


def test_minutes_and_rules_say_what_sql_says(told_site: Site) -> None:
    asked = told_site.engine.query(
        "SELECT seen_at // 60 AS minute, count(*), sum(CASE WHEN dmarc = 'fail' THEN 1 ELSE 0 END) "
        "FROM evaluations GROUP BY minute ORDER BY minute DESC"
    )
    found = rows(told_site, "evaluation-minutes")
    assert [(row["messages"], row["failed"]) for row in found] == [(count, failed) for _, count, failed in asked]
    for row in found:
        assert row["messages"] == row["passed"] + row["failed"] + row["without"] + row["errors"]
        assert row["messages"] == row["accepted"] + row["marked"] + row["refused"]
    rules = {(row["action"], row["rule"]): row["messages"] for row in rows(told_site, "evaluation-rules")}
    assert rules == {("reject", "dmarc_reject"): 10, ("accept", "dmarc_pass"): 30}
    slow = [row["held_us"] for row in rows(told_site, "evaluation-slow?limit=3")]
    assert slow == [39_000, 38_000, 37_000]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_mail_server_tells_why(told_site: Site, language: str) -> None:
    page = browser(told_site).get(f"/milter?{EVER}", Accept_Language=language).text
    words = Words(language)
    assert words("rule.dmarc_reject") in page
    assert words("handling.reject") in page
    assert '<svg class="columns"' in page
    assert "<script>alert" not in page


def _failure_key(site: Site) -> str:
    (row,) = [each for each in rows(site, "failure-reports") if each["agent"] == "Agent/1"]
    return str(row["report_key"])


def test_a_failure_has_the_head_beside_the_verdict(told_site: Site) -> None:
    page = browser(told_site).get(f"/failure?key={_failure_key(told_site)}")
    assert page.status == 200
    for text in (
        "Bank &lt;x&gt;",
        "Agent/1",
        "&lt;1@example.com&gt;",
        "From: Bank &lt;yamada.taro@example.com&gt;",
        "192.0.2.9",
    ):
        assert text in page.text
    assert f"/failure?key={_failure_key(told_site)}" in browser(told_site).get(f"/failures?{EVER}").text


def test_a_failure_is_redacted_for_a_reader(told_site: Site) -> None:
    page = browser(told_site, "reader").get(f"/failure?key={_failure_key(told_site)}")
    assert page.status == 200
    assert Words("en")("failure.redacted_head") in page.text
    assert not [text for text in ("Bank", "Hello", "yamada.taro@example.com") if text in page.text]


def test_a_failure_of_others_is_not_there(told_site: Site) -> None:
    assert browser(told_site, "narrow").get(f"/failure?key={_failure_key(told_site)}").status == 404
    assert browser(told_site).get("/failure").status == 404


def test_a_report_is_shown_as_text(told_site: Site) -> None:
    (key,) = [row["report_key"] for row in rows(told_site, "reports?reporter=raw.example")]
    page = browser(told_site).get(f"/report?key={key}")
    words = Words("en")
    assert "  &lt;report_metadata&gt;" in page.text  # indented, escaped
    assert "<report_metadata>" not in page.text
    assert "<script>alert" not in page.text
    assert words("flaw.count") in page.text
    assert f"✓ {words('report.aligned')}" in page.text
    assert f"✕ {words('report.not_aligned')}" in page.text
    assert "p=reject" in page.text
    assert "p=none" in page.text  # as others saw it
    narrow = browser(told_site, "narrow")
    own = json.loads(narrow.get("/api/v1/reports").text)[0]["report_key"]
    assert "pre class" not in narrow.get(f"/report?key={own}").text


def test_what_could_not_be_read_has_twins(told_site: Site) -> None:
    for user, count, told in (("editor", 1, True), ("reader", 1, False), ("narrow", 0, False)):
        get = browser(told_site, user).get
        found = json.loads(get("/api/v1/quarantine").text)
        assert len(found) == count
        assert any(why["detail"] == HOSTILE for each in found for why in each["reasons"]) is told
        assert ("no_report" in get("/csv/quarantine.csv").text) is bool(count)
        assert json.loads(get("/api/v1/intake").text) == []


def test_silence_is_told_in_words(told_site: Site) -> None:
    silent = [row for row in rows(told_site, "health") if row["is_silent"]]
    page = browser(told_site).get(f"/intake?{EVER}").text
    assert (Words("en")("intake.silent") in page) is bool(silent)
    assert Words("en")("refusal.no_report") in page
