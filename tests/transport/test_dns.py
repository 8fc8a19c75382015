"""The live resolver against a scripted name server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from inalign.resolver import MailExchange, Outcome
from inalign.transport.dns import LiveResolver
from inalign.transport.run import run
from tests.nameserver import NameServer, Zone
from tests.transport.loops import on_each_loop


@pytest.fixture
def server() -> Iterator[NameServer]:
    zone: Zone = {
        "example.org": {
            "TXT": ["v=spf1 -all", "x" * 300],
            "A": ["192.0.2.1", "192.0.2.2"],
            "AAAA": ["2001:db8::1"],
            "MX": [[10, "mail.example.org"], [0, ""]],
        },
        "1.2.0.192.in-addr.arpa": {"PTR": ["Mail.Example.Org."]},
        "alias.example": {"CNAME": "example.org"},
        "big.example": {"TXT": ["y" * 60000]},
    }
    with NameServer(zone) as server:
        yield server


@on_each_loop
async def test_every_kind_of_question_is_answered(server: NameServer) -> None:
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("Example.ORG.")).records == (b"v=spf1 -all", b"x" * 300)
        assert set((await resolver.addresses("example.org", 4)).records) == {
            ip_address("192.0.2.1"),
            ip_address("192.0.2.2"),
        }
        assert (await resolver.addresses("example.org", 6)).records == (ip_address("2001:db8::1"),)
        assert set((await resolver.mx("example.org")).records) == {
            MailExchange(10, "mail.example.org"),
            MailExchange(0, ""),
        }
        assert (await resolver.ptr(ip_address("192.0.2.1"))).records == ("mail.example.org",)


@on_each_loop
async def test_a_truncated_answer_is_asked_over_tcp(server: NameServer) -> None:
    async with LiveResolver([server.address]) as resolver:
        assert (await resolver.txt("big.example")).records == (b"y" * 60000,)


def test_run_needs_no_loop_of_its_caller(server: NameServer) -> None:
    resolver = LiveResolver([server.address])
    assert run(resolver.txt("alias.example")).records == (b"v=spf1 -all", b"x" * 300)
    assert run(resolver.txt("none.example")).outcome is Outcome.NO_NAME
    run(resolver.aclose())
