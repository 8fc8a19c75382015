"""Pages at scale: how long each takes over HTTP, from a store of generated records.

    python bench/pages.py [--records 10000000] [--folder /tmp/inalign-questions] [--keep] [--runs 5] [--judge 20]

The records are those of questions.py, and a store that it left with --keep is taken as it is. The application of the
pages answers on loopback, in this process; each page is asked for as a browser asks for it, one after the other.
Before, the first domains are judged, as in the background: 0 for none, -1 for all, which takes long.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import shutil
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from inalign.assessment.views import all_views
from inalign.settings.config import Config
from inalign.settings.store import StoreSettings
from inalign.settings.tables import Settings
from inalign.spool.deliveries import Spool
from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import count
from inalign.store.load.monthly import sum_months
from inalign.store.queries.filters import Filters
from inalign.store.queries.view import View
from inalign.store.state.control import Control
from inalign.web.app import WebOptions, make_app
from inalign.web.server import WebServer
from inalign.wiring.assessment import make_assessment_cache
from questions import DAYS, DOMAINS, FIRST, fill, repeat

BUDGET_MS = 100
END = FIRST + timedelta(DAYS)
"""The day on which the pages are looked at."""
EVER = f"since={FIRST}"
DOMAIN, LARGEST = DOMAINS[3], DOMAINS[0]


class Taken(NamedTuple):
    """Milliseconds of a page."""

    status: int
    octets: int
    middle: float
    worst: float
    processor: float
    """Of this process, its threads together: what a machine that is busy with other work does not change."""


def addresses(engine: DuckDbEngine) -> Mapping[str, str]:
    """Pages, and what they are asked for: the last 30 days, where nothing else is said."""
    ((key,),) = engine.query("SELECT report_key FROM reports LIMIT 1")
    ((source,),) = engine.query("SELECT max(source_ip) FROM records WHERE domain = :domain", {"domain": DOMAIN})
    return {
        "domains": "/domains",
        "domains, two years": f"/domains?{EVER}",
        "a domain": f"/domain?domain={DOMAIN}",
        "a domain, two years": f"/domain?domain={DOMAIN}&{EVER}",
        "the largest domain": f"/domain?domain={LARGEST}",
        "senders": "/sources",
        "senders of a domain": f"/sources?domain={DOMAIN}",
        "one source": f"/source?domain={DOMAIN}&source={source}",
        "subdomains": "/subdomains",
        "reporters": "/reporters",
        "reporters, two years": f"/reporters?{EVER}",
        "reports": "/reports",
        "reports of a domain, two years": f"/reports?domain={DOMAIN}&{EVER}",
        "one report": f"/report?key={key}",
        "failures": "/failures",
        "TLS": "/tls",
        "milter": "/milter",
        "intake": "/intake",
        "incidents": "/incidents",
    }


@contextmanager
def served(engine: DuckDbEngine, control: Control, folder: Path, views: Mapping[str, View]) -> Iterator[int]:
    """The pages, on a port of loopback."""
    now = datetime(END.year, END.month, END.day, 12, tzinfo=UTC).timestamp()
    app = make_app(
        engine,
        views,
        control,
        Spool(folder / "spool"),
        WebOptions(),
        clock=lambda: now,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = WebServer(app, [listener])
    thread = threading.Thread(target=lambda: asyncio.run(server.run()))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.end()
        thread.join(20)
        listener.close()


def measure(port: int, path: str, runs: int) -> Taken:
    """Ask for a page, once to warm, then so often."""
    _get(port, path)
    asked = [_get(port, path) for _ in range(runs)]
    times = [each.middle for each in asked]
    return asked[-1]._replace(
        middle=statistics.median(times),
        worst=max(times),
        processor=statistics.median([each.processor for each in asked]),
    )


def _get(port: int, path: str) -> Taken:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    start, cpu = time.perf_counter(), time.process_time()
    connection.request("GET", path, headers={"Accept-Language": "en"})
    answer = connection.getresponse()
    octets = len(answer.read())
    taken, processor = 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - cpu)
    connection.close()
    return Taken(answer.status, octets, taken, taken, processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/inalign-questions"))  # noqa: S108
    parser.add_argument("--keep", action="store_true", help="Leave the store, to be asked again.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--judge", type=int, default=20)
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    engine = DuckDbEngine(arguments.folder / "store.duckdb")
    engine.migrate()
    if not count(engine, "SELECT count(*) FROM records"):
        fill(engine, arguments.folder, arguments.records)
        repeat(engine)
    sum_months(engine, END)
    control = Control(arguments.folder / "control.sqlite")
    settings = Settings(store=StoreSettings(folder=str(arguments.folder)))
    judging = make_assessment_cache(Config(settings), engine, control, offline=True)
    views = all_views(lambda _: judging)
    start = time.perf_counter()
    for domain in DOMAINS if arguments.judge < 0 else reversed(DOMAINS[: arguments.judge]):
        views["plan"].ask(engine, Filters(domain=domain))
    judged = count(engine, "SELECT count(*) FROM assessments")
    print(f"{judged} domains judged, of {len(DOMAINS)}, {time.perf_counter() - start:.0f} s")
    records = count(engine, "SELECT count(*) FROM records")
    print(f"{records:,} records, {engine.size() / 1e6:,.0f} MB\n")
    print("| page | median ms | worst ms | processor ms | kB | |\n| --- | --- | --- | --- | --- | --- |")
    tended = replace(judging, has_background_refresh=True)  # as in the report process: no page waits for a judgement
    with served(engine, control, arguments.folder, all_views(lambda _: tended)) as port:
        for name, path in addresses(engine).items():
            found = measure(port, path, arguments.runs)
            note = f"status {found.status}" if found.status != http.HTTPStatus.OK else ""
            note = note or ("over" if found.middle > BUDGET_MS else "")
            figures = f"{found.middle:.0f} | {found.worst:.0f} | {found.processor:.0f} | {found.octets / 1000:.0f}"
            print(f"| {name} | {figures} | {note} |", flush=True)
    control.close()
    engine.close()
    if not arguments.keep:
        shutil.rmtree(arguments.folder)


if __name__ == "__main__":
    main()
