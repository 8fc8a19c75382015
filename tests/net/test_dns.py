"""The live resolver against a scripted name server on loopback: every way in which DNS can go wrong is a value."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv6Address, ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from inalign.net import dns as live
from inalign.net.dns import LiveResolver
from inalign.net.dns_servers import ServerAddress, ServerAddressError, parse_server
from inalign.resolver import Answer, MailExchange, Outcome, Question, Resolver, addresses, mx, ptr, txt
from inalign.resolver.cache import CacheLimits
from tests.nameserver import (
    NameServer,
    Script,
    Step,
    Zone,
    later,
    records,
    refuse,
    reply,
    say,
    silence,
)
from tests.nameserver import Question as Asked
from tests.nameserver import txt as txt_records
from tests.net.loops import LOOPS, on_each_loop

QUICK = 0.4  # seconds; a time-out for tests in which it passes

ZONE: Zone = {
    "example.org": {
        "TXT": ["v=spf1 -all", "x" * 300],
        "A": ["192.0.2.1", "192.0.2.2"],
        "AAAA": ["2001:db8::1"],
        "MX": [[10, "mail.example.org"], [0, ""]],
    },
    "1.2.0.192.in-addr.arpa": {"PTR": ["Mail.Example.Org."]},
    "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["six.example.org"]},
    "alias.example": {"CNAME": "example.org"},
    "big.example": {"TXT": ["y" * 60000]},
    "below.there.example": {"TXT": ["x"]},
    "dead.example": {"error": "timeout"},
    "failing.example": {"error": "servfail"},
}


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(ZONE, flags=dns.flags.AD) as server:
        yield server


@pytest.fixture
def second() -> Iterator[NameServer]:
    with NameServer({"example.org": {"TXT": ["from the second"]}}) as server:
        yield server


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def closed_port() -> str:
    """An address where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def first_then(first: Script, then: Script) -> Script:
    return lambda question: first(question) if question.times == 0 else then(question)


def answer(text: str = "right") -> Script:
    return lambda question: say(question, txt_records(question.name, text))


# what is asked, and what comes back


@on_each_loop
async def test_every_kind_of_question_is_answered(server: NameServer) -> None:
    async with LiveResolver([server.address]) as resolver:
        found = await resolver.txt("Example.ORG.")
        assert found == Answer(Outcome.FOUND, (b"v=spf1 -all", b"x" * 300), dnssec_validated=True, ttl=300)
        assert (await resolver.addresses("example.org", 4)).records == (
            ip_address("192.0.2.1"),
            ip_address("192.0.2.2"),
        )
        assert (await resolver.addresses("example.org", 6)).records == (ip_address("2001:db8::1"),)
        assert (await resolver.mx("example.org")).records == (MailExchange(10, "mail.example.org"), MailExchange(0, ""))
        assert (await resolver.ptr(ip_address("192.0.2.1"))).records == ("mail.example.org",)
        assert (await resolver.ptr(ip_address("2001:db8::1"))).records == ("six.example.org",)
        assert (await resolver.txt("alias.example")).records == (b"v=spf1 -all", b"x" * 300)


@on_each_loop
async def test_denials_are_told_apart_and_hold_as_long_as_the_soa_says(server: NameServer) -> None:
    async with LiveResolver([server.address]) as resolver:
        assert await resolver.mx("below.there.example") == Answer(Outcome.NODATA, dnssec_validated=True, ttl=60)
        assert await resolver.txt("there.example") == Answer(Outcome.NODATA, dnssec_validated=True, ttl=60)
        assert await resolver.txt("nowhere.example") == Answer(Outcome.NXDOMAIN, dnssec_validated=True, ttl=60)


@on_each_loop
async def test_a_question_goes_out_with_edns_do_and_ad(server: NameServer) -> None:
    async with LiveResolver([server.address]) as resolver:
        await resolver.txt("example.org")
    message = server.questions[0].message
    assert (message.edns, message.payload, message.ednsflags) == (0, 1232, dns.flags.DO)
    assert message.flags == dns.flags.RD | dns.flags.AD


@on_each_loop
async def test_the_ad_flag_says_whether_dnssec_vouches(second: NameServer) -> None:
    async with LiveResolver([second.address]) as resolver:
        assert not (await resolver.txt("example.org")).dnssec_validated


