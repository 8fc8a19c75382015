"""Decisions, whatever was found and whatever an operator chose."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inalign.dmarc.result import DmarcReason, DmarcStatus, Policy
from inalign.flow.decide import MAX_REPLY_TEXT, LocalPolicy, decide
from inalign.flow.decision import OVERRIDES, Decision, DecisionRule, Disposition
from inalign.flow.facts import Facts
from inalign.flow.forged import ForgedFields
from inalign.flow.outcome import MessageOutcome
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.domain import parse_domain_list
from inalign.mail.results import AuthenticationResults
from inalign.milter.messages import Action
from inalign.milter.replies import ACCEPT, ReplyKind, Response
from inalign.milterd.actions import act
from inalign.spf.result import SpfStatus
from tests.flow.material import NO_CHAIN, chain, verdict, with_sealers

DOMAINS = st.sampled_from(["example.org", "a.example.org", "example.com", "evil.example"])
SAID = st.sampled_from(
    ["x; dmarc=pass header.from=example.org", "x; dkim=pass header.d=example.com", "x; dmarc=fail", "", "((("]
)
HANDLINGS = st.sampled_from(Disposition)
ENTRIES = st.lists(DOMAINS | DOMAINS.map(".".__add__), max_size=2).map(parse_domain_list)
POLICIES = st.builds(
    LocalPolicy,
    is_enforced=st.booleans(),
    dmarc_reject=HANDLINGS,
    dmarc_quarantine=HANDLINGS,
    dmarc_temperror=HANDLINGS,
    author_problem=HANDLINGS,
    spf_fail=HANDLINGS,
    refuse_lists=st.booleans(),
    except_domains=ENTRIES,
    trusted_sealers=ENTRIES,
    reject_text=st.text(max_size=40) | st.sampled_from(["{domain}" * 25, "{rule}%", "{domain}{rule}{x}"]),
)
VERDICTS = st.none() | st.builds(
    verdict,
    st.sampled_from(DmarcStatus),
    st.sampled_from(DmarcReason),
    st.none() | st.sampled_from(Policy),
    author=st.none() | DOMAINS,
    spf=st.sampled_from(SpfStatus),
    spf_domain=DOMAINS | st.text(max_size=300),
    arc=st.just(NO_CHAIN) | st.lists(st.tuples(DOMAINS, SAID), min_size=1, max_size=3).map(lambda sets: chain(*sets)),
)
FACTS = st.builds(
    Facts,
    st.lists(DOMAINS, max_size=3, unique=True).map(tuple),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
)
INDEXES = st.lists(st.integers(1, 9), max_size=3)


def acted(decision: Decision, marks: list[int] | None = None) -> Response:
    outcome = MessageOutcome(
        decision=decision,
        envelope=Envelope(None, None, None),
        authentication_results=AuthenticationResults(authserv_id="mx.example.net"),
        forged=ForgedFields(marks=marks or []),
    )
    return act(outcome)


@given(VERDICTS, FACTS, POLICIES)
def test_every_decision_can_be_acted_upon(found: Verdict | None, facts: Facts, policy: LocalPolicy) -> None:
    decision = decide(found, with_sealers(found, facts), policy)
    response = acted(decision)
    if decision.refusal is not None:
        assert decision.disposition in (Disposition.REJECT, Disposition.TEMPFAIL)
        assert response.reply.kind is ReplyKind.REPLY_CODE
        assert decision.refusal.code // 100 == (5 if decision.disposition is Disposition.REJECT else 4)
        assert len(decision.refusal.text) <= MAX_REPLY_TEXT
    if decision.rule in OVERRIDES | {DecisionRule.HOLD_UNAVAILABLE, DecisionRule.OBSERVE}:
        assert decision.overridden is not None
        assert decision.overridden.disposition is not decision.disposition
    if not facts.can_hold:
        assert not any(edit.action is Action.QUARANTINE for edit in response.edits)


@given(VERDICTS, FACTS, POLICIES, INDEXES)
def test_observing_accepts_and_writes_nothing_but_our_field(
    found: Verdict | None, facts: Facts, policy: LocalPolicy, marks: list[int]
) -> None:
    if not policy.is_enforced:
        response = acted(decide(found, with_sealers(found, facts), policy), marks)
        passed = acted(Decision(Disposition.ACCEPT, DecisionRule.DMARC_PASS), marks)
        assert response == passed
        assert response.reply == ACCEPT


@given(VERDICTS, FACTS, POLICIES)
def test_a_list_is_never_refused_for_good_unless_the_operator_says_so(
    found: Verdict | None, facts: Facts, policy: LocalPolicy
) -> None:
    decision = decide(found, with_sealers(found, facts), policy)
    if facts.is_list and not policy.refuse_lists:
        assert decision.disposition is not Disposition.REJECT
        assert decision.refusal is None or decision.refusal.code < 500


@given(VERDICTS, FACTS, POLICIES)
def test_what_passes_dmarc_or_was_not_verified_is_accepted(
    found: Verdict | None, facts: Facts, policy: LocalPolicy
) -> None:
    if found is None or found.dmarc.result is DmarcStatus.PASS:
        assert decide(found, with_sealers(found, facts), policy).disposition is Disposition.ACCEPT


@given(VERDICTS, FACTS, POLICIES)
def test_the_same_is_decided_again(found: Verdict | None, facts: Facts, policy: LocalPolicy) -> None:
    assert decide(found, with_sealers(found, facts), policy) == decide(found, with_sealers(found, facts), policy)
