"""Whether a report came from the reporter that it names: the mail that carried it, judged against that name.

genuine     the mail is authenticated as the reporter: a valid signature, or SPF, of its organizational domain
forged      the mail fails DMARC under a policy that is enforced and came directly; or it names a reporter whose mail
            was always authenticated, and is not
unverified  all else: it counts, and is shown as what it is

What was found in the mail is `MailEvidence`; what the report says of itself is a `ReporterClaim`; what is
known of that reporter is its `History`. Judging is a pure function of the three, so it can be done again at any time.

**Order.** A reporter is *proven* by its own mail alone, since nobody else can add to that: at least `MIN_PASSES` mails
authenticated as itself, and at least `PASSES_A_FAILURE` for each one that was not. A failure counts only while the
reporter is not proven yet; what fails later is forged, and cannot make it less proven. So a flood of forged mail
changes nothing, while a reporter that often sends without authentication is never proven. `judge_all` takes mails
together, counts them by their time of arrival and judges each by what all of them show: the order in which they are
given changes nothing. A single mail is judged by the mails that the store has already; one that comes before its
reporter is proven stays unverified.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inalign.dmarc.result import DmarcStatus, Policy
from inalign.errors import ParseError
from inalign.mail.domain import DomainName, parse_domain
from inalign.mail.organization import registrable_domain
from inalign.reports.report import AbuseReport, FailureReport, Kind, Report, TlsReport

MIN_PASSES = 5
"""Authenticated mails that make a reporter one of whom it is expected: five days of an ordinary one."""
PASSES_A_FAILURE = 10
"""So many passes outweigh one failure from the time before."""
MAX_DETAIL = 200
"""Characters of the explanation that is kept with a report; it quotes names that a stranger chose."""


class Authenticity(StrEnum):
    """What a report is worth by the mail that carried it."""

    GENUINE = "genuine"
    UNVERIFIED = "unverified"
    FORGED = "forged"


class CarrierReason(StrEnum):
    """Why."""

    AUTHENTICATED = "authenticated"
    """Genuine: the mail is authenticated as the reporter."""
    POLICY_FAILED = "policy_failed"
    """Forged: it fails DMARC under quarantine or reject, and came directly."""
    PROVEN_REPORTER = "proven_reporter"
    """Forged: the reporter's own mail was always authenticated, and this one is not."""
    DNS_FAILED = "dns_failed"
    """Unverified: a look-up had no answer."""
    FORWARDED = "forwarded"
    """Unverified: not authenticated any more, behind a known forwarder."""
    UNKNOWN_CLIENT = "unknown_client"
    """Unverified: no signature proves it, and SPF could not be checked, so it cannot be said to fail."""
    BROKEN_SIGNATURE = "broken_signature"
    """Unverified: a signature in the reporter's name does not verify."""
    NO_SIGNATURE = "no_signature"
    """Unverified: it has no DKIM signature."""
    OTHER_DOMAIN = "other_domain"
    """Unverified: authenticated, but as somebody else than the reporter."""
    NOT_AUTHENTICATED = "not_authenticated"
    """Unverified: nothing authenticates it, and no policy asks for that."""
    NO_REPORTER = "no_reporter"
    """Unverified: the report names no domain of its reporter."""
    NOT_CHECKED = "not_checked"
    """Unverified: nothing could be looked up, and no trusted server says what it found."""
    NO_MAIL = "no_mail"
    """Unverified: the report did not come in a mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailEvidence:
    """What is known of the mail, whatever the report in it says."""

    author: DomainName | None = None
    """The domain of its From field; None where there is none, or several."""
    authenticated: frozenset[DomainName] = frozenset()
    """Domains that a valid signature or SPF stands for."""
    broken: frozenset[DomainName] = frozenset()
    """Domains in whose name there are signatures that do not verify."""
    undecided: frozenset[DomainName] = frozenset()
    """Domains whose check had no answer."""
    dmarc: DmarcStatus = DmarcStatus.NONE
    policy: Policy | None = None
    """What the author's domain asks for mail that fails, after `t=y`; None where it is not known."""
    is_signed: bool = False
    is_complete: bool = False
    """Whether SPF was checked where the mail came in: without, nothing can be said to fail."""
    is_checked: bool = True
    """Whether anything was looked up at all."""
    forwarder: DomainName | None = None
    """The known forwarder that handed it in."""
    arrived: datetime | None = None

    @property
    def fails_enforced_policy(self) -> bool:
        """Whether it fails DMARC where the author's domain asks for more than a report."""
        is_enforced = self.policy in (Policy.QUARANTINE, Policy.REJECT)
        return self.is_complete and self.dmarc is DmarcStatus.FAIL and is_enforced

    @property
    def unanswered(self) -> frozenset[DomainName]:
        """Organizational domains that a look-up without an answer was about: no others, or whose own name servers are
        dead could claim what he likes."""
        author = {self.author} if self.author and self.dmarc is DmarcStatus.TEMPERROR else set()
        return _organizations(self.undecided | author)

    def stands_for(self, organization: DomainName) -> bool:
        """Whether it is authenticated as somebody of this organizational domain."""
        return any(registrable_domain(domain) == organization for domain in self.authenticated)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReporterClaim:
    """Who a report says that it is from."""

    kind: Kind
    reporter: DomainName | None
    """The domain under which the store keeps the report; None where it names none."""
    names: frozenset[DomainName] = frozenset()
    """Organizational domains that it uses as names of its reporter, that of `reporter` among them."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of the mail of one reporter."""

    passed: int = 0
    """Mails authenticated as itself."""
    failed: int = 0
    """Mails in its name that were not, although nothing hindered it; without those that are called forged."""

    @property
    def is_proven(self) -> bool:
        """Whether mail in its name that is not authenticated must be somebody else's."""
        return self.passed >= MIN_PASSES and self.passed >= self.failed * PASSES_A_FAILURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """The judgement on the mail that carried a report."""

    word: Authenticity
    reason: CarrierReason
    detail: str = ""
    """For people, in at most `MAX_DETAIL` characters."""


