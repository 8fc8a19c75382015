"""The chart, the report for people, the alerts and the record history give the same days for the same reports."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace as with_fields
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from inalign.assessment.assess import AssessmentCache, Assessor
from inalign.assessment.views import all_views
from inalign.insight.detection import AlertCode
from inalign.insight.directory import own_directory
from inalign.insight.period import parse_period
from inalign.insight.record_history import RecordChange
from inalign.reports.report import AggregateReport
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters
from inalign.store.queries.published import RecordHistoryRow
from inalign.store.state.control import Control
from inalign.store.state.incidents import incidents
from inalign.summary.collect import summarize
from inalign.wiring.alerts import make_alerts
from inalign.wiring.assessment import make_assessment_cache
from tests.store.material import NOW, aggregate, record, store
from tests.web.live_site import Browser, serve

DOMAIN = "record.example"
NONE, QUARANTINE, STRICT = "v=DMARC1; p=none", "v=DMARC1; p=quarantine", "v=DMARC1; p=none; adkim=s"
CHANGES = (
    RecordChange(date(2026, 10, 15), NONE, QUARANTINE),
    RecordChange(date(2026, 10, 20), QUARANTINE, NONE),
    RecordChange(date(2026, 10, 27), NONE, STRICT),
)


def seen(org: str, first: date, last: date, *, p: str = "none", adkim: str = "") -> Iterator[AggregateReport]:
    for offset in range((last - first).days + 1):
        day = first + timedelta(offset)
        made = aggregate(
            record("192.0.2.1", 30, header_from=DOMAIN),
            domain=DOMAIN,
            org=org,
            report_id=f"{org} {day} {p}{adkim}",
            day=(NOW.date() - day).days - 1,
        )
        yield replace(made, policy=replace(made.policy, p=p, adkim=adkim))


def reports(until: date) -> list[AggregateReport]:
    """Two reporters; the second one sees each change a day later. A third one writes records in its own way."""
    found: list[AggregateReport] = []
    for org, late in (("one.example", 0), ("two.example", 1)):
        begin = [date(2026, 9, 1), *(change.day + timedelta(late) for change in CHANGES), date(2026, 11, 1)]
        records = [{"p": "none"}, {"p": "quarantine"}, {"p": "none"}, {"p": "none", "adkim": "s"}]
        for place, tags in enumerate(records):
            found += seen(org, begin[place], min(begin[place + 1] - timedelta(1), until), **tags)
    found += seen("odd.example", date(2026, 10, 3), min(date(2026, 10, 31), until), p="reject")
    return found


def history(engine: Engine, control: Control) -> tuple[RecordChange, ...]:
    views = all_views(lambda asked: make_assessment_cache(Config(Settings()), asked, control, offline=True))
    rows = views["record-history"].ask(engine, Filters(domain=DOMAIN)).rows
    return tuple(row.change for row in rows if isinstance(row, RecordHistoryRow) and row.before)


def test_chart_summary_and_history_have_the_same_days(tmp_path: Path) -> None:
    with serve(tmp_path, more=reports(date(2026, 10, 31))) as site:
        assert history(site.engine, site.control) == CHANGES
        browser = Browser(site.port)
        page = browser.get(f"/domain?domain={DOMAIN}&since=2026-09-01&until=2026-10-31").text
        marks = json.loads(html.unescape(re.findall(r'data-charts="([^"]*)"', page)[0]))
        assert page.count('<path class="mark"') == len(CHANGES)
        drawn = [mark for chart in marks.values() for mark in chart["marks"]]
        for change in CHANGES:
            assert any(str(change.day) in json.dumps(each) and change.after in json.dumps(each) for each in drawn)
        rows = json.loads(browser.get(f"/api/v1/record-history?domain={DOMAIN}").text)
        assert [row["day"] for row in rows] == ["2026-09-01", *(str(change.day) for change in CHANGES)]

        views = all_views(lambda asked: make_assessment_cache(Config(Settings()), asked, site.control, offline=True))
        (found,) = summarize(
            lambda name, filters: views[name].ask(site.engine, filters),
            (DOMAIN,),
            parse_period("2026-10"),
            zone="UTC",
            today=date(2026, 11, 2),
        ).domains
        assert (found.changes, found.record) == (CHANGES, STRICT)
        (found,) = summarize(
            lambda name, filters: views[name].ask(site.engine, filters),
            (DOMAIN,),
            parse_period("2026-W42"),
            zone="UTC",
            today=date(2026, 11, 2),
        ).domains
        assert (found.changes, found.record) == (CHANGES[:1], QUARANTINE)


@pytest.mark.parametrize("change", CHANGES)
def test_alert_has_the_day_of_the_history(change: RecordChange, tmp_path: Path) -> None:
    engine, control = DuckDbEngine(tmp_path / "store.duckdb"), Control(tmp_path / "control.sqlite")
    engine.migrate()
    judging = AssessmentCache(engine, Assessor(control, own_directory()))
    for until in (change.day - timedelta(1), change.day + timedelta(1)):
        store(engine, tmp_path, *reports(until))
        seconds = datetime.combine(until + timedelta(1), datetime.min.time(), UTC).timestamp()
        alerts = with_fields(make_alerts(Config(Settings()), control), clock=partial(float, seconds))
        for judgement in judging.judgements():
            alerts.on_assessed(judgement)
    assert history(engine, control)[-1] == change
    found = [each for each in incidents(control) if each.code == AlertCode.RECORD_CHANGED]
    assert [(each.values["day"], each.values["old"], each.values["new"]) for each in found] == [
        (str(change.day), change.before, change.after)
    ]
    control.close()
    engine.close()
