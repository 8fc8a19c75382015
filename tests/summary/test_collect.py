"""What a report for people tells: its numbers are those of SQL, and nobody sees domains that are not his."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from inalign.assessment.context_files import Surrounding
from inalign.assessment.views import all_views
from inalign.insight.period import PeriodKind, parse_period, period_of
from inalign.insight.rows import AssessedSource
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.queries.addresses import SourceRow
from inalign.store.queries.filters import Filters
from inalign.store.state.control import Control
from inalign.summary.collect import new_senders, summarize
from inalign.summary.model import Summary
from inalign.wiring.assessment import make_assessment_cache
from tests.insight.vectors import FIRST_DAY, scenarios
from tests.store.material import store
from tests.store.test_facts import reports_of

STORIES = {story.name: story for story in scenarios()}
DOMAIN, OTHER = "kazami-rei.co.jp", "suzume-rei.jp"
TODAY = date.fromordinal(FIRST_DAY + 105)
MONTH = period_of(TODAY - timedelta(45), PeriodKind.MONTH)


class Place:
    """A store with two stories in it."""

    def __init__(self, folder: Path) -> None:
        self.engine: Engine = DuckDbEngine(folder / "store.duckdb")
        self.engine.migrate()
        self.control = Control(folder / "control.sqlite")
        for name in ("kazami-rei", "suzume-rei"):
            story = STORIES[name]
            store(self.engine, folder, *reports_of(story))
            zones = {story.told["domain"]: story.told["zone"]}
            Surrounding(zones, story.told.get("ptr", {}), {}).keep(self.control, now=1.0)
        judging = make_assessment_cache(Config(Settings()), self.engine, self.control, offline=True)
        self.views = all_views(lambda _: judging)

    def summary(
        self,
        *domains: str,
        month: str = MONTH.name,
        scope: tuple[str, ...] | None = None,
        zone: str = "UTC",
    ) -> Summary:
        return summarize(
            lambda name, filters: self.views[name].ask(self.engine, filters),
            domains,
            parse_period(month),
            zone=zone,
            today=TODAY,
            scope=scope,
        )

    def sql(self, columns: str, more: str = "", *, domain: str = DOMAIN) -> list[tuple[object, ...]]:
        found = self.engine.query(
            f"SELECT {columns} FROM records WHERE domain = :domain AND day >= :since AND day <= :until {more}",  # noqa: S608 - ours
            {"domain": domain, "since": MONTH.since, "until": MONTH.until},
        )
        return [tuple(row) for row in found]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("summary"))
    yield made
    made.control.close()
    made.engine.close()


def test_figures_and_days_are_those_of_sql(place: Place) -> None:
    (found,) = place.summary(DOMAIN).domains
    (messages, passed), *_ = place.sql(
        "sum(count), sum(CASE WHEN dkim_aligned = 'pass' OR spf_aligned = 'pass' THEN count ELSE 0 END)"
    )
    now = found.now
    assert now.messages == messages
    assert sum(day.authenticated for day in found.days) == passed
    assert sum(sum(day.counts) for day in found.days) == messages
    by_day = place.sql("day, sum(count)", "GROUP BY day ORDER BY day")
    assert [(day.day, sum(day.counts)) for day in found.days if any(day.counts)] == by_day
    assert [day.day for day in found.days] == list(MONTH.days)
    assert now.own_failed == sum(day.failing for day in found.days)
    assert now.forwarded == sum(day.forwarded for day in found.days)
    assert now.unwanted == sum(day.unwanted for day in found.days)


def test_own_mail_is_that_of_the_classes(place: Place) -> None:
    (found,) = place.summary(DOMAIN).domains
    answer = place.views["sources"].ask(place.engine, Filters(domain=DOMAIN, limit=10_000))
    mixed = [row for row in answer.rows if isinstance(row, AssessedSource) and isinstance(row.classes, dict)]
    own = [
        row.source_ip
        for row in answer.rows
        if isinstance(row, AssessedSource) and row.source_class in ("own", "approved") and row not in mixed
    ]
    assert own
    if not mixed:
        names = ", ".join(f"'{address}'" for address in own)
        assert found.now.own == place.sql("sum(count)", f"AND source_ip IN ({names})")[0][0]


def test_reporters_and_where_unwanted_mail_comes_from(place: Place) -> None:
    (found,) = place.summary(DOMAIN).domains
    rows = place.sql("reporter, sum(count)", "GROUP BY reporter ORDER BY 2 DESC, 1")
    assert found.reporter_count == len(rows)
    assert [(each.name, each.messages) for each in found.reporters] == rows[: len(found.reporters)]
    assert sum(each.messages for each in found.countries) == found.now.unwanted
    assert sum(each.messages for each in found.networks) <= found.now.unwanted


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 0), ("Asia/Tokyo", 9), ("Pacific/Kiritimati", 14)])
def test_days_are_those_of_the_zone(place: Place, zone: str, hours: int) -> None:
    """The midpoint of a day of UTC is noon: in Tokyo that is the same day, far in the east the next one."""
    (found,) = place.summary(DOMAIN, zone=zone).domains
    wanted: dict[object, int] = {}
    rows = place.engine.query("SELECT slot, count FROM records WHERE domain = :domain", {"domain": DOMAIN})
    for slot, count in rows:
        day = (datetime.fromtimestamp(int(str(slot)), UTC) + timedelta(hours=hours)).date()
        wanted[day] = wanted.get(day, 0) + int(str(count))
    assert {day.day: sum(day.counts) for day in found.days} == {day: wanted.get(day, 0) for day in MONTH.days}
    assert found.now.messages == sum(wanted.get(day, 0) for day in MONTH.days)


def test_the_period_before_is_told_beside(place: Place) -> None:
    (found,) = place.summary(DOMAIN).domains
    (earlier,) = place.summary(DOMAIN, month=MONTH.before.name).domains
    assert found.before == earlier.now
    assert earlier.now.messages


def test_the_plan_and_who_is_in_the_way_are_those_of_the_question(place: Place) -> None:
    (found,) = place.summary(DOMAIN).domains
    (plan,) = place.views["plan"].ask(place.engine, Filters(domain=DOMAIN)).rows
    assert (found.next, found.blocking) == (getattr(plan, "next"), getattr(plan, "blocking"))  # noqa: B009 - a Struct
    assert found.blocking


def test_all_domains_worst_first(place: Place) -> None:
    found = place.summary()
    rows = place.views["overview"].ask(place.engine, Filters()).rows
    assert [each.domain for each in found.domains] == [getattr(row, "domain") for row in rows]  # noqa: B009
    assert {DOMAIN, OTHER} == {each.domain for each in found.domains}


def test_scope_is_kept_whatever_is_asked_for(place: Place) -> None:
    assert [each.domain for each in place.summary(scope=(OTHER,)).domains] == [OTHER]
    (hidden,) = place.summary(DOMAIN, scope=(OTHER,)).domains
    assert (hidden.domain, hidden.now.messages, hidden.next, hidden.record) == (DOMAIN, 0, None, "")
    assert place.summary(scope=()).domains == ()


def test_a_domain_without_reports_is_told_so(place: Place) -> None:
    (found,) = place.summary("Nothing.example.").domains
    assert (found.domain, found.state, found.now.messages, found.days) == ("nothing.example", "no_data", 0, ())
    (quiet,) = place.summary(DOMAIN, month="1999-01").domains
    assert (quiet.now.messages, quiet.days) == (0, ())


def judged(name: str, address: str, first: int, source_class: str = "unknown") -> AssessedSource:
    return AssessedSource(
        domain=DOMAIN, source_ip=address, source_class=source_class, service=name, sender=name, evidence=(),
        messages=5, failing=0, first_day=MONTH.since + timedelta(first), last_day=MONTH.until,
    )  # fmt: skip


def sent(address: str, messages: int) -> SourceRow:
    return SourceRow(
        DOMAIN, address, "", "", "", "", messages, 0, 0.0, 0.0, 0.0, messages, 0, 0, 1, MONTH.since, MONTH.until
    )


def test_new_senders_are_those_whose_first_address_is_new() -> None:
    rows = [
        judged("old", "192.0.2.1", -40), judged("old", "192.0.2.2", 3), judged("new", "192.0.2.3", 4),
        judged("new", "192.0.2.4", 9), judged("bad", "192.0.2.5", 4, "spoof"), judged("later", "192.0.2.6", 90),
        judged("list", "192.0.2.7", 4, "forwarder"), judged("service", "192.0.2.8", 0, "approved"),
    ]  # fmt: skip
    found = new_senders(rows, [sent(f"192.0.2.{number}", number) for number in range(1, 9)], MONTH)
    assert [(each.sender, each.messages, each.first_day) for each in found] == [
        ("service", 8, MONTH.since),
        ("new", 7, MONTH.since + timedelta(4)),
    ]


def test_where_all_is_new_nothing_is_new() -> None:
    assert new_senders([judged("a", "192.0.2.1", 0)], [sent("192.0.2.1", 1)], MONTH) == ()
    assert new_senders([], [], MONTH) == ()