@on_each_loop
async def test_names_of_any_octets_are_asked(server: NameServer) -> None:
    server.on("*", "TXT", answer())
    async with LiveResolver([server.address]) as resolver:
        for name in (
            "a b.example",
            "ü.example",
            "\udcff.example",
            "a\0b.example",
            "%{d}.example",
            r"back\slash.example",
        ):
            assert (await resolver.txt(name)).records == (b"right",)


@pytest.mark.parametrize("name", ["a..b", "a" * 64 + ".example", "x." * 127 + "x", ".example", "\ud800"])
@on_each_loop
async def test_a_name_that_dns_cannot_carry_does_not_exist_and_is_not_asked(server: NameServer, name: str) -> None:
    async with LiveResolver([server.address]) as resolver:
        resolver.prefetch(txt(name))
        assert (await resolver.txt(name)).outcome is Outcome.NXDOMAIN
    assert server.questions == []


# TCP


@on_each_loop
async def test_a_truncated_answer_is_asked_over_tcp(server: NameServer) -> None:
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("big.example")).records == (b"y" * 60000,)
    assert [question.transport for question in server.questions] == ["udp", "tcp"]


@on_each_loop
async def test_what_a_truncated_answer_holds_is_not_used() -> None:
    with NameServer(listens_on_tcp=False) as server:
        server.on("*", "*", lambda question: say(question, txt_records("example.org", "part"), flags=dns.flags.TC))
        async with LiveResolver([server.address]) as resolver:
            found = await resolver.txt("example.org")
    assert found.outcome is Outcome.FAILED
    assert "truncated, and no TCP" in found.detail


@pytest.mark.parametrize(
    ("over_tcp", "detail"),
    [
        (silence, "truncated, and no answer over TCP"),
        (lambda question: say(question, flags=dns.flags.TC), "truncated, over TCP, too"),
        (lambda question: [Step(b"\0" * 12)], "malformed"),
        (lambda question: [Step(b"")], "malformed"),
        (lambda question: [Step(say(question)[0].octets[:-1])], "malformed"),
        (refuse(dns.rcode.SERVFAIL), "SERVFAIL"),
    ],
)
@on_each_loop
async def test_a_failure_over_tcp_is_a_failure(server: NameServer, over_tcp: Script, detail: str) -> None:
    server.on("*", "*", lambda asked: say(asked, flags=dns.flags.TC) if asked.transport == "udp" else over_tcp(asked))
    async with LiveResolver([server.address], timeout=QUICK) as resolver:
        found = await resolver.txt("example.org")
    assert found.outcome is Outcome.FAILED
    assert detail in found.detail


@on_each_loop
async def test_a_server_that_hangs_over_tcp_is_passed_over(server: NameServer, second: NameServer) -> None:
    server.on("*", "*", lambda asked: say(asked, flags=dns.flags.TC) if asked.transport == "udp" else [])
    async with LiveResolver([server.address, second.address], timeout=QUICK) as resolver:
        assert (await resolver.txt("example.org")).records == (b"from the second",)


@on_each_loop
async def test_a_server_without_tcp_is_passed_over(second: NameServer) -> None:
    with NameServer(ZONE, listens_on_tcp=False) as server:
        server.on("*", "*", lambda question: say(question, flags=dns.flags.TC))
        async with LiveResolver([server.address, second.address]) as resolver:
            assert (await resolver.txt("example.org")).records == (b"from the second",)


