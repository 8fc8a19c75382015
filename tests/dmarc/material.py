"""A resolver that notes what it is asked and what it is told to expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from inalign.resolver import Answer, IPAddress, MailExchange, Question
from tests.helpers import zone


class Recorder:
    """Answers from a zone of DMARC records, given as domain -> text."""

    def __init__(self, records: Mapping[str, str], others: Mapping[str, Mapping[str, object]] | None = None) -> None:
        self._zone = zone({**{f"_dmarc.{name}": {"TXT": [text]} for name, text in records.items()}, **(others or {})})
        self.asked: list[str] = []
        self.expected: list[Question] = []

    async def txt(self, name: str) -> Answer[bytes]:
        self.asked.append(name)
        return await self._zone.txt(name)

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        raise AssertionError("DMARC asks for TXT records alone")

    async def mx(self, name: str) -> Answer[MailExchange]:
        raise AssertionError("DMARC asks for TXT records alone")

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        raise AssertionError("DMARC asks for TXT records alone")

    def prefetch(self, *questions: Question) -> None:
        self.expected.extend(questions)