FAILURES = frozenset(
    {
        CarrierReason.BROKEN_SIGNATURE,
        CarrierReason.NO_SIGNATURE,
        CarrierReason.OTHER_DOMAIN,
        CarrierReason.NOT_AUTHENTICATED,
    }
)
"""What counts as a failure in `History`: decided, not forged, and not explained by anything. What counts as a pass is
`AUTHENTICATED`. So the store can count both by the reasons that it keeps."""

_NOBODY = History()


def claim_of(report: Report, submitter: str = "") -> ReporterClaim:
    """Whom a report names as its reporter; `submitter` is the TLS-Report-Submitter field of the mail, if any.

    An aggregate report names it in `email`, else in `org_name`; a TLS report in `contact-info`, the submitter, else
    `organization-name`. Failure and abuse reports name nobody but the author of the mail.
    """
    if isinstance(report, FailureReport | AbuseReport):
        domain = _domain(report.reporter)
        return _claim(report.kind, [domain])
    if isinstance(report, TlsReport):
        contact = report.contact_info.partition("://")[2].partition("/")[0] or report.contact_info
        return _claim(report.kind, [_domain(contact), _domain(submitter), _domain(report.organization_name)])
    return _claim(report.kind, [_domain(report.email), _domain(report.org_name)])


def _claim(kind: Kind, domains: Sequence[DomainName | None]) -> ReporterClaim:
    named = [domain for domain in domains if domain is not None]
    return ReporterClaim(
        kind=kind,
        reporter=named[0] if named else None,
        names=_organizations(named),
    )


def _domain(text: str) -> DomainName | None:
    """The domain of an address, or a domain of more than one label."""
    try:
        domain = parse_domain(text.strip().rpartition("@")[2].strip("<> "))
    except ParseError:
        return None
    return domain if "." in domain else None