@on_each_loop
async def test_many_over_tcp_wait_for_each_other(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inalign.net.dns_exchange.MAX_CONNECTIONS", 2)
    server.on("*", "*", lambda asked: say(asked, flags=dns.flags.TC) if asked.transport == "udp" else answer()(asked))
    async with LiveResolver([server.address]) as resolver:
        found = await asyncio.gather(*(resolver.txt(f"n{number}.example") for number in range(20)))
    assert {one.outcome for one in found} == {Outcome.FOUND}


# servers that do not answer, or answer wrong


@on_each_loop
async def test_no_answer_is_a_failure_when_the_time_is_over(server: NameServer) -> None:
    async with LiveResolver([server.address], timeout=QUICK) as resolver:
        begun = time.monotonic()
        assert await resolver.txt("dead.example") == Answer(Outcome.FAILED, detail="no answer in 0.4 s")
        assert QUICK - 0.01 <= time.monotonic() - begun < QUICK + 1
    assert server.asked("dead.example") == 3


@on_each_loop
async def test_a_lost_question_is_asked_again(server: NameServer) -> None:
    server.on("*", "*", first_then(silence, answer()))
    async with LiveResolver([server.address], timeout=2) as resolver:
        assert (await resolver.txt("example.org")).outcome is Outcome.FOUND
    assert len({question.message.id for question in server.questions}) == 2


@on_each_loop
async def test_a_late_answer_to_the_first_attempt_counts(server: NameServer) -> None:
    server.on("*", "*", first_then(later(0.8, answer("late")), silence))
    async with LiveResolver([server.address], timeout=1) as resolver:
        assert (await resolver.txt("example.org")).records == (b"late",)
    assert len(server.questions) == 3


def test_an_answer_after_four_seconds_counts_and_after_six_does_not(server: NameServer) -> None:
    server.on("slow.example", "*", first_then(later(4.0, answer()), silence))
    server.on("slower.example", "*", first_then(later(6.0, answer()), silence))

    async def ask() -> list[Outcome]:
        async with LiveResolver([server.address]) as resolver:
            asked = await asyncio.gather(resolver.txt("slow.example"), resolver.txt("slower.example"))
            return [found.outcome for found in asked]

    assert asyncio.run(ask()) == [Outcome.FOUND, Outcome.FAILED]


@on_each_loop
async def test_thirty_milliseconds_are_not_waited_for_twice(server: NameServer) -> None:
    server.on("*", "*", later(0.03, answer()))
    async with LiveResolver([server.address]) as resolver:
        names = [f"n{number}.example" for number in range(10)]
        resolver.prefetch(*map(txt, names))
        begun = time.monotonic()
        for name in names:
            assert (await resolver.txt(name)).outcome is Outcome.FOUND
        assert time.monotonic() - begun < 2


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTAUTH", "FORMERR", "NOTIMP"])
@on_each_loop
async def test_an_error_is_a_failure_at_once(server: NameServer, rcode: str) -> None:
    server.on("*", "*", refuse(dns.rcode.from_text(rcode)))
    async with LiveResolver([server.address]) as resolver:
        begun = time.monotonic()
        found = await resolver.txt("example.org")
        assert time.monotonic() - begun < 1
    assert found.outcome is Outcome.FAILED
    assert found.detail.startswith(server.address)


def changed(change: Callable[[dns.message.Message], None]) -> Script:
    def script(question: Asked) -> list[Step]:
        message = reply(question, txt_records("example.org", "forged"))
        change(message)
        return [Step(message.to_wire()), *answer()(question)]

    return script


def wrong_id(message: dns.message.Message) -> None:
    message.id ^= 1


def wrong_question(message: dns.message.Message) -> None:
    message.question = [dns.rrset.from_text("example.net.", 0, "IN", "TXT")]


def wrong_type(message: dns.message.Message) -> None:
    message.question = [dns.rrset.from_text("example.org.", 0, "IN", "A")]


def no_question(message: dns.message.Message) -> None:
    message.question = []


def a_query(message: dns.message.Message) -> None:
    message.flags &= ~dns.flags.QR


@pytest.mark.parametrize("change", [wrong_id, wrong_question, wrong_type, no_question, a_query])
@on_each_loop
async def test_a_reply_to_something_else_is_dropped_and_the_right_one_taken(
    server: NameServer, change: Callable[[dns.message.Message], None]
) -> None:
    server.on("*", "*", changed(change))
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("example.org")).records == (b"right",)


@on_each_loop
async def test_a_reply_from_another_port_is_dropped(server: NameServer) -> None:
    def script(question: Asked) -> list[Step]:
        forged = say(question, txt_records("example.org", "forged"))[0]
        return [Step(forged.octets, from_elsewhere="port"), *later(0.05, answer())(question)]

    server.on("*", "*", script)
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("example.org")).records == (b"right",)


@on_each_loop
async def test_an_answer_cut_anywhere_is_dropped(server: NameServer) -> None:
    def cut(question: Asked) -> list[Step]:
        octets = say(question, txt_records(question.name, "forged"))[0].octets
        return [*(Step(octets[:end]) for end in range(len(octets))), *answer()(question)]

    server.on("*", "*", cut)
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("example.org")).records == (b"right",)


