"""Questions at scale: how long each view takes over generated records, warm, for 90 days of a domain and over all.

    python bench/questions.py [--records 10000000] [--folder /tmp/inalign-questions] [--keep] [--view NAME]

Reports of two years, 40 reporters, 200 domains, addresses with a long tail; the rows go through the engine as NDJSON.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from inalign.store.engine.duckdb import DuckDbEngine
from inalign.store.engine.interface import count
from inalign.store.load.monthly import sum_months
from inalign.store.queries import VIEWS
from inalign.store.queries.filters import Filters
from inalign.store.schema.tables import COUNTERS, RECORDS, REPORTS, ROLLUPS, ColumnKind

DAYS = 730
WRITTEN_DAYS = 73
"""That go through the engine as NDJSON; the later ones are copies with other keys, made by the database."""
FIRST = date(2024, 11, 20)
REPORTERS = [f"reporter{number}.example" for number in range(40)]
DOMAINS = [f"domain{number}.example" for number in range(200)]
PER_REPORT = 25
BATCH = 400_000
BUDGET_SPAN_MS, BUDGET_ALL_MS = 50, 300
encode = msgspec.json.Encoder().encode


def addresses(chance: random.Random) -> list[tuple[str, str, str, str, int, str]]:
    """Address, key, network, country, AS and its name."""
    found = []
    for _ in range(50_000):
        a, b, c, d = chance.randrange(1, 200), chance.randrange(256), chance.randrange(256), chance.randrange(256)
        asn = 1000 + (a * 256 + b) % 4000
        country = chance.choice(["US", "JP", "DE", "BR", "CN"])
        found.append(
            (f"{a}.{b}.{c}.{d}", f"4{a:02x}{b:02x}{c:02x}{d:02x}", f"{a}.{b}.{c}.0/24", country, asn, f"NET-{asn}")
        )
    return found


def fill(engine: DuckDbEngine, folder: Path, records: int) -> None:
    """Write and load, day by day as reports come."""
    chance = random.Random(7)
    pool = addresses(chance)
    usual = {domain: [pool[int(chance.paretovariate(0.7)) % len(pool)] for _ in range(60)] for domain in DOMAINS}
    a_day = max(records // DAYS, 1)
    written = 0
    files = {table.name: (folder / f"{table.name}.ndjson").open("wb") for table in (RECORDS, ROLLUPS, REPORTS)}
    number = 0
    for offset in range(WRITTEN_DAYS):
        day = FIRST + timedelta(offset)
        begin = int(datetime.combine(day, datetime.min.time(), UTC).timestamp())
        for _ in range(a_day // PER_REPORT):
            number += 1
            # A few domains have most of the mail.
            domain = DOMAINS[min(int(chance.paretovariate(0.6)) - 1, 199)]
            _report(files, chance, number, day, begin, domain, pool, usual[domain])
            written += PER_REPORT
        if written >= BATCH or offset == WRITTEN_DAYS - 1:
            for file in files.values():
                file.flush()
            with engine.change() as change:
                for table in (RECORDS, ROLLUPS, REPORTS):
                    change.insert(table, [folder / f"{table.name}.ndjson"])
            for file in files.values():
                file.seek(0)
                file.truncate()
            written = 0
    for file in files.values():
        file.close()


def repeat(engine: DuckDbEngine) -> None:
    """The days that were written, again and again up to today."""
    times = ("slot", "begin_at", "end_at", "received_at")
    for round_ in range(1, DAYS // WRITTEN_DAYS):
        for table in (RECORDS, ROLLUPS, REPORTS):
            named = ", ".join(
                f"concat('{round_}x', report_key) AS report_key" if name == "report_key" else
                f"CAST(day + {round_ * WRITTEN_DAYS} AS DATE) AS day" if name == "day" else
                f"{name} + {round_ * WRITTEN_DAYS * 86_400} AS {name}" if name in times else
                f'"{name}"'
                for name in table.columns
            )  # fmt: skip
            limit = f"day < CAST('{FIRST + timedelta(WRITTEN_DAYS)}' AS DATE)"
            rows = f"SELECT {named} FROM {table.name} WHERE {limit} ORDER BY day"  # noqa: S608 - names of ours
            engine.query(f"INSERT INTO {table.name} BY NAME {rows}")


def _report(files, chance, number, day, begin, domain, pool, usual) -> None:  # type: ignore[no-untyped-def] # noqa: PLR0917
    key, reporter = f"{number:032x}", chance.choice(REPORTERS)
    shared = {
        "report_key": key, "domain": domain, "org_domain": domain, "day": day.isoformat(), "slot": begin + 43_200,
        "reporter": reporter,
    }  # fmt: skip
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(COUNTERS))
    lines = []
    for row in range(PER_REPORT):
        ip, source_key, network, country, asn, name = (
            chance.choice(usual) if chance.random() < 0.9 else chance.choice(pool)
        )
        number_of, dkim, spf = int(chance.paretovariate(0.8)) % 10_000 + 1, chance.random() < 0.8, chance.random() < 0.7
        place = chance.choice((0, 0, 0, 1, 2))
        header = domain if chance.random() < 0.8 else f"s{chance.randrange(9)}.{domain}"
        sums[header][(0 if dkim and spf else 3 if dkim else 6 if spf else 9) + place] += number_of
        lines.append(
            shared
            | {
                "row": row, "begin_at": begin, "end_at": begin + 86_399, "is_rfc9990": False, "source_ip": ip,
                "source_key": source_key, "network": network, "country": country, "asn": asn, "as_name": name,
                "count": number_of, "disposition": ("none", "quarantine", "reject")[place],
                "dkim_aligned": "pass" if dkim else "fail", "spf_aligned": "pass" if spf else "fail",
                "dmarc": "pass" if dkim or spf else "fail", "header_from": header, "envelope_from": domain,
                "envelope_to": "", "dkim": encode([[domain, "s1", "pass" if dkim else "fail"]]).decode(),
                "spf": encode([[domain, "mfrom", "pass" if spf else "fail"]]).decode(),
                "reasons": '[["local_policy","arc=pass"]]' if chance.random() < 0.05 else "[]",
            }
        )  # fmt: skip
    files["records"].writelines(encode(line) + b"\n" for line in lines)
    for header, each in sums.items():
        counters = dict(zip(COUNTERS, each, strict=True))
        line = (
            shared
            | {
                "header_from": header,
            }
            | counters
        )
        files["domain_rollups"].write(encode(line) + b"\n")
    total = [sum(column) for column in zip(*sums.values(), strict=True)]
    text = {name: "" for name, kind in REPORTS.columns.items() if kind in (ColumnKind.TEXT, ColumnKind.WORD)}
    files["reports"].write(
        encode(
            text
            | shared
            | {
                "kind": "aggregate", "report_id": key, "begin_at": begin, "end_at": begin + 86_399, "p": "none",
                "received_at": begin + 100_000, "stored_at": begin + 100_000, "is_rfc9990": False, "pct": 100,
                "records": PER_REPORT, "messages": sum(total), "passed": sum(total[:9]), "none": sum(total[::3]),
                "quarantine": sum(total[1::3]), "reject": sum(total[2::3]), "flaws": "[]", "flaw_count": 0,
                "is_counted": True,
            }
        )
        + b"\n"
    )  # fmt: skip


def measure(engine: DuckDbEngine, name: str, filters: Filters, runs: int) -> float:
    """Median milliseconds, after one that warms."""
    VIEWS[name].ask(engine, filters)
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        VIEWS[name].ask(engine, filters)
        taken.append(1000 * (time.perf_counter() - start))
    return sorted(taken)[len(taken) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/inalign-questions"))  # noqa: S108
    parser.add_argument("--keep", action="store_true", help="Leave the store, to be asked again.")
    parser.add_argument("--view", choices=list(VIEWS))
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    engine = DuckDbEngine(arguments.folder / "store.duckdb")
    engine.migrate()
    if not count(engine, "SELECT count(*) FROM records"):
        start = time.perf_counter()
        fill(engine, arguments.folder, arguments.records)
        repeat(engine)
        print(f"filled in {time.perf_counter() - start:.0f} s")
    start = time.perf_counter()
    if months := sum_months(engine, FIRST + timedelta(DAYS)):
        print(f"{months} months summed in {time.perf_counter() - start:.1f} s")
    ((key,),) = engine.query("SELECT report_key FROM reports LIMIT 1")
    rows = count(engine, "SELECT count(*) FROM records")
    print(f"{rows:,} records, {engine.size() / 1e6:,.0f} MB")
    span = Filters(domain="domain3.example", since=FIRST + timedelta(DAYS - 90), limit=100)
    print("| question | 90 days of a domain, ms | all, ms |\n| --- | --- | --- |")
    for name, view in VIEWS.items():
        if arguments.view not in (None, name):
            continue
        by_key = "domain" not in view.filters
        narrow = Filters(key=str(key)) if by_key else span
        wide = Filters(key=str(key)) if by_key else Filters(limit=100)
        figures = [measure(engine, name, filters, arguments.runs) for filters in (narrow, wide)]
        over = " over" if figures[0] > BUDGET_SPAN_MS or figures[1] > BUDGET_ALL_MS else ""
        print(f"| {name} | {figures[0]:.0f} | {figures[1]:.0f} |{over}", flush=True)
    engine.close()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if not arguments.keep:
        shutil.rmtree(arguments.folder)


if __name__ == "__main__":
    main()
