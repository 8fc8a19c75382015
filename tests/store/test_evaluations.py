"""Records on their way into the store: all of them, each once, whatever fails meanwhile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from inalign.store import evaluations
from inalign.store.evaluation import ArcSet, DkimCheck, Evaluation, SpfCheck, Step, encode
from inalign.store.evaluations import EvaluationRow, make_row, read_evaluations, take_evaluations, write_rows
from inalign.store.segments import Segment, SegmentLimits, SegmentWriter, take_closed

RECORD = Evaluation(
    seen_at=datetime(2026, 11, 24, 23, 59, 59, 999_999, tzinfo=UTC),
    host="mx1",
    queue_id="4XyZ",
    source_ip="192.0.2.7",
    envelope_from="bounce.example.org",
    author_domains=("a.example.org",),
    from_fields=1,
    spf=(SpfCheck("mfrom", "pass", "matched", "bounce.example.org"),),
    dkim=(DkimCheck("fail", "expired"),),
    arc="pass",
    arc_sets=(ArcSet("list.example"),),
    dmarc="fail",
    header_from="a.example.org",
    organizational_domain="example.org",
    policy_domain="example.org",
    policy="quarantine",
    policy_record="v=DMARC1; p=reject; sp=quarantine; aspf=s; fo=1:d; rua=mailto:d@example.org",
    action="accept",
    rule="observe",
    instead_of=(Step("quarantine", "dmarc_quarantine"),),
)


class Store:
    """Keeps one of those with the same id; fails when it is told to."""

    def __init__(self) -> None:
        self.rows: dict[str, Evaluation] = {}
        self.fails_at: int | None = None
        self.batches: list[int] = []

    def load(self, records: Sequence[Evaluation]) -> None:
        if len(self.batches) == self.fails_at:
            self.fails_at = None
            raise OSError("the store is down")
        self.batches.append(len(records))
        self.rows |= {record.id: record for record in records}

    @property
    def names(self) -> list[str]:
        return sorted(record.queue_id for record in self.rows.values())


def write(folder: Path, number: int, *, segment_octets: int = 3000) -> list[str]:
    writer = SegmentWriter(folder, SegmentLimits(segment_octets=segment_octets))
    names = [f"Q{each:04d}" for each in range(number)]
    for name in names:
        assert writer.append(encode(msgspec.structs.replace(RECORD, queue_id=name)))
    writer.close()
    return names


def test_what_waits_is_stored_and_gone(tmp_path: Path) -> None:
    names = write(tmp_path, 50)
    store = Store()
    taken = take_evaluations(tmp_path, store.load, batch=7)
    assert store.names == names
    assert (taken.records, taken.torn) == (50, 0)
    assert taken.segments > 5
    assert list(tmp_path.iterdir()) == []
    assert max(store.batches) == 7


@pytest.mark.parametrize("fails_at", range(8))
def test_a_store_that_fails_loses_nothing_and_doubles_nothing(tmp_path: Path, fails_at: int) -> None:
    names = write(tmp_path, 50)
    store = Store()
    store.fails_at = fails_at
    with pytest.raises(OSError, match="down"):
        take_evaluations(tmp_path, store.load, batch=7)
    take_evaluations(tmp_path, store.load, batch=7)
    assert store.names == names
    assert list(tmp_path.iterdir()) == []


def test_a_segment_that_cannot_be_removed_is_taken_again_and_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = write(tmp_path, 20)
    store = Store()
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "remove", _refuse)
        with pytest.raises(PermissionError):
            take_evaluations(tmp_path, store.load)
    assert take_evaluations(tmp_path, store.load).records == 20
    assert store.names == names


def _refuse(segment: object) -> None:
    raise PermissionError


def test_a_batch_holds_no_more_files_than_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluations, "MOST_HELD", 3)
    names = write(tmp_path, 20, segment_octets=1)
    store = Store()
    take_evaluations(tmp_path, store.load)
    assert store.batches == [3] * 6 + [2]
    assert store.names == names


def test_a_segment_that_is_written_is_left_alone(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(encode(RECORD))
    store = Store()
    assert take_evaluations(tmp_path, store.load).segments == 0
    writer.close()
    assert take_evaluations(tmp_path, store.load).segments == 1


def test_torn_and_strange_lines_are_counted(tmp_path: Path) -> None:
    whole = encode(RECORD)
    strange = b'{"seen_at":1}\n' + b"{}\n" + b'{"x":"\xff"}\n'
    (tmp_path / "1.ndjson").write_bytes(whole + strange + whole + whole[:-9])
    store = Store()
    taken = take_evaluations(tmp_path, store.load)
    assert (taken.records, taken.torn) == (2, 4)
    assert sorted(store.rows) == ["1-0", f"1-{len(whole) + len(strange)}"]


def test_a_line_of_another_version_is_read(tmp_path: Path) -> None:
    old = b'{"seen_at":"2026-11-24T12:00:00Z","host":"mx1","dmarc":"pass"}\n'
    new = b'{"seen_at":"2026-11-24T12:00:00Z","host":"mx1","dmarc":"pass","news":[1]}\n'
    (tmp_path / "1.ndjson").write_bytes(old + new)
    with next(take_closed(tmp_path)) as segment:
        assert [record.dmarc for record in read_evaluations(segment)] == ["pass", "pass"]


def test_a_row_has_what_is_asked_by() -> None:
    row = make_row(RECORD)
    assert (row.day, row.domain, row.org_domain) == (date(2026, 11, 24), "example.org", "example.org")
    assert (row.p, row.sp, row.np, row.adkim, row.aspf, row.fo) == ("reject", "quarantine", "", "r", "s", "1:d")


def test_without_a_policy_the_domain_is_the_author() -> None:
    row = make_row(Evaluation(seen_at=RECORD.seen_at, host="mx1", header_from="a.example.org"))
    assert (row.domain, row.org_domain, row.p, row.adkim) == ("a.example.org", "a.example.org", "", "")


def test_a_row_names_every_column_and_reads_back_as_its_record(tmp_path: Path) -> None:
    write_rows([RECORD, RECORD], tmp_path / "rows")
    octets, again = (tmp_path / "rows").read_bytes().splitlines()
    assert octets == again
    columns = json.loads(octets)
    assert set(columns) == set(EvaluationRow.__struct_fields__)
    assert all(value is not None for value in columns.values())
    assert columns["dkim"] == [{"result": "fail", "reason": "expired", "domain": "", "selector": "", "algorithm": ""}]
    assert msgspec.json.decode(octets, type=Evaluation) == RECORD
