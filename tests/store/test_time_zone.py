"""Days in a time zone: each slot is on one day, days follow one another without a gap, and databases count alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count as numbers
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from inalign.errors import ParseError
from inalign.reports.report import AggregateReport
from inalign.store.engine.clickhouse import ClickHouseEngine
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.queries import VIEWS
from inalign.store.queries.filters import Filters
from inalign.store.schema.tables import slot_of
from inalign.store.time_zone import zone_names, zone_of
from tests.store.material import aggregate, failure, record, store, tls

ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "Asia/Kathmandu", "America/Los_Angeles", "Pacific/Kiritimati")
SLOTS = st.datetimes(datetime(2012, 2, 1), datetime(2060, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda time: slot_of(int(time.timestamp()))
)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 10, 26), 24),
        ("America/Los_Angeles", date(2026, 3, 8), 23),
        ("America/Los_Angeles", date(2026, 11, 1), 25),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # from midnight on
        ("America/Havana", date(2026, 11, 1), 25),  # midnight comes twice
        ("Asia/Tokyo", date(2026, 3, 29), 24),
        ("Asia/Kathmandu", date(2026, 3, 29), 24),
    ],
)
def test_day_is_from_midnight_to_midnight(zone: str, day: date, hours: int) -> None:
    made = zone_of(zone)
    assert made.end(day) - made.start(day) == hours * 3600
    assert [made.day(made.start(day) + seconds) for seconds in (-900, 0, hours * 3600 - 900, hours * 3600)] == [
        day - timedelta(1), day, day, day + timedelta(1),
    ]  # fmt: skip


def test_midnight_is_at_a_quarter_past_in_kathmandu() -> None:
    start = datetime.fromtimestamp(zone_of("Asia/Kathmandu").start(date(2026, 11, 24)), UTC)
    assert start == datetime(2026, 11, 23, 18, 15, tzinfo=UTC)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(zone_names())), slot=SLOTS)
def test_each_slot_is_within_its_day_in_every_zone(name: str, slot: int) -> None:
    zone = zone_of(name)
    day = zone.day(slot)
    assert zone.start(day) <= slot < zone.end(day)
    assert zone.end(day) == zone.start(day + timedelta(1))


@pytest.mark.parametrize("name", ["", "utc", "Asia", "posix/Asia/Tokyo", "../../etc/passwd", "Asia/Tokyo\0", "東京"])
def test_name_of_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ParseError, match="zone"):
        zone_of(name)
    with pytest.raises(ParseError, match="zone"):
        VIEWS["days"].check(Filters(zone=name))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.sampled_from(ZONES), slots=st.lists(SLOTS, min_size=1, max_size=20), days=st.none() | st.integers(0, 400)
)
@example(name="Asia/Tokyo", slots=[2_147_472_000], days=None)  # in 2038, beyond 32 bits with the offset
def test_database_has_the_same_days(engine: Engine, name: str, slots: list[int], days: int | None) -> None:
    zone = zone_of(name)
    since = until = None
    if days is not None:
        since = zone.day(min(slots))
        until = since + timedelta(days)
        slots = [slot for slot in slots if zone.day(slot) <= until]
    rows = " UNION ALL ".join(f"SELECT CAST({slot} AS BIGINT) AS slot" for slot in slots)  # as the tables have it
    found = engine.query(f"SELECT s.slot, {zone.number('s.slot', since, until)} FROM ({rows}) AS s")  # noqa: S608
    assert {row[0]: row[1] for row in found} == {slot: (zone.day(slot) - date(1970, 1, 1)).days for slot in slots}


# Reports around the days on which clocks change, of spans of a day that begin every five hours, and of an hour.


def made_reports() -> list[AggregateReport]:
    counts = numbers(1)
    made = []
    for change in (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)):
        for place, hours in enumerate(range(0, 72, 5)):
            begin = change + timedelta(hours=hours, minutes=7 * place)
            span = timedelta(hours=24 if place % 2 else 1)
            report = aggregate(
                record(count=next(counts)),
                record("2001:db8::1", count=next(counts), dkim=False),
                report_id=f"{change:%m}-{place}",
                org=("a.example", "b.example")[place % 2],
            )
            made.append(replace(report, begin=begin, end=begin + span))
    return made


REPORTS = made_reports()


def day_in(zone: str, report: AggregateReport) -> date:
    assert report.begin is not None
    assert report.end is not None
    return (report.begin + (report.end - report.begin) / 2).astimezone(ZoneInfo(zone)).date()


@pytest.fixture(scope="module", params=["duckdb", "clickhouse"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("zones")
    engine: Engine
    if request.param == "duckdb":
        engine = DuckDbEngine(folder / "store.duckdb")
    else:
        engine = ClickHouseEngine(f"{request.getfixturevalue('clickhouse_url')}/zones")
    engine.migrate()
    arrived = datetime(2026, 10, 25, 23, 30, tzinfo=UTC)
    late = replace(tls(), begin=arrived - timedelta(hours=1), end=arrived + timedelta(hours=1))
    store(engine, folder, *REPORTS, failure(arrival_date=arrived), late)
    yield engine
    engine.close()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("since", "until"),
    [
        (None, None),
        (date(2026, 3, 29), date(2026, 3, 29)),
        (date(2026, 3, 28), date(2026, 10, 25)),
        (date(2026, 10, 26), None),
    ],
)
def test_report_belongs_whole_to_the_day_of_its_middle(
    filled: Engine, zone: str, since: date | None, until: date | None
) -> None:
    meant = [
        (day, report)
        for report in REPORTS
        if (since or date.min) <= (day := day_in(zone, report)) <= (until or date.max)
    ]
    wanted: defaultdict[date, int] = defaultdict(int)
    for day, report in meant:
        wanted[day] += sum(each.count for each in report.records)
    for source in ("", "0.0.0.0/0", "::/0"):
        days = VIEWS["days"].ask(filled, Filters(zone=zone, since=since, until=until, source=source)).rows
        found = {row.day: row.messages for row in days}  # type: ignore[attr-defined]
        version = {"": 0, "::/0": 1}.get(source)
        parts = slice(None) if not source else slice(1, 2) if version else slice(0, 1)
        sums: defaultdict[date, int] = defaultdict(int)
        for day, report in meant:
            sums[day] += sum(each.count for each in report.records[parts])
        assert found == sums
        assert list(found) == sorted(found)
    ends = (min(wanted, default=None), max(wanted, default=None))
    for view in ("domains", "sources", "sources-groups"):
        for row in VIEWS[view].ask(filled, Filters(zone=zone, since=since, until=until)).rows:
            assert (row.first_day, row.last_day) == ends  # type: ignore[attr-defined]
    for row in VIEWS["reporters"].ask(filled, Filters(zone=zone, since=since, until=until)).rows:
        mine = [day for day, report in meant if report.org_name == row.reporter]  # type: ignore[attr-defined]
        assert (row.first_day, row.last_day) == (min(mine), max(mine))  # type: ignore[attr-defined]
    for row in VIEWS["health"].ask(filled, Filters(zone=zone, since=since, until=until, reporter="a.example")).rows:
        mine = [day for day, report in meant if report.org_name == "a.example"]
        assert (row.days, row.last_day) == (len(set(mine)), max(mine))  # type: ignore[attr-defined]


@pytest.mark.parametrize("zone", ZONES)
def test_reports_one_by_one_have_their_day(filled: Engine, zone: str) -> None:
    wanted = {report.report_id: day_in(zone, report) for report in REPORTS}
    rows: list[Struct] = []
    after = ""
    while not rows or after:
        found = VIEWS["reports"].ask(filled, Filters(zone=zone, limit=7, after=after))
        rows += found.rows
        after = found.after
    days = {row.report_id: row.day for row in rows if row.kind == "aggregate"}  # type: ignore[attr-defined]
    assert days == wanted
    assert [row.day for row in rows] == sorted([row.day for row in rows], reverse=True)  # type: ignore[attr-defined]
    key = next(row.report_key for row in rows if row.report_id == "10-9")  # type: ignore[attr-defined]
    (whole,) = VIEWS["report"].ask(filled, Filters(zone=zone, key=key)).rows
    assert (whole.day, len(whole.rows)) == (wanted["10-9"], 2)  # type: ignore[attr-defined]


def test_failures_and_tls_have_the_days_of_the_zone(filled: Engine) -> None:
    for zone, day in (("UTC", 25), ("Asia/Tokyo", 26), ("Europe/Berlin", 26), ("America/Los_Angeles", 25)):
        wanted = date(2026, 10, day)
        for view in ("failures", "tls"):
            (row, *_) = VIEWS[view].ask(filled, Filters(zone=zone, since=wanted, until=wanted)).rows
            assert row.first_day == row.last_day == wanted  # type: ignore[attr-defined]
        (one,) = VIEWS["failure-reports"].ask(filled, Filters(zone=zone)).rows
        assert one.day == wanted  # type: ignore[attr-defined]
