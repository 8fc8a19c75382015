"""A resolver that keeps what was asked and answered, so that a verdict can be explained."""

from __future__ import annotations

from typing import Literal, NamedTuple

from inalign.resolver.interface import Answer, IPAddress, MailExchange, Question, Resolver, addresses, mx, ptr, txt


class RecordedExchange(NamedTuple):
    """One question and its answer."""

    question: Question
    answer: Answer[object]


class RecordingResolver:
    """Hands every question on to another resolver; `exchanges` has each of them once, in the order first asked."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._seen: dict[Question, Answer[object]] = {}

    @property
    def exchanges(self) -> tuple[RecordedExchange, ...]:
        """What was asked so far."""
        return tuple(RecordedExchange(question, answer) for question, answer in self._seen.items())

    async def txt(self, name: str) -> Answer[bytes]:
        answer = await self._resolver.txt(name)
        self._seen.setdefault(txt(name), answer)
        return answer

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        answer = await self._resolver.addresses(name, version)
        self._seen.setdefault(addresses(name, version), answer)
        return answer

    async def mx(self, name: str) -> Answer[MailExchange]:
        answer = await self._resolver.mx(name)
        self._seen.setdefault(mx(name), answer)
        return answer

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        answer = await self._resolver.ptr(ip)
        self._seen.setdefault(ptr(ip), answer)
        return answer

    def prefetch(self, *questions: Question) -> None:
        self._resolver.prefetch(*questions)
