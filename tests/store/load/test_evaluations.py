"""Records on their way into the store: all of them, each once, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from inalign.spool.evaluation_record import (
    ArcSetRecord,
    DecisionStep,
    DkimCheck,
    EvaluationRecord,
    SpfCheck,
    decode,
    encode,
)
from inalign.spool.evaluations import Segment, SegmentLimits, SegmentWriter, take_closed
from inalign.store.engine.interface import Engine
from inalign.store.load import evaluations
from inalign.store.load.evaluations import StoredEvaluation, load_evaluations, read_evaluations, take_evaluations
from inalign.store.maintenance import purge
from inalign.store.schema.tables import EVALUATIONS
from tests.store.material import PLACES

RECORD = EvaluationRecord(
    seen_at=datetime(2026, 11, 24, 23, 59, 59, 999_999, tzinfo=UTC),
    host="mx1",
    queue_id="4XyZ",
    source_ip="192.0.2.7",
    envelope_from="bounce.example.org",
    author_domains=("a.example.org",),
    from_fields=1,
    spf=(SpfCheck("mfrom", "pass", "matched", "bounce.example.org"),),
    dkim=(DkimCheck("fail", "expired", "example.org", "s1"),),
    arc="pass",
    arc_sets=(ArcSetRecord("list.example"),),
    dmarc="fail",
    header_from="a.example.org",
    organizational_domain="example.org",
    policy_domain="example.org",
    policy="quarantine",
    policy_record="v=DMARC1; p=reject; sp=quarantine; aspf=s; fo=1:d; rua=mailto:d@example.org",
    action="accept",
    rule="observe",
    total_us=1500,
    instead_of=(DecisionStep("quarantine", "dmarc_quarantine"),),
)


class Store:
    """Keeps one of those with the same id; fails when it is told to."""

    def __init__(self) -> None:
        self.rows: dict[str, EvaluationRecord] = {}
        self.fails_at: int | None = None
        self.batches: list[int] = []

    def load(self, records: Sequence[EvaluationRecord]) -> None:
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


def stored(engine: Engine, folder: Path, *records: EvaluationRecord) -> None:
    load_evaluations(engine, records, places=PLACES, folder=folder)


def test_a_row_has_the_form_of_report_records(engine: Engine, tmp_path: Path) -> None:
    stored(engine, tmp_path, msgspec.structs.replace(RECORD, id="1-0"))
    sql = "SELECT day, seen_at, source_ip, network, domain, org_domain, header_from, envelope_from FROM evaluations"
    assert engine.query(sql) == [
        (
            date(2026, 11, 24), int(RECORD.seen_at.timestamp()), "192.0.2.7", "192.0.2.0/24",
            "example.org", "example.org", "a.example.org", "bounce.example.org",
        )
    ]  # fmt: skip
    sql = "SELECT spf, dkim, dkim_aligned, spf_aligned, action, rule, total_ms FROM evaluations"
    assert engine.query(sql) == [
        (
            '[["bounce.example.org","mfrom","pass"]]', '[["example.org","s1","fail"]]',
            "fail", "fail", "accept", "observe", 1.5,
        )
    ]  # fmt: skip


def test_a_record_is_read_back_whole(engine: Engine, tmp_path: Path) -> None:
    records = [msgspec.structs.replace(RECORD, id=f"1-{number}", helo="caf\u00e9 'x' \\") for number in range(3)]
    stored(engine, tmp_path, *records)
    found = engine.query("SELECT details FROM evaluations ORDER BY id")
    assert [decode(str(details).encode()) for (details,) in found] == records


def test_taking_twice_stores_once(engine: Engine, tmp_path: Path) -> None:
    names = write(tmp_path, 20)
    before = [(path, path.read_bytes()) for path in tmp_path.glob("*.ndjson")]

    def load(records: Sequence[EvaluationRecord]) -> None:
        stored(engine, tmp_path, *records)

    take_evaluations(tmp_path, load, batch=7)
    for path, octets in before:
        path.write_bytes(octets)
    assert take_evaluations(tmp_path, load, batch=11).records == 20
    assert engine.query("SELECT queue_id FROM evaluations ORDER BY queue_id") == [(name,) for name in names]


def test_without_a_policy_the_domain_is_the_author(engine: Engine, tmp_path: Path) -> None:
    stored(engine, tmp_path, EvaluationRecord(seen_at=RECORD.seen_at, host="mx1", header_from="a.example.org"))
    sql = "SELECT domain, org_domain, source_key, country FROM evaluations"
    assert engine.query(sql) == [("a.example.org", "a.example.org", "", "")]


def test_rows_name_every_column() -> None:
    assert tuple(EVALUATIONS.columns) == StoredEvaluation.__struct_fields__


def test_a_domain_that_is_purged_leaves_no_evaluation(engine: Engine, tmp_path: Path) -> None:
    stored(engine, tmp_path, msgspec.structs.replace(RECORD, id="1-0"))
    purge(engine, "example.org")
    assert engine.query("SELECT id FROM evaluations") == []
