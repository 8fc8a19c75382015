"""Records of messages, whatever was found: they are read back as they were, and decided again as they were."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from inalign.dmarc.result import DmarcStatus
from inalign.flow.decide import LocalPolicy, decide
from inalign.flow.evaluation import (
    RecordOptions,
    applied_disposition,
    decide_again,
    evaluation,
    override_reasons,
)
from inalign.flow.facts import Facts
from inalign.flow.outcome import MessageOutcome
from inalign.flow.verdict import Envelope, Verdict
from inalign.spool.evaluation_record import EvaluationRecord, decode, encode
from inalign.spool.evaluations import MAX_LINE_OCTETS
from tests.flow.material import with_sealers
from tests.properties.test_decide import FACTS, POLICIES, VERDICTS

TEXT = st.text(max_size=300) | st.binary(max_size=60).map(lambda octets: octets.decode("utf-8", "surrogateescape"))
ENVELOPES = st.builds(Envelope, st.none() | st.just("192.0.2.7"), st.none() | TEXT, st.none() | TEXT)
FOUND = VERDICTS.filter(lambda verdict: verdict is not None)
AT = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def recorded(verdict: Verdict | None, facts: Facts, policy: LocalPolicy, envelope: Envelope) -> EvaluationRecord:
    assert verdict is not None
    facts = with_sealers(verdict, facts)
    decision = decide(verdict, facts, policy)
    outcome = MessageOutcome(decision=decision, envelope=envelope, queue_id="4XyZ", verdict=verdict)
    return evaluation(outcome, verdict, facts, RecordOptions(host="mx1.example.net"), at=AT, octets=10_000)


@given(FOUND, FACTS, st.lists(POLICIES, min_size=1, max_size=4), ENVELOPES)
def test_every_policy_decides_on_the_record_as_on_the_message(
    verdict: Verdict | None, facts: Facts, policies: list[LocalPolicy], envelope: Envelope
) -> None:
    record = decode(encode(recorded(verdict, facts, policies[0], envelope)))
    for policy in policies:
        assert decide_again(record, policy) == decide(verdict, with_sealers(verdict, facts), policy)
    decision = decide(verdict, with_sealers(verdict, facts), policies[0])
    assert (record.action, record.rule) == (decision.disposition, decision.rule)


@given(FOUND, FACTS, POLICIES, ENVELOPES)
def test_a_line_is_one_line_and_reads_back(
    verdict: Verdict | None, facts: Facts, policy: LocalPolicy, envelope: Envelope
) -> None:
    line = encode(recorded(verdict, facts, policy, envelope))
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert len(line) <= MAX_LINE_OCTETS
    assert encode(decode(line)) == line


@given(FOUND, FACTS, POLICIES, st.binary(max_size=20))
def test_no_local_part_is_kept(verdict: Verdict | None, facts: Facts, policy: LocalPolicy, octets: bytes) -> None:
    secret = "s3cr3t-" + octets.hex()
    envelope = Envelope("192.0.2.7", "client.example", f"{secret}@example.org")
    line = encode(recorded(verdict, facts, policy, envelope))
    assert secret.encode() not in line
    assert decode(line).envelope_from == "example.org"


@given(FOUND, FACTS, POLICIES)
def test_where_the_policy_was_not_carried_out_there_is_a_reason(
    verdict: Verdict | None, facts: Facts, policy: LocalPolicy
) -> None:
    record = recorded(verdict, facts, policy, Envelope(None, None, None))
    reasons = override_reasons(record)
    assert all(reason.type for reason in reasons)
    if record.dmarc == DmarcStatus.FAIL and record.policy:
        # RFC 9990 section 3.1.1.9: then the reason must be included
        assert bool(reasons) == (applied_disposition(record) != record.policy)
    else:
        assert reasons == ()
