"""Aggregate reports by chance, always the same: files, mails, and one huge report."""

from __future__ import annotations

import base64
import gzip
import io
import math
import random
import statistics
import zipfile
from pathlib import Path

REPORTS, MEDIAN, SIGMA, MOST = 2_000, 5, 2.45, 20_000
MAILS = 6_000
MAIL_RECORDS = 5
HUGE_OCTETS = 200_000_000
BEGINNING = 1_780_272_000
"""2026-06-01."""


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
        f"        <scope>mfrom</scope>\n        <result>{spf}</result>\n      </spf>\n"
        "    </auth_results>\n  </record>\n"
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
