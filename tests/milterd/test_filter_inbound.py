"""The filter between the events of one SMTP connection and what is done with its messages; DNS is a zone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

import pytest

from inalign.flow.decide import LocalPolicy
from inalign.flow.decision import Decision, DecisionRule, Disposition
from inalign.flow.forged import MARK_NAME, RESULTS_NAME
from inalign.flow.origin import Hosts
from inalign.flow.outcome import MessageOutcome
from inalign.mail.domain import parse_domain_list
from inalign.mail.networks import Networks
from inalign.milter.macros import Macros
from inalign.milter.messages import Action, Connected, EndOfHeader, Family, HeaderField, Helo, MailFrom, Recipient
from inalign.milter.replies import ACCEPT, DISCARD, ReplyKind, Response
from inalign.milterd.filter import FEATURES, MailFilter
from inalign.milterd.observer import log_outcome
from inalign.telemetry import Pairs
from tests.milterd.material import filter_context
from tests.senders import CLIENT, records

STRANGER = "203.0.113.99"
RELAY = "203.0.113.5"
LOCAL = "198.51.100.1"
FORGED = b"X-Inalign-Action: quarantine; rule=dmarc_reject"


class Message:
    """One message to a filter, and what became of it."""

    def __init__(self, policy: LocalPolicy, *, client: str = STRANGER, actions: int = 0x1FF) -> None:
        self.outcomes: list[MessageOutcome] = []
        context = filter_context(
            records(),
            hosts=Hosts(local=Networks([LOCAL]), relays=Networks()),
            policy=policy,
            trusted_relays=Networks([RELAY]),
            observe=self._observe,
        )
        self.filter = MailFilter(Macros(), context)
        self.filter.actions = actions
        self.client = client

    def _observe(self, outcome: MessageOutcome) -> None:
        log_outcome(outcome)
        self.outcomes.append(outcome)

    def decide(self, *more: bytes, dropped: int = 0, unread: dict[bytes, int] | None = None) -> Response:
        return asyncio.run(self._decide(more, dropped, unread or {}))

    async def _decide(self, more: Sequence[bytes], dropped: int, unread: dict[bytes, int]) -> Response:
        one = self.filter
        one.connected(Connected("client.example", Family.INET, self.client, 25))
        one.helo(Helo("client.example"))
        one.mail(MailFrom("<eve@example.com>", ()))
        for name in ("bob", "carol"):
            one.recipient(Recipient(f"<{name}@example.net>", ()))
        lines = [b"From: alice@example.org", b"Subject: x", *more]
        fields = tuple(HeaderField(*line.split(b":", 1)) for line in lines)
        one.header(EndOfHeader(fields, dropped, unread))
        one.body(b"Hello.\r\n")
        return await one.end_of_message()


def enforcing(handling: Disposition) -> LocalPolicy:
    return LocalPolicy(is_enforced=True, dmarc_reject=handling)


def edits(decision: Response) -> list[tuple[str, bytes]]:
    """Letter and name of each edit."""
    return [
        (chr(edit.letter), edit.parts[1].rstrip(b"\0") if edit.is_header or edit.letter == ord("m") else b"")
        for edit in decision.edits
    ]


@pytest.fixture
def lines() -> Iterator[list[logging.LogRecord]]:
    """What is logged of messages."""
    found: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    log, keeper = logging.getLogger("inalign.message"), Keeper()
    level = log.level
    log.addHandler(keeper)
    log.setLevel(logging.INFO)
    yield found
    log.removeHandler(keeper)
    log.setLevel(level)


def logged(record: logging.LogRecord) -> list[tuple[str, str]]:
    assert isinstance(record.msg, Pairs)
    return [(name, str(value)) for name, value in record.msg.items]


def test_the_hold_queue_is_welcome_and_not_demanded() -> None:
    assert Action.QUARANTINE in FEATURES.welcome
    assert Action.QUARANTINE not in FEATURES.actions


def test_observing_writes_our_field_and_tells_what_would_be(lines: list[logging.LogRecord]) -> None:
    message = Message(LocalPolicy(dmarc_reject=Disposition.REJECT))
    decision = message.decide()
    assert decision.reply == ACCEPT
    assert edits(decision) == [("i", RESULTS_NAME)]
    (line,) = lines
    assert line.levelno == logging.INFO
    assert [pair for pair in logged(line) if pair[0] in {"action", "rule", "would", "would_rule", "to"}] == [
        ("action", "accept"),
        ("rule", "observe"),
        ("would", "reject"),
        ("would_rule", "dmarc_reject"),
    ]
    (outcome,) = message.outcomes
    assert outcome.verdict is not None
    assert (outcome.decision.rule, outcome.skipped, len(outcome.forged)) == (DecisionRule.OBSERVE, None, 0)


def test_quarantine_is_a_mark_below_our_field() -> None:
    decision = Message(enforcing(Disposition.QUARANTINE)).decide()
    assert decision.reply == ACCEPT
    assert edits(decision) == [("i", MARK_NAME), ("i", RESULTS_NAME)]


def test_hold_is_a_mark_where_the_mta_has_no_queue_for_it() -> None:
    assert edits(Message(enforcing(Disposition.HOLD)).decide()) == [("q", b""), ("i", RESULTS_NAME)]
    message = Message(enforcing(Disposition.HOLD), actions=0x1FF & ~Action.QUARANTINE)
    assert edits(message.decide()) == [("i", MARK_NAME), ("i", RESULTS_NAME)]
    assert message.outcomes[0].decision.rule is DecisionRule.HOLD_UNAVAILABLE


def test_a_refusal_has_no_edits() -> None:
    decision = Message(enforcing(Disposition.REJECT)).decide(FORGED)
    assert decision.reply.kind is ReplyKind.REPLY_CODE
    assert b"550 5.7.26 Refused per DMARC policy of example.org" in decision.reply.wire
    assert not decision.edits


def test_discard_is_a_warning_with_the_whole_envelope(lines: list[logging.LogRecord]) -> None:
    assert Message(enforcing(Disposition.DISCARD)).decide() == Response(DISCARD)
    (line,) = lines
    assert line.levelno == logging.WARNING
    told = logged(line)
    for pair in (
        ("client", STRANGER),
        ("from", "<eve@example.com>"),
        ("to", "<bob@example.net>"),
        ("to", "<carol@example.net>"),
        ("action", "discard"),
        ("rule", "dmarc_reject"),
    ):
        assert pair in told


@pytest.mark.parametrize("field", [b"List-Id: <x.example>", b"List-Post: NO", b"Precedence: list"])
def test_a_list_gets_a_mark_in_the_place_of_a_refusal(field: bytes) -> None:
    decision = Message(enforcing(Disposition.REJECT)).decide(field)
    assert edits(decision) == [("i", MARK_NAME), ("i", RESULTS_NAME)]
    assert b"policy.override=mailing_list" in decision.edits[-1].parts[-1]
    assert b"quarantine; rule=mailing_list" in decision.edits[0].parts[-1]


@pytest.mark.parametrize("is_enforced", [False, True])
def test_only_a_policy_in_force_is_named_as_an_override(is_enforced: bool) -> None:
    policy = LocalPolicy(is_enforced=is_enforced, except_domains=parse_domain_list(["example.org"]))
    message = Message(policy)
    decision = message.decide()
    assert message.outcomes[0].decision.rule is DecisionRule.EXCEPT_DOMAIN
    assert (b"policy.override=except_domain" in decision.edits[-1].parts[-1]) is is_enforced


def test_a_header_that_was_not_read_whole_may_be_a_list() -> None:
    policy = LocalPolicy(is_enforced=True, author_problem=Disposition.REJECT)
    message = Message(policy)
    assert message.decide(dropped=1).reply == ACCEPT
    assert message.outcomes[0].decision.rule is DecisionRule.MAILING_LIST


@pytest.mark.parametrize("policy", [LocalPolicy(), enforcing(Disposition.QUARANTINE)], ids=["observe", "enforce"])
@pytest.mark.parametrize("client", [STRANGER, CLIENT, LOCAL])
def test_marks_from_outside_are_removed_and_counted(policy: LocalPolicy, client: str) -> None:
    message = Message(policy, client=client)
    decision = message.decide(FORGED, b"x-INALIGN-action : accept", unread={MARK_NAME.lower(): 1})
    deleted = [edit.parts for edit in decision.edits if edit.letter == ord("m")]
    assert deleted == [(index.to_bytes(4, "big"), MARK_NAME + b"\0", b"\0") for index in (3, 2, 1)]
    assert len(message.outcomes[0].forged) == 3


def test_marks_of_a_trusted_relay_are_kept() -> None:
    assert edits(Message(LocalPolicy(), client=RELAY).decide(FORGED)) == [("i", RESULTS_NAME)]


def test_our_own_mail_is_accepted_whatever_the_policy() -> None:
    policy = LocalPolicy(is_enforced=True, author_problem=Disposition.REJECT, dmarc_reject=Disposition.REJECT)
    message = Message(policy, client=LOCAL)
    assert message.decide() == Response(ACCEPT, [])
    (outcome,) = message.outcomes
    assert outcome.decision == Decision(Disposition.ACCEPT, DecisionRule.SKIPPED)
    assert (outcome.verdict, outcome.skipped, len(outcome.forged)) == (None, "local_network", 0)
