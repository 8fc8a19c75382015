"""What becomes of a message: the verdict and the operator's policy in, one disposition and its rule out.

A pure function, so that a decision can be repeated later, and tried with another policy. What the results ask for is
found first; then come the reasons to be milder, in this order: an excepted author, a trusted ARC sealer, a
gateway that changed the message, a mailing list, an MTA without a hold queue, a policy that only observes.
"""

from __future__ import annotations

from dataclasses import dataclass

from inalign.dmarc.result import DmarcReason, DmarcStatus, Policy
from inalign.flow.decision import Decision, DecisionRule, Disposition, SmtpRefusal
from inalign.flow.facts import Facts
from inalign.flow.trusted_arc import vouching_sealer
from inalign.flow.verdict import Verdict
from inalign.mail.domain import NO_DOMAINS, DomainList
from inalign.spf.result import SpfStatus

MAX_REPLY_TEXT = 400
"""Of a reply, so that with its codes it stays below the 512 octets of RFC 5321 section 4.5.3.1.5."""

PLACEHOLDERS = ("{domain}", "{rule}")
"""What a text of the operator may name: the domain that was not authenticated, and the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPolicy:
    """What the operator chose; the defaults mark what DMARC fails, and observe."""

    is_enforced: bool = False
    dmarc_reject: Disposition = Disposition.QUARANTINE
    """RFC 9989 section 7.4: p=reject alone is no reason to refuse a message, but to treat it as with p=quarantine."""
    dmarc_quarantine: Disposition = Disposition.QUARANTINE
    dmarc_temperror: Disposition = Disposition.ACCEPT
    author_problem: Disposition = Disposition.ACCEPT
    spf_fail: Disposition = Disposition.ACCEPT
    """Only for author domains without DMARC: where there is a policy, SPF is one of its two ways to pass."""
    refuse_lists: bool = False
    except_domains: DomainList = NO_DOMAINS
    trusted_sealers: DomainList = NO_DOMAINS
    reject_text: str = ""
    """Printable ASCII with `PLACEHOLDERS`; empty for a text that fits the rule."""


OBSERVE_ONLY = LocalPolicy()

_SKIPPED = Decision(Disposition.ACCEPT, DecisionRule.SKIPPED)
_DMARC_PASS = Decision(Disposition.ACCEPT, DecisionRule.DMARC_PASS)
_DMARC_NONE = Decision(Disposition.ACCEPT, DecisionRule.DMARC_NONE)
_NO_POLICY = Decision(Disposition.ACCEPT, DecisionRule.NO_POLICY)


def decide(verdict: Verdict | None, facts: Facts, policy: LocalPolicy) -> Decision:
    """Decide what becomes of a message by its verdict, its facts and the local policy.

    `verdict` is None for a message that was not verified; it is accepted.
    """
    if verdict is None:
        return _SKIPPED
    decision = _by_results(verdict, policy)
    if decision.disposition is Disposition.ACCEPT:
        return decision
    decision = _milder(decision, verdict, facts, policy)
    if decision.disposition is not Disposition.ACCEPT and not policy.is_enforced:
        decision = Decision(Disposition.ACCEPT, DecisionRule.OBSERVE, decision)
    if decision.disposition in (Disposition.REJECT, Disposition.TEMPFAIL):
        decision = decision._replace(refusal=_refusal(decision, verdict, policy))
    return decision


def _by_results(verdict: Verdict, policy: LocalPolicy) -> Decision:
    dmarc = verdict.dmarc
    match dmarc.result:
        case DmarcStatus.PASS:
            return _DMARC_PASS
        case DmarcStatus.FAIL if dmarc.applied_policy is Policy.REJECT:
            return Decision(policy.dmarc_reject, DecisionRule.DMARC_REJECT)
        case DmarcStatus.FAIL if dmarc.applied_policy is Policy.QUARANTINE:
            return Decision(policy.dmarc_quarantine, DecisionRule.DMARC_QUARANTINE)
        case DmarcStatus.FAIL:
            return _DMARC_NONE  # RFC 9989 section 5.4: p=none changes nothing, so SPF is not looked at either
        case DmarcStatus.TEMPERROR:
            return Decision(policy.dmarc_temperror, DecisionRule.DMARC_TEMPERROR)
        case DmarcStatus.PERMERROR if dmarc.reason is not DmarcReason.RECORD_UNUSABLE:
            return Decision(policy.author_problem, DecisionRule.AUTHOR_PROBLEM)
    if verdict.spf.result is SpfStatus.FAIL:
        return Decision(policy.spf_fail, DecisionRule.SPF_FAIL)
    return _NO_POLICY


def _milder(decision: Decision, verdict: Verdict, facts: Facts, policy: LocalPolicy) -> Decision:
    authors = facts.author_domains
    # All of them: an excepted author next to another one must not carry the other through.
    if authors and all(author in policy.except_domains for author in authors):
        return Decision(Disposition.ACCEPT, DecisionRule.EXCEPT_DOMAIN, decision)
    if (
        verdict.dmarc.result is DmarcStatus.FAIL
        and policy.trusted_sealers
        and vouching_sealer(facts.sealers, policy.trusted_sealers)
    ):
        return Decision(Disposition.ACCEPT, DecisionRule.TRUSTED_ARC, decision)
    if verdict.changed_in_transit:
        return Decision(Disposition.ACCEPT, DecisionRule.CHANGED_IN_TRANSIT, decision)
    if decision.disposition is Disposition.REJECT and facts.is_list and not policy.refuse_lists:
        # RFC 9989 section 7.4: the list's software would take the reader off the list.
        return Decision(Disposition.QUARANTINE, DecisionRule.MAILING_LIST, decision)
    if decision.disposition is Disposition.HOLD and not facts.can_hold:
        return Decision(Disposition.QUARANTINE, DecisionRule.HOLD_UNAVAILABLE, decision)
    return decision


# RFC 7372 section 3 has the codes behind the class; where several checks failed, section 4 wants that of section 3.4.
_REFUSALS = {
    DecisionRule.DMARC_REJECT: ("7.26", "Refused per DMARC policy of {domain}: neither SPF nor DKIM is aligned"),
    DecisionRule.DMARC_QUARANTINE: ("7.26", "Refused per DMARC policy of {domain}: neither SPF nor DKIM is aligned"),
    DecisionRule.DMARC_TEMPERROR: ("7.0", "DMARC of {domain} cannot be checked now: DNS gives no answer"),
    DecisionRule.AUTHOR_PROBLEM: ("7.1", "Refused: the From field does not name one author domain"),
    DecisionRule.SPF_FAIL: ("7.23", "Refused: SPF of {domain} does not allow this client"),
}


def _refusal(decision: Decision, verdict: Verdict, policy: LocalPolicy) -> SmtpRefusal:
    detail, text = _REFUSALS[decision.rule]
    code, enhanced = (451, f"4.{detail}") if decision.disposition is Disposition.TEMPFAIL else (550, f"5.{detail}")
    if decision.disposition is Disposition.REJECT and policy.reject_text:
        text = policy.reject_text
    domain = verdict.spf.domain if decision.rule is DecisionRule.SPF_FAIL else verdict.dmarc.author_domain
    for placeholder, value in zip(PLACEHOLDERS, (domain or "the author", decision.rule), strict=True):
        text = text.replace(placeholder, value)
    printable = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    return SmtpRefusal(code, enhanced, printable[:MAX_REPLY_TEXT])
