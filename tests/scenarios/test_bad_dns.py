"""DNS that misbehaves, one row a way of it: the word that a message gets, while other mail goes on unhurt.

bad.example has good SPF, DKIM and DMARC records, and what stands in the row comes instead of them, over and over. Where
no answer can be had, every word is temperror, since an aligned pass may yet come of it, and never a quiet fail or none.
Mail of example.org, whose DNS is well, passes at the same time through the same server and resolver.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import dns.rcode
import pytest

from inalign.milterd.server import run
from tests.nameserver import NameServer, Script, records, refuse, say, silence
from tests.nameserver import later as delayed
from tests.scenarios.bad_answers import (
    BAD,
    ZONE,
    answer,
    asked_about,
    beside,
    chain,
    chain_of_answers,
    changed,
    denial,
    each,
    elsewhere,
    first,
    garbage,
    half,
    no_question,
    no_response,
    other_class,
    other_identifier,
    other_owner,
    over_tcp,
    play,
    pointers,
    spoilt,
    upper_case_question,
    with_ttl,
)
from tests.scenarios.site import PASS, deliver_good, fresh, receiving
from tests.senders import TEXT

EXCHANGE = 0.6
"""Seconds for one exchange, here and by default 5."""

TEMPERROR = dict.fromkeys(PASS, "temperror")
DENIED = {"spf": "none", "dkim": "permerror", "dmarc": "none"}
"""There are no such records, says DNS: that is an answer."""
LONG_KEY = PASS | {"dkim": "permerror"}
"""A key record has at most 8 kB (dkim/key.py)."""

NOERROR, NXDOMAIN = dns.rcode.NOERROR, dns.rcode.NXDOMAIN
LATE = EXCHANGE * 1.5
BAD_TEXT = TEXT.replace("example.org", BAD)

ROWS: Mapping[str, tuple[Script, Mapping[str, str]]] = {
    # no answer, or one that says no
    "never answers": (silence, TEMPERROR),
    "answers too late": (delayed(LATE, answer), TEMPERROR),
    "answers after 30 ms": (delayed(0.03, answer), PASS),
    "answers after three fifths of the time": (delayed(0.6 * EXCHANGE, answer), PASS),
    "loses the first question": (first(silence, answer), PASS),
    "SERVFAIL": (refuse(dns.rcode.SERVFAIL), TEMPERROR),
    "REFUSED": (refuse(dns.rcode.REFUSED), TEMPERROR),
    "FORMERR with and without EDNS": (refuse(dns.rcode.FORMERR), TEMPERROR),
    "NOTIMP with and without EDNS": (refuse(dns.rcode.NOTIMP), TEMPERROR),
    "BADVERS": (refuse(dns.rcode.BADVERS), TEMPERROR),
    "NOTAUTH": (refuse(dns.rcode.NOTAUTH), TEMPERROR),
    "a referral": (lambda asked: say(asked, authority=[records("example", "NS", "ns.example.")]), TEMPERROR),
    # truncated
    "truncated, then over TCP": (over_tcp(answer), PASS),
    "truncated, TCP hangs": (over_tcp(silence), TEMPERROR),
    "truncated, TCP ends in the middle": (over_tcp(half), TEMPERROR),
    "truncated, TCP truncated": (over_tcp(changed(lambda message: setattr(message, "flags", 0x8380))), TEMPERROR),
    "truncated, TCP garbage": (over_tcp(garbage), TEMPERROR),
    "truncated, TCP another question": (over_tcp(changed(asked_about("example.org."))), TEMPERROR),
    "truncated, TCP after 30 ms": (over_tcp(delayed(0.03, answer)), PASS),
    # lies
    "another name in the question": (changed(asked_about("example.org.")), TEMPERROR),
    "another type in the question": (changed(asked_about(BAD + ".", "A")), TEMPERROR),
    "another class in the question": (changed(asked_about(BAD + ".", "TXT", "CH")), TEMPERROR),
    "no question": (changed(no_question), TEMPERROR),
    "another identifier": (changed(other_identifier), TEMPERROR),
    "a query for an answer": (changed(no_response), TEMPERROR),
    "another case in the question": (spoilt(upper_case_question), TEMPERROR),
    "records of another name": (changed(other_owner), TEMPERROR),
    "records of another class": (spoilt(other_class), TEMPERROR),
    "NXDOMAIN with records": (changed(lambda message: message.set_rcode(NXDOMAIN)), TEMPERROR),
    "from another port": (elsewhere("port"), TEMPERROR),
    "from another address": (elsewhere("address"), TEMPERROR),
    "lies, and then the truth": (
        each(changed(other_identifier), changed(asked_about("example.org.")), elsewhere("port"), garbage, answer),
        PASS,
    ),
    # malformed
    "garbage": (garbage, TEMPERROR),
    "the last octet missing": (spoilt(lambda octets: octets[:-1]), TEMPERROR),
    "a header alone": (spoilt(lambda octets: octets[:12]), TEMPERROR),
    "a string longer than its record": (spoilt(lambda octets: octets.replace(b"v=", b"\xff=")[:-3]), TEMPERROR),
    "a name that points to itself": (spoilt(pointers("itself")), TEMPERROR),
    "names that point to each other": (spoilt(pointers("to and fro")), TEMPERROR),
    "a name that points beyond the end": (spoilt(pointers("ahead")), TEMPERROR),
    "names of thousands of pointers": (over_tcp(spoilt(pointers("back"))), TEMPERROR),
    # much
    "64 kB over TCP": (over_tcp(beside("x" * 60_000)), LONG_KEY),
    "64 kB over UDP": (beside("x" * 60_000), TEMPERROR),
    "500 records": (over_tcp(beside(*(f"record {number}" for number in range(500)))), PASS),
    # aliases
    "a CNAME to itself": (chain(1, is_loop=True), TEMPERROR),
    "CNAMEs in a ring": (chain(3, is_loop=True), TEMPERROR),
    "CNAMEs in a ring over answers": (chain_of_answers(None), TEMPERROR),
    "10 CNAMEs": (chain(10), PASS),
    "10 CNAMEs over answers": (chain_of_answers(10), PASS),
    "20 CNAMEs": (chain(20), TEMPERROR),
    "20 CNAMEs over answers": (chain_of_answers(20), TEMPERROR),
    # denials
    "NXDOMAIN": (denial(NXDOMAIN, with_soa=True), DENIED),
    "NXDOMAIN without SOA": (denial(NXDOMAIN, with_soa=False), DENIED),
    "empty": (denial(NOERROR, with_soa=True), DENIED),
    "empty without SOA": (denial(NOERROR, with_soa=False), DENIED),
    # times
    "TTL 0": (with_ttl(0), PASS),
    "TTL 2^31": (with_ttl(2**31), PASS),
    "TTL 2^32 - 1": (with_ttl(2**32 - 1), PASS),
}


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    script, words = ROWS[row]

    async def main(server: NameServer) -> None:
        async with receiving(server, exchange=EXCHANGE, budget=10 * EXCHANGE) as site:
            bad, *good = await asyncio.gather(
                site.deliver(fresh(BAD_TEXT, BAD), f"alice@{BAD}"), deliver_good(site), deliver_good(site)
            )
            assert bad == words
            assert good == [PASS, PASS]
            assert await deliver_good(site) == PASS

    with NameServer(ZONE) as server:
        play(server, script)
        run(main(server))


@pytest.mark.parametrize("listens", [True, False])
def test_row_of_a_server_without_tcp(*, listens: bool) -> None:
    """The bigger answers fail, at once; those that fit into a datagram do not."""

    async def main(server: NameServer) -> None:
        async with receiving(server) as site:
            bad, good = await asyncio.gather(site.deliver(fresh(BAD_TEXT, BAD), f"alice@{BAD}"), deliver_good(site))
            assert (bad, good) == (PASS if listens else TEMPERROR, PASS)

    with NameServer(ZONE, listens_on_tcp=listens) as server:
        play(server, over_tcp(answer))
        run(main(server))