@on_each_loop
async def test_only_malformed_answers_are_a_failure(server: NameServer) -> None:
    server.on("*", "*", lambda question: [Step(say(question)[0].octets[:-1]), Step(b""), Step(b"\xff" * 4096)])
    async with LiveResolver([server.address], timeout=QUICK) as resolver:
        assert (await resolver.txt("example.org")).outcome is Outcome.FAILED


@on_each_loop
async def test_a_referral_is_a_failure(server: NameServer) -> None:
    server.on("*", "*", lambda question: say(question, authority=[records("org", "NS", "ns.example.")]))
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("example.org")).outcome is Outcome.FAILED


@pytest.mark.parametrize("rcode", [dns.rcode.FORMERR, dns.rcode.NOTIMP])
@on_each_loop
async def test_who_does_not_know_edns_is_asked_without(server: NameServer, rcode: dns.rcode.Rcode) -> None:
    # RFC 6891 section 7
    def script(question: Asked) -> Sequence[Step]:
        return say(question, rcode=rcode) if question.message.edns == 0 else answer()(question)

    server.on("*", "*", script)
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("a.example")).records == (b"right",)
        assert (await resolver.txt("b.example")).records == (b"right",)
    assert [question.message.edns for question in server.questions] == [0, -1, -1], "the second time it is known"


# several servers


@on_each_loop
async def test_the_first_server_is_asked_alone_while_it_answers(server: NameServer, second: NameServer) -> None:
    async with LiveResolver([server.address, second.address]) as resolver:
        await asyncio.gather(*(resolver.txt(f"n{number}.example") for number in range(20)))
    assert second.questions == []


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "FORMERR"])
@on_each_loop
async def test_after_an_error_the_next_server_is_asked_at_once(
    server: NameServer, second: NameServer, rcode: str
) -> None:
    server.on("*", "*", refuse(dns.rcode.from_text(rcode)))
    async with LiveResolver([server.address, second.address]) as resolver:
        begun = time.monotonic()
        assert (await resolver.txt("example.org")).records == (b"from the second",)
        assert time.monotonic() - begun < 1.9


@on_each_loop
async def test_a_server_that_nobody_runs_is_passed_over_at_once(second: NameServer) -> None:
    async with LiveResolver([closed_port(), closed_port(), second.address]) as resolver:
        begun = time.monotonic()
        assert (await resolver.txt("example.org")).records == (b"from the second",)
        assert time.monotonic() - begun < 1.9


@on_each_loop
async def test_when_nobody_runs_any_server_the_failure_comes_at_once() -> None:
    async with LiveResolver([closed_port(), closed_port()]) as resolver:
        begun = time.monotonic()
        found = await resolver.txt("example.org")
        assert time.monotonic() - begun < 1.9
    assert found.outcome is Outcome.FAILED
    assert "refused" in found.detail


@on_each_loop
async def test_a_silent_first_server_delays_one_round_and_is_then_asked_last(
    server: NameServer, second: NameServer
) -> None:
    server.on("*", "*", silence)
    second.on("*", "*", answer())
    async with LiveResolver([server.address, second.address], timeout=2) as resolver:
        begun = time.monotonic()
        first = await asyncio.gather(*(resolver.txt(f"n{number}.example") for number in range(20)))
        assert time.monotonic() - begun > 0.35  # one round went to the silent one
        then = await asyncio.gather(*(resolver.txt(f"m{number}.example") for number in range(20)))
        assert {found.outcome for found in [*first, *then]} == {Outcome.FOUND}
    assert len(server.questions) == 20


@on_each_loop
async def test_a_server_is_not_held_down_for_one_dead_domain(server: NameServer, second: NameServer) -> None:
    second.on("*", "*", silence)
    server.on("live.example", "*", answer())
    async with LiveResolver([server.address, second.address], timeout=1) as resolver:
        dead = asyncio.create_task(resolver.txt("dead.example"))
        await asyncio.sleep(0.1)
        await resolver.txt("live.example")
        assert (await dead).outcome is Outcome.FAILED
        assert not resolver._servers[0].is_down, "it answered others meanwhile"


