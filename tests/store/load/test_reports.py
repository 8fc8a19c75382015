"""A batch of reports into either engine: once each, sums the same everywhere."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inalign.reports.report import AggregateRecord, OverrideReason
from inalign.store.engine.interface import Engine, count
from inalign.store.load.reports import Arrival, LoadOutcome, raw_content
from inalign.store.schema.tables import COUNTERS
from tests.store.material import aggregate, arrival, digest_of, failure, record, store, tls

SUMS = " + ".join(COUNTERS)


def test_report_is_there_with_its_records_and_sums(engine: Engine, tmp_path: Path) -> None:
    report = aggregate(
        record("192.0.2.1", 5),
        record(
            "2001:db8::1", 7, dkim=False, disposition="quarantine", reasons=(OverrideReason("mailing_list", "=1+1"),)
        ),
        record(None, 2, dkim=None, spf=None, disposition=""),
    )
    assert store(engine, tmp_path, report) == [LoadOutcome.STORED]
    assert engine.query(
        "SELECT reporter, domain, records, messages, passed, none, quarantine, reject, is_counted FROM reports"
    ) == [("reporter.example", "example.com", 3, 14, 5, 7, 7, 0, True)]
    assert engine.query("SELECT source_ip, network, count, dmarc, dkim, reasons FROM records ORDER BY count") == [
        ("", "", 2, "", '[["example.com","s1","fail"]]', "[]"),
        ("192.0.2.1", "192.0.2.0/24", 5, "pass", '[["example.com","s1","pass"]]', "[]"),
        ("2001:db8::1", "2001:db8::/64", 7, "fail", '[["example.com","s1","fail"]]', '[["mailing_list","=1+1"]]'),
    ]
    assert count(engine, f"SELECT sum({SUMS}) FROM domain_rollups") == 14  # noqa: S608
    assert engine.query("SELECT DISTINCT day FROM records") == engine.query("SELECT day FROM reports")


def test_same_content_again_is_a_duplicate_in_a_batch_and_later(engine: Engine, tmp_path: Path) -> None:
    assert store(engine, tmp_path, aggregate(), aggregate()) == [LoadOutcome.STORED, LoadOutcome.DUPLICATE]
    assert store(engine, tmp_path, aggregate()) == [LoadOutcome.DUPLICATE]
    assert count(engine, "SELECT sum(count) FROM records") == 1


def test_other_content_under_the_same_key_is_kept_and_not_counted(engine: Engine, tmp_path: Path) -> None:
    assert store(engine, tmp_path, aggregate(record(count=3))) == [LoadOutcome.STORED]
    other = aggregate(record(count=500))
    assert store(engine, tmp_path, other, other) == [LoadOutcome.CONFLICT, LoadOutcome.CONFLICT]
    assert count(engine, "SELECT sum(count) FROM records") == 3
    assert engine.query("SELECT DISTINCT messages FROM conflicts") == [(500,)]


def test_same_id_of_another_reporter_or_span_is_another_report(engine: Engine, tmp_path: Path) -> None:
    others = [aggregate(), aggregate(org="other.example"), aggregate(day=1), aggregate(domain="sub.example.com")]
    assert set(store(engine, tmp_path, *others)) == {LoadOutcome.STORED}


def test_forged_report_is_shown_and_never_counted(engine: Engine, tmp_path: Path) -> None:
    assert store(engine, tmp_path, arrival(aggregate(record(count=900)), carrier="forged")) == [LoadOutcome.FORGED]
    assert engine.query("SELECT messages, is_counted, carrier FROM reports") == [(900, False, "forged")]
    assert count(engine, "SELECT count(*) FROM records") == 0
    assert count(engine, "SELECT count(*) FROM domain_rollups") == 0


@pytest.mark.parametrize("together", [True, False])
def test_true_report_takes_the_place_of_a_forged_one(engine: Engine, tmp_path: Path, together: bool) -> None:
    def forged() -> Arrival:
        return arrival(aggregate(record(count=900)), carrier="forged")

    true = arrival(aggregate(record(count=2)))
    if together:
        outcomes = store(engine, tmp_path, forged(), true)
    else:
        outcomes = [*store(engine, tmp_path, forged()), *store(engine, tmp_path, true)]
    assert outcomes == [LoadOutcome.FORGED, LoadOutcome.STORED]
    assert engine.query("SELECT messages, is_counted FROM reports") == [(2, True)]
    assert store(engine, tmp_path, forged()) == [LoadOutcome.CONFLICT]


def test_failure_and_tls_reports(engine: Engine, tmp_path: Path) -> None:
    assert store(engine, tmp_path, failure(), failure(), failure(subject="x"), tls(), tls()) == [
        LoadOutcome.STORED, LoadOutcome.DUPLICATE, LoadOutcome.STORED, LoadOutcome.STORED, LoadOutcome.DUPLICATE,
    ]  # fmt: skip
    assert engine.query("SELECT domain, source_ip, auth_failure, subject FROM failures ORDER BY subject") == [
        ("example.com", "192.0.2.9", "dmarc", "x"),
        ("example.com", "192.0.2.9", "dmarc", "こんにちは"),
    ]
    assert engine.query("SELECT domain, policy_type, successful, failed FROM tls_policies") == [
        ("example.com", "sts", 97, 3)
    ]
    assert engine.query("SELECT result_type, sessions, sending_ip FROM tls_failures") == [
        ("certificate-expired", 3, "192.0.2.7")
    ]


def test_raw_delivery_is_kept_once_and_comes_back(engine: Engine, tmp_path: Path) -> None:
    contents = [b"<feedback>" * 100, os.urandom(1000)]
    store(engine, tmp_path, raws=contents)
    store(engine, tmp_path, raws=contents)
    rows = {
        digest: raw_content(str(form), str(content))
        for digest, form, content in engine.query("SELECT raw_digest, form, content FROM raw")
    }
    assert count(engine, "SELECT count(*) FROM raw") == 2
    assert rows == {digest_of(content): content for content in contents}


def test_report_of_many_records_goes_through_a_file(engine: Engine, tmp_path: Path) -> None:
    report = aggregate(*[record(f"10.{n >> 8 & 255}.{n & 255}.1", n) for n in range(5000)])
    store(engine, tmp_path, report)
    assert count(engine, "SELECT sum(count) FROM records") == sum(range(5000))
    assert count(engine, "SELECT count(DISTINCT source_ip) FROM records") == 5000


texts = st.text(st.characters(codec="utf-8"), max_size=12)
records = st.builds(
    AggregateRecord,
    source_ip=st.none() | st.ip_addresses().map(str),
    count=st.integers(0, 1 << 40),
    disposition=st.sampled_from(["none", "pass", "quarantine", "reject", ""]),
    dkim_aligned=st.none() | st.booleans(),
    spf_aligned=st.none() | st.booleans(),
    header_from=texts,
    envelope_from=st.none() | texts,
    envelope_to=st.none() | texts,
    reasons=st.lists(st.builds(OverrideReason, texts, texts), max_size=2).map(tuple),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(each=st.lists(st.lists(records, min_size=1, max_size=5), min_size=1, max_size=3))
def test_sums_are_the_same_in_reports_rows_and_rollups(
    engine: Engine, tmp_path: Path, each: list[list[AggregateRecord]]
) -> None:
    salt = uuid.uuid4().hex  # the same store for all examples
    reports = [
        aggregate(*some, report_id=f"{salt}/{number}", domain=f"d{salt}.example") for number, some in enumerate(each)
    ]
    assert set(store(engine, tmp_path, *reports)) == {LoadOutcome.STORED}
    of_this = {"domain": f"d{salt}.example"}
    expected = sum(one.count for some in each for one in some)
    for sums in ("sum(messages) FROM reports", "sum(count) FROM records", f"sum({SUMS}) FROM domain_rollups"):
        assert count(engine, f"SELECT {sums} WHERE domain = :domain", of_this) == expected
    passed = sum(one.count for some in each for one in some if one.dkim_aligned or one.spf_aligned)
    assert (
        count(engine, "SELECT coalesce(sum(count), 0) FROM records WHERE domain = :domain AND dmarc = 'pass'", of_this)
        == passed
    )
    assert count(engine, "SELECT sum(passed) FROM reports WHERE domain = :domain", of_this) == passed
    found = engine.query("SELECT header_from, envelope_from FROM records WHERE domain = :domain", of_this)
    assert sorted(found) == sorted((one.header_from, one.envelope_from or "") for some in each for one in some)
