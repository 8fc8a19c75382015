"""A verified message as a record, and back: the record has all that a decision depends on, so it can be repeated.

Of what ARC sealers state, the record has only whether each vouches for the author, which is all that `decide` needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from inalign.arc.result import ArcReason, ArcResult, ArcStatus
from inalign.dkim.result import DkimReason, DkimResult, DkimStatus
from inalign.dmarc.result import DmarcReason, DmarcResult, DmarcStatus, Policy
from inalign.flow.decide import LocalPolicy, decide
from inalign.flow.decision import Decision, DecisionRule, Disposition
from inalign.flow.facts import Facts
from inalign.flow.outcome import MessageOutcome
from inalign.flow.trusted_arc import SealerStatement
from inalign.flow.verdict import Verdict
from inalign.mail.results import AuthenticationResults
from inalign.milter.messages import mailbox_of
from inalign.reports.report import OverrideReason
from inalign.spf.result import SpfReason, SpfResult, SpfScope, SpfStatus
from inalign.spool.evaluation_record import (
    MAX_AUTHORS,
    MAX_HELO,
    MAX_NAMES,
    MAX_RECORD,
    ArcSetRecord,
    DecisionStep,
    DkimCheck,
    EvaluationRecord,
    SpfCheck,
)

MAX_RECIPIENT_DOMAINS = 20

_TOO_MANY = DkimReason.TOO_MANY_SIGNATURES
_NO_DOMAIN = SpfReason.NO_DOMAIN
_CHAIN_PASS = ArcStatus.PASS
_NOT_RECORDED = AuthenticationResults(authserv_id="")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """What every record of this host has, and whether it names the domains of recipients."""

    host: str
    """The name of this host."""
    recipient_domains: bool = False


def evaluation(
    outcome: MessageOutcome, verdict: Verdict, facts: Facts, options: RecordOptions, *, at: datetime, octets: int
) -> EvaluationRecord:
    """Make the record of a message that was verified, from its outcome, its verdict and the facts of its decision.

    `at` is the time of MAIL, `octets` the length of header and body.
    """
    envelope, decision, origin = outcome.envelope, outcome.decision, outcome.origin
    spf, spf_helo, arc, dmarc, iprev = verdict.spf, verdict.spf_helo, verdict.arc, verdict.dmarc, verdict.iprev
    authors = facts.author_domains
    return EvaluationRecord(
        seen_at=at,
        host=options.host,
        queue_id=outcome.queue_id,
        source_ip=envelope.client_ip or "",
        origin=origin.source if origin is not None else "",
        iprev=iprev.result if iprev is not None else "",
        ptr=(iprev.name or "") if iprev is not None else "",
        helo=(envelope.helo or "")[:MAX_HELO],
        envelope_from=(envelope.mail_from or "").rpartition("@")[2],
        envelope_to=recipient_domains(outcome.recipients) if options.recipient_domains else (),
        author_domains=authors if len(authors) <= MAX_AUTHORS else (*authors[:MAX_AUTHORS], ""),
        from_fields=facts.from_fields,
        is_list=facts.is_list,
        can_hold=facts.can_hold,
        spf=(_spf(spf),) if spf_helo is None or spf_helo is spf else (_spf(spf), _spf(spf_helo)),
        dkim=tuple(
            [
                DkimCheck(each.result, each.reason, each.domain or "", each.selector or "", each.algorithm or "")
                for each in verdict.dkim
                if each.reason is not _TOO_MANY
            ]
        ),
        signatures=len(verdict.dkim),
        arc=arc.result,
        arc_reason=arc.reason,
        arc_sets=_arc_sets(arc, facts) if arc.result is _CHAIN_PASS else (),
        dmarc=dmarc.result,
        dmarc_reason=dmarc.reason,
        header_from=dmarc.author_domain or "",
        organizational_domain=dmarc.organizational_domain or "",
        policy_domain=dmarc.policy_domain or "",
        policy=dmarc.policy or "",
        applied_policy=dmarc.applied_policy or "",
        is_testing=dmarc.testing,
        policy_record=(dmarc.record or "")[:MAX_RECORD],
        discovery=dmarc.discovery[:MAX_NAMES],
        spf_aligned=dmarc.spf_aligned,
        dkim_aligned=dmarc.dkim_aligned,
        disposition=dmarc.disposition,
        changed_in_transit=verdict.changed_in_transit,
        action=decision.disposition,
        rule=decision.rule,
        instead_of=() if decision.overridden is None else tuple(_steps(decision.overridden)),
        is_sealed=bool(outcome.sealed.fields),
        forged_fields=len(outcome.forged),
        octets=octets,
        total_us=int(outcome.total_seconds * 1e6),
        held_us=int(outcome.held_seconds * 1e6),
    )


def recipient_domains(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the domains of forward-paths as clients wrote them, in lower case, sorted, each once."""
    domains = {mailbox_of(path).rpartition("@")[2].lower() for path in paths}
    return tuple(sorted(domains)[:MAX_RECIPIENT_DOMAINS])


def _spf(result: SpfResult) -> SpfCheck:
    # An identity that is no domain name may be any text.
    domain = "" if result.reason is _NO_DOMAIN else result.domain or ""
    return SpfCheck(result.scope, result.result, result.reason, domain)


def _arc_sets(arc: ArcResult, facts: Facts) -> tuple[ArcSetRecord, ...]:
    """Record the sealers of a valid chain, and whether they vouch, where the facts have that."""
    if facts.sealers:
        return tuple([ArcSetRecord(sealer, vouches) for sealer, vouches in facts.sealers])
    return tuple([ArcSetRecord(sealer) for sealer in arc.sealers])


