"""Records of judged messages, from the spool into the store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path

import msgspec
from msgspec import Struct

from inalign.spool.evaluation_record import EvaluationRecord, decode
from inalign.spool.evaluations import Segment, take_closed
from inalign.store.engine.interface import Engine
from inalign.store.load.geoip import Places
from inalign.store.schema.tables import EVALUATIONS, slot_of

SUFFIX = ".rows"
"""Not that of segments, whatever the folder is."""
_encode = msgspec.json.Encoder().encode

BATCH = 5000
"""Records of a transaction: some megabytes in memory."""
MOST_HELD = 200
"""Segments that wait for one; each is an open file."""


class StoredEvaluation(Struct, frozen=True, gc=False):
    """A row of `evaluations`."""

    id: str
    day: date
    slot: int
    seen_at: int
    host: str
    queue_id: str
    source_ip: str
    source_key: str
    network: str
    country: str
    asn: int
    as_name: str
    domain: str
    org_domain: str
    header_from: str
    envelope_from: str
    helo: str
    spf: str
    dkim: str
    arc: str
    dmarc: str
    dmarc_reason: str
    policy: str
    applied_policy: str
    disposition: str
    dkim_aligned: str
    spf_aligned: str
    action: str
    rule: str
    octets: int
    total_ms: float
    held_ms: float
    details: str


@dataclass(slots=True)
class LoadedEvaluations:
    """What was put into the store."""

    segments: int = 0
    records: int = 0
    """Those that had been taken before are counted again."""
    torn: int = 0
    """Lines that were not written whole."""


def make_row(record: EvaluationRecord, places: Places) -> StoredEvaluation:
    """The row of a record."""
    place = places.find(record.source_ip or None)
    domain = record.policy_domain or record.header_from
    seen_at = record.seen_at.astimezone(UTC)
    return StoredEvaluation(
        record.id,
        seen_at.date(),
        slot_of(int(seen_at.timestamp())),
        int(seen_at.timestamp()),
        record.host,
        record.queue_id,
        record.source_ip,
        place.source_key,
        place.network,
        place.country,
        place.asn,
        place.as_name,
        domain,
        record.organizational_domain or domain,
        record.header_from,
        record.envelope_from,
        record.helo,
        _json([(each.domain, each.scope, each.result) for each in record.spf]),
        _json([(each.domain, each.selector, each.result) for each in record.dkim]),
        record.arc,
        record.dmarc,
        record.dmarc_reason,
        record.policy,
        record.applied_policy,
        record.disposition,
        "pass" if record.dkim_aligned else "fail",
        "pass" if record.spf_aligned else "fail",
        record.action,
        record.rule,
        record.octets,
        record.total_us / 1000,
        record.held_us / 1000,
        _json(record),
    )


def _json(value: object) -> str:
    return _encode(value).decode()


def load_evaluations(engine: Engine, records: Iterable[EvaluationRecord], *, places: Places, folder: Path) -> None:
    """Store a batch, each record once however often it comes; `folder` is for files in between. Raises `StoreError`."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix="evaluations-", suffix=SUFFIX) as file:
        file.writelines(_encode(make_row(record, places)) + b"\n" for record in records)
        file.flush()
        with engine.change() as change:
            change.insert(EVALUATIONS, [Path(file.name)])


def read_evaluations(segment: Segment) -> Iterator[EvaluationRecord]:
    """The records of a segment, each with its `id`; what is none is counted in `segment.torn`."""
    for name, line in segment.lines():
        try:
            record = decode(line)
        except msgspec.DecodeError:
            segment.torn += 1
        else:
            yield msgspec.structs.replace(record, id=name)


def take_evaluations(
    folder: Path, load: Callable[[Sequence[EvaluationRecord]], object], *, batch: int = BATCH
) -> LoadedEvaluations:
    """Put what waits in the folder into the store; a segment is removed when `load` has stored all of its records.

    `load` must keep one record of those with the same `id`: a segment that it stored in part, or that could not be
    removed, is taken again. What it raises ends the taking, and loses nothing. Raises `OSError`.
    """
    taken = LoadedEvaluations()
    waiting: list[EvaluationRecord] = []
    whole: list[Segment] = []  # all of whose records wait, or are stored

    def commit() -> None:
        if waiting:
            load(waiting)
            taken.records += len(waiting)
            waiting.clear()
        for segment in whole:
            segment.remove()
            segment.close()
            taken.segments += 1
            taken.torn += segment.torn
        whole.clear()

    with ExitStack() as stack:
        for segment in take_closed(folder):
            stack.enter_context(segment)
            for record in read_evaluations(segment):
                waiting.append(record)
                if len(waiting) >= batch:
                    commit()
            whole.append(segment)
            if len(whole) >= MOST_HELD:
                commit()
        commit()
    return taken
