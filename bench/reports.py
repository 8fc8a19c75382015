"""Reports in: how fast they are parsed, how fast files and mails become stored rows, and what that takes of memory.

    python bench/reports.py [--peer /tmp/parsedmarc/bin/python] [--runs 3] [--quick]

Writes build/bench/reports.jsonl and the figures of docs/benchmarks.md. The peer is parsedmarc in an environment of its
own (`bench/README.md`); it parses a tenth of the corpus only, whose reports have the same mixture of sizes.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import json
import math
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from processes import Peak, launch

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: python bench/reports.py -->\n", "<!-- end of report figures -->\n"
REPORTS, MEDIAN, SIGMA, MOST = 2_000, 5, 2.45, 20_000
MAILS = 2_000
MAIL_RECORDS = 5
HUGE_OCTETS = 200_000_000
BEGINNING = 1_780_272_000
"""2026-06-01."""
BUDGETS = {
    "parse": (60_000, 3_000),
    "huge": (25_000, None),
    "files": (40_000, None),
    "mails": (None, 1_000),
}
"""Records and reports a second of design; of the huge report, 8 s for 200 MB."""

PARSE = """
import json, resource, sys, time
from pathlib import Path
from inalign.reports.read import read_pieces
number = 0
def sink(records):
    global number
    number += len(records)
paths = sorted(Path(sys.argv[1]).iterdir())
def pieces(path):
    with path.open("rb") as file:
        while piece := file.read(1 << 16):
            yield piece
begun = time.perf_counter()
for path in paths:
    read_pieces(pieces(path), None, lambda: sink)
took = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"records": number, "reports": len(paths), "seconds": took, "mb": peak}))
"""
PEER_PARSE = """
import json, logging, resource, sys, time
from pathlib import Path
logging.disable(logging.CRITICAL)
import parsedmarc
number = 0
paths = sorted(Path(sys.argv[1]).iterdir())
begun = time.perf_counter()
for path in paths:
    found = parsedmarc.parse_report_file(str(path), offline=True, always_use_local_files=True)
    number += len(found["report"]["records"])
took = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"records": number, "reports": len(paths), "seconds": took, "mb": peak}))
"""


class Run(NamedTuple):
    """One measurement."""

    records: int
    reports: int
    seconds: float
    mb: float


class Case(NamedTuple):
    """Something that is measured."""

    name: str
    title: str
    who: str
    measure: Callable[[], Run]


# The corpus


def addresses(chance: random.Random) -> list[str]:
    """A sixth of them IPv6."""
    found = []
    for _ in range(20_000):
        if chance.random() < 1 / 6:
            found.append(f"2001:db8:{chance.randrange(65_536):x}::{chance.randrange(1, 65_536):x}")
        else:
            octets = (chance.randrange(1, 224), chance.randrange(256), chance.randrange(256), chance.randrange(1, 255))
            found.append(".".join(map(str, octets)))
    return found


def report(chance: random.Random, number: int, records: int, pool: list[str]) -> bytes:
    """A report in the form that large receivers send, a day and a domain later each."""
    domain, begin = f"brand{number % 40}.example", BEGINNING + number // 80 * 86_400
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<feedback>\n  <version>1.0</version>\n  <report_metadata>\n'
        f"    <org_name>Reporter {number % 10}</org_name>\n    <email>dmarc@reporter{number % 10}.example</email>\n"
        f"    <report_id>{chance.getrandbits(60)}</report_id>\n    <date_range>\n      <begin>{begin}</begin>\n"
        f"      <end>{begin + 86_399}</end>\n    </date_range>\n  </report_metadata>\n  <policy_published>\n"
        f"    <domain>{domain}</domain>\n    <adkim>r</adkim>\n    <aspf>r</aspf>\n"
        f"    <p>{chance.choice(('none', 'quarantine', 'reject'))}</p>\n    <sp>reject</sp>\n    <pct>100</pct>\n"
        "  </policy_published>\n"
    ]
    parts += [_record(chance, domain, pool) for _ in range(records)]
    return "".join([*parts, "</feedback>\n"]).encode()


def _record(chance: random.Random, domain: str, pool: list[str]) -> str:
    author = chance.choice(("", "", "", "mail.", "news.")) + domain
    sender = f"sender{chance.randrange(12)}.example"
    dkim = chance.choices(("pass", "fail", "neutral", "permerror"), (88, 8, 2, 2))[0]
    spf = chance.choices(("pass", "softfail", "fail", "none"), (80, 8, 7, 5))[0]
    disposition = chance.choices(("none", "quarantine", "reject"), (90, 6, 4))[0]
    is_own = chance.random() < 0.5
    signatures = _signature(domain, f"s{chance.randrange(4)}", dkim)
    if chance.random() < 1 / 3:
        signatures += _signature(sender, "k1", "pass")
    reason = (
        "        <reason>\n          <type>forwarded</type>\n          <comment></comment>\n        </reason>\n"
        if chance.random() < 0.04
        else ""
    )
    return (
        f"  <record>\n    <row>\n      <source_ip>{pool[int(len(pool) * chance.random() ** 3)]}</source_ip>\n"
        f"      <count>{max(1, int(math.exp(chance.gauss(0.7, 1.6))))}</count>\n      <policy_evaluated>\n"
        f"        <disposition>{disposition}</disposition>\n"
        f"        <dkim>{'pass' if dkim == 'pass' else 'fail'}</dkim>\n"
        f"        <spf>{'pass' if spf == 'pass' and is_own else 'fail'}</spf>\n{reason}      </policy_evaluated>\n"
        f"    </row>\n    <identifiers>\n      <header_from>{author}</header_from>\n    </identifiers>\n"
        f"    <auth_results>\n{signatures}      <spf>\n        <domain>{author if is_own else sender}</domain>\n"
        f"        <scope>mfrom</scope>\n        <result>{spf}</result>\n      </spf>\n    </auth_results>\n  </record>\n"
    )


def _signature(domain: str, selector: str, result: str) -> str:
    return (
        f"      <dkim>\n        <domain>{domain}</domain>\n        <selector>{selector}</selector>\n"
        f"        <result>{result}</result>\n      </dkim>\n"
    )


def mail(number: int, data: bytes) -> bytes:
    """As a reporter sends it."""
    text = base64.encodebytes(data).decode()
    return (
        f"From: dmarc@reporter{number % 10}.example\r\nTo: reports@brand.example\r\nSubject: Report {number}\r\n"
        f"Date: Tue, 02 Jun 2026 00:10:00 +0000\r\nMessage-ID: <{number}@reporter.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA report.\r\n'
        f'--b\r\nContent-Type: application/gzip; name="r{number}.xml.gz"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    ).encode() + f"{text}\n--b--\n".replace("\n", "\r\n").encode()


def make(folder: Path, *, scale: float) -> int:
    """Files of reports, mails, a tenth of both for the peer, and one huge report; returns the records of the files."""
    chance = random.Random(1)
    pool = addresses(chance)
    for name in ("files", "files-tenth", "mails", "mails-tenth", "huge"):
        (folder / name).mkdir(parents=True)
    normal, reports = statistics.NormalDist(), int(REPORTS * scale)
    sizes = [
        min(MOST, max(1, round(MEDIAN * math.exp(SIGMA * normal.inv_cdf((place + 0.5) / reports)))))
        for place in range(reports)
    ]
    tenth = set(range(5, reports, 10))  # of the sizes in their order, so of all sizes
    for number, size in enumerate(sizes):
        data = report(chance, number, size, pool)
        packed = gzip.compress(data, mtime=0) if number % 5 < 3 else _zipped(data)
        for name in ("files", *(["files-tenth"] if number in tenth else [])):
            (folder / name / f"{number}{'.xml.gz' if number % 5 < 3 else '.zip'}").write_bytes(packed)
    for number in range(int(MAILS * scale)):
        data = mail(number, gzip.compress(report(chance, 100_000 + number, MAIL_RECORDS, pool), mtime=0))
        for name in ("mails", *(["mails-tenth"] if number % 10 == 5 else [])):
            (folder / name / f"{number}.eml").write_bytes(data)
    sample = len(report(random.Random(7), 0, 2_000, pool)) / 2_000
    (folder / "huge" / "huge.xml").write_bytes(report(chance, 200_000, int(HUGE_OCTETS * scale / sample), pool))
    return sum(sizes)


def _zipped(data: bytes) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("report.xml", (2026, 6, 2, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return octets.getvalue()


# The measurements


def parse(python: str, code: str, folder: Path) -> Run:
    """In one process that does nothing else; its own memory."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [python, "-c", code, str(folder)], capture_output=True, text=True, check=True, env=environment, timeout=1_200
    )
    return Run(**json.loads(done.stdout))


def ingest(folder: Path, work: Path) -> Run:
    """`inalign ingest` into a fresh store; all its processes, from the command to its end."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "inalign.toml").write_text(f'[store]\nfolder = "{work / "store"}"\n')
    log = work / "log"
    command = [sys.executable, "-m", "inalign", "ingest", "--json", "--offline"]
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    begun = time.perf_counter()
    process = launch([*command, "--config", str(work / "inalign.toml"), str(folder)], log)
    with Peak([process.pid]) as peak:
        process.wait(1_200)
    took = time.perf_counter() - begun
    told = json.loads(log.read_text().splitlines()[-1])
    assert process.returncode == 0, told
    return Run(told["records"], told["reports"]["aggregate"], took, peak.mb)


def peer_command(python: str, folder: Path, work: Path) -> Run:
    """The command of the peer, to JSON and CSV files, both cores."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / "peer.ini").write_text(
        f"[general]\nsave_aggregate = True\noutput = {work}\noffline = True\nalways_use_local_files = True\n"
        "silent = True\nn_procs = 2\n"
    )
    command = [str(Path(python).with_name("parsedmarc")), "-c", str(work / "peer.ini")]
    begun = time.perf_counter()
    process = launch([*command, *map(str, sorted(folder.iterdir()))], work / "log")
    with Peak([process.pid]) as peak:
        process.wait(1_200)
    took = time.perf_counter() - begun
    stored = json.loads((work / "aggregate.json").read_text())
    return Run(sum(len(one["records"]) for one in stored), len(stored), took, peak.mb)


