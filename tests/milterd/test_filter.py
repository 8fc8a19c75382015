"""The filter with clients of every kind: whose mail is verified, and as whose."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from inalign.flow.origin import Gateway, Hosts, OriginSource
from inalign.flow.outcome import MessageOutcome
from inalign.flow.verdict import Verdict
from inalign.mail.networks import Networks
from inalign.milter.macros import Macros
from inalign.milter.messages import Command, Connected, EndOfHeader, Family, HeaderField, Helo, MailFrom
from inalign.milter.replies import Response
from inalign.milterd.filter import MailFilter
from inalign.milterd.observer import log_outcome
from inalign.milterd.service import FilterContext
from tests.milterd.material import filter_context
from tests.senders import CLIENT, records, signed

STRANGER = "203.0.113.99"
RELAY = "198.51.100.2"
GATEWAY = "198.51.100.5"
LOCAL = "10.1.1.1"


SPF = "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all"
"""Allows the relay and the gateway too."""


@dataclass
class Site:
    """A milter of mx.example.net, and the outcomes of its messages."""

    outcomes: list[MessageOutcome] = field(default_factory=list)

    @property
    def sources(self) -> list[OriginSource]:
        """How the clients are known, of the messages that a relay or a gateway handed in."""
        return [outcome.origin.source for outcome in self.outcomes if outcome.origin is not None]

    def context(self) -> FilterContext:
        return filter_context(
            records(spf=SPF),
            iprev=True,
            hosts=Hosts(
                local=Networks(["127.0.0.0/8", "10.0.0.0/8", "!10.9.0.0/16"]),
                relays=Networks([RELAY, "10.0.0.25"]),
                gateways=(Gateway(networks=Networks([GATEWAY]), authserv_id="gw.example"),),
            ),
            trusted_relays=Networks(["203.0.113.7"]),
            observe=self._observe,
        )

    def _observe(self, outcome: MessageOutcome) -> None:
        log_outcome(outcome)
        self.outcomes.append(outcome)

    def receive(
        self,
        octets: bytes,
        connected: str | None,
        *,
        above: Sequence[str] = (),
        mail_from: str = "<alice@example.org>",
        login: str | None = None,
    ) -> Verdict | None:
        """The verdict on a message, with these fields on top; None where it was not verified."""
        asyncio.run(self._receive(octets, connected, above, mail_from, login))
        return self.outcomes[-1].verdict

    async def _receive(
        self, octets: bytes, connected: str | None, above: Sequence[str], mail_from: str, login: str | None
    ) -> None:
        macros = Macros()
        if login:
            macros.put(Command.MAIL, b"M{auth_authen}\0" + login.encode() + b"\0")
        header, _, body = octets.partition(b"\r\n\r\n")
        lines = [
            *(line.encode() for line in above),
            *header.replace(b"\r\n\t", b"\n\t").replace(b"\r\n ", b"\n ").split(b"\r\n"),
        ]
        fields = tuple(HeaderField(*line.split(b":", 1)) for line in lines)
        one = MailFilter(macros, self.context())
        family = Family.UNKNOWN if connected is None else Family.INET6 if ":" in connected else Family.INET
        one.connected(Connected("x", family, connected, 25))
        one.helo(Helo("relay.example.net"))
        one.mail(MailFrom(mail_from, ()))
        one.header(EndOfHeader(fields, 0, {}))
        one.body(body)
        assert isinstance(await one.end_of_message(), Response)


def signed_now() -> bytes:
    """Signed by the clock that the filter looks at."""
    return signed(now=datetime.now(UTC))


def stamp(address: str, helo: str = "mail.example.org") -> str:
    return f"Received: from {helo} (x.example [{address}])\n\tby relay.example.net (Postfix) with ESMTP id 1; x"


OURS = "Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=forged.example"
THEIRS = "Authentication-Results: gw.example; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org"


def test_direct_client_is_judged_by_his_own_address() -> None:
    site = Site()
    verdict = site.receive(signed_now(), STRANGER, above=[stamp(CLIENT)])
    assert verdict is not None
    assert verdict.spf.result == "fail"
    assert site.sources == []


@pytest.mark.parametrize("connected", [RELAY, f"::ffff:{RELAY}", "10.0.0.25"])
def test_client_behind_a_relay_is_the_one_that_it_recorded(connected: str) -> None:
    site = Site()
    verdict = site.receive(signed_now(), connected, above=[stamp(CLIENT)])
    assert verdict is not None
    assert (verdict.spf.result, verdict.dmarc.result) == ("pass", "pass")
    assert verdict.iprev is not None
    assert (verdict.iprev.client_ip, verdict.iprev.result) == (CLIENT, "pass")
    assert site.sources == [OriginSource.RECEIVED]


def test_helo_behind_a_relay_is_the_recorded_one() -> None:
    verdict = Site().receive(signed_now(), RELAY, above=[stamp(CLIENT)], mail_from="<>")
    assert verdict is not None
    assert (verdict.spf.domain, verdict.spf.result) == ("mail.example.org", "pass")


def test_relay_that_spf_allows_makes_no_pass_for_others() -> None:
    verdict = Site().receive(signed_now(), RELAY, above=[stamp(STRANGER), stamp(CLIENT)])
    assert verdict is not None
    assert verdict.spf.result == "fail"


def test_unknown_client_behind_a_relay_gives_none_and_never_a_pass_of_the_relay() -> None:
    site = Site()
    verdict = site.receive(signed_now(), RELAY)
    assert verdict is not None
    assert (verdict.spf.result, verdict.spf.reason) == ("none", "no_client")
    assert verdict.iprev is None
    assert verdict.dmarc.result == "pass"  # by its signature
    assert site.sources == [OriginSource.UNKNOWN]


def test_mail_of_our_own_by_a_relay_is_not_verified() -> None:
    site = Site()
    assert site.receive(signed_now(), RELAY, above=[stamp(LOCAL)]) is None
    assert site.outcomes[-1].skipped == "local_network"
    assert site.receive(signed_now(), RELAY, above=[stamp("10.9.0.1")]) is not None


@pytest.mark.parametrize(
    ("connected", "skipped"),
    [(LOCAL, "local_network"), ("127.0.0.1", "local_network"), ("10.9.1.1", None), (None, None)],
)
def test_local_networks_with_an_exception(connected: str | None, skipped: str | None) -> None:
    site = Site()
    site.receive(signed_now(), connected)
    assert site.outcomes[-1].skipped == skipped


@pytest.mark.parametrize("connected", [STRANGER, RELAY, GATEWAY])
def test_authenticated_client_is_not_verified(connected: str) -> None:
    site = Site()
    assert site.receive(signed_now(), connected, above=[stamp(CLIENT)], login="ann") is None
    assert site.outcomes[-1].skipped == "authenticated"


def test_results_of_a_gateway_stand_for_ours() -> None:
    site = Site()
    verdict = site.receive(signed_now() + b"footer\r\n", GATEWAY, above=[THEIRS, stamp(STRANGER)])
    assert verdict is not None
    assert (verdict.spf.result, verdict.spf.reason, verdict.dmarc.result) == ("pass", "reported", "pass")
    assert verdict.dkim[0].reason == "changed_in_transit"
    assert site.sources == [OriginSource.RESULTS]


@pytest.mark.parametrize(
    ("connected", "above", "removed"),
    [
        (STRANGER, [OURS], 1),
        (STRANGER, [THEIRS], 1),  # RFC 8601 section 5: in the name of a host of ours, and not from there
        (RELAY, [stamp(STRANGER), OURS, THEIRS], 2),
        (GATEWAY, [THEIRS, stamp(STRANGER)], 0),
        (GATEWAY, [OURS, THEIRS, stamp(STRANGER)], 1),
        (RELAY, [stamp(GATEWAY), THEIRS, stamp(STRANGER)], 0),
        ("203.0.113.7", [OURS, THEIRS], 0),
        (LOCAL, [OURS], 1),
    ],
)
def test_forged_results_are_removed(connected: str, above: list[str], removed: int) -> None:
    site = Site()
    site.receive(signed_now(), connected, above=above)
    assert len(site.outcomes[-1].forged) == removed


def test_log_line_tells_the_client_and_the_way(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inalign.message")
    Site().receive(signed_now(), RELAY, above=[stamp(CLIENT)])
    line = str(caplog.records[-1].msg)
    assert f"client={CLIENT} helo=mail.example.org" in line
    assert f"origin=received via={RELAY}" in line
    Site().receive(signed_now(), RELAY)
    assert "client=- from=<alice@example.org>" in str(caplog.records[-1].msg)
    assert f"origin=unknown via={RELAY} unknown=" in str(caplog.records[-1].msg)
    Site().receive(signed_now(), STRANGER)
    assert "origin" not in str(caplog.records[-1].msg)
