"""DNS that is gone for a while, whole or in part: which results that touches and which not, and how it comes back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dns.rcode
import pytest

from inalign.arc.result import ArcReason, ArcResult, ArcStatus
from inalign.arc.seal import seal_arc
from inalign.dkim.sign import SigningKey
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.domain import parse_domain
from inalign.milterd.server import run
from inalign.net import dns as live
from tests.helpers import message
from tests.nameserver import NameServer, Script, later, refuse, say, silence
from tests.nameserver import txt as txt_records
from tests.scenarios.bad_answers import over_tcp
from tests.scenarios.site import PASS, Site, deliver_good, fresh, receiving
from tests.senders import TEXT, key_record, private_key, records

SERVFAIL = refuse(dns.rcode.SERVFAIL)
ALICE = "alice@example.org"
KEY, POLICY = "s1._domainkey.example.org", "_dmarc.example.org"
ZONE = records() | {
    "include.example": {"TXT": ["v=spf1 include:example.org -all"]},
    "mx.example": {"TXT": ["v=spf1 mx -all"], "MX": [[10, "mail.example.org"]]},
    "fwd.example": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
    "s1._domainkey.fwd.example": {"TXT": [key_record()]},
}
UNSIGNED = message(TEXT)


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        yield server


@pytest.fixture
def second() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        yield server


def asked(server: NameServer) -> Counter[tuple[str, str]]:
    return Counter((question.name, question.kind) for question in server.questions)


# which results


@pytest.mark.parametrize(
    ("dead", "sender", "octets", "words"),
    [
        # one aligned pass is enough, whatever the other is
        ([KEY], ALICE, None, {"spf": "pass", "dkim": "temperror", "dmarc": "pass"}),
        (["example.org"], ALICE, None, {"spf": "temperror", "dkim": "pass", "dmarc": "pass"}),
        # an aligned pass was still possible
        (["example.org", KEY], ALICE, None, {"spf": "temperror", "dkim": "temperror", "dmarc": "temperror"}),
        (["example.org"], ALICE, UNSIGNED, {"spf": "temperror", "dkim": "none", "dmarc": "temperror"}),
        ([POLICY], ALICE, None, {"spf": "pass", "dkim": "pass", "dmarc": "temperror"}),
        ([KEY], "list@fwd.example", None, {"spf": "pass", "dkim": "temperror", "dmarc": "temperror"}),
        # none was: a dead stranger helps nobody
        (["fwd.example"], "list@fwd.example", UNSIGNED, {"spf": "temperror", "dkim": "none", "dmarc": "fail"}),
        # what an SPF record leads to
        (["example.org"], "bob@include.example", None, {"spf": "temperror", "dkim": "pass", "dmarc": "pass"}),
        (["mx.example"], "bob@mx.example", None, {"spf": "temperror", "dkim": "pass", "dmarc": "pass"}),
        (["mail.example.org"], "bob@mx.example", None, {"spf": "temperror", "dkim": "pass", "dmarc": "pass"}),
        # the null reverse-path: the name in HELO
        (["mail.example.org"], "", None, {"spf": "temperror", "dkim": "pass", "dmarc": "pass"}),
        (["mail.example.org", KEY], "", None, {"spf": "temperror", "dkim": "temperror", "dmarc": "temperror"}),
    ],
)
def test_only_what_could_have_passed_is_temperror(
    server: NameServer, dead: list[str], sender: str, octets: bytes | None, words: Mapping[str, str]
) -> None:
    for name in dead:
        server.on(name, "*", SERVFAIL)

    async def main() -> None:
        async with receiving(server) as site:
            assert await site.deliver(octets or fresh(), sender) == words

    run(main())


@pytest.mark.parametrize(
    ("dead", "word"), [("7.2.0.192.in-addr.arpa", "temperror"), ("mail.example.org", "temperror"), ("org", "pass")]
)
def test_dead_reverse_name_is_temperror_and_touches_nothing_else(server: NameServer, dead: str, word: str) -> None:
    server.on(dead, "*", SERVFAIL)

    async def main() -> None:
        async with receiving(server, iprev=True) as site:
            assert await deliver_good(site) == PASS | {"iprev": word}

    run(main())


def test_dead_key_of_a_sealer_fails_the_chain_and_touches_nothing_else(server: NameServer) -> None:
    """RFC 8617 has no word for it, so it is fail; nothing is decided on that."""
    results = parse_authentication_results(b"fwd.example; spf=pass smtp.mailfrom=example.org")
    key = SigningKey(parse_domain("fwd.example"), parse_domain("s1"), private_key())
    octets = fresh()
    chain = ArcResult(result=ArcStatus.NONE, reason=ArcReason.NO_SETS)
    sealed = seal_arc(octets, key, now=datetime.now(UTC), results=results, chain=chain) + octets

    async def main() -> None:
        async with receiving(server) as site:
            assert await site.deliver(sealed, ALICE) == PASS | {"arc": "pass"}
        server.on("s1._domainkey.fwd.example", "TXT", SERVFAIL)
        async with receiving(server) as site:
            assert await site.deliver(sealed, ALICE) == PASS | {"arc": "fail"}

    run(main())


# one domain in ten


def domain_texts(count: int) -> list[tuple[str, str]]:
    domains = [f"d{number}.example" for number in range(count)]
    return [(domain, TEXT.replace("example.org", domain)) for domain in domains]


def test_one_domain_in_ten_is_dead_and_the_others_do_not_wait_for_it() -> None:
    domains = domain_texts(10)
    zone: dict[str, dict[str, object]] = {}
    for domain, _ in domains:
        own = records().items()
        zone |= {name.replace("example.org", domain): entry for name, entry in own if name.endswith("example.org")}
    finished: list[str] = []

    async def deliver(site: Site, domain: str, text: str) -> None:
        words = await site.deliver(fresh(text, domain), f"alice@{domain}")
        assert words == (dict.fromkeys(PASS, "temperror") if domain == "d3.example" else PASS), domain
        finished.append(domain)

    async def main(server: NameServer) -> None:
        async with receiving(server, exchange=2.0, budget=4.0) as site:
            await asyncio.gather(*(deliver(site, domain, text) for domain, text in domains * 4))

    with NameServer(zone) as server:
        for name in zone:
            if name.endswith("d3.example"):
                server.on(name, "*", silence)
        run(main(server))
    assert finished[-4:] == ["d3.example"] * 4
    dead = {name: times for (name, _), times in asked(server).items() if name.endswith("d3.example")}
    assert max(dead.values()) <= 3, "one question in three attempts, however many messages wait for it"


def test_flood_of_dead_names_gives_way_to_other_mail(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit of questions in flight those that wait longest fail; a live answer is not among them."""
    monkeypatch.setattr(live, "MAX_QUESTIONS", 40)
    for domain, _ in (dead := domain_texts(30)):
        for name in (domain, f"s1._domainkey.{domain}", f"_dmarc.{domain}"):
            server.on(name, "*", silence)

    async def main() -> None:
        async with receiving(server) as site:
            flood = [asyncio.create_task(site.deliver(fresh(text, domain), f"alice@{domain}")) for domain, text in dead]
            await asyncio.sleep(0.1)
            assert await deliver_good(site) == PASS
            assert {tuple(words.items()) for words in await asyncio.gather(*flood)} == {
                tuple(dict.fromkeys(PASS, "temperror").items())
            }

    run(main())


