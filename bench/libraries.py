"""Inalign as a library beside dkimpy and pyspf: one core, DNS from memory, every result checked."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import dkim
import spf
from corpus import Listed, domain_name, read_set
from inalign import Envelope, ZoneResolver, authenticate, check_spf, verify_dkim
from inalign.dkim.algorithm import KeyType
from inalign.dkim.crypto import generate_private_key
from inalign.dkim.sign import SigningKey, sign_dkim
from inalign.mail.domain import parse_domain

T = TypeVar("T")
Zone = Mapping[str, Mapping[str, Sequence[Any]]]
Work = Callable[[Listed], bool]
"""One operation on one message; whether the result is right."""

ROUNDS = 3
AUTHSERV_ID = "mx.rcpt.example.net"


@dataclass
class Row:
    """One kind of work on one set, ours and theirs."""

    label: str
    messages: list[Listed]
    ours: Work
    theirs: tuple[str, Work] | None
    rates: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        return statistics.median(self.rates[name])


def measure(corpus: Path, seconds: float, progress: Callable[[str], None]) -> list[Row]:
    """All rows; ours and theirs in turn, so that the drift of the machine meets both."""
    rows = _rows(corpus)
    for row in rows:
        for number in range(ROUNDS):
            progress(f"library: {row.label}, round {number + 1} of {ROUNDS}")
            for name, work in [("inalign", row.ours), *([row.theirs] if row.theirs else [])]:
                row.rates.setdefault(name, []).append(_per_second(work, row.messages, seconds / ROUNDS))
    return rows


def _rows(corpus: Path) -> list[Row]:
    zone: Zone = json.loads((corpus / "zone.json").read_text())
    resolver = ZoneResolver.from_json(zone)
    now = datetime.now(UTC)
    sets = {label: read_set(corpus, label) for label in ("1k", "10k", "100k", "1m", "ed10k")}
    texts = {name.encode(): record["TXT"][0].encode() for name, record in zone.items() if "TXT" in record}

    def ours_verify(each: Listed) -> bool:
        (result,) = _finished(verify_dkim(each.message, resolver, now=now))
        return result.result == "pass"

    def their_verify(each: Listed) -> bool:
        answer: bool = dkim.verify(each.message, dnsfunc=lambda name, timeout=5: texts.get(name.rstrip(b".")))
        return answer

    def ours_spf(each: Listed) -> bool:
        return _finished(check_spf(each.client_ip, each.helo, each.mail_from, resolver)).result == "pass"

    def their_spf(each: Listed) -> bool:
        answer: str = spf.check2(i=each.client_ip, s=each.mail_from, h=each.helo)[0]
        return answer == "pass"

    def ours_all(each: Listed) -> bool:
        envelope = Envelope(each.client_ip, each.helo, each.mail_from)
        verdict = _finished(authenticate(each.message, envelope, resolver, now=now, authserv_id=AUTHSERV_ID))
        return verdict.dmarc.result == "pass"

    spf.DNSLookup = _look_up_for_pyspf(zone)
    names = {"1k": "1 kB", "10k": "10 kB", "100k": "100 kB", "1m": "1 MB", "ed10k": "10 kB, Ed25519"}
    rows = [
        Row(f"DKIM verify, {name}", sets[label], ours_verify, ("dkimpy", their_verify)) for label, name in names.items()
    ]
    rows += [
        Row("SPF check, 2 includes", sets["10k"], ours_spf, ("pyspf", their_spf)),
        _sign_row(sets["10k"], now),
        Row("SPF, DKIM, ARC, DMARC, field, 10 kB", sets["10k"], ours_all, None),
    ]
    return rows


def _sign_row(messages: list[Listed], now: datetime) -> Row:
    domain = domain_name(0)
    key = SigningKey(parse_domain(domain), parse_domain("s1"), generate_private_key(KeyType.RSA))
    pem = key.private_key.to_pem()

    def ours(each: Listed) -> bool:
        return sign_dkim(each.message, [key], now=now).startswith(b"DKIM-Signature:")

    def theirs(each: Listed) -> bool:
        signature: bytes = dkim.sign(each.message, b"s1", domain.encode(), pem, canonicalize=(b"relaxed", b"relaxed"))
        return signature.startswith(b"DKIM-Signature:")

    return Row("DKIM sign, RSA-2048, 10 kB", messages, ours, ("dkimpy", theirs))


def _look_up_for_pyspf(zone: Zone) -> Callable[..., list[tuple[tuple[str, str], object]]]:
    def look_up(name: str, kind: str, *_: object, **__: object) -> list[tuple[tuple[str, str], object]]:
        key = name.rstrip(".").lower()
        values = zone.get(key, {}).get(kind, ())
        return [((key, kind), (value.encode(),) if kind == "TXT" else value) for value in values]

    return look_up


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits; the zone resolver has everything at hand."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise SystemExit("a coroutine waited, though everything it asks is at hand")


def _per_second(work: Work, messages: list[Listed], seconds: float) -> float:
    """CPU seconds are what is counted: one core, whoever else is on it."""
    if not all(work(each) for each in messages):
        raise SystemExit("a result is wrong")
    count = 0
    start = time.process_time()
    while (elapsed := time.process_time() - start) < seconds:
        for each in messages[:16]:
            work(each)
        count += len(messages[:16])
    return count / elapsed


def as_rows(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """For the table."""
    lines: list[tuple[str, ...]] = [("", "inalign/s", "peer/s", "ratio", "peer")]
    for row in rows:
        ours = row.median("inalign")
        if row.theirs is None:
            lines.append((row.label, f"{ours:,.0f}", "", "", ""))
        else:
            theirs = row.median(row.theirs[0])
            lines.append((row.label, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.1f}", row.theirs[0]))
    return lines


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    return [{"what": row.label, "per_cpu_second": row.rates} for row in rows]
