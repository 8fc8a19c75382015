"""The made-up documents are such as reporters send."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import pytest

from inalign.reports.read import read_reports
from inalign.reports.report import AggregateReport
from inalign.sample.documents import SampleDocument, documents
from inalign.sample.stories import DAYS, stories, surroundings

TODAY = date(2026, 11, 24)


@cache
def of_today() -> tuple[SampleDocument, ...]:
    """Return the documents of TODAY; they take a second to make."""
    return tuple(documents(TODAY))


def test_the_same_day_makes_the_same_documents() -> None:
    assert of_today() == tuple(documents(TODAY))


@pytest.mark.long
def test_another_day_moves_the_same_mail() -> None:
    counts = []
    for today in (TODAY, TODAY + timedelta(days=7)):  # the same days of the week
        last = [each for each in documents(today) if each.name.endswith(".zip")][-1]
        found = read_reports(last.content).reports
        counts.append(sum(row.count for each in found if isinstance(each, AggregateReport) for row in each.records))
    assert counts[0] == counts[1] > 0


def test_all_are_read_without_flaws_but_the_damaged_one() -> None:
    refused, flawed, kinds = [], [], set()
    domains = set()
    for each in of_today():
        found = read_reports(each.content, each.name or None)
        refused += [each.name] * bool(found.refused)
        flawed += [each.name for report in found.reports if report.flaws]
        kinds |= {report.kind for report in found.reports}
        domains |= {report.domain for report in found.reports if isinstance(report, AggregateReport)}
    assert refused == ["example.net!aozora-shop.example!damaged.xml.gz"]
    assert not flawed
    assert kinds == {"aggregate", "failure", "tls"}
    assert domains == {domain.name for domain in stories().domain}


def test_each_reporter_has_all_days_but_the_silent_one() -> None:
    sent: dict[str, int] = {}
    for each in of_today():
        if each.name.endswith(".zip"):
            reporter = each.name.partition("!")[0]
            sent[reporter] = sent.get(reporter, 0) + 1
    assert sent.pop("mimecast.org") == DAYS - 21
    assert set(sent.values()) == {DAYS}


def test_every_name_is_made_up_or_a_service() -> None:
    known = surroundings()
    for domain in stories().domain:
        assert domain.name.endswith(".example")
        assert known.answers[f"_dmarc.{domain.name}"] == {"TXT": [domain.record(1)]}
    assert set(known.reputation.values()) == {"listed", "dynamic"}
