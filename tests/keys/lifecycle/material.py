"""A zone of two servers in memory, the second of which follows when it is told, and a key folder to play with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from inalign.errors import TransportError
from inalign.keys.lifecycle.publication import Publication, ServerAnswer
from inalign.keys.lifecycle.tsig import TsigKey
from inalign.keys.lifecycle.zone_text import KeyRecordChange
from inalign.mail.domain import DomainName
from inalign.resolver.interface import Answer, Outcome

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
DOMAIN = DomainName("example.org")
NEGATIVE_TTL = 900
TSIG = 'key "inalign." { algorithm hmac-sha256; secret "c2VjcmV0"; };\n'


def answer(*records: str, ttl: int = 3600) -> Answer[bytes]:
    """What a server says that holds these records."""
    if not records:
        return Answer(Outcome.NXDOMAIN, ttl=NEGATIVE_TTL)
    return Answer(Outcome.FOUND, tuple(record.encode() for record in records), ttl=ttl)


def publication(*answers: Answer[bytes], problem: str = "") -> Publication:
    """What so many servers say."""
    views = tuple(
        ServerAnswer(server=f"ns{number}.example.org", address=f"192.0.2.{number}", answer=each, serial=number)
        for number, each in enumerate(answers, 1)
    )
    return Publication(name="x", zone="example.org", views=views, negative_ttl=NEGATIVE_TTL, problem=problem)


@dataclass
class TwoServers:
    """`inalign.keys.lifecycle.rotate.Zones` in memory."""

    primary: dict[str, str] = field(default_factory=dict)
    secondary: dict[str, str] = field(default_factory=dict)
    lags: bool = False
    silent: bool = False
    """Whether the secondary gives no answer."""
    refuses: bool = False
    asked: list[str] = field(default_factory=list)
    sent: list[KeyRecordChange] = field(default_factory=list)

    def follow(self) -> None:
        """Let the secondary have what the primary has."""
        self.secondary = dict(self.primary)

    async def publication(self, name: str) -> Publication:
        self.asked.append(name)
        held = [self.primary.get(name), self.secondary.get(name)]
        answers = [answer(*([record] if record is not None else [])) for record in held]
        if self.silent:
            answers[1] = Answer(Outcome.FAILED, detail="timed out")
        return publication(*answers)

    async def update(self, change: KeyRecordChange, server: str, tsig: TsigKey, *, is_new: bool) -> None:
        if self.refuses:
            raise TransportError(f"{server}: the update of {change.name} was refused: REFUSED")
        there = self.primary.get(change.name)
        if is_new and there not in (None, change.record):
            raise TransportError(f"{server}: there is a record at {change.name} already; choose another selector")
        self.sent.append(change)
        self.publish(change)

    def publish(self, change: KeyRecordChange) -> None:
        """As a person does it."""
        if change.record is None:
            self.primary.pop(change.name, None)
        else:
            self.primary[change.name] = change.record
        if not self.lags:
            self.follow()