def weigh(
    evidence: MailEvidence | None, claim: ReporterClaim, history: Mapping[DomainName, History] | None = None
) -> Carrier:
    """Judge one report. `history` is by organizational domain, and of mails other than this one."""
    if evidence is None:
        return _carrier(CarrierReason.NO_MAIL)
    organization = registrable_domain(claim.reporter) if claim.reporter else None
    if evidence.fails_enforced_policy and evidence.forwarder is None:
        return _carrier(CarrierReason.POLICY_FAILED, f"From {evidence.author} fails DMARC, policy {evidence.policy}")
    borrowed = [
        name
        for name in sorted(claim.names)
        if (history or {}).get(name, _NOBODY).is_proven and not evidence.stands_for(name)
    ]
    if organization is not None and evidence.stands_for(organization):
        if borrowed:  # a service may report in another's name, so this is not enough to call it forged
            return _carrier(CarrierReason.OTHER_DOMAIN, f"as {organization}, but it calls itself {borrowed[0]}")
        return _carrier(CarrierReason.AUTHENTICATED, f"as {organization}")
    if evidence.forwarder is not None:
        return _carrier(CarrierReason.FORWARDED, f"by {evidence.forwarder}")
    if not evidence.is_checked:
        return _carrier(CarrierReason.NOT_CHECKED)
    if organization in evidence.unanswered:
        return _carrier(CarrierReason.DNS_FAILED)
    if organization is None:
        return _carrier(CarrierReason.NO_REPORTER)
    if not evidence.is_complete:
        return _carrier(CarrierReason.UNKNOWN_CLIENT)
    if borrowed:
        return _carrier(CarrierReason.PROVEN_REPORTER, f"{borrowed[0]} always authenticated its reports")
    if organization in _organizations(evidence.broken):
        return _carrier(CarrierReason.BROKEN_SIGNATURE, f"of {organization}")
    if evidence.authenticated:
        return _carrier(CarrierReason.OTHER_DOMAIN, f"as {', '.join(sorted(evidence.authenticated))}")
    return _carrier(CarrierReason.NOT_AUTHENTICATED if evidence.is_signed else CarrierReason.NO_SIGNATURE)


def _organizations(domains: Iterable[DomainName]) -> frozenset[DomainName]:
    return frozenset(map(registrable_domain, domains))


def _carrier(reason: CarrierReason, detail: str = "") -> Carrier:
    return Carrier(word=_WORDS.get(reason, Authenticity.UNVERIFIED), reason=reason, detail=detail[:MAX_DETAIL])


_WORDS = {
    CarrierReason.AUTHENTICATED: Authenticity.GENUINE,
    CarrierReason.POLICY_FAILED: Authenticity.FORGED,
    CarrierReason.PROVEN_REPORTER: Authenticity.FORGED,
}


class _Counting:
    """Histories that grow with every mail."""

    def __init__(self, known: Callable[[DomainName], History]) -> None:
        self._known = known
        self.histories: dict[DomainName, History] = {}

    def add(self, evidence: MailEvidence | None, claim: ReporterClaim, alone: Carrier) -> None:
        """Take the next mail, whose judgement without any history is `alone`."""
        if evidence is None:
            return
        for name in claim.names:
            before = self.histories.get(name) or self._known(name)
            passed, failed = before.passed, before.failed
            if evidence.stands_for(name) and alone.word is not Authenticity.FORGED:
                passed += 1
            elif alone.reason in FAILURES and not before.is_proven:
                failed += 1
            self.histories[name] = History(passed, failed)


def judge_all(
    mails: Iterable[tuple[MailEvidence | None, ReporterClaim]],
    known: Callable[[DomainName], History] = lambda _: _NOBODY,
) -> list[Carrier]:
    """Judge reports together, one judgement for each in the order given, which decides nothing.

    `known` is what the store has of a reporter from other mails.
    """
    listed = list(mails)
    alone = [weigh(evidence, claim) for evidence, claim in listed]
    counting = _Counting(known)
    by_time: defaultdict[datetime | None, list[int]] = defaultdict(list)
    for place, (evidence, _) in enumerate(listed):
        by_time[evidence.arrived if evidence else None].append(place)
    for time in sorted(by_time, key=lambda time: (time is not None, time.timestamp() if time else 0.0)):
        # Of one instant the authenticated ones first, so that their order decides nothing either.
        for place in sorted(by_time[time], key=lambda place: alone[place].word is not Authenticity.GENUINE):
            counting.add(*listed[place], alone[place])
    return [weigh(evidence, claim, counting.histories) for evidence, claim in listed]
