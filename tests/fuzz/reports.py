"""Reports of others."""

from __future__ import annotations

import re
from unittest import mock

import msgspec

from inalign.reports.aggregate import read
from inalign.reports.aggregate.read import AggregateReader, read_aggregate
from inalign.reports.failure.plain import read_plain_failure
from inalign.reports.failure.read import read_feedback
from inalign.reports.flaw import FlawCode, RefusalCode
from inalign.reports.report import AbuseReport, AggregateReport, FailureReport, Refusal, TlsReport
from inalign.reports.tls.read import read_tls_reports


def carefully(data: bytes) -> AggregateReport | Refusal:
    """Read without remembering any shape."""
    with mock.patch.object(read, "_plan_of", return_value=None):
        return read_aggregate(data)


def aggregate(data: bytes) -> None:
    """A report or a refusal, the same by both ways and in any portions, of texts that can be stored anywhere."""
    found = read_aggregate(data)
    assert carefully(data) == found
    reader = AggregateReader()
    for start in range(0, len(data), 97):
        reader.feed(data[start : start + 97])
    assert reader.close() == found
    text = msgspec.json.encode(found).decode("utf-8")
    assert not re.search(r"\\u0000|\\ud[89a-f]", text.replace(r"\\", ""))
    if isinstance(found, Refusal):
        assert found.code in set(RefusalCode)
        return
    assert {flaw.code for flaw in found.flaws} <= set(FlawCode)
    assert all(len(flaw.detail) <= 200 for flaw in found.flaws)
    assert found.record_count == len(found.records)
    assert found.messages == sum(record.count for record in found.records)
    assert all(record.count >= 0 for record in found.records)


def feedback(data: bytes, sample: bytes | None) -> None:
    """A report or a refusal, of texts that can be stored anywhere; also where the same octets are a text."""
    text = data.decode("latin-1")
    found = read_feedback(data, sample, reporter="a@example.net", text=text, received_subject=text)
    _can_be_stored(found)
    _can_be_stored(read_plain_failure(text, reporter="a@example.net", sample=sample))


def feedback_report(data: bytes) -> None:
    """A feedback part and, behind an empty line and two hyphens, the reported message."""
    part, _, sample = data.partition(b"\n\n--\n")
    feedback(part, sample or None)


def tls(data: bytes) -> None:
    """Reports, a refusal or nothing."""
    found = read_tls_reports(data)
    _can_be_stored(found)
    if isinstance(found, tuple):
        assert found
        assert all(policy.failed >= 0 <= policy.successful for report in found for policy in report.policies)


def _can_be_stored(found: object) -> None:
    text = msgspec.json.encode(found).decode("utf-8")
    assert not re.search(r"\\u0000|\\ud[89a-f]", text.replace(r"\\", ""))
    for one in found if isinstance(found, tuple) else (found,):
        if isinstance(one, Refusal):
            assert one.code in set(RefusalCode)
            assert len(one.detail) <= 200
        elif isinstance(one, FailureReport | AbuseReport | TlsReport):
            assert {flaw.code for flaw in one.flaws} <= set(FlawCode)
            assert all(len(flaw.detail) <= 200 for flaw in one.flaws)