@on_each_loop
async def test_a_server_that_was_held_down_is_tried_by_one_question(
    server: NameServer, second: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inalign.net.dns_exchange.HOLD_DOWN_SECONDS", 0.5)
    server.on("*", "*", silence)
    second.on("*", "*", answer())
    async with LiveResolver([server.address, second.address], timeout=1) as resolver:
        await resolver.txt("a.example")
        await asyncio.sleep(0.6)
        await asyncio.gather(*(resolver.txt(f"n{number}.example") for number in range(10)))
        assert len(server.questions) == 2, "the first, and one that tried"
        server.on("*", "*", answer())
        await asyncio.sleep(0.6)
        await resolver.txt("b.example")
        before = len(second.questions)
        await resolver.txt("c.example")
        assert len(second.questions) == before, "it is back"


@on_each_loop
async def test_all_servers_failing_is_a_failure_that_names_the_last(server: NameServer, second: NameServer) -> None:
    server.on("*", "*", refuse(dns.rcode.REFUSED))
    second.on("*", "*", refuse(dns.rcode.SERVFAIL))
    async with LiveResolver([server.address, second.address]) as resolver:
        assert (await resolver.txt("example.org")).detail == f"{second.address}: SERVFAIL"


# CNAMEs


def alias_of(target: str) -> Script:
    return lambda question: say(question, records(question.name, "CNAME", target + "."), flags=dns.flags.AD)


@on_each_loop
async def test_a_chain_that_the_answer_leaves_open_is_asked_on(server: NameServer) -> None:
    server.on("a.example", "TXT", alias_of("b.other"))
    server.on("b.other", "TXT", lambda question: say(question, records("b.other", "CNAME", "example.org.", ttl=7)))
    async with LiveResolver([server.address]) as resolver:
        found = await resolver.txt("a.example")
    assert found.records == (b"v=spf1 -all", b"x" * 300)
    assert found.ttl == 7
    assert not found.dnssec_validated, "one link of the chain is not vouched for"


@on_each_loop
async def test_a_chain_of_secure_links_is_secure_and_may_end_in_nothing(server: NameServer) -> None:
    server.on("a.example", "TXT", alias_of("example.org"))
    server.on("b.example", "TXT", alias_of("nowhere.example"))
    server.on("c.example", "TXT", alias_of("failing.example"))
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("a.example")).dnssec_validated
        assert (await resolver.txt("b.example")).outcome is Outcome.NXDOMAIN
        assert (await resolver.txt("c.example")).outcome is Outcome.FAILED


@on_each_loop
async def test_cname_loops_fail_within_or_over_answers(server: NameServer) -> None:
    server.on("a.example", "TXT", alias_of("b.example"))
    server.on("b.example", "TXT", alias_of("a.example"))
    loop = [records("c.example", "CNAME", "d.example."), records("d.example", "CNAME", "c.example.")]
    server.on("c.example", "TXT", lambda question: say(question, *loop))
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("a.example")).detail == "CNAME loop"
        assert (await resolver.txt("c.example")).outcome is Outcome.FAILED
    assert len(server.questions) < 20


@on_each_loop
async def test_records_of_another_name_are_not_used(server: NameServer) -> None:
    server.on("a.example", "TXT", lambda question: say(question, txt_records("victim.example", "forged")))
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("a.example")).detail.endswith("an answer to something else")
        assert (await resolver.txt("victim.example")).outcome is Outcome.NXDOMAIN


# one flight a question


@on_each_loop
async def test_two_hundred_who_ask_the_same_are_one_question(server: NameServer) -> None:
    server.on("*", "*", later(0.05, answer()))
    async with LiveResolver([server.address]) as resolver:
        view = resolver.within(20)
        found = await asyncio.gather(
            *(view.txt("Example.org") for _ in range(100)), *(resolver.txt("example.org.") for _ in range(100))
        )
    assert {one.records for one in found} == {(b"right",)}
    assert len(server.questions) == 1


@on_each_loop
async def test_an_ask_joins_what_was_expected(server: NameServer) -> None:
    questions = [txt("example.org"), mx("Example.org."), addresses("example.org", 4), ptr(ip_address("192.0.2.1"))]
    async with LiveResolver([server.address]) as resolver:
        resolver.prefetch(*questions, *questions, Question("PTR", "no address"))
        await resolver.txt("example.org")
        await resolver.mx("example.org")
        await resolver.addresses("example.org", 4)
        await resolver.ptr(ip_address("192.0.2.1"))
        resolver.prefetch(*questions)
        await asyncio.sleep(0.05)
    assert len(server.questions) == 4


