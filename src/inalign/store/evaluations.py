"""Records of judged messages, from the spool into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from inalign.dmarc.record import RecordError, parse_dmarc_record
from inalign.store.evaluation import Evaluation, decode
from inalign.store.segments import Segment, take_closed

BATCH = 5000
"""Records of a transaction: some megabytes in memory."""
MOST_HELD = 200
"""Segments that wait for one; each is an open file."""


class EvaluationRow(Evaluation, frozen=True, omit_defaults=False):
    """A record with what is asked by, and with the tags of its DMARC record."""

    day: date = date.min
    """Of `seen_at`, in UTC."""
    domain: str = ""
    """The policy domain; where there is no policy, the author domain."""
    org_domain: str = ""
    p: str = ""
    """As in force; `sp` and `np` as written."""
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    fo: str = ""


class _Tags(NamedTuple):
    p: str = ""
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    fo: str = ""


@dataclass(slots=True)
class Taken:
    """What was put into the store."""

    segments: int = 0
    records: int = 0
    """Those that had been taken before are counted again."""
    torn: int = 0
    """Lines that were not written whole."""


def make_row(record: Evaluation) -> EvaluationRow:
    """The row of a record."""
    domain = record.policy_domain or record.header_from
    more = (
        record.seen_at.astimezone(UTC).date(),
        domain,
        record.organizational_domain or domain,
        *_tags(record.policy_record),
    )
    return EvaluationRow(*(*msgspec.structs.astuple(record), *more))


@lru_cache(maxsize=4096)
def _tags(text: str) -> _Tags:
    """The policy as published (RFC 9990 section 3.1.1.5), defaults of alignment filled in."""
    try:
        record = parse_dmarc_record(text)
    except RecordError:
        return _Tags()
    return _Tags(
        record.domain_policy or "", record.sp or "", record.np or "", record.adkim, record.aspf, ":".join(record.fo)
    )


def write_rows(records: Iterable[Evaluation], file: Path) -> None:
    """The rows of these records, one JSON object a line, as both engines take them."""
    encode_row = msgspec.json.Encoder().encode
    with file.open("wb") as lines:
        for record in records:
            lines.write(encode_row(make_row(record)) + b"\n")


def read_evaluations(segment: Segment) -> Iterator[Evaluation]:
    """The records of a segment, each with its `id`; what is none is counted in `segment.torn`."""
    for name, line in segment.lines():
        try:
            record = decode(line)
        except msgspec.DecodeError:
            segment.torn += 1
        else:
            yield msgspec.structs.replace(record, id=name)


def take_evaluations(folder: Path, load: Callable[[Sequence[Evaluation]], object], *, batch: int = BATCH) -> Taken:
    """Put what waits in the folder into the store; a segment is removed when `load` has stored all of its records.

    `load` must keep one record of those with the same `id`: a segment that it stored in part, or that could not be
    removed, is taken again. What it raises ends the taking, and loses nothing. Raises `OSError`.
    """
    taken = Taken()
    waiting: list[Evaluation] = []
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
