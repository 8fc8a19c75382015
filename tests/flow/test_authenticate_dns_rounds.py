"""How often a message waits for DNS when nothing is cached: questions that can travel together do."""

from __future__ import annotations

from typing import Literal

from inalign.flow.authenticate import authenticate_with
from inalign.flow.receive import VerificationOptions
from inalign.flow.verdict import Envelope
from inalign.resolver import Answer, IPAddress, MailExchange, Question, Resolver, addresses, mx, ptr, txt
from tests.helpers import NOW, run_now, zone
from tests.senders import CLIENT, records, signed


class Rounds:
    """Counts the waits: what was asked or expected until then is there after one."""

    def __init__(self, resolver: Resolver) -> None:
        self.count = 0
        self._resolver = resolver
        self._asked: set[Question] = set()
        self._there: set[Question] = set()

    def prefetch(self, *questions: Question) -> None:
        self._asked.update(questions)

    def _wait(self, question: Question) -> None:
        self._asked.add(question)
        if question not in self._there:
            self.count += 1
            self._there |= self._asked

    async def txt(self, name: str) -> Answer[bytes]:
        self._wait(txt(name))
        return await self._resolver.txt(name)

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        self._wait(addresses(name, version))
        return await self._resolver.addresses(name, version)

    async def mx(self, name: str) -> Answer[MailExchange]:
        self._wait(mx(name))
        return await self._resolver.mx(name)

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        self._wait(ptr(ip))
        return await self._resolver.ptr(ip)


def test_all_that_is_independent_travels_together() -> None:
    names = records(spf="v=spf1 include:a.example.org include:b.example.org -all") | {
        "a.example.org": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
        "b.example.org": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
        "mail.example.org": {"TXT": ["v=spf1 include:b.example.org -all"], "A": [CLIENT]},
    }
    rounds = Rounds(zone(names))
    envelope = Envelope(CLIENT, "mail.example.org", "alice@example.org")
    options = VerificationOptions(authserv_id="mx.example.net", iprev=True)
    verdict = run_now(authenticate_with(signed(), envelope, rounds, options, now=NOW))
    assert (verdict.spf.result, verdict.dkim[0].result, verdict.dmarc.result) == ("pass", "pass", "pass")
    assert verdict.spf_helo is not None
    assert verdict.iprev is not None
    assert (verdict.spf_helo.result, verdict.iprev.result) == ("pass", "pass")
    # SPF record, HELO, key, policy and reverse name; then what those name: the includes and the name's address.
    assert rounds.count == 2