@on_each_loop
async def test_what_was_expected_and_never_asked_for_disturbs_nobody(server: NameServer) -> None:
    async with LiveResolver([server.address]) as resolver:
        resolver.prefetch(txt("dead.example"), txt("failing.example"), txt("example.org"))
        await asyncio.sleep(0.05)


@on_each_loop
async def test_who_is_cancelled_does_not_take_the_answer_from_the_others(server: NameServer) -> None:
    server.on("*", "*", later(0.1, answer()))
    async with LiveResolver([server.address]) as resolver:
        tasks = [asyncio.create_task(resolver.txt("example.org")) for _ in range(3)]
        await asyncio.sleep(0.02)
        tasks[0].cancel()
        tasks[2].cancel()
        assert (await tasks[1]).records == (b"right",)
        for task in (tasks[0], tasks[2]):
            with pytest.raises(asyncio.CancelledError):
                await task
    assert len(server.questions) == 1


@on_each_loop
async def test_when_all_who_wait_are_cancelled_the_answer_is_kept_all_the_same(server: NameServer) -> None:
    server.on("*", "*", later(0.1, answer()))
    async with LiveResolver([server.address]) as resolver:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resolver.txt("example.org"), 0.02)
        await asyncio.sleep(0.2)
        assert (await resolver.txt("example.org")).records == (b"right",)
    assert len(server.questions) == 1


@on_each_loop
async def test_a_dead_server_that_comes_back_is_not_stormed(server: NameServer) -> None:
    clock = Clock()
    server.on("*", "*", refuse(dns.rcode.SERVFAIL))
    async with LiveResolver([server.address], clock=clock) as resolver:
        for _ in range(10):
            found = await asyncio.gather(*(resolver.txt("example.org") for _ in range(200)))
            assert {one.outcome for one in found} == {Outcome.FAILED}
        assert len(server.questions) == 1, "RFC 9520: a failure is kept, too"
        server.on("*", "*", answer())
        clock.now += 5
        found = await asyncio.gather(*(resolver.txt("example.org") for _ in range(200)))
        assert {one.outcome for one in found} == {Outcome.FOUND}
    assert len(server.questions) == 2


@on_each_loop
async def test_a_dead_name_is_asked_for_less_and_less_often(server: NameServer) -> None:
    clock = Clock()
    server.on("dead.example", "*", refuse(dns.rcode.SERVFAIL))
    async with LiveResolver([server.address], clock=clock) as resolver:
        for _ in range(120):
            await resolver.txt("dead.example")
            clock.now += 1
    assert server.asked("dead.example") == 6  # after 0, 5, 15, 35, 65 and 95 seconds


@pytest.mark.parametrize("is_running", [True, False])
@on_each_loop
async def test_when_no_server_answers_anything_a_failure_holds_a_second(
    server: NameServer, *, is_running: bool
) -> None:
    clock = Clock()
    server.on("*", "*", silence)
    async with LiveResolver([server.address if is_running else closed_port()], timeout=0.1, clock=clock) as resolver:
        for _ in range(3):
            assert (await resolver.txt("example.org")).outcome is Outcome.FAILED
            lookups = resolver.lookups
            clock.now += 0.9
            assert (await resolver.txt("example.org")).ttl == 1
            assert resolver.lookups == lookups
            clock.now += 0.2
    assert resolver.lookups == 3