# it goes, and comes back


def test_when_dns_comes_back_each_question_is_asked_once(server: NameServer) -> None:
    """RFC 9520 section 3.2 while it is gone, single flight when it is back: no thundering herd."""
    server.on("*", "*", silence)

    async def main() -> None:
        async with receiving(server, exchange=0.5) as site:
            for _ in range(2):  # the second time what failed is known
                words = await asyncio.gather(*(deliver_good(site) for _ in range(20)))
                assert words == [dict.fromkeys(PASS, "temperror")] * 20
            assert max(asked(server).values()) <= 6  # of 40 messages
            server.on("*", "*", server._from_zone)
            await asyncio.sleep(1.1)
            server.questions.clear()
            lookups = site.resolver.lookups
            assert await asyncio.gather(*(deliver_good(site) for _ in range(50))) == [PASS] * 50
            assert site.resolver.lookups - lookups == len(asked(server))  # which may have needed another attempt

    run(main())


def test_slow_dns_is_asked_once_too(server: NameServer) -> None:
    server.on("*", "*", later(0.1, server._from_zone))

    async def main() -> None:
        async with receiving(server) as site:
            assert await asyncio.gather(*(deliver_good(site) for _ in range(50))) == [PASS] * 50
            assert site.resolver.lookups == len(asked(server))

    run(main())


@pytest.mark.parametrize("script", [silence, SERVFAIL, refuse(dns.rcode.REFUSED), over_tcp(silence)])
def test_with_one_of_two_name_servers_dead_all_mail_passes(
    server: NameServer, second: NameServer, script: Script
) -> None:
    server.on("*", "*", script)

    async def main() -> None:
        async with receiving(server, second, exchange=1.0, budget=10.0) as site:
            assert await asyncio.gather(*(deliver_good(site) for _ in range(10))) == [PASS] * 10

    run(main())


def test_dead_name_server_is_tried_seldom(server: NameServer, second: NameServer) -> None:
    server.on("*", "*", silence)
    domains = [f"d{number}.example" for number in range(40)]
    for domain in domains:
        second.on(domain, "TXT", lambda asked: say(asked, txt_records(asked.name, "v=spf1 ip4:192.0.2.0/24 -all")))

    async def main() -> None:
        async with receiving(server, second, exchange=1.0) as site:
            assert await deliver_good(site) == PASS
            before = len(server.questions)
            for domain in domains:
                assert (await site.deliver(UNSIGNED, f"bob@{domain}"))["spf"] == "pass"
            assert len(server.questions) <= before + 2  # one in ten seconds

    run(main())
