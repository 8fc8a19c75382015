"""Judgements that are kept: equal to those of now, made anew whenever something changed, and never half."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from msgspec import Struct
from msgspec.structs import asdict

from inalign.assessment import cache
from inalign.assessment.assess import AssessmentCache, Assessor
from inalign.assessment.cache import Assessment, BackgroundRefresh, assess_rows
from inalign.assessment.process import AssessmentError, AssessmentProcess
from inalign.assessment.views import all_views
from inalign.errors import ParseError
from inalign.insight.classify import Judgement
from inalign.insight.directory import own_directory
from inalign.insight.overview import slot_sums
from inalign.insight.result import Plan, SourceClass
from inalign.insight.rows import plan_row, source_rows
from inalign.reports.report import AggregateReport
from inalign.store import facts
from inalign.store.assessments import cached_assessments, sweep
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import AnswerTooLarge, Engine, StoreError, count
from inalign.store.facts import DomainRows
from inalign.store.maintenance import Retention, forget, purge
from inalign.store.queries.filters import Filters
from inalign.store.queries.headlines import days as ask_days
from inalign.store.schema.tables import ASSESSMENTS, OF_AN_ASSESSMENT, Table
from inalign.store.state.answers import write_answers, write_hosts, write_looked_up, write_reputation
from inalign.store.state.changes import InputRevisions, note
from inalign.store.state.control import Control
from inalign.store.state.overrides import SourceOverrideRow, remove_override, write_override
from inalign.store.window import window_of
from tests.insight.vectors import scenarios
from tests.store.conftest import clickhouse_url, engine
from tests.store.material import NOW, aggregate, record, store
from tests.store.test_facts import REPORTS, reports_of

__all__ = ["clickhouse_url", "engine"]
STORIES = [story for story in scenarios() if story.name in ("suzume-rei", "city", "kazami-rei")]
HANDFUL = [
    aggregate(record("192.0.2.1", 90), record("198.51.100.7", 30, dkim=False, disposition="reject"), day=day)
    for day in range(3)
]


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path / "control.sqlite")
    yield made
    made.close()


@pytest.fixture
def judging(engine: Engine, control: Control, tmp_path: Path) -> AssessmentCache:
    named = [aggregate(*each.records, report_id=str(day), day=day) for day, each in enumerate(HANDFUL)]
    store(engine, tmp_path, *named)
    return AssessmentCache(engine, Assessor(control, own_directory()), folder=tmp_path)


def rows(judging: AssessmentCache, view: str, **filters: object) -> list[Struct]:
    """All pages of an answer."""
    question = all_views(lambda _: judging)[view]
    answer = question.ask(judging.engine, Filters(**filters))  # type: ignore[arg-type]  # filters of the test
    found = list(answer.rows)
    while answer.after:
        answer = question.ask(judging.engine, Filters(**filters, after=answer.after))  # type: ignore[arg-type]
        found += answer.rows
    return found


def live(judging: AssessmentCache) -> tuple[list[Struct], list[Struct]]:
    judgements = list(judging.judgements())
    sources: list[Struct] = [row for judgement in judgements for row in source_rows(judgement)]
    return sources, [plan_row(judging.plan(judgement)) for judgement in judgements]


def generations(judging: AssessmentCache) -> dict[str, int]:
    return {domain: each.generation for domain, each in cached_assessments(judging.engine, judging.host).items()}


def left(judging: AssessmentCache, what: str, table: Table, where: str = "1 = 1") -> int:
    return count(judging.engine, f"SELECT {what} FROM {table.name} WHERE {where}")  # noqa: S608 - words of ours


def test_what_is_kept_of_stories_is_what_is_judged_now(engine: Engine, control: Control, tmp_path: Path) -> None:
    for story in STORIES:
        store(engine, tmp_path, *reports_of(story))
        write_answers(control, story.name, story.told["zone"], now=1.0)
        write_hosts(control, story.told.get("ptr", {}))
    judging = AssessmentCache(engine, Assessor(control, own_directory()), folder=tmp_path)
    sources, plans = live(judging)
    assert rows(judging, "sources", limit=50) == sources
    assert rows(judging, "plan", limit=1) == plans
    for judgement in judging.judgements():
        domain = judgement.facts.domain
        classes = rows(judging, "classes", domain=domain, limit=30)
        slots = slot_sums(judgement)
        assert sum(asdict(row)["messages"] for row in classes) == judgement.facts.messages
        assert len(classes) == len({each.slot // 86_400 for each in slots})
        by_day = {row.day: row.messages for row in ask_days(engine, Filters(domain=domain)).rows if row.messages}
        assert {asdict(row)["day"]: asdict(row)["messages"] for row in classes} == by_day
    overview = rows(judging, "overview", limit=1)
    assert {asdict(row)["domain"] for row in overview} == {asdict(row)["domain"] for row in plans}
    for row in map(asdict, overview):
        window = window_of(engine)
        assert (row["trend_since"], row["trend_until"]) == (window.since, window.until)
        by_day = {each.day: each.messages for each in ask_days(engine, Filters(domain=row["domain"])).rows}
        assert len(row["trend"]) == window.days
        for at, (messages, passed) in enumerate(row["trend"]):
            assert passed <= messages <= by_day.get(window.since + timedelta(at), 0)
        assert row["messages"] >= row["own_messages"] + row["forwarded"] + row["unwanted"]
        assert row["judged_at"] is not None


@given(REPORTS)
@settings(max_examples=8, deadline=None)
def test_what_is_kept_of_any_report_is_what_is_judged_now(
    tmp_path_factory: pytest.TempPathFactory, report: AggregateReport
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    engine, control = DuckDbEngine(folder / "store.duckdb"), Control(folder / "control.sqlite")
    engine.migrate()
    store(engine, folder, report, aggregate())
    judging = AssessmentCache(engine, Assessor(control, own_directory()), folder=folder)
    sources, plans = live(judging)
    assert rows(judging, "sources") == sources
    assert rows(judging, "plan") == plans
    if report.domain == "example.com":
        whole = sum(asdict(row)["messages"] for row in rows(judging, "classes", domain="example.com"))
        assert whole == sum(row.messages for row in ask_days(engine, Filters(domain="example.com")).rows)
    control.close()
    engine.close()


def test_messages_nobody_can_judge_are_in_the_classes(engine: Engine, control: Control, tmp_path: Path) -> None:
    store(engine, tmp_path, aggregate(record(count=5), record(None, 7, dkim=False), record(None, 2)))
    judging = AssessmentCache(engine, Assessor(control, own_directory()), folder=tmp_path)
    (row,) = map(asdict, rows(judging, "classes"))
    assert (row["messages"], row["authenticated"], row["unwanted"]) == (14, 7, 7)


# What makes a judgement stale


def _more(judging: AssessmentCache, folder: Path) -> None:
    store(judging.engine, folder, aggregate(record("203.0.113.9", 3), report_id="more", day=5))


def _below(judging: AssessmentCache, folder: Path) -> None:
    store(judging.engine, folder, aggregate(report_id="below", domain="shop.example.com"))


def _override(judging: AssessmentCache, _: Path, domain: str = "example.com") -> None:
    write_override(judging.control, SourceOverrideRow(domain, "192.0.2.1", SourceClass.SPOOF, "", 1.0))


def _records_gone(judging: AssessmentCache, folder: Path) -> None:
    with judging.control.change() as change:
        for domain in forget(judging.engine, Retention(records=2), NOW, folder):
            note(change, InputRevisions.RECORDS, domain)


CHANGES: dict[str, Callable[[AssessmentCache, Path], None]] = {
    "a report": _more,
    "a report of a name below": _below,
    "an override": _override,
    "an override of a name below": partial(_override, domain="shop.example.com"),
    "a zone": lambda judging, _: write_answers(
        judging.control, "z", {"example.com": {"TXT": ["v=spf1 -all"]}}, now=1.0
    ),
    "an answer": lambda judging, _: write_looked_up(
        judging.control, "example.com", ["example.com"], {"example.com": {"MX": [[0, "."]]}}, now=1.0
    ),
    "a list": lambda judging, _: write_reputation(judging.control, {"198.51.100.7": "listed"}),
    "reverse names": lambda judging, _: write_hosts(judging.control, {"192.0.2.1": "mail.example.com"}),
    "records that are gone": _records_gone,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_in_the_next_answer(judging: AssessmentCache, tmp_path: Path, change: str) -> None:
    before = rows(judging, "sources")
    known = generations(judging)
    assert rows(judging, "sources") == before
    rows(judging, "overview")
    assert generations(judging) == known
    CHANGES[change](judging, tmp_path)
    assert rows(judging, "sources") == live(judging)[0]
    assert generations(judging) != known
    known = generations(judging)
    rows(judging, "plan")
    assert generations(judging) == known


def test_another_map_and_another_version_judge_anew(judging: AssessmentCache) -> None:
    rows(judging, "plan")
    known = generations(judging)
    rows(replace(judging, assessor=replace(judging.assessor, edition="other")), "plan")
    assert generations(judging) != known


def test_an_override_that_is_taken_back_is_gone_from_the_next_answer(judging: AssessmentCache, tmp_path: Path) -> None:
    before = rows(judging, "sources")
    _override(judging, tmp_path)
    assert rows(judging, "sources") != before
    assert remove_override(judging.control, "example.com", "192.0.2.1")
    assert rows(judging, "sources") == before


def test_answers_that_are_the_same_again_change_nothing(judging: AssessmentCache) -> None:
    answers = {"example.com": {"MX": [[0, "."]]}}
    write_looked_up(judging.control, "example.com", ["example.com", "_dmarc.example.com"], answers, now=1.0)
    rows(judging, "plan")
    known = generations(judging)
    write_looked_up(judging.control, "example.com", ["_dmarc.example.com", "example.com"], answers, now=2.0)
    rows(judging, "plan")
    assert generations(judging) == known
    write_looked_up(judging.control, "example.com", ["example.com"], {}, now=3.0)
    rows(judging, "plan")
    assert generations(judging) != known


def test_a_domain_of_which_nothing_is_left_is_gone(judging: AssessmentCache, tmp_path: Path) -> None:
    store(judging.engine, tmp_path, aggregate(domain="example.net", report_id="n"))
    assert len(rows(judging, "plan")) == 2
    purge(judging.engine, "example.net")
    assert [asdict(row)["domain"] for row in rows(judging, "plan")] == ["example.com"]
    for table in OF_AN_ASSESSMENT:
        assert not left(judging, "count(*)", table, "domain = 'example.net'")


# What can be asked


def test_kept_rows_are_narrowed_as_others_are(judging: AssessmentCache, tmp_path: Path) -> None:
    store(judging.engine, tmp_path, aggregate(domain="example.net", report_id="n"))
    names = [asdict(row)["domain"] for row in rows(judging, "sources", limit=1)]
    assert names == ["example.com", "example.com", "example.net"]
    assert len(rows(judging, "sources", domain="shop.example.com.")) == 2
    assert len(rows(judging, "sources", domain="com")) == 2
    assert rows(judging, "sources", domain="example.org") == []
    (row,) = rows(judging, "sources", source="198.51.100.0/24")
    assert asdict(row)["source_ip"] == "198.51.100.7"
    for each in SourceClass:
        of_class = [row for row in rows(judging, "sources") if asdict(row)["source_class"] == each]
        assert rows(judging, "sources", source_class=str(each)) == of_class
    for view in ("sources", "plan", "overview"):
        assert {asdict(row)["domain"] for row in rows(judging, view, scope=("example.net",))} == {"example.net"}
        assert rows(judging, view, scope=()) == []
    assert sum(asdict(row)["messages"] for row in rows(judging, "classes", scope=("example.net",))) == 1
    with pytest.raises(ParseError):
        rows(judging, "sources", source="nonsense")


def test_counts_of_the_overview_and_days_are_those_of_the_span(judging: AssessmentCache) -> None:
    today = (NOW - timedelta(days=1)).date()
    (ever,), (one,) = (map(asdict, rows(judging, "overview", since=since)) for since in (None, today))
    assert (ever["messages"], one["messages"]) == (360, 120)
    assert (one["first_day"], one["last_day"], one["reporters"]) == (today, today, 1)
    assert ever["trend"] == one["trend"]
    (row,) = map(asdict, rows(judging, "classes", since=today))
    assert (row["day"], row["messages"]) == (today, 120)
    tokyo = rows(judging, "classes", zone="Asia/Tokyo")
    assert [asdict(row)["day"] for row in tokyo] == [today - timedelta(days) for days in (2, 1, 0)]
    auckland = rows(judging, "classes", zone="Pacific/Auckland")
    assert [asdict(row)["day"] for row in auckland] == [today - timedelta(days) for days in (1, 0, -1)]
    (none,) = map(asdict, rows(judging, "overview", until=today - timedelta(days=900)))
    assert none["messages"] == 0


# Whole or not at all


class BrokenError(Exception):
    """A bug, or a power cut."""


@pytest.mark.parametrize("broken", OF_AN_ASSESSMENT, ids=lambda table: table.name)
def test_what_ends_in_the_middle_leaves_the_old_judgement(
    judging: AssessmentCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Table
) -> None:
    before = {view: rows(judging, view) for view in ("sources", "plan", "classes")}
    tended = replace(judging, has_background_refresh=True)
    _more(judging, tmp_path)
    with judging.engine.change() as change:
        kind = type(change)
    insert = kind.insert

    def fail(self: object, table: Table, files: list[Path]) -> None:
        if table is broken:
            raise BrokenError
        insert(self, table, files)  # type: ignore[arg-type]  # of either engine

    with monkeypatch.context() as patch:
        patch.setattr(kind, "insert", fail)
        with pytest.raises(BrokenError):
            rows(judging, "sources")
    assert {view: rows(tended, view) for view in before} == before
    sources, plans = live(judging)
    assert (rows(judging, "sources"), rows(judging, "plan")) == (sources, plans)
    sweep(judging.engine, NOW.timestamp() + 10**9)
    assert rows(judging, "sources") == sources
    for table in OF_AN_ASSESSMENT:
        assert left(judging, "count(DISTINCT generation)", table) == 1


def test_each_host_has_judgements_of_its_own(judging: AssessmentCache, tmp_path: Path) -> None:
    there = Control(tmp_path / "there.sqlite")
    other = replace(judging, host="there", assessor=Assessor(there, own_directory()))
    _override(judging, tmp_path)
    here = rows(judging, "sources")
    assert rows(other, "sources") != here
    assert rows(judging, "sources") == here
    there.close()


# In the background


def here(judging: AssessmentCache) -> Callable[[DomainRows], Assessment | None]:
    return partial(assess_rows, judging.assessor)


def test_whoever_asks_waits_for_no_report(judging: AssessmentCache, tmp_path: Path) -> None:
    tended = replace(judging, has_background_refresh=True)
    (row,) = map(asdict, rows(tended, "overview"))
    assert (row["domain"], row["messages"], row["judged_at"]) == ("example.com", 360, None)
    assert generations(judging) == {}
    assert len(rows(tended, "sources", domain="example.com")) == 2
    known = generations(judging)
    _more(judging, tmp_path)
    assert len(rows(tended, "sources")) == 2
    assert generations(judging) == known
    _override(judging, tmp_path)
    found = {asdict(row)["source_ip"]: asdict(row)["source_class"] for row in rows(tended, "sources")}
    assert found["192.0.2.1"] == "spoof"
    assert len(found) == 3


def test_a_round_judges_what_is_stale_and_lets_large_domains_rest(
    judging: AssessmentCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tending = BackgroundRefresh(judging, here(judging))
    assert [tending.round(), tending.round()] == [1, 0]
    _more(judging, tmp_path)
    assert tending.round() == 0
    monkeypatch.setattr(cache, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(cache, "SHARE", 0)
    assert [tending.round(), tending.round()] == [1, 0]
    _more(judging, tmp_path)
    _override(judging, tmp_path)
    assert BackgroundRefresh(judging, here(judging), lambda: True).round() == 0
    assert tending.round() == 1


def test_a_bug_with_one_domain_keeps_no_other_from_being_judged(judging: AssessmentCache, tmp_path: Path) -> None:
    store(judging.engine, tmp_path, aggregate(domain="example.net", report_id="n"))

    def run(told: DomainRows) -> Assessment | None:
        if told.domain == "example.com":
            raise BrokenError
        return assess_rows(judging.assessor, told)

    tending = BackgroundRefresh(judging, run)
    with pytest.raises(BrokenError):
        tending.round()
    assert list(generations(judging)) == ["example.net"]
    assert tending.round() == 0
    _more(judging, tmp_path)
    with pytest.raises(BrokenError):
        tending.round()


def test_judgements_are_told_of(judging: AssessmentCache) -> None:
    heard: list[tuple[Judgement, Plan]] = []
    judge = replace(judging.assessor, on_assessed=lambda judgement, plan: heard.append((judgement, plan)))
    assert BackgroundRefresh(judging, partial(assess_rows, judge)).round() == 1
    ((judgement, plan),) = heard
    assert judgement.facts.domain == plan.domain == "example.com"


def make_assessor(path: Path) -> Assessor:
    return Assessor(Control(path), own_directory())


def test_another_process_judges_the_same(control: Control, tmp_path: Path) -> None:
    engine = DuckDbEngine(tmp_path / "store.duckdb")
    engine.migrate()
    store(engine, tmp_path, *reports_of(STORIES[0]))
    judging = AssessmentCache(engine, Assessor(control, own_directory()), folder=tmp_path)
    ending = threading.Event()
    apart = AssessmentProcess(partial(make_assessor, tmp_path / "control.sqlite"), ending.is_set)
    try:
        assert BackgroundRefresh(judging, apart).round() == 1
        tended = replace(judging, has_background_refresh=True)
        assert (rows(tended, "sources"), rows(tended, "plan")) == live(judging)
        apart.rest()
        process = apart._process
        assert process is not None
        process.kill()
        process.join()
        _override(judging, tmp_path, asdict(rows(tended, "plan")[0])["domain"])
        with pytest.raises(AssessmentError):
            BackgroundRefresh(judging, apart).round()
        assert BackgroundRefresh(judging, apart).round() == 1
        ending.set()
        write_reputation(control, {})
    finally:
        apart.close()
        engine.close()


def test_a_store_that_fails_ends_the_round(judging: AssessmentCache) -> None:
    def run(_: DomainRows) -> Assessment | None:
        raise StoreError("away")

    with pytest.raises(StoreError):
        BackgroundRefresh(judging, run).round()
    assert left(judging, "count(*)", ASSESSMENTS) == 0


def test_many_who_ask_at_once_judge_once(judging: AssessmentCache) -> None:
    heard: list[str] = []
    judge = replace(judging.assessor, on_assessed=lambda judgement, _: heard.append(judgement.facts.domain))
    shared = replace(judging, assessor=judge)

    async def ask() -> None:
        await asyncio.gather(*(asyncio.to_thread(rows, shared, "plan") for _ in range(4)))

    asyncio.run(ask())
    assert heard == ["example.com"]


def test_one_domain_that_is_too_large_holds_up_no_other(
    judging: AssessmentCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(judging.engine, tmp_path, aggregate(domain="example.net", report_id="n"))

    def run(told: DomainRows) -> Assessment | None:
        if told.domain == "example.com":
            raise AnswerTooLarge
        return assess_rows(judging.assessor, told)

    tending = BackgroundRefresh(judging, run)
    with pytest.raises(AnswerTooLarge):
        tending.round()
    assert list(generations(judging)) == ["example.net"]
    assert tending.round() == 0
    monkeypatch.setattr(cache, "AGAIN_SECONDS", 0.0)
    with pytest.raises(AnswerTooLarge):
        tending.round()


@pytest.mark.parametrize("most", [1, 7, 60])
def test_answers_in_parts_are_the_whole(judging: AssessmentCache, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    whole = live(judging)
    for name in ("_SEEN", "_MAIL"):
        monkeypatch.setattr(facts, name, getattr(facts, name)._replace(records=most))
    assert live(judging) == whole
