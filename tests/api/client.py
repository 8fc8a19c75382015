"""A program that uses the public names only. `mypy --strict` checks it, and the tests run it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import inalign
from inalign import (
    Answer,
    ArcResult,
    AuthenticationResults,
    BodyHashes,
    DkimResult,
    DkimStatus,
    DmarcResult,
    DmarcStatus,
    DomainName,
    Envelope,
    Error,
    IPAddress,
    KeyType,
    MailExchange,
    Outcome,
    ParseError,
    Policy,
    Question,
    Reception,
    Resolver,
    Signing,
    SigningError,
    SigningKey,
    SpfResult,
    SpfStatus,
    Verdict,
    VerificationOptions,
    ZoneResolver,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MESSAGE = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: Hello\r\n\r\nHello.\r\n"


class CountingResolver:
    """A resolver of the program's own: it counts the questions that it passes on."""

    def __init__(self, below: Resolver) -> None:
        self.below = below
        self.asked = 0

    async def txt(self, name: str) -> Answer[bytes]:
        self.asked += 1
        return await self.below.txt(name)

    async def addresses(self, name: str, version: Literal[4, 6]) -> Answer[IPAddress]:
        self.asked += 1
        return await self.below.addresses(name, version)

    async def mx(self, name: str) -> Answer[MailExchange]:
        self.asked += 1
        return await self.below.mx(name)

    async def ptr(self, ip: IPAddress) -> Answer[str]:
        self.asked += 1
        return await self.below.ptr(ip)

    def prefetch(self, *questions: Question) -> None:
        self.below.prefetch(*questions)


def make_key() -> SigningKey:
    """Return a key of the program's own; a name that is not one is refused when the key is made."""
    domain: DomainName = inalign.parse_domain("EXAMPLE.org.")
    return SigningKey(domain, inalign.parse_domain("s1"), inalign.generate_private_key(KeyType.ED25519))


def zone_of(key: SigningKey) -> ZoneResolver:
    """Return the DNS in which the key is published, and SPF and DMARC records for its domain."""
    return ZoneResolver.from_json(
        {
            key.key_name: {"TXT": [key.key_record()]},
            key.domain: {"TXT": ["v=spf1 ip4:192.0.2.7 -all"]},
            f"_dmarc.{key.domain}": {"TXT": ["v=DMARC1; p=reject"]},
        }
    )


def judge(verdict: Verdict) -> str:
    """Return one word for a verdict."""
    spf: SpfResult = verdict.spf
    dkim: Sequence[DkimResult] = verdict.dkim
    arc: ArcResult = verdict.arc
    dmarc: DmarcResult = verdict.dmarc
    field: AuthenticationResults = verdict.authentication_results
    assert str(field).startswith(field.authserv_id)
    assert arc.instances == 0
    match dmarc.result:
        case DmarcStatus.PASS:
            passed = [each.domain for each in dkim if each.result is DkimStatus.PASS]
            return (
                f"pass by {'SPF' if spf.result is SpfStatus.PASS else 'DKIM'}, signed by {', '.join(map(str, passed))}"
            )
        case DmarcStatus.FAIL if dmarc.policy is Policy.REJECT:
            return "fail, and the domain asks to reject"
        case _:
            return str(dmarc.reason)


def run_all() -> list[str]:
    """Sign, verify, stream, seal and parse."""
    said = []
    key = make_key()
    resolver = CountingResolver(zone_of(key))
    signed = inalign.sign_dkim(MESSAGE, [key], now=NOW) + MESSAGE
    envelope = Envelope(client_ip="192.0.2.7", helo="mail.example.org", mail_from="a@example.org")
    verdict = inalign.run(inalign.authenticate(signed, envelope, resolver, now=NOW, authserv_id="mx.example.net"))
    said.append(judge(verdict))
    assert resolver.asked > 0

    parts = inalign.parse_message(MESSAGE)
    signing = Signing(parts.fields, [key], now=NOW)
    hashes = BodyHashes(signing.body_specs)
    for start in range(0, len(parts.body), 3):
        hashes.update(parts.body[start : start + 3])
    assert signing.fields(hashes.digests()) + MESSAGE == signed

    parts = inalign.parse_message(signed)
    options = VerificationOptions(authserv_id="mx.example.net")
    reception = Reception(parts.fields, resolver, options, now=NOW)
    reception.body(parts.body)

    async def finish() -> Verdict:
        client = await inalign.check_client(envelope, resolver, options, now=NOW)
        return await reception.verdict(client, resolver)

    said.append(judge(inalign.run(finish())))

    seal = inalign.seal_arc(signed, key, now=NOW, results=verdict.authentication_results, chain=verdict.arc)
    chain = inalign.run(inalign.validate_arc(seal + signed, resolver, now=NOW))
    said.append(f"arc {chain.result}")

    answer = inalign.run(resolver.txt("gone.example.org"))
    assert answer.outcome is Outcome.NXDOMAIN
    for wrong in (b"not a record", "not a record"):
        try:
            inalign.parse_dmarc_record(wrong)
        except ParseError as problem:
            said.append(type(problem).__name__)
    try:
        inalign.sign_dkim(b"Subject: no author\r\n\r\n", [key], now=NOW)
    except Error as problem:
        said.append("not signed" if isinstance(problem, SigningError) else "another error")
    return said
