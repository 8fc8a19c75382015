"""A resolver that writes down what it is asked and told to expect, and the check as tests call it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from inalign.resolver import Answer, IPAddress, MailExchange, Question, addresses, mx, ptr, txt
from inalign.spf import LIMITS, SpfLimits, SpfResult, check_spf
from tests.helpers import NOW, run_now, zone

Zone = Mapping[str, Mapping[str, object]]


class AskingResolver:
    """The zone resolver, with a list of questions in the order asked."""

    def __init__(self, names: Zone, *, secure: frozenset[str] = frozenset()) -> None:
        self._zone = zone(names)
        self._secure = secure
        self.asked: list[Question] = []
        self.expected: list[tuple[Question, ...]] = []

    async def txt(self, name: str) -> Answer[bytes]:
        self.asked.append(txt(name))
        answer = await self._zone.txt(name)
        return Answer(answer.outcome, answer.records, dnssec_validated=name in self._secure, detail=answer.detail)

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        self.asked.append(addresses(name, version))
        answer = await self._zone.addresses(name, version)
        return Answer(answer.outcome, answer.records, dnssec_validated=name in self._secure, detail=answer.detail)

    async def mx(self, name: str) -> Answer[MailExchange]:
        self.asked.append(mx(name))
        return await self._zone.mx(name)

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        self.asked.append(ptr(ip))
        return await self._zone.ptr(ip)

    def prefetch(self, *questions: Question) -> None:
        self.expected.append(questions)

    @property
    def questions(self) -> list[str]:
        """The questions as `TXT example.com`."""
        return [f"{question.kind} {question.name}" for question in self.asked]


def check(
    names: Zone | AskingResolver,
    *,
    ip: str | IPv4Address | IPv6Address | None = "192.0.2.1",
    helo: str | None = "mail.example.org",
    mail_from: str | None = "joe@example.com",
    limits: SpfLimits = LIMITS,
    default_explanation: str | None = None,
) -> SpfResult:
    """Check joe@example.com from 192.0.2.1 against a zone."""
    return run_now(
        check_spf(
            ip,
            helo,
            mail_from,
            names if isinstance(names, AskingResolver) else zone(names),
            now=NOW,
            receiver="mx.receiver.example",
            default_explanation=default_explanation,
            limits=limits,
        )
    )


def record(text: str | bytes, **more: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """A zone with this record at example.com; other names as keywords, `__` for the dot."""
    names: dict[str, dict[str, object]] = {"example.com": {"TXT": [text]}}
    for name, entry in more.items():
        names.setdefault(name.replace("__", "."), {}).update(entry)
    return names
