"""Retention, and a domain that is purged: sums stay, traces go, and nobody else is touched."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from inalign.reports.report import Report
from inalign.spool.evaluation_record import EvaluationRecord
from inalign.store.engine.interface import Engine, count
from inalign.store.load.evaluations import load_evaluations
from inalign.store.load.reports import Arrival, LoadOutcome
from inalign.store.maintenance import Retention, forget, purge, stats
from inalign.store.schema.tables import COUNTERS, TABLES, ColumnKind
from tests.store.material import NOW, PLACES, aggregate, arrival, digest_of, failure, record, store, tls

FOREVER = Retention(raw=0, records=0, rollups=0, failures=0, tls=0, evaluations=0)
SUM = " + ".join(f"sum({name})" for name in COUNTERS)


def _rows(engine: Engine) -> dict[str, int]:
    return {name: number for name, number in stats(engine).rows.items() if number}


def _evaluation(engine: Engine, folder: Path, name: str, domain: str, *, days: int = 0) -> None:
    one = EvaluationRecord(
        id=name, host="mx", seen_at=NOW - timedelta(days=days), header_from=domain, policy_domain=domain
    )
    load_evaluations(engine, [one], places=PLACES, folder=folder)


def test_each_kind_is_forgotten_at_its_own_age(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, aggregate(day=50), failure(arrival_date=NOW - timedelta(days=50)), tls(), raws=[b"r"])
    _evaluation(engine, tmp_path, "e1", "example.com", days=50)
    whole = _rows(engine)
    forget(engine, FOREVER, NOW, tmp_path)
    assert _rows(engine) == whole
    forget(engine, Retention(), NOW, tmp_path)
    assert set(whole) - set(_rows(engine)) == {"evaluations"}
    forget(engine, Retention(failures=40), NOW, tmp_path)
    assert set(whole) - set(_rows(engine)) == {"evaluations", "failures"}
    assert _rows(engine)["reports"] == 2  # that of the failure went with it
    forget(engine, Retention(records=40), NOW, tmp_path)
    assert "records" not in _rows(engine)
    assert "domain_rollups" in _rows(engine)
    later = NOW + timedelta(days=500)
    forget(engine, Retention(records=40, rollups=100, tls=100), later, tmp_path)
    assert _rows(engine) == {}


def test_sums_stay_when_records_go(engine: Engine, tmp_path: Path) -> None:
    for number in range(6):
        store(
            engine,
            tmp_path,
            aggregate(
                record(count=number + 1),
                record("198.51.100.1", 10, dkim=None, spf=None, disposition="reject"),
                record(count=5, header_from="news.example.com"),
                report_id=str(number),
                day=100 + number % 2,
            ),
        )
    store(engine, tmp_path, aggregate(record(count=7), report_id="young"))
    sums = ", ".join(f"sum({name})" for name in COUNTERS)
    by_day = f"SELECT day, domain, org_domain, header_from, reporter, {sums} FROM domain_rollups GROUP BY day, domain, org_domain, header_from, reporter ORDER BY day, header_from"  # noqa: S608, E501
    before = engine.query(by_day)
    rows = count(engine, "SELECT count(*) FROM domain_rollups")
    for _ in range(2):
        forget(engine, Retention(records=40), NOW, tmp_path)
        assert engine.query(by_day) == before
        assert count(engine, "SELECT sum(count) FROM records") == 7
    assert count(engine, "SELECT count(*) FROM domain_rollups") == (5 if engine.is_atomic else rows)
    late = aggregate(record(count=1000), report_id="late", day=100)
    assert store(engine, tmp_path, late) == [LoadOutcome.STORED]
    forget(engine, Retention(records=40), NOW, tmp_path)
    assert count(engine, f"SELECT {SUM} FROM domain_rollups") == sum(range(1, 7)) + 6 * 15 + 7 + 1000  # noqa: S608


def test_report_whose_records_are_gone_is_a_duplicate_when_it_comes_again(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, aggregate(day=100))
    forget(engine, Retention(records=40), NOW, tmp_path)
    assert store(engine, tmp_path, aggregate(day=100)) == [LoadOutcome.DUPLICATE]


@pytest.mark.parametrize(
    ("purged", "gone", "left"),
    [
        ("example.com", ["example.com", "news.example.com", "a.b.example.com"], ["badexample.com", "example.com.net"]),
        ("Example.COM.", ["example.com"], ["xample.com", "example.co", "com"]),
        ("a_b.example", ["a_b.example"], ["axb.example", "a%b.example"]),
        ("例え.jp", ["例え.jp", "x.例え.jp"], ["悪例え.jp", "xn--r8jz45g.jp"]),
    ],
)
def test_purge_leaves_no_trace_and_touches_nobody_else(
    engine: Engine, tmp_path: Path, purged: str, gone: list[str], left: list[str]
) -> None:
    reports: list[Report | Arrival] = []
    raws = []
    for domain in gone + left:
        content = f"<feedback>{domain}</feedback>".encode()
        report = aggregate(record(header_from=domain), domain=domain, report_id="1")
        conflict = aggregate(record(header_from=domain, count=9), domain=domain, report_id="1")
        reports += [arrival(report, raw=digest_of(content)), conflict]
        reports += [failure(reported_domain=domain, header_from=domain)]
        raws += [content]
        _evaluation(engine, tmp_path, domain, domain)
    store(engine, tmp_path, *reports, raws=raws)
    kept = {name: number * len(left) // (len(gone) + len(left)) for name, number in _rows(engine).items()}
    assert purge(engine, purged) == 2 * len(gone)
    assert _rows(engine) == kept
    for table in TABLES:
        texts = [
            name
            for name, kind in table.columns.items()
            if kind in (ColumnKind.TEXT, ColumnKind.WORD) and name != "dkim"
        ]
        for row in engine.query(f"SELECT {', '.join(texts)} FROM {table.name}"):  # noqa: S608
            for value in row:
                assert all(value != domain and f'"{domain}"' not in str(value) for domain in gone)
    assert {domain for (domain,) in engine.query("SELECT domain FROM reports")} == set(left)
    assert purge(engine, purged) == 0


def test_purge_of_a_name_goes_into_reports_of_the_domain_above_it(engine: Engine, tmp_path: Path) -> None:
    content = b"both"
    both = aggregate(record(header_from="news.example.com", count=3), record(count=4))
    store(engine, tmp_path, arrival(both, raw=digest_of(content)), raws=[content])
    assert purge(engine, "news.example.com") == 0
    assert engine.query("SELECT header_from, count FROM records") == [("example.com", 4)]
    assert count(engine, f"SELECT {SUM} FROM domain_rollups") == 4  # noqa: S608
    assert count(engine, "SELECT count(*) FROM raw") == 0
    assert count(engine, "SELECT messages FROM reports") == 7


def test_stats_of_an_empty_store(engine: Engine) -> None:
    found = stats(engine)
    assert (found.messages, found.first_day, found.last_day) == (0, "", "")
    assert set(found.rows) == {table.name for table in TABLES}


def test_stats_count_what_counts(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, aggregate(record(count=3)), arrival(aggregate(report_id="2"), carrier="forged"), tls())
    found = stats(engine)
    assert (found.messages, found.rows["reports"], found.first_day) == (3, 3, "2026-11-19")
    assert found.octets > 0
