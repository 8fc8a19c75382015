"""Reports of others."""

from __future__ import annotations

import re
from unittest import mock

import msgspec

from inalign.reports import aggregate_read
from inalign.reports.aggregate_read import AggregateReader, read_aggregate
from inalign.reports.flaw import FlawCode, RefusalCode
from inalign.reports.report import AggregateReport, Refusal


def carefully(data: bytes) -> AggregateReport | Refusal:
    """Read without remembering any shape."""
    with mock.patch.object(aggregate_read, "_plan_of", return_value=None):
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
