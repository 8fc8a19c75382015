"""A client that takes its time: the budget of a message is for DNS, and not for what the client takes to send."""

from __future__ import annotations

from collections.abc import Iterator

import dns.rcode
import pytest

from inalign.milterd.server import run
from tests.nameserver import NameServer, later, refuse, say, silence
from tests.nameserver import txt as txt_records
from tests.scenarios.site import fresh, receiving
from tests.senders import key_record, records

BUDGET = 0.6
ALICE = "alice@example.org"
KEY = "s1._domainkey.example.org"


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(records()) as server:
        yield server


def test_client_that_sends_for_longer_than_the_budget_is_judged_all_the_same(server: NameServer) -> None:
    async def main() -> None:
        async with receiving(server, budget=BUDGET, iprev=True) as site:
            words = await site.deliver(fresh(), ALICE, before_header=2 * BUDGET)
        assert words == {"spf": "pass", "dkim": "pass", "dmarc": "pass", "iprev": "pass"}

    run(main())


def test_answers_that_hold_no_second_are_asked_for_again_after_a_slow_body(server: NameServer) -> None:
    """A key that was expected at the end of the header is no longer known at the end of the body."""
    server.on(KEY, "TXT", lambda asked: say(asked, txt_records(KEY, key_record(), ttl=0)))

    async def main() -> None:
        async with receiving(server, budget=BUDGET) as site:
            assert (await site.deliver(fresh(), ALICE, before_end=1.1))["dkim"] == "pass"

    run(main())
    assert server.asked(KEY) >= 2


def test_time_that_the_client_takes_does_not_help_a_dead_server(server: NameServer) -> None:
    server.on(KEY, "TXT", silence)
    server.on("example.org", "TXT", silence)

    async def main() -> None:
        async with receiving(server, budget=BUDGET, exchange=20.0) as site:
            words = await site.deliver(fresh(), ALICE, before_header=2 * BUDGET)
        assert words == {"spf": "temperror", "dkim": "temperror", "dmarc": "temperror"}

    run(main())


def test_slow_answers_of_spf_are_there_when_the_client_has_sent(server: NameServer) -> None:
    """SPF starts at MAIL; what it takes while the client sends costs the message nothing."""
    server.on("example.org", "TXT", later(BUDGET / 2, lambda asked: say(asked, txt_records(asked.name, "v=spf1 +all"))))
    server.on("_dmarc.example.org", "TXT", refuse(dns.rcode.SERVFAIL))

    async def main() -> None:
        async with receiving(server, budget=BUDGET) as site:
            words = await site.deliver(fresh(), ALICE, before_header=2 * BUDGET)
        assert (words["spf"], words["dmarc"]) == ("pass", "temperror")

    run(main())