@on_each_loop
async def test_of_too_many_questions_those_fail_that_wait_longest(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_QUESTIONS", 5)
    server.on("*", "*", later(0.1, answer()))
    async with LiveResolver([server.address]) as resolver:
        resolver.prefetch(*(txt(f"n{number}.example") for number in range(3)))
        found = await asyncio.gather(*(resolver.txt(f"n{number}.example") for number in range(9)))
        assert [one.outcome for one in found] == [Outcome.FAILED] * 4 + [Outcome.FOUND] * 5
        assert found[0].detail == "too many questions at a time"
        assert (await resolver.txt("n0.example")).outcome is Outcome.FOUND, "such a failure is not kept"
    assert resolver.failures == 4


@on_each_loop
async def test_a_flood_of_dead_names_gives_way_to_the_others(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_QUESTIONS", 20)
    server.on("*", "*", silence)
    async with LiveResolver([server.address]) as resolver:
        for number in range(10):
            server.on(f"n{number}.example", "TXT", answer())
            resolver.prefetch(*(txt(f"dead{number}-{other}.example") for other in range(19)))
            assert (await resolver.txt(f"n{number}.example")).outcome is Outcome.FOUND


@on_each_loop
async def test_two_thousand_questions_at_a_time_are_all_answered(server: NameServer) -> None:
    server.on("*", "*", answer())
    async with LiveResolver([server.address], timeout=15) as resolver:
        found = await asyncio.gather(*(resolver.txt(f"n{number}.example") for number in range(2000)))
    assert {one.outcome for one in found} == {Outcome.FOUND}


@on_each_loop
async def test_questions_leave_from_many_ports_with_many_identifiers(server: NameServer) -> None:
    server.on("*", "*", answer())
    async with LiveResolver([server.address]) as resolver:
        for number in range(100):
            await resolver.txt(f"n{number}.example")
    assert len({question.port for question in server.questions}) > 8
    assert len({question.message.id for question in server.questions}) > 90


@on_each_loop
async def test_ports_are_changed(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inalign.net.dns_sockets.MAX_QUERIES_PER_PORT", 3)
    server.on("*", "*", later(0.02, answer()))
    async with LiveResolver([server.address]) as resolver:
        found = await asyncio.gather(*(resolver.txt(f"n{number}.example") for number in range(200)))
        assert {one.outcome for one in found} == {Outcome.FOUND}
        ports = [question.port for question in server.questions]
        assert max(map(ports.count, set(ports))) <= 3
        await asyncio.sleep(0.05)
        assert open_sockets(resolver) <= 16


def open_sockets(resolver: LiveResolver) -> int:
    places = [place for server in resolver._servers for place in server.ports._ports]
    return sum(place is not None and place._socket.fileno() >= 0 for place in places)


@on_each_loop
async def test_an_address_that_no_socket_reaches_is_passed_over(second: NameServer) -> None:
    async with LiveResolver(["255.255.255.255", second.address]) as resolver:
        begun = time.monotonic()
        assert (await resolver.txt("example.org")).records == (b"from the second",)
        assert time.monotonic() - begun < 1.9


@on_each_loop
async def test_without_a_descriptor_left_the_question_fails(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("inalign.net.dns_sockets.Port", none_left)
    async with LiveResolver([server.address]) as resolver:
        assert "Too many open files" in (await resolver.txt("example.org")).detail


# the cache


@on_each_loop
async def test_an_answer_is_kept_for_its_ttl(server: NameServer) -> None:
    clock = Clock()
    async with LiveResolver([server.address], clock=clock) as resolver:
        for seconds, asked in ((0, 1), (299, 1), (2, 2), (299, 2)):
            clock.now += seconds
            assert (await resolver.txt("example.org")).outcome is Outcome.FOUND
            assert server.asked("example.org") == asked


@on_each_loop
async def test_a_denial_is_kept_for_the_time_of_the_soa(server: NameServer) -> None:
    clock = Clock()
    async with LiveResolver([server.address], clock=clock) as resolver:
        for seconds, asked in ((0, 1), (59, 1), (2, 2)):
            clock.now += seconds
            assert (await resolver.txt("nowhere.example")).outcome is Outcome.NXDOMAIN
            assert server.asked("nowhere.example") == asked


@on_each_loop
async def test_the_cache_has_a_limit(server: NameServer) -> None:
    server.on("*", "*", answer())
    async with LiveResolver([server.address], limits=CacheLimits(entries=10)) as resolver:
        for number in range(30):
            await resolver.txt(f"n{number}.example")
        await resolver.txt("n0.example")
    assert server.asked("n0.example") == 2


# the budget of a message


@on_each_loop
async def test_a_message_fails_when_its_time_is_over_and_others_do_not(server: NameServer) -> None:
    server.on("*", "*", later(0.3, answer()))
    async with LiveResolver([server.address]) as resolver:
        view = resolver.within(0.1)
        begun = time.monotonic()
        found, other = await asyncio.gather(view.txt("example.org"), resolver.txt("example.org"))
        assert found.outcome is Outcome.FAILED
        assert other.outcome is Outcome.FOUND
        begun = time.monotonic()
        assert (await view.mx("another.example")).outcome is Outcome.FAILED
        assert time.monotonic() - begun < 1
        assert (await view.txt("example.org")).outcome is Outcome.FOUND, "what is known costs no time"
    assert server.asked("example.org") == 1


@on_each_loop
async def test_a_view_asks_everything_that_a_resolver_asks(server: NameServer) -> None:
    async with LiveResolver([server.address]) as resolver:
        view: Resolver = resolver.within(5)
        view.prefetch(txt("example.org"))
        assert (await view.txt("example.org")).outcome is Outcome.FOUND
        assert (await view.addresses("example.org", 4)).outcome is Outcome.FOUND
        assert (await view.addresses("example.org", 6)).records == (IPv6Address("2001:db8::1"),)
        assert (await view.mx("example.org")).outcome is Outcome.FOUND
        assert (await view.ptr(ip_address("192.0.2.1"))).outcome is Outcome.FOUND


# the life of a resolver


def test_a_coroutine_that_nobody_drives_fails_in_words(server: NameServer) -> None:
    coroutine = LiveResolver([server.address]).txt("example.org")
    coroutine.send(None)
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    assert done.value.value == Answer(Outcome.FAILED, detail="no event loop is running: use inalign.run")


@on_each_loop
async def test_closing_fails_a_question_that_has_not_left_yet(server: NameServer) -> None:
    resolver = LiveResolver([server.address])
    waiting = asyncio.create_task(resolver.txt("example.org"))
    resolver.prefetch(txt("example.org"))
    await resolver.aclose()
    assert (await waiting).outcome is Outcome.FAILED


@on_each_loop
async def test_closing_fails_those_who_wait_and_those_who_come_later(server: NameServer) -> None:
    resolver = LiveResolver([server.address])
    waiting = asyncio.create_task(resolver.txt("dead.example"))
    await asyncio.sleep(0.05)
    await resolver.aclose()
    assert (await waiting).outcome is Outcome.FAILED
    assert (await resolver.txt("example.org")).outcome is Outcome.FAILED
    resolver.prefetch(txt("example.org"))
    await resolver.aclose()
    assert open_sockets(resolver) == 0


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_resolver_moves_to_the_next_event_loop_with_its_cache(server: NameServer, loop_name: str) -> None:
    resolver = LiveResolver([server.address])
    for name, asked in (("example.org", 1), ("example.org", 1), ("alias.example", 2)):
        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            assert runner.run(resolver.txt(name)).outcome is Outcome.FOUND
        assert len(server.questions) == asked


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_forgotten_resolver_leaves_no_socket_and_no_warning(server: NameServer, loop_name: str) -> None:
    def use() -> list[socket.socket]:
        resolver = LiveResolver([server.address])
        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            runner.run(resolver.txt("example.org"))
            resolver.prefetch(txt("dead.example"))
        return [place._socket for one in resolver._servers for place in one.ports._ports if place is not None]

    sockets = use()
    gc.collect()
    assert [one.fileno() for one in sockets] == [-1] * len(sockets)


@on_each_loop
async def test_a_question_that_is_given_up_leaves_no_warning_behind_the_loop(server: NameServer) -> None:
    async def interrupted() -> None:
        resolver = LiveResolver([server.address])
        resolver.prefetch(txt("dead.example"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resolver.txt("dead.example"), 0.2)
        await resolver.aclose()
        await asyncio.sleep(0)  # the loop closes sockets in its next round

    await asyncio.to_thread(asyncio.run, interrupted())
    gc.collect()


def test_an_address_that_is_none_is_a_settings_error() -> None:
    with pytest.raises(ServerAddressError):
        LiveResolver(["ns.example.org"])


@on_each_loop
async def test_without_servers_those_of_the_system_are_asked(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "system_servers", lambda: (parse_server(server.address),))
    async with LiveResolver() as resolver:
        assert (await resolver.txt("example.org")).outcome is Outcome.FOUND


@on_each_loop
async def test_an_ad_flag_from_afar_is_not_believed(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_as_remote(text: str, *, trust_ad: bool = False) -> ServerAddress:
        address = parse_server(text)
        return ServerAddress(address.text, address.family, address.address, is_trusted=trust_ad)

    monkeypatch.setattr(live, "parse_server", parse_as_remote)
    async with LiveResolver([server.address]) as resolver:
        assert not (await resolver.txt("example.org")).dnssec_validated
    async with LiveResolver([server.address], trust_ad=True) as resolver:
        assert (await resolver.txt("example.org")).dnssec_validated
