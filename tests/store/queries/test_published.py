"""Records as reporters saw them, and countries: both engines say the same."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from inalign.assessment.views import all_views
from inalign.reports.report import AggregateReport
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.store.engine.interface import Engine
from inalign.store.queries.countries import CountryRow
from inalign.store.queries.filters import Filters
from inalign.store.queries.published import PublishedRow, RecordHistoryRow
from inalign.store.state.control import Control
from inalign.wiring.assessment import make_assessment_cache
from tests.store.material import aggregate, record, store


def _report(day: int, org: str, **told: str | int | None) -> AggregateReport:
    made = aggregate(record("192.0.2.1", 5), record("203.0.113.9", 2, dkim=False), day=day, org=org, report_id=str(day))
    return replace(made, policy=replace(made.policy, **told))


@pytest.fixture
def filled(engine: Engine, tmp_path: Path) -> Engine:
    reports = [
        _report(3, "one.example", p="none", pct=None),
        _report(2, "two.example", p="none", sp="none", adkim="r", aspf="r"),
        _report(1, "one.example", p="quarantine", sp="none", testing="y", np="reject"),
        replace(
            aggregate(record("192.0.2.1", 3, header_from="a.example.com"), domain="a.example.com", report_id="a"),
        ),
    ]
    store(engine, tmp_path, *reports)
    return engine


def _ask(engine: Engine, view: str, filters: Filters, folder: Path) -> list[object]:
    control = Control(folder / "control.sqlite")
    views = all_views(lambda asked: make_assessment_cache(Config(Settings()), asked, control, offline=True))
    rows = list(views[view].ask(engine, filters).rows)
    control.close()
    return list(rows)


def test_what_a_record_leaves_away_has_its_default(filled: Engine, tmp_path: Path) -> None:
    rows = _ask(filled, "published", Filters(domain="example.com"), tmp_path)
    assert {(row.p, row.sp, row.np, row.testing, row.pct) for row in rows if isinstance(row, PublishedRow)} == {
        ("none", "none", "", "", 100),
        ("quarantine", "none", "reject", "y", 100),
    }
    (both,) = [row for row in rows if isinstance(row, PublishedRow) and row.p == "none" and row.domain == "example.com"]
    assert (both.reports, both.reporters) == (2, 2)
    assert both.last_day - both.first_day == date(2026, 1, 2) - date(2026, 1, 1)


def test_countries_have_the_classes_of_the_judged_domain(filled: Engine, tmp_path: Path) -> None:
    rows = [row for row in _ask(filled, "countries", Filters(), tmp_path) if isinstance(row, CountryRow)]
    ((messages, passed),) = filled.query(
        "SELECT sum(count), sum(CASE WHEN dkim_aligned = 'pass' THEN count ELSE 0 END) FROM records"
    )
    assert sum(row.messages for row in rows) == int(str(messages))
    assert sum(row.passed for row in rows) == int(str(passed))
    assert all(row.messages == row.own + row.approved + row.forwarded + row.unwanted for row in rows)
    own = sum(row.own + row.approved for row in rows)
    assert own == 3 * 5 + 3  # that of a.example.com is judged with example.com
    (below,) = _ask(filled, "countries", Filters(scope=("a.example.com",)), tmp_path)
    assert isinstance(below, CountryRow)
    assert (below.messages, below.own + below.approved) == (3, 3)
    assert _ask(filled, "countries", Filters(scope=("elsewhere.example",)), tmp_path) == []


def test_history_has_each_record_from_the_first_day_on_which_it_was_seen(engine: Engine, tmp_path: Path) -> None:
    seen: list[tuple[int, str, dict[str, str | int | None]]] = [
        (30, "one.example", {"p": "none"}),
        (30, "two.example", {"p": "none"}),
        (20, "one.example", {"p": "quarantine", "pct": 50}),
        (19, "two.example", {"p": "quarantine", "pct": 50}),
        (15, "one.example", {"p": "none"}),
        (14, "two.example", {"p": "none"}),
    ]
    made = [
        replace(_report(day, org, **told), report_id=f"{org} {day}", domain=domain)
        for domain in ("example.com", "example.net")
        for day, org, told in seen
    ]
    store(engine, tmp_path, *made)
    rows = _ask(engine, "record-history", Filters(domain="example.com"), tmp_path)
    none, share = "v=DMARC1; p=none", "v=DMARC1; p=quarantine; pct=50"
    expected = [
        RecordHistoryRow("example.com", date(2026, 10, 20), "", none),
        RecordHistoryRow("example.com", date(2026, 10, 30), none, share),
        RecordHistoryRow("example.com", date(2026, 11, 4), share, none),
    ]
    assert rows == expected
    since = Filters(domain="example.com", since=date(2026, 10, 30), until=date(2026, 11, 3))
    assert _ask(engine, "record-history", since, tmp_path) == expected[1:2]
    assert len(_ask(engine, "record-history", Filters(), tmp_path)) == 6
    assert _ask(engine, "record-history", Filters(scope=("example.org",)), tmp_path) == []
    (day,) = {row.day for row in rows[:1] if isinstance(row, RecordHistoryRow)}
    (east,) = _ask(
        engine, "record-history", Filters(domain="example.com", zone="Pacific/Kiritimati", limit=1), tmp_path
    )
    assert isinstance(east, RecordHistoryRow)
    assert (east.day - day).days == 1
