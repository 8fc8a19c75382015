"""python bench/standing.py FOLDER [--judge]

Kept judgements at scale: FOLDER has a store as `bench/questions.py --keep` leaves it. With --judge all its domains are
judged first, and it is told what that took; then the questions that read what is kept are timed, warm.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from inalign.assessment.assess import AssessmentCache, Assessor
from inalign.assessment.cache import assess_rows, at_present, refresh
from inalign.assessment.views import all_views
from inalign.insight.directory import own_directory
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import count
from inalign.store.queries.filters import Filters
from inalign.store.schema.tables import OF_AN_ASSESSMENT
from inalign.store.state.control import Control


def judge_all(judging: AssessmentCache) -> None:
    """As the report process does it, but at once and in this process."""
    records = count(judging.engine, "SELECT count(*) FROM records")
    present = at_present(judging)
    begun, used, slowest = time.perf_counter(), time.process_time(), (0.0, "")
    for domain in present.families:
        started = time.process_time()
        refresh(judging, present, domain, partial(assess_rows, judging.assessor))
        slowest = max(slowest, (time.process_time() - started, domain))
    used = time.process_time() - used
    print(
        f"{len(present.families)} domains, {records} records judged in {time.perf_counter() - begun:.0f} s, "
        f"CPU {used:.0f} s, {100_000 * used / max(records, 1):.2f} s per 100,000 records; "
        f"the slowest {slowest[1]}, CPU {slowest[0]:.1f} s"
    )


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--judge", action="store_true")
    given = parser.parse_args()
    engine = DuckDbEngine(given.folder / "store.duckdb")
    engine.migrate()
    judging = AssessmentCache(
        engine, Assessor(Control(given.folder / "control.sqlite"), own_directory()), folder=given.folder
    )
    if given.judge:
        judge_all(judging)
    sizes = {table.name: count(engine, f"SELECT count(*) FROM {table.name}") for table in OF_AN_ASSESSMENT}  # noqa: S608
    print(", ".join(f"{name} {number}" for name, number in sizes.items()))
    ((top, last),) = engine.query("SELECT domain, max(day) FROM records GROUP BY domain ORDER BY count(*) DESC LIMIT 1")
    span = {"since": (last if isinstance(last, date) else date.today()) - timedelta(days=90)}  # noqa: DTZ011
    views = all_views(lambda _: replace(judging, has_background_refresh=True))
    questions: list[tuple[str, dict[str, object]]] = [
        ("overview", {}),
        ("overview", span | {"zone": "Asia/Tokyo"}),
        ("classes", {}),
        ("classes", {"domain": top}),
        ("classes", span | {"domain": top, "zone": "America/New_York"}),
        ("sources", {"limit": 100}),
        ("sources", {"domain": top, "limit": 100}),
        ("sources", {"domain": top, "source_class": "spoof", "limit": 100}),
        ("plan", {}),
        ("plan", {"domain": top}),
    ]
    for name, filters in questions:
        times, rows = [], 0
        for _ in range(6):
            begun = time.perf_counter()
            rows = len(views[name].ask(engine, Filters(**filters)).rows)  # type: ignore[arg-type]  # of the table above
            times.append(1_000 * (time.perf_counter() - begun))
        asked = " ".join(f"{key}={value}" for key, value in filters.items())
        print(f"{name:9} {asked:60} {rows:5} rows {min(times[1:]):7.1f} ms")
    began = time.perf_counter()
    at_present(judging)
    print(f"a look at what is stale: {1_000 * (time.perf_counter() - began):.0f} ms")
    engine.close()


if __name__ == "__main__":
    main()
