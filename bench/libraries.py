"""Inalign as a library beside others: one core, DNS from memory, every result checked; operations a CPU second."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import dkim
import spf
from corpus import Listed, domain_name, read_set
from inalign import Envelope, ZoneResolver, authenticate, check_spf, verify_dkim
from inalign.dkim.crypto import load_private_key
from inalign.dkim.sign import SigningKey, sign_dkim
from inalign.mail.domain import parse_domain
from plan import FEW, Bench
from rows import Row, progress

T = TypeVar("T")
Zone = Mapping[str, Mapping[str, Sequence[Any]]]
Rate = Callable[[str, float], float]
"""Operations a CPU second on a set of the corpus, measured for so many seconds."""

HERE = Path(__file__).resolve().parent
AUTHSERV_ID = "mx.rcpt.example.net"
AT_ONCE = 16
"""Messages between two looks at the clock."""
SIZES = {"1k": "1 kB", "10k": "10 kB", "100k": "100 kB", "1m": "1 MB", "ed10k": "10 kB Ed25519"}


def measure(bench: Bench) -> None:
    """Each kind of work on each set, all who do it in turn."""
    ours, python = Inalign(bench.corpus), Python(bench.corpus)
    perl, mailauth = _perl(bench.corpus), _mailauth(bench.corpus, bench.work)
    for label, size in SIZES.items():
        others = {"dkimpy": python.verify, "Mail::DKIM": perl("verify"), "mailauth": mailauth("verify")}
        if label == "ed10k":
            del others["Mail::DKIM"]  # Debian's has no Ed25519
        _measure(bench, f"DKIM verify, {size}", label, {"inalign": ours.verify, **others})
    signers = {"dkimpy": python.sign, "Mail::DKIM": perl("sign"), "mailauth": mailauth("sign")}
    _measure(bench, "DKIM sign, RSA-2048, 10 kB", "10k", {"inalign": ours.sign, **signers})
    _measure(bench, "SPF, two includes", "10k", {"inalign": ours.spf, "pyspf": python.spf})
    _measure(bench, "SPF, DKIM, ARC, DMARC, 10 kB", "10k", {"inalign": ours.everything, "mailauth": mailauth("all")})


def _measure(bench: Bench, case: str, label: str, rates: Mapping[str, Rate | None]) -> None:
    rows = [Row("libraries", case, name) for name, rate in rates.items() if rate is not None]
    rounds = min(FEW, bench.plan.runs)
    for number in range(rounds):
        for row in rows:
            progress(f"library: {case}, {row.peer}, run {number + 1} of {rounds}")
            rate = rates[row.peer]
            assert rate is not None
            row.runs.append({"per_cpu_s": rate(label, bench.plan.seconds / 2)})
    for row in rows[1:]:
        row.ratio = rows[0].ratio_to(row, "per_cpu_s")
    bench.results.add(rows)


class Inalign:
    """Ours, as function calls."""

    def __init__(self, corpus: Path) -> None:
        self.corpus = corpus
        self.resolver = ZoneResolver.from_json(json.loads((corpus / "zone.json").read_text()))
        self.now = datetime.now(UTC)
        private_key = load_private_key((corpus / "key.pem").read_bytes())
        self.key = SigningKey(parse_domain(domain_name(0)), parse_domain("s1"), private_key)

    def verify(self, label: str, seconds: float) -> float:
        def work(each: Listed) -> bool:
            (result,) = _finished(verify_dkim(each.message, self.resolver, now=self.now))
            return result.result == "pass"

        return _per_second(work, read_set(self.corpus, label), seconds)

    def sign(self, label: str, seconds: float) -> float:
        def work(each: Listed) -> bool:
            return sign_dkim(each.message, [self.key], now=self.now).startswith(b"DKIM-Signature:")

        return _per_second(work, read_set(self.corpus, label), seconds)

    def spf(self, label: str, seconds: float) -> float:
        def work(each: Listed) -> bool:
            return _finished(check_spf(each.client_ip, each.helo, each.mail_from, self.resolver)).result == "pass"

        return _per_second(work, read_set(self.corpus, label), seconds)

    def everything(self, label: str, seconds: float) -> float:
        def work(each: Listed) -> bool:
            envelope = Envelope(each.client_ip, each.helo, each.mail_from)
            asked = authenticate(each.message, envelope, self.resolver, now=self.now, authserv_id=AUTHSERV_ID)
            return _finished(asked).dmarc.result == "pass"

        return _per_second(work, read_set(self.corpus, label), seconds)


class Python:
    """dkimpy and pyspf."""

    def __init__(self, corpus: Path) -> None:
        self.corpus = corpus
        zone: Zone = json.loads((corpus / "zone.json").read_text())
        self.texts = {name.encode(): record["TXT"][0].encode() for name, record in zone.items() if "TXT" in record}
        self.pem = (corpus / "key.pem").read_bytes()
        spf.DNSLookup = _look_up_for_pyspf(zone)

    def _text(self, name: bytes, timeout: int = 5) -> bytes | None:
        return self.texts.get(name.rstrip(b"."))

    def verify(self, label: str, seconds: float) -> float:
        def work(each: Listed) -> bool:
            answer: bool = dkim.verify(each.message, dnsfunc=self._text)
            return answer

        return _per_second(work, read_set(self.corpus, label), seconds)

    def sign(self, label: str, seconds: float) -> float:
        def work(each: Listed) -> bool:
            domain = domain_name(0).encode()
            relaxed = (b"relaxed", b"relaxed")
            signature: bytes = dkim.sign(each.message, b"s1", domain, self.pem, canonicalize=relaxed)
            return signature.startswith(b"DKIM-Signature:")

        return _per_second(work, read_set(self.corpus, label), seconds)

    def spf(self, label: str, seconds: float) -> float:
        def work(each: Listed) -> bool:
            answer: str = spf.check2(i=each.client_ip, s=each.mail_from, h=each.helo)[0]
            return answer == "pass"

        return _per_second(work, read_set(self.corpus, label), seconds)


def _look_up_for_pyspf(zone: Zone) -> Callable[..., list[tuple[tuple[str, str], object]]]:
    def look_up(name: str, kind: str, *_: object, **__: object) -> list[tuple[tuple[str, str], object]]:
        key = name.rstrip(".").lower()
        values = zone.get(key, {}).get(kind, ())
        return [((key, kind), (value.encode(),) if kind == "TXT" else value) for value in values]

    return look_up


def _perl(corpus: Path) -> Callable[[str], Rate | None]:
    """Mail::DKIM, by maildkim.pl."""
    asked = ["perl", "-MMail::DKIM", "-e1"]
    if not shutil.which("perl") or subprocess.run(asked, capture_output=True, check=False).returncode:
        print("Mail::DKIM: left out; apt-get install libmail-dkim-perl\n")
        return lambda _: None
    return lambda what: (
        lambda label, seconds: _told(["perl", str(HERE / "maildkim.pl"), str(corpus), what, label, str(seconds)])
    )


def _mailauth(corpus: Path, work: Path) -> Callable[[str], Rate | None]:
    """mailauth, by mailauth.js."""
    folder = work / "node" / "node_modules" / "mailauth"
    if not folder.exists() or not shutil.which("node"):
        print("mailauth: left out; packaging/bench-parts installs it\n")
        return lambda _: None
    return lambda what: (
        lambda label, seconds: _told(
            ["node", str(HERE / "mailauth.js"), str(folder), str(corpus), what, label, str(seconds)]
        )
    )


def _told(command: list[str]) -> float:
    """The figure that a program prints; it ends with an error where a result is wrong."""
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout)


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits; the zone resolver has everything at hand."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise SystemExit("a coroutine waited, though everything it asks is at hand")


def _per_second(work: Callable[[Listed], bool], messages: list[Listed], seconds: float) -> float:
    if not all(work(each) for each in messages):
        raise SystemExit("a result is wrong")
    count = 0
    start = time.process_time()
    while (elapsed := time.process_time() - start) < seconds:
        for each in messages[:AT_ONCE]:
            work(each)
        count += len(messages[:AT_ONCE])
    return count / elapsed