def cases(folder: Path, peer: str | None) -> list[Case]:
    """In the order in which they are taken, in turn."""
    own, work = sys.executable, folder / "work"
    found = [
        Case("parse", "parsing alone, one core", "inalign", lambda: parse(own, PARSE, folder / "files")),
        Case("huge", "one report of 200 MB", "inalign", lambda: parse(own, PARSE, folder / "huge")),
        Case("files", "files to stored rows, both cores", "inalign", lambda: ingest(folder / "files", work)),
        Case("mails", "mails of 5 records to stored rows", "inalign", lambda: ingest(folder / "mails", work)),
    ]
    if peer is None:
        return found
    theirs = {
        "parse": lambda: parse(peer, PEER_PARSE, folder / "files-tenth"),
        "huge": lambda: parse(peer, PEER_PARSE, folder / "huge"),
        "files": lambda: peer_command(peer, folder / "files-tenth", work),
        "mails": lambda: peer_command(peer, folder / "mails-tenth", work),
    }
    both = [[each, each._replace(who="parsedmarc", measure=theirs[each.name])] for each in found]
    return [case for pair in both for case in pair]


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--peer", help="the Python of an environment with parsedmarc")
    given.add_argument("--runs", type=int, default=3)
    given.add_argument("--quick", action="store_true", help="a twentieth of the corpus, and nothing is written")
    options = given.parse_args()
    folder = BUILD / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    make(folder, scale=0.05 if options.quick else 1)
    todo = cases(folder, options.peer)
    runs: dict[tuple[str, str], list[Run]] = {(case.name, case.who): [] for case in todo}
    busy = [os.getloadavg()[0]]
    for number in range(options.runs):
        for case in todo:
            if case.name == "huge" and case.who != "inalign" and number:
                continue  # more than a minute each
            runs[case.name, case.who].append(case.measure())
            print(number, case.name, case.who, runs[case.name, case.who][-1], flush=True)
        busy.append(os.getloadavg()[0])
    shutil.rmtree(folder)
    if not options.quick:
        text = page(todo, runs, options.peer, busy)
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{text}{END}{rest.partition(END)[2]}", "utf-8")


def page(todo: list[Case], runs: dict[tuple[str, str], list[Run]], peer: str | None, busy: list[float]) -> str:
    """The table: medians, with the lowest and the highest rate."""
    after = ", ".join(f"{each:.1f}" for each in busy[1:])
    lines = [
        f"\nMeasured on {datetime.now(UTC):%Y-%m-%d} on a {os.cpu_count()}-core virtual machine; "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
        + (f", parsedmarc {_version(peer)}" if peer else "")
        + f".\nLoad average before the first run {busy[0]:.1f}, after each {after}.\n",
        "| case | who | records/s | reports/s | seconds | peak MB | ratio | budget |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in todo:
        done, theirs = runs[case.name, case.who], runs.get((case.name, "parsedmarc"), [])
        ratio, budget = "", ""
        if case.who == "inalign":
            pairs = zip(done, theirs if len(theirs) == len(done) else theirs * len(done), strict=False)
            ratios = [(a.records / a.seconds) / (b.records / b.seconds) for a, b in pairs]
            ratio = f"{statistics.median(ratios):.1f}" if ratios else ""
            words = zip(BUDGETS[case.name], ("records/s", "reports/s"), strict=True)
            budget = ", ".join(f"{number:,} {word}" for number, word in words if number)
        lines.append(
            f"| {case.title} | {case.who} | {_rate([run.records / run.seconds for run in done])} "
            f"| {_rate([run.reports / run.seconds for run in done])} "
            f"| {statistics.median(run.seconds for run in done):.1f} | {max(run.mb for run in done):.0f} "
            f"| {ratio} | {budget} |"
        )
    return "\n".join(lines) + "\n\n"


def _rate(values: list[float]) -> str:
    spread = f" ({min(values):,.0f}-{max(values):,.0f})" if len(values) > 1 else ""
    return f"{statistics.median(values):,.0f}{spread}"


def _version(python: str) -> str:
    command = [python, "-c", "import importlib.metadata as m; print(m.version('parsedmarc'))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
