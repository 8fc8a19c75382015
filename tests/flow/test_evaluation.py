"""The record of a message: what it tells of it, and what a report to others is told of the decision."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from inalign.arc.result import ArcStatus
from inalign.dmarc.record import parse_dmarc_record
from inalign.dmarc.result import DmarcReason, DmarcResult, DmarcStatus, Policy
from inalign.flow.decide import LocalPolicy, decide
from inalign.flow.decision import Disposition
from inalign.flow.evaluation import (
    RecordOptions,
    applied_disposition,
    evaluation,
    facts_of,
    override_reasons,
    verdict_of,
)
from inalign.flow.facts import Facts
from inalign.flow.outcome import MessageOutcome
from inalign.flow.receive import Reception, VerificationOptions, check_client
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.domain import parse_domain_list
from inalign.mail.fields import parse_message
from inalign.reports.report import OverrideReason
from inalign.resolver import ZoneResolver
from inalign.spool.evaluation_record import MAX_AUTHORS, EvaluationRecord, decode, encode
from tests.flow.material import chain, verdict, with_sealers
from tests.helpers import NOW
from tests.senders import CLIENT, records, signed

ONE = Facts(("example.org",), 1)
LIST = Facts(("example.org",), 1, is_list=True)
FAIL = (DmarcStatus.FAIL, DmarcReason.NOT_ALIGNED, Policy.REJECT)


def recorded(found: Verdict, facts: Facts = ONE, policy: LocalPolicy | None = None) -> EvaluationRecord:
    facts = with_sealers(found, facts)
    decision = decide(found, facts, policy or LocalPolicy())
    outcome = MessageOutcome(decision=decision, envelope=Envelope(None, None, None), verdict=found)
    return evaluation(outcome, found, facts, RecordOptions(host="mx"), at=NOW, octets=0)


def received(octets: bytes, dmarc: str) -> EvaluationRecord:
    """The record of a whole message from outside."""

    async def receive() -> EvaluationRecord:
        resolver = ZoneResolver.from_json(records(dmarc))
        options = VerificationOptions(authserv_id="mx.example.net", iprev=True)
        envelope = Envelope(CLIENT, "mail.example.org", "alice@example.org")
        parsed = parse_message(octets)
        reception = Reception(parsed.fields, resolver, options, now=NOW)
        reception.body(parsed.body)
        found = await reception.verdict(await check_client(envelope, resolver, options, now=NOW), resolver)
        facts = reception.facts(found)
        decision = decide(found, facts, LocalPolicy())
        outcome = MessageOutcome(
            decision=decision,
            queue_id="4XyZ",
            envelope=envelope,
            verdict=found,
            total_seconds=0.25,
            held_seconds=0.0312,
        )
        return evaluation(outcome, found, facts, RecordOptions(host="mx1"), at=NOW, octets=len(octets))

    return asyncio.run(receive())


def test_a_message_that_passes_is_told_in_full() -> None:
    text = "v=DMARC1; p=reject; sp=quarantine; adkim=s; t=y; rua=mailto:d@example.org"
    record = decode(encode(received(signed(), text)))
    assert (record.source_ip, record.iprev, record.ptr, record.helo) == (
        CLIENT, "pass", "mail.example.org", "mail.example.org"
    )  # fmt: skip
    assert [(check.scope, check.result, check.domain) for check in record.spf] == [
        ("mfrom", "pass", "example.org"),
        ("helo", "pass", "mail.example.org"),
    ]
    assert [(check.domain, check.selector, check.result, check.reason) for check in record.dkim] == [
        ("example.org", "s1", "pass", "valid")
    ]
    assert (record.arc, record.arc_reason) == ("none", "no_sets")
    assert (record.dmarc, record.dmarc_reason, record.header_from) == ("pass", "aligned", "example.org")
    assert (record.policy_domain, record.policy, record.applied_policy) == ("example.org", "reject", "quarantine")
    assert (record.spf_aligned, record.dkim_aligned, record.is_testing) == (True, True, True)
    assert record.discovery[0] == "_dmarc.example.org"
    assert parse_dmarc_record(record.policy_record) == parse_dmarc_record(text)
    assert (record.action, record.rule, record.instead_of) == ("accept", "dmarc_pass", ())
    assert (record.queue_id, record.host, record.total_us, record.held_us) == ("4XyZ", "mx1", 250_000, 31_200)
    assert record.octets == len(signed())
    assert record.seen_at == NOW


def test_nothing_of_the_content_and_no_address_is_kept() -> None:
    line = encode(received(signed(), "v=DMARC1; p=reject"))
    for word in (b"alice", b"Alice", b"bob", b"Bob", b"hello", b"Hello", b"<1@"):
        assert word not in line
        assert word in signed()


def test_a_record_is_small() -> None:
    assert len(encode(received(signed(), "v=DMARC1; p=reject; rua=mailto:dmarc-reports@example.org"))) < 1200


def test_octets_that_are_no_text_are_kept_readable() -> None:
    record = msgspec.structs.replace(recorded(verdict(*FAIL)), helo="caf\udce9", policy_record="v=DMARC1; x=\udcff")
    read = decode(encode(record))
    assert (read.helo, read.policy_record) == ("caf\\udce9", "v=DMARC1; x=\\udcff")


def test_more_authors_than_are_kept_are_never_all_excepted() -> None:
    authors = tuple(f"a{number}.example.org" for number in range(MAX_AUTHORS + 1))
    policy = LocalPolicy(is_enforced=True, except_domains=parse_domain_list(authors[:MAX_AUTHORS]))
    facts = Facts(authors, 1)
    kept = facts_of(recorded(verdict(*FAIL), facts))
    assert len(kept.author_domains) == MAX_AUTHORS + 1
    assert decide(verdict(*FAIL), kept, policy) == decide(verdict(*FAIL), facts, policy)


def test_of_what_sealers_say_it_is_kept_whether_they_vouch() -> None:
    said = chain(("forwarder.example", "x; dmarc=pass header.from=example.org smtp.mailfrom=bob@example.org"),
                 ("list.example", "y; dmarc=fail"))  # fmt: skip
    record = recorded(verdict(*FAIL, arc=said))
    assert [(each.sealer, each.vouches) for each in record.arc_sets] == [
        ("forwarder.example", True), ("list.example", False)
    ]  # fmt: skip
    assert b"bob" not in encode(record)
    assert verdict_of(record).arc.result is ArcStatus.PASS


def test_without_a_failure_nobody_asks_what_sealers_say() -> None:
    said = chain(("forwarder.example", "x; dmarc=pass header.from=example.org"))
    record = recorded(verdict(DmarcStatus.PASS, DmarcReason.ALIGNED, Policy.REJECT, arc=said))
    assert [(each.sealer, each.vouches) for each in record.arc_sets] == [("forwarder.example", False)]


ENFORCED = LocalPolicy(is_enforced=True, dmarc_reject=Disposition.REJECT)


@pytest.mark.parametrize(
    ("facts", "policy", "disposition", "reasons"),
    [
        (ONE, ENFORCED, "reject", ()),
        (ONE, replace(ENFORCED, dmarc_reject=Disposition.DISCARD), "reject", ()),
        (
            ONE,
            LocalPolicy(is_enforced=True),
            "quarantine",
            (OverrideReason("local_policy", "here, p=reject is quarantine"),),
        ),
        (LIST, ENFORCED, "quarantine", (OverrideReason("mailing_list"),)),
        (ONE, replace(ENFORCED, is_enforced=False), "none", (OverrideReason("local_policy", "observe"),)),
        (
            LIST,
            replace(ENFORCED, is_enforced=False),
            "none",
            (OverrideReason("local_policy", "observe"), OverrideReason("mailing_list")),
        ),
        (
            ONE,
            replace(ENFORCED, except_domains=parse_domain_list(["example.org"])),
            "none",
            (OverrideReason("local_policy", "except_domain"),),
        ),
    ],
)
def test_reasons_of_rfc_9990(
    facts: Facts, policy: LocalPolicy, disposition: str, reasons: tuple[OverrideReason, ...]
) -> None:
    record = recorded(verdict(*FAIL), facts, policy)
    assert applied_disposition(record) == disposition
    assert override_reasons(record) == reasons


def test_reason_of_a_trusted_sealer_names_the_chain() -> None:
    said = chain(("forwarder.example", "x; dmarc=pass header.from=example.org"), ("list.example", "y; none"))
    policy = replace(ENFORCED, trusted_sealers=parse_domain_list(["forwarder.example", "list.example"]))
    record = recorded(verdict(*FAIL, arc=said), ONE, policy)
    # RFC 8617 section 7.2.2
    assert override_reasons(record) == (
        OverrideReason("local_policy", "arc=pass as[2].d=list.example as[1].d=forwarder.example"),
    )


def test_reason_of_a_gateway() -> None:
    record = recorded(verdict(*FAIL, changed_in_transit=True), ONE, ENFORCED)
    assert override_reasons(record) == (OverrideReason("trusted_forwarder", "changed_in_transit"),)


def test_reason_of_test_mode() -> None:
    found = verdict(*FAIL)
    dmarc = DmarcResult(
        result=DmarcStatus.FAIL,
        reason=DmarcReason.NOT_ALIGNED,
        author_domain="example.org",
        policy=Policy.REJECT,
        applied_policy=Policy.QUARANTINE,
        testing=True,
    )
    record = recorded(replace(found, dmarc=dmarc), ONE, ENFORCED)
    assert applied_disposition(record) == "quarantine"
    assert override_reasons(record) == (OverrideReason("policy_test_mode"),)


def test_reason_of_a_handling_that_is_harder_than_the_policy() -> None:
    found = verdict(DmarcStatus.FAIL, DmarcReason.NOT_ALIGNED, Policy.QUARANTINE)
    record = recorded(found, ONE, LocalPolicy(is_enforced=True, dmarc_quarantine=Disposition.REJECT))
    assert applied_disposition(record) == "reject"
    assert override_reasons(record) == (OverrideReason("other", "here, p=quarantine is reject"),)


def test_a_pass_is_a_pass() -> None:
    record = recorded(verdict(DmarcStatus.PASS, DmarcReason.ALIGNED, Policy.REJECT))
    assert applied_disposition(record) == "pass"
    assert override_reasons(record) == ()
