"""Facts from the store are those of the same reports, on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from inalign.insight.facts import DomainFacts, PublishedRecord, SourceMail
from inalign.insight.facts_builder import facts_from_reports
from inalign.reports.report import AggregateRecord, AggregateReport, DkimAuth, OverrideReason, PublishedPolicy, SpfAuth
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.facts import Span, assessed_domains, facts_from, facts_of, rows_of_domains
from tests.insight.vectors import Story, scenarios
from tests.store.material import NOW, aggregate, arrival, record, store

SMALL = [story for story in scenarios() if story.name in ("suzume-rei", "hinokawa-rei-parked", "city")]
ALL = [pytest.param(story, id=story.name) for story in scenarios()]


def reports_of(story: Story) -> list[AggregateReport]:
    """Reports that say what a story does: one for each day with a reporter, one record for each day of mail."""
    facts = story.facts()
    rows: dict[int, list[AggregateRecord]] = {day: [] for day in facts.days}
    for source in facts.sources:
        for mail in source.mails:
            for day, count in mail.days:
                rows.setdefault(day, []).append(_record(source.source_ip, mail, count))
    names = [name for name, _ in facts.reporters]
    return [
        _report(facts, day, names[number % len(names)], records)
        for number, (day, records) in enumerate(sorted(rows.items()))
    ]


def _report(facts: DomainFacts, day: int, reporter: str, records: Sequence[AggregateRecord]) -> AggregateReport:
    begin = datetime.combine(date.fromordinal(day), datetime.min.time(), UTC)
    seen = next((each for each in facts.published if each.first_day <= day <= each.last_day), None)
    seen = seen or PublishedRecord("none", False, "r", "r", day, day)
    return AggregateReport(
        reporter,
        f"dmarc@{reporter}",
        "",
        str(day),
        facts.domain,
        begin,
        begin + timedelta(days=1),
        PublishedPolicy(
            domain=facts.domain, p=seen.p, adkim=seen.adkim, aspf=seen.aspf, testing="y" if seen.testing else ""
        ),
        tuple(records),
        rfc9990=day % 3 == 0,
    )


def _record(address: str, mail: SourceMail, count: int) -> AggregateRecord:
    return AggregateRecord(
        address,
        count,
        "none",
        mail.dkim_aligned,
        mail.spf_aligned,
        mail.header_from,
        None,
        None,
        tuple(DkimAuth(found.domain, found.selector, found.result) for found in mail.signatures),
        tuple(SpfAuth(found.domain, "helo" if found.helo else "mfrom", found.result) for found in mail.spf),
        tuple(
            OverrideReason("local_policy", "arc=pass") if word == "arc" else OverrideReason(word)
            for word in mail.reasons
        ),
    )


def facts_in(engine: Engine) -> dict[str, DomainFacts]:
    return {facts.domain: facts for told in rows_of_domains(engine) if (facts := facts_from(told)) is not None}


@pytest.mark.parametrize("story", ALL)
def test_facts_of_a_scenario_are_those_of_its_reports(story: Story, tmp_path: Path) -> None:
    engine = DuckDbEngine(tmp_path / "store.duckdb")
    engine.migrate()
    reports = reports_of(story)
    store(engine, tmp_path, *reports)
    assert facts_in(engine) == facts_from_reports(reports)
    engine.close()


def test_both_engines_give_the_same_facts(engine: Engine, tmp_path: Path) -> None:
    reports = [report for story in SMALL for report in reports_of(story)]
    store(engine, tmp_path, *reports)
    expected = facts_from_reports(reports)
    assert facts_in(engine) == expected
    for domain, facts in expected.items():
        assert facts_of(engine, domain.upper()) == facts


def test_a_subdomain_is_judged_with_the_domain_above(engine: Engine, tmp_path: Path) -> None:
    reports = [aggregate(), aggregate(record("192.0.2.2"), report_id="2", domain="shop.example.com")]
    store(engine, tmp_path, *reports)
    found = facts_of(engine, "shop.example.com")
    assert found == facts_from_reports(reports)["example.com"]
    assert assessed_domains(engine) == {"example.com": ["example.com", "shop.example.com"]}


def test_a_report_about_a_public_suffix_joins_nobody(engine: Engine, tmp_path: Path) -> None:
    domains = ("a.co.jp", "b.co.jp", "co.jp")
    reports = [aggregate(report_id=str(number), domain=name) for number, name in enumerate(domains)]
    store(engine, tmp_path, *reports)
    assert facts_in(engine) == facts_from_reports(reports)
    assert list(assessed_domains(engine)) == ["a.co.jp", "b.co.jp", "co.jp"]


def test_forged_reports_and_those_without_a_span_say_nothing(engine: Engine, tmp_path: Path) -> None:
    whole = aggregate()
    store(
        engine,
        tmp_path,
        whole,
        replace(aggregate(record("192.0.2.7"), report_id="2"), begin=None),
        arrival(aggregate(record("192.0.2.8"), report_id="3"), carrier="forged"),
    )
    assert facts_of(engine, "example.com") == facts_from_reports([whole])["example.com"]
    assert facts_of(engine, "example.net") is None


def test_a_span_counts_by_the_day_of_the_middle(engine: Engine, tmp_path: Path) -> None:
    reports = [aggregate(record(count=day + 1), report_id=str(day), day=day) for day in range(9)]
    store(engine, tmp_path, *reports)
    today = NOW.date()
    span = Span(today - timedelta(days=6), today - timedelta(days=4))
    found = facts_of(engine, "example.com", span)
    assert found == facts_from_reports(reports[3:6])["example.com"]
    assert facts_of(engine, "example.com", Span(today, today)) is None


NAMES = st.sampled_from(["example.com", "Shop.example.com.", "example.net", "bounce.service.example", ""])
WORDS = st.sampled_from(["pass", "fail", "hardfail", "none", "unknown", "Odd"])
TRUTH = st.sampled_from([True, False, None])
RECORDS = st.builds(
    AggregateRecord,
    source_ip=st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", None]),
    count=st.integers(0, 10**9),
    disposition=st.sampled_from(["none", "quarantine", ""]),
    dkim_aligned=TRUTH,
    spf_aligned=TRUTH,
    header_from=NAMES,
    envelope_from=st.one_of(st.none(), NAMES),
    envelope_to=st.none(),
    dkim=st.lists(st.builds(DkimAuth, NAMES, st.sampled_from(["s1", "S1", ""]), WORDS), max_size=2).map(tuple),
    spf=st.lists(st.builds(SpfAuth, NAMES, st.sampled_from(["mfrom", "helo", ""]), WORDS), max_size=2).map(tuple),
    reasons=st.lists(
        st.builds(
            OverrideReason, st.sampled_from(["forwarded", "local_policy", "other"]), st.sampled_from(["", "ARC=pass"])
        ),
        max_size=2,
    ).map(tuple),
)
POLICIES = st.builds(
    PublishedPolicy,
    p=st.sampled_from(["none", "reject", ""]),
    adkim=st.sampled_from(["r", "s", ""]),
    pct=st.sampled_from([None, 0, 100]),
    testing=st.sampled_from(["", "y", "n"]),
)
TIMES = st.one_of(
    st.none(), st.integers(1_767_225_600, 1_790_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
)
REPORTS = st.builds(
    AggregateReport,
    org_name=st.sampled_from(["Reporter", "Other GmbH"]),
    email=st.sampled_from(["a@reporter.example", "<a@Reporter.example>", "broken", ""]),
    extra_contact_info=st.just(""),
    report_id=st.just(""),
    domain=st.sampled_from(["example.com", "shop.example.com", "Example.NET", "com"]),
    begin=TIMES,
    end=TIMES,
    policy=POLICIES,
    records=st.lists(RECORDS, max_size=4).map(tuple),
    rfc9990=st.booleans(),
)


@given(st.lists(REPORTS, max_size=5))
@settings(max_examples=15, deadline=None)
def test_any_reports_give_the_same_facts(
    tmp_path_factory: pytest.TempPathFactory, reports: list[AggregateReport]
) -> None:
    folder = tmp_path_factory.mktemp("facts")
    engine = DuckDbEngine(folder / "store.duckdb")
    engine.migrate()
    named = [replace(report, report_id=str(number)) for number, report in enumerate(reports)]
    store(engine, folder, *named)
    assert facts_in(engine) == facts_from_reports(named)
    engine.close()
