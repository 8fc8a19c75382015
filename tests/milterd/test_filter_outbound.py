"""Our own mail at the milter: which it is, what is inserted, what is logged and counted; DNS is a zone."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from inalign.dkim.sign import SigningKey
from inalign.flow.decision import DecisionRule
from inalign.flow.key_finder import Choice, KeyLookupError
from inalign.flow.origin import Hosts
from inalign.flow.outcome import MessageOutcome
from inalign.flow.own_mail import parse_conditions
from inalign.flow.send import DnsCheck, SendingOptions
from inalign.flow.signer import OutboundSigner
from inalign.mail.domain import parse_domain
from inalign.mail.networks import Networks
from inalign.mail.recipients import Recipients
from inalign.milter.macros import Macros
from inalign.milter.messages import Command, Connected, EndOfHeader, Family, HeaderField, Helo, MailFrom, Recipient
from inalign.milter.replies import ACCEPT, ReplyKind, Response
from inalign.milterd.filter import MailFilter
from inalign.milterd.observer import OutcomeObserver
from inalign.milterd.service import FilterContext
from inalign.telemetry import METRICS, Counters
from tests.dkim.material import ED25519
from tests.milterd.material import filter_context
from tests.senders import private_key, records

LOCAL = "198.51.100.1"
STRANGER = "203.0.113.99"
RELAY = "203.0.113.5"
KEY = SigningKey(parse_domain("example.org"), parse_domain("s1"), private_key())


class Finder:
    """Knows the keys of example.org, at once or after a while."""

    def __init__(self, keys: Iterable[SigningKey] = (KEY,), *, problem: str = "", waits: bool = False) -> None:
        self.choices = tuple(Choice(key, f"rule {key.selector}") for key in keys)
        self.problem = problem
        self.waits = waits

    async def find(self, author: str) -> tuple[Choice, ...]:
        if self.waits:
            await asyncio.sleep(0.01)
        if self.problem:
            raise KeyLookupError(self.problem)
        return self.choices if author.endswith("@example.org") else ()

    async def aclose(self) -> None: ...


@dataclass
class Site:
    """A milter that signs."""

    finder: Finder = field(default_factory=Finder)
    options: SendingOptions = field(default_factory=SendingOptions)
    except_recipients: Sequence[str] = ()
    own_macros: Sequence[str] = ()
    names: dict[str, dict[str, object]] = field(default_factory=records)
    counters: Counters = field(default_factory=Counters)
    rules: list[DecisionRule] = field(default_factory=list)
    signer: OutboundSigner | None = None

    def context(self) -> FilterContext:
        self.signer = self.signer or OutboundSigner(
            self.finder, self.options, except_recipients=Recipients(self.except_recipients)
        )
        return filter_context(
            self.names,
            hosts=Hosts(local=Networks([LOCAL, "127.0.0.0/8"]), relays=Networks([RELAY])),
            own_macros=parse_conditions(self.own_macros),
            signer=self.signer,
            observe=self._observe,
        )

    def _observe(self, outcome: MessageOutcome) -> None:
        OutcomeObserver(self.counters).observe(outcome)
        self.rules.append(outcome.decision.rule)

    def send(
        self,
        client: str | None = LOCAL,
        *more: bytes,
        author: str = "alice@example.org",
        macros: Sequence[str] = (),
        host: str = "desk.example.net",
        to: Sequence[str] = ("bob@example.net",),
    ) -> Response:
        lines = [f"From: {author}".encode(), b"Subject: a\n b", *more]
        family = Family.UNKNOWN if client is None else Family.INET
        return asyncio.run(self._send(Connected(host, family, client, 25), lines, macros, to))

    async def _send(
        self, connected: Connected, lines: Sequence[bytes], macros: Sequence[str], to: Sequence[str]
    ) -> Response:
        told = Macros()
        told.put(Command.MAIL, b"M" + b"".join(each.encode() + b"\0" for each in macros))
        one = MailFilter(told, self.context())
        one.connected(connected)
        one.helo(Helo("desk.example.net"))
        one.mail(MailFrom("<alice@example.org>", ()))
        for address in to:
            one.recipient(Recipient(f"<{address}>", ()))
        one.header(EndOfHeader(tuple(HeaderField(*line.split(b":", 1)) for line in lines), 0, {}))
        one.body(b"Hello.\r\n")
        decision = await one.end_of_message()
        await asyncio.sleep(0)
        return decision


def inserted(decision: Response) -> list[tuple[bytes, bytes]]:
    """Name and value of the fields that are inserted, as they will stand."""
    found = [edit.parts for edit in decision.edits if edit.letter == ord("i")]
    return [(name.rstrip(b"\0"), value.rstrip(b"\0")) for _, name, value in reversed(found)]


def is_signed(decision: Response) -> bool:
    return any(name == b"DKIM-Signature" for name, _ in inserted(decision))


@pytest.mark.parametrize("waits", [False, True])
def test_our_mail_is_signed_rsa_uppermost_with_folds_as_a_milter_has_them(waits: bool) -> None:
    site = Site(Finder([SigningKey(KEY.domain, ED25519.selector, ED25519.private_key), KEY], waits=waits))
    decision = site.send()
    assert decision.reply == ACCEPT
    assert [(name, value[:21]) for name, value in inserted(decision)] == [
        (b"DKIM-Signature", b"v=1; a=rsa-sha256; c="),
        (b"DKIM-Signature", b"v=1; a=ed25519-sha256"),
    ]
    assert not any(b"\r" in value for _, value in inserted(decision))
    assert site.counters == {
        'inalign_actions_total{action="accept",rule="skipped",would=""}': 1,
        'inalign_messages_total{skipped="local_network"}': 1,
        'inalign_signatures_total{algorithm="rsa-sha256"}': 1,
        'inalign_signatures_total{algorithm="ed25519-sha256"}': 1,
    }


@pytest.mark.parametrize(
    ("client", "host", "macros", "signed"),
    [
        (LOCAL, "x", [], True),
        (STRANGER, "x", [], False),
        (STRANGER, "x", ["{auth_authen}", "ann"], True),
        (RELAY, "x", [], False),
        (RELAY, "x", ["{auth_authen}", "ann"], True),
        (None, "localhost", [], True),  # what Sendmail's own command reads
        (None, "unknown", [], False),  # a client whose address Postfix does not know
        (STRANGER, "x", ["{daemon_name}", "ORIGINATING"], True),
        (STRANGER, "x", ["{daemon_name}", "other"], False),
        (STRANGER, "x", ["{flag}", "1"], True),
        (STRANGER, "x", ["{flag}", ""], False),
        (RELAY, "x", ["{daemon_name}", "ORIGINATING"], False),
    ],
)
def test_whose_mail_is_ours(client: str | None, host: str, macros: list[str], signed: bool) -> None:
    site = Site(own_macros=["{daemon_name}=submission|ORIGINATING", "{flag}"])
    assert is_signed(site.send(client, host=host, macros=macros)) is signed


def test_only_mail_to_excepted_recipients_alone_is_unsigned() -> None:
    site = Site(except_recipients=["example.net"])
    assert not is_signed(site.send())
    assert is_signed(site.send(to=["bob@example.net", "carol@example.com"]))
    assert site.counters['inalign_unsigned_total{reason="excepted_recipient"}'] == 1


@pytest.mark.parametrize("deferred", [True, False])
def test_mail_whose_key_cannot_be_had(deferred: bool, caplog: pytest.LogCaptureFixture) -> None:
    site = Site(Finder(problem="keys.db: no answer"), SendingOptions(is_deferred=deferred))
    decision = site.send()
    assert (decision.reply.kind is ReplyKind.REPLY_CODE) is deferred
    assert not decision.edits
    assert (b"451 4.7.5" in decision.reply.wire) is deferred
    assert site.rules == [DecisionRule.KEY_UNAVAILABLE if deferred else DecisionRule.SKIPPED]
    (record,) = [each for each in caplog.records if each.name == "inalign.message"]
    assert record.levelno == logging.WARNING
    assert 'unsigned=key_unavailable why="keys.db: no answer"' in str(record.msg)


def test_log_line_names_key_and_rule(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inalign.message")
    Site().send()
    line = str(caplog.records[-1].msg)
    assert 'author=alice@example.org signed=example.org/s1/rsa-sha256 by="rule s1"' in line
    assert "skipped=local_network" in line
    Site().send(author="bob@example.com")
    assert "author=bob@example.com unsigned=no_rule" in str(caplog.records[-1].msg)


def test_key_that_is_not_in_dns_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(names={"example.org": {"TXT": ["v=spf1 -all"]}})
    assert is_signed(site.send())
    assert is_signed(site.send())
    told = [each for each in caplog.records if each.name == "inalign.signing"]
    assert len(told) == 1
    assert "s1._domainkey.example.org: there is no key record" in told[0].getMessage()
    assert not is_signed(Site(options=SendingOptions(dns_check=DnsCheck.REQUIRE), names=site.names).send())


def test_what_a_server_may_change_is_told_once_for_each_sender(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    for author in ("alice@example.org", "alice@example.org", "bob@example.org"):
        site.send(LOCAL, b"To: a@example.net,b@example.net", author=author)
    told = [each.getMessage() for each in caplog.records if each.name == "inalign.signing"]
    assert [line.partition(" has odd_header: ")[0] for line in told] == [
        "-: mail of alice@example.org",
        "-: mail of bob@example.org",
    ]


@pytest.mark.parametrize(("author", "noticed"), [("alice@example.org", True), ("alice@example.com", False)])
def test_stranger_in_the_name_of_an_author_of_ours_is_noticed(
    author: str, noticed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inalign.message")
    site = Site()
    site.send(STRANGER, author=author)
    assert ("inalign_own_domain_total" in site.counters) is noticed
    assert ('own_domain="rule s1"' in str(caplog.records[-1].msg)) is noticed


def test_forged_results_are_removed_from_our_mail_too() -> None:
    decision = Site().send(LOCAL, b"Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=x.example")
    assert [chr(edit.letter) for edit in decision.edits] == ["m", "i"]


def test_all_that_is_counted_has_its_metric() -> None:
    site = Site(Finder([KEY]), SendingOptions(dns_check=DnsCheck.REQUIRE), names={"x.example": {"A": ["192.0.2.1"]}})
    site.send()
    site.send(STRANGER)
    assert set(site.counters) >= {
        'inalign_unsigned_total{reason="key_not_published"}',
        "inalign_keys_not_in_dns_total",
        "inalign_own_domain_total",
    }
    names = {re.sub("_(bucket|sum|count)$", "", name.partition("{")[0]) for name in site.counters}
    assert names <= set(METRICS)
