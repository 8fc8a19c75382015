"""Many reports into the store at once: each is stored, a duplicate, a conflict, or kept without counting.

The key of a report is reporter, domain, id and span. The first one counts. The same content again is a duplicate;
another content under the same key is kept in `conflicts`, shown and not counted. A forged report has a row in
`reports`, and no others; one that is not forged takes its place.
"""

from __future__ import annotations

import base64
import contextlib
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from inalign.store.engine.interface import Engine, Parameter, StoreError, count, in_list
from inalign.store.load.monthly import outdate
from inalign.store.load.rows import ReportRows, encode
from inalign.store.schema.tables import CONFLICTS, OF_A_REPORT, RAW

KEYS_A_QUERY = 1_000


class LoadOutcome(StrEnum):
    """What became of a report."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    FORGED = "forged"
    """Stored, shown, not counted."""


class Arrival(NamedTuple):
    """A report that was read, and what is known of the way it came."""

    rows: ReportRows
    source: str
    received: datetime
    raw_digest: str
    carrier: str
    carrier_reason: str
    carrier_detail: str

    @property
    def counts(self) -> bool:
        return self.carrier != "forged"


class Raw(NamedTuple):
    """What was delivered, for keeping."""

    digest: str
    name: str
    source: str
    received: datetime
    octets: int
    form: str
    """Form of `content`: `plain` or `deflate`."""
    content: bytes
    """The octets in that form, as base64."""


def load(
    engine: Engine, arrivals: Sequence[Arrival], raws: Iterable[Raw], *, now: datetime, folder: Path
) -> list[LoadOutcome]:
    """Store a batch; what became of each, in order. `folder` is for files in between. Raises `StoreError`, and then
    nothing is stored (on ClickHouse: nothing that storing again would not put right)."""
    outcomes, fresh, conflicts, replaced = _sort(arrivals, _known(engine, [each.rows.key for each in arrivals]))
    with tempfile.TemporaryDirectory(dir=folder, prefix="batch-") as name, _Files(Path(name)) as files:
        files.write("raw", map(_raw_line, raws))
        files.write("conflicts", [_conflict_line(arrival) for arrival in conflicts])
        for arrival in fresh:
            _write(files, arrival, now)
        with engine.change() as change:
            for old in OF_A_REPORT if replaced else ():
                change.delete(old, f"report_key IN ({in_list(replaced)})")
            for each in (RAW, CONFLICTS, *OF_A_REPORT):
                change.insert(each, files.of(each.name))
            outdate(engine, change, [str(arrival.rows.row["day"]) for arrival in fresh if arrival.counts])
    return outcomes


def exchange(engine: Engine, arrival: Arrival, *, now: datetime, folder: Path) -> None:
    """Let a content of `conflicts` count in place of the one that came first, which becomes a conflict.

    `arrival` is read again from its raw delivery. May be repeated after an interruption. Raises `StoreError`, also
    where the sums of the old content stand in those of a whole day and cannot be taken out again.
    """
    key: dict[str, Parameter] = {"key": arrival.rows.key}
    names = tuple(CONFLICTS.columns)
    sql = f"SELECT {', '.join(names)} FROM reports WHERE report_key = :key AND content_digest <> :digest"
    before = engine.query(sql, key | {"digest": arrival.rows.digest})
    of_it = "FROM reports WHERE report_key = :key AND kind = 'aggregate' AND is_counted AND records > 0"
    has_sums = "SELECT count(*) FROM domain_rollups WHERE report_key = :key"
    if count(engine, f"SELECT count(*) {of_it}", key) and not count(engine, has_sums, key):
        raise StoreError(f"report {arrival.rows.key}: it is too old to be exchanged; its day is summed up")
    days = [str(arrival.rows.row["day"])]
    days += [str(day) for (day,) in engine.query("SELECT DISTINCT day FROM records WHERE report_key = :key", key)]
    with tempfile.TemporaryDirectory(dir=folder, prefix="exchange-") as name, _Files(Path(name)) as files:
        files.write("conflicts", [encode(dict(zip(names, row, strict=True))) for row in before])
        _write(files, arrival, now)
        with engine.change() as change:
            change.insert(CONFLICTS, files.of("conflicts"))
            outdate(engine, change, days)
            for table in OF_A_REPORT:
                change.delete(table, "report_key = :key", key)
                change.insert(table, files.of(table.name))
            change.delete(
                CONFLICTS, "report_key = :key AND content_digest = :digest", key | {"digest": arrival.rows.digest}
            )


def _write(files: _Files, arrival: Arrival, now: datetime) -> None:
    """The rows of a report; one that does not count has none but its own."""
    if arrival.counts:
        for table, (lines, head) in arrival.rows.tables.items():
            files.write(table, lines.with_head(head))
    files.write("reports", [_report_line(arrival, now)])


def _known(engine: Engine, keys: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """Content and whether it counts, of the keys that are in the store."""
    known: dict[str, tuple[str, bool]] = {}
    left = iter(dict.fromkeys(keys))
    while some := list(islice(left, KEYS_A_QUERY)):
        sql = f"SELECT report_key, content_digest, is_counted FROM reports WHERE report_key IN ({in_list(some)})"
        known |= {str(key): (str(digest), bool(counts)) for key, digest, counts in engine.query(sql)}
    return known


def _sort(
    arrivals: Sequence[Arrival], known: dict[str, tuple[str, bool]]
) -> tuple[list[LoadOutcome], list[Arrival], list[Arrival], list[str]]:
    """What becomes of each; those to store, those to keep as conflicts, and keys of forged ones that make way."""
    outcomes: list[LoadOutcome] = []
    fresh: dict[str, Arrival] = {}
    conflicts: list[Arrival] = []
    replaced: list[str] = []
    for arrival in arrivals:
        key, digest = arrival.rows.key, arrival.rows.digest
        before = known.get(key)
        if before is not None and (before[1] or not arrival.counts):
            is_same = before[0] == digest
            outcomes.append(LoadOutcome.DUPLICATE if is_same else LoadOutcome.CONFLICT)
            if not is_same:
                conflicts.append(arrival)
            continue
        if before is not None:
            if key in fresh:
                conflicts.append(fresh[key])
            else:
                replaced.append(key)
        fresh[key] = arrival
        known[key] = (digest, arrival.counts)
        outcomes.append(LoadOutcome.STORED if arrival.counts else LoadOutcome.FORGED)
    return outcomes, list(fresh.values()), conflicts, replaced


def _report_line(arrival: Arrival, now: datetime) -> bytes:
    rows = arrival.rows
    return encode(
        rows.row
        | {
            "report_key": rows.key,
            "content_digest": rows.digest,
            "raw_digest": arrival.raw_digest,
            "source": arrival.source,
            "received_at": int(arrival.received.timestamp()),
            "stored_at": int(now.timestamp()),
            "carrier": arrival.carrier,
            "carrier_reason": arrival.carrier_reason,
            "carrier_detail": arrival.carrier_detail,
            "is_counted": arrival.counts,
        }
    )


def _conflict_line(arrival: Arrival) -> bytes:
    rows = arrival.rows
    return encode(
        {
            "report_key": rows.key,
            "content_digest": rows.digest,
            "raw_digest": arrival.raw_digest,
            "reporter": rows.row["reporter"],
            "domain": rows.row["domain"],
            "report_id": rows.row["report_id"],
            "received_at": int(arrival.received.timestamp()),
            "messages": rows.row["messages"],
            "source": arrival.source,
            "carrier": arrival.carrier,
            "carrier_reason": arrival.carrier_reason,
        }
    )


def _raw_line(raw: Raw) -> bytes:
    return encode(
        {
            "raw_digest": raw.digest,
            "name": raw.name,
            "source": raw.source,
            "received_at": int(raw.received.timestamp()),
            "octets": raw.octets,
            "form": raw.form,
            "content": raw.content.decode("ascii"),
        }
    )


def raw_content(form: str, content: str) -> bytes:
    """What was delivered, from its columns in `raw`."""
    octets = base64.b64decode(content)
    return zlib.decompress(octets) if form == "deflate" else octets


class _Files:
    """One file of lines a table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: defaultdict[str, IO[bytes] | None] = defaultdict(lambda: None)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, table: str, lines: Iterable[bytes]) -> None:
        """Append lines, with or without their ends."""
        file = self._open[table]
        for line in lines:
            if file is None:
                file = self._stack.enter_context((self._folder / f"{table}.ndjson").open("wb"))
                self._open[table] = file
            file.write(line if line.endswith(b"\n") else line + b"\n")

    def of(self, table: str) -> list[Path]:
        """The file of a table, if it has lines; complete on the disk's cache."""
        file = self._open[table]
        if file is None:
            return []
        file.flush()
        return [Path(file.name)]