def _steps(decision: Decision) -> Iterable[DecisionStep]:
    step: Decision | None = decision
    while step is not None:
        yield DecisionStep(step.disposition, step.rule)
        step = step.overridden


# ------------------------------------------------------------------------------------------------- and back


def decide_again(record: EvaluationRecord, policy: LocalPolicy) -> Decision:
    """What another policy makes of the message; the policy of then decides as it did."""
    return decide(verdict_of(record), facts_of(record), policy)


def facts_of(record: EvaluationRecord) -> Facts:
    """Return the facts that a decision needs next to the verdict, from a record."""
    sealers = tuple([SealerStatement(arc_set.sealer, arc_set.vouches) for arc_set in record.arc_sets])
    return Facts(record.author_domains, record.from_fields, record.is_list, record.can_hold, sealers)


def verdict_of(record: EvaluationRecord) -> Verdict:
    """Return the verdict as far as a record has it: all that a decision needs, and every result with its reason.

    The Authentication-Results field and the texts of the ARC sets are not in the record.
    """
    spf, *others = [_spf_result(check) for check in record.spf]
    return Verdict(
        spf=spf,
        spf_helo=next((other for other in (*others, spf) if other.scope is SpfScope.HELO), None),
        dkim=tuple(
            DkimResult(
                result=DkimStatus(check.result),
                reason=DkimReason(check.reason),
                domain=check.domain or None,
                selector=check.selector or None,
                algorithm=check.algorithm or None,
            )
            for check in record.dkim
        ),
        arc=ArcResult(
            result=ArcStatus(record.arc),
            reason=ArcReason(record.arc_reason),
            instances=len(record.arc_sets),
            sealers=tuple(arc_set.sealer for arc_set in record.arc_sets),
        ),
        dmarc=DmarcResult(
            result=DmarcStatus(record.dmarc),
            reason=DmarcReason(record.dmarc_reason),
            author_domain=record.header_from or None,
            organizational_domain=record.organizational_domain or None,
            policy_domain=record.policy_domain or None,
            policy=_policy(record.policy),
            applied_policy=_policy(record.applied_policy),
            testing=record.is_testing,
            discovery=record.discovery,
            spf_aligned=record.spf_aligned,
            dkim_aligned=record.dkim_aligned,
            disposition=Policy(record.disposition),
            record=record.policy_record or None,
        ),
        changed_in_transit=record.changed_in_transit,
        authentication_results=_NOT_RECORDED,
    )


def _spf_result(check: SpfCheck) -> SpfResult:
    return SpfResult(
        result=SpfStatus(check.result),
        reason=SpfReason(check.reason),
        scope=SpfScope(check.scope),
        domain=check.domain or None,
    )


def _policy(word: str) -> Policy | None:
    return Policy(word) if word else None


# ------------------------------------------------------------------------------------- for reports to others


_APPLIED = {
    Disposition.ACCEPT: Policy.NONE,
    Disposition.TEMPFAIL: Policy.NONE,
    Disposition.QUARANTINE: Policy.QUARANTINE,
    Disposition.HOLD: Policy.QUARANTINE,
    Disposition.REJECT: Policy.REJECT,
    Disposition.DISCARD: Policy.REJECT,
}

_REASONS = {
    DecisionRule.EXCEPT_DOMAIN: "local_policy",
    DecisionRule.TRUSTED_ARC: "local_policy",  # RFC 8617 section 7.2.2 says so
    DecisionRule.CHANGED_IN_TRANSIT: "trusted_forwarder",
    DecisionRule.MAILING_LIST: "mailing_list",
    DecisionRule.OBSERVE: "local_policy",
}


def applied_disposition(record: EvaluationRecord) -> str:
    """`disposition` of an aggregate report (RFC 9990 section 3.1.1.9): pass, or what was done."""
    return "pass" if record.dmarc == DmarcStatus.PASS else _APPLIED[Disposition(record.action)]


def override_reasons(record: EvaluationRecord) -> tuple[OverrideReason, ...]:
    """Why a message that fails did not get what its domain's policy says (RFC 9990 section 3.1.6); empty where it did.

    The last cause first. A handling that the operator chose for a policy (`policy.dmarc_reject = "quarantine"`, the
    default) is `local_policy`; what is neither milder nor the same is `other`.
    """
    if record.dmarc != DmarcStatus.FAIL or not record.policy or applied_disposition(record) == record.policy:
        return ()
    steps = [DecisionStep(record.action, record.rule), *record.instead_of]
    reasons = [
        OverrideReason(_REASONS[DecisionRule(step.rule)], _comment(step, record))
        for step in steps
        if step.rule in _REASONS
    ]
    asked, chosen = Policy(record.applied_policy), _APPLIED[Disposition(steps[-1].action)]
    if chosen is not asked:
        strictness = list(Policy).index
        kind = "local_policy" if strictness(chosen) < strictness(asked) else "other"
        reasons.append(OverrideReason(kind, f"here, p={asked} is {steps[-1].action}"))
    if record.applied_policy != record.policy:
        reasons.append(OverrideReason("policy_test_mode"))
    return tuple(reasons)


def _comment(step: DecisionStep, record: EvaluationRecord) -> str:
    if step.rule != DecisionRule.TRUSTED_ARC:
        return "" if step.rule == DecisionRule.MAILING_LIST else step.rule
    sealers = [f"as[{number}].d={arc_set.sealer}" for number, arc_set in enumerate(record.arc_sets, 1)]
    return " ".join([f"arc={record.arc}", *reversed(sealers)])
