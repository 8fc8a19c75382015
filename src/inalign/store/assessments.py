"""Judgements that are kept: written a domain at a time and as a whole, so that whoever reads finds the old one or the
new one. Rows of one judgement have its generation; the row of the domain, written last, says which one counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from inalign.store.engine.interface import Engine, Parameter, typed, whole
from inalign.store.load.rows import encode
from inalign.store.schema.tables import ASSESSED_SLOTS, ASSESSED_SOURCES, ASSESSMENTS, OF_AN_ASSESSMENT

LEFT_OVER_SECONDS = 3_600
"""How old rows are that belong to no judgement before they are deleted, where they are not at once: somebody may still
be writing what they belong to, or reading it."""
AT_ONCE = 500
OF_NOW = "generation IN (SELECT generation FROM assessments WHERE host = :host)"
"""The rows of judgements that count."""


class AssessmentRows(NamedTuple):
    """A judgement as rows: lines of JSON but for what only the writer knows, host and generation."""

    domain: str
    first: Mapping[str, object]
    """The row of the domain itself, by column."""
    sources: list[dict[str, object]]
    slots: list[dict[str, object]]


class CachedAssessment(Struct, frozen=True):
    """What is kept of a domain, as far as it says whether it still holds."""

    domain: str
    generation: int
    assessed_at: int
    seconds: float
    """How long the assessment took."""
    overrides_revision: int
    """How many times the classes of its sources had been set by hand."""
    input_revision: str
    """The versions of all else that it was made from."""


def cached_assessments(engine: Engine, host: str) -> dict[str, CachedAssessment]:
    """What there is, by domain. Raises `StoreError`."""
    names = ", ".join(CachedAssessment.__struct_fields__)
    rows = engine.query(f"SELECT {names} FROM assessments WHERE host = :host", {"host": host})
    return {each.domain: each for each in typed(rows, CachedAssessment)}


def names_seen(engine: Engine, host: str) -> dict[str, str]:
    """Of the reverse names of the addresses of each domain, a word that changes with them."""
    sql = (
        "SELECT s.domain AS domain, count(*) AS names, max(n.asked_at) AS newest FROM (SELECT domain, source_ip "
        f"FROM assessed_sources WHERE host = :host AND {OF_NOW}) AS s "
        "JOIN (SELECT source_ip, asked_at FROM names WHERE name <> '') AS n ON n.source_ip = s.source_ip "
        "GROUP BY s.domain"
    )
    return {
        str(domain): names_word(whole(names), whole(newest))
        for domain, names, newest in engine.query(sql, {"host": host})
    }


def names_word(names: int, newest: int) -> str:
    """Of how many names there are, and when the newest was looked up."""
    return f"{names}-{newest}" if names else ""


def keep(engine: Engine, host: str, rows: AssessmentRows, folder: Path | None) -> None:
    """Put a judgement in the place of the one that was there. Raises `StoreError`, `OSError`; then the old one is there
    as it was.
    """
    generation = time.time_ns()
    mine: dict[str, object] = {"host": host, "domain": rows.domain, "generation": generation}
    with tempfile.TemporaryDirectory(dir=folder, prefix="judged-") as name:
        files = {}
        for table, lines in (
            (ASSESSED_SOURCES, rows.sources),
            (ASSESSED_SLOTS, rows.slots),
            (ASSESSMENTS, [rows.first]),
        ):
            files[table.name] = Path(name) / f"{table.name}.ndjson"
            with files[table.name].open("wb") as file:
                for line in lines:
                    file.write(encode(mine | dict(line)) + b"\n")
        with engine.change() as change:
            for table in (ASSESSED_SOURCES, ASSESSED_SLOTS, ASSESSMENTS):
                change.insert(table, [files[table.name]])
            if engine.is_atomic:
                old: dict[str, Parameter] = {"host": host, "domain": rows.domain, "mine": generation}
                for table in (ASSESSED_SOURCES, ASSESSED_SLOTS):
                    change.delete(table, "host = :host AND domain = :domain AND generation <> :mine", old)


def remove(engine: Engine, host: str, domains: Iterable[str]) -> None:
    """Of domains that are not judged any more. Raises `StoreError`."""
    left = iter(domains)
    while some := list(islice(left, AT_ONCE)):
        values: dict[str, Parameter] = {f"d{place}": domain for place, domain in enumerate(some)}
        condition = f"host = :host AND domain IN ({', '.join(f':{each}' for each in values)})"
        with engine.change() as change:
            for table in OF_AN_ASSESSMENT:
                change.delete(table, condition, values | {"host": host})


def sweep(engine: Engine, now: float) -> None:
    """Delete what belongs to no judgement, where that is not done at once. Raises `StoreError`."""
    if engine.is_atomic:
        return
    old: dict[str, Parameter] = {"oldest": int((now - LEFT_OVER_SECONDS) * 1_000_000_000)}
    # Asked first: a deletion may see rows of domains that newer ones have replaced.
    left_over = "generation < :oldest AND generation NOT IN (SELECT generation FROM assessments)"
    for table in (ASSESSED_SOURCES, ASSESSED_SLOTS):
        found = engine.query(f"SELECT DISTINCT generation FROM {table.name} WHERE {left_over}", old)
        numbers = iter([whole(generation) for (generation,) in found])
        while some := list(islice(numbers, AT_ONCE)):
            with engine.change() as change:
                change.delete(table, f"generation IN ({', '.join(f'{each:d}' for each in some)})")
