"""Reverse names: of those that send most, in bounds, asked for again when they are old."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from inalign.reportd.reverse_dns import NameLimits, resolve_names
from inalign.resolver import Answer, IPAddress
from inalign.resolver.zone import ZoneResolver
from inalign.store.engine.interface import Engine
from tests.store.material import NOW, aggregate, record, store

ZONE = ZoneResolver.from_json(
    {
        "1.2.0.192.in-addr.arpa": {"PTR": ["MX.example.net."]},
        "mx.example.net": {"A": ["192.0.2.1"]},
        "2.2.0.192.in-addr.arpa": {"PTR": ["mail.bank.example"]},  # which does not say so
        "mail.bank.example": {"A": ["198.51.100.1"]},
        "4.2.0.192.in-addr.arpa": {"error": "timeout"},
    }
)


def _run(engine: Engine, folder: Path, limits: NameLimits | None = None, *, days: float = 0) -> tuple[int, int]:
    now = NOW + timedelta(days=days)
    return asyncio.run(resolve_names(engine, ZONE, limits or NameLimits(), now=now, folder=folder))


def test_names_that_lead_back_are_kept_and_answers_hold_for_their_time(engine: Engine, tmp_path: Path) -> None:
    records = [record(f"192.0.2.{number}", number) for number in range(1, 5)]
    store(engine, tmp_path, aggregate(*records, record(None, 99)))
    assert _run(engine, tmp_path) == (4, 1)
    assert engine.query("SELECT source_ip, name FROM names ORDER BY source_ip") == [
        ("192.0.2.1", "mx.example.net"),
        ("192.0.2.2", ""),
        ("192.0.2.3", ""),
        ("192.0.2.4", ""),
    ]
    assert _run(engine, tmp_path) == (0, 0)
    assert _run(engine, tmp_path, days=1.5) == (1, 0)  # the one that did not answer
    assert _run(engine, tmp_path, days=14.5) == (3, 0)
    assert _run(engine, tmp_path, NameLimits(seen_days=999), days=91) == (4, 1)
    assert engine.query("SELECT count(*) FROM names") == [(4,)]
    assert _run(engine, tmp_path, days=999) == (0, 0)  # nobody has seen them for long


def test_run_asks_for_those_with_most_messages(engine: Engine, tmp_path: Path) -> None:
    store(engine, tmp_path, aggregate(*[record(f"192.0.2.{number}", number) for number in range(1, 5)]))
    assert _run(engine, tmp_path, NameLimits(addresses=2)) == (2, 0)
    assert engine.query("SELECT source_ip FROM names ORDER BY source_ip") == [("192.0.2.3",), ("192.0.2.4",)]


def test_so_many_are_asked_at_once_and_each_in_its_time(engine: Engine, tmp_path: Path) -> None:
    class Slow(ZoneResolver):
        now = most = 0

        async def ptr(self, ip: IPAddress) -> Answer[str]:
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await asyncio.sleep(9 if str(ip) == "192.0.2.9" else 0.001)
            finally:
                self.now -= 1
            return await super().ptr(ip)

    store(engine, tmp_path, aggregate(*[record(f"192.0.2.{number}", number) for number in range(1, 30)]))
    slow = Slow.from_json({})
    limits = NameLimits(at_once=3, seconds=0.2)
    assert asyncio.run(resolve_names(engine, slow, limits, now=NOW, folder=tmp_path)) == (29, 0)
    assert isinstance(slow, Slow)
    assert slow.most == 3
