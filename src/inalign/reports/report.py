"""What a report says, as typed values: aggregate (RFC 9990, and RFC 7489 before it), failure (RFC 9991), TLS (RFC 8460)
and abuse (RFC 5965).

What a reporter wrote (names, identifiers) is kept as written, decoded, never rewritten. Result words are lower case.
A value that was changed, guessed or left out has its `Flaw` beside it. msgspec structs, since a large report has
hundreds of thousands of records.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from msgspec import Struct

from inalign.reports.flaw import Flaw

Kind = Literal["aggregate", "failure", "tls", "abuse"]


class DkimAuth(Struct, frozen=True, gc=False):
    """One signature that the reporter checked (RFC 9990 section 3.1.1.11)."""

    domain: str
    selector: str
    """Empty where the reporter left it out, as RFC 7489 allows."""
    result: str
    """A word of RFC 8601, or what the reporter wrote, in lower case, with a flaw."""
    human_result: str = ""


class SpfAuth(Struct, frozen=True, gc=False):
    """The SPF check of the reporter; RFC 7489 allows several."""

    domain: str
    scope: str
    """`mfrom`, `helo`, or empty where it was not told."""
    result: str
    human_result: str = ""


class OverrideReason(Struct, frozen=True, gc=False):
    """Why the disposition is not the policy (RFC 9990 section 3.1.1.9)."""

    type: str
    comment: str = ""


class Extension(Struct, frozen=True, gc=False):
    """An element that neither RFC knows, kept as text."""

    path: str
    """Where it stood: `record/x`, `feedback/extension/y`; local names joined by a slash."""
    namespace: str
    text: str


class AggregateRecord(Struct, frozen=True):
    """One `record` element."""

    source_ip: str | None
    """Canonical text, a mapped IPv4 address unmapped; None where unreadable."""
    count: int
    disposition: str
    """none, pass, quarantine or reject; empty where it was not told."""
    dkim_aligned: bool | None
    spf_aligned: bool | None
    """None: not told."""
    header_from: str
    envelope_from: str | None
    """None: not told; `""` is the null reverse-path."""
    envelope_to: str | None
    dkim: tuple[DkimAuth, ...] = ()
    spf: tuple[SpfAuth, ...] = ()
    reasons: tuple[OverrideReason, ...] = ()
    extensions: tuple[Extension, ...] = ()


class PublishedPolicy(Struct, frozen=True):
    """`policy_published`: the record as the reporter saw it. Empty text: not told."""

    domain: str = ""
    p: str = ""
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    fo: str = ""
    pct: int | None = None
    testing: str = ""
    discovery_method: str = ""


class AggregateReport(Struct, frozen=True):
    """An aggregate report. `records` is empty where they went to a sink."""

    kind: ClassVar[Kind] = "aggregate"
    org_name: str
    email: str
    extra_contact_info: str
    report_id: str
    domain: str
    """The policy domain, as `policy.domain`."""
    begin: datetime | None
    end: datetime | None
    """Aware, UTC; None where no such instant exists."""
    policy: PublishedPolicy
    records: tuple[AggregateRecord, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    version: str = ""
    generator: str = ""
    namespace: str = ""
    rfc9990: bool = False
    """Whether the form is RFC 9990's, by namespace or by an element that RFC 7489 does not have."""
    errors: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()
    record_count: int = 0
    """Records read, also those that went to a sink."""
    messages: int = 0
    """The sum of `count`."""


class FailureReport(Struct, frozen=True):
    """A failure report of one message (RFC 6591, RFC 9991), or a plain-text one of the wild."""

    kind: ClassVar[Kind] = "failure"
    source_ip: str | None
    reported_domain: str
    auth_failure: tuple[str, ...]
    """Words of RFC 6591 section 3.3 and `dmarc`."""
    arrival_date: datetime | None
    feedback_type: str = ""
    user_agent: str = ""
    version: str = ""
    reporter: str = ""
    """The address of the From field of the mail that carried it."""
    reporting_mta: str = ""
    original_mail_from: str | None = None
    original_rcpt_to: tuple[str, ...] = ()
    original_envelope_id: str = ""
    delivery_result: str = ""
    authentication_results: tuple[str, ...] = ()
    """Unfolded values."""
    identity_alignment: tuple[str, ...] | None = None
    """As written. Its sense turned round in RFC 9991 section 4: aligned ones before, failing ones since."""
    failed_mechanisms: tuple[str, ...] = ()
    """spf, dkim, dmarc: what failed, by Authentication-Results and Auth-Failure; only what they leave open by
    `identity_alignment`."""
    dkim_domain: str = ""
    dkim_selector: str = ""
    dkim_identity: str = ""
    dkim_canonicalized_header: str = ""
    dkim_canonicalized_body: str = ""
    spf_dns: tuple[str, ...] = ()
    source_port: int | None = None
    incidents: int = 1
    reported_uris: tuple[str, ...] = ()
    header_from: str = ""
    """The author domain of the reported message."""
    subject: str = ""
    message_id: str = ""
    message_date: str = ""
    display_name: str = ""
    """Of the reported message's From field."""
    sample_header: str = ""
    """The header block of the reported message, decoded for showing; empty where none was sent."""
    sample_body_octets: int = 0
    """How much body came with it; the body itself is kept only in the raw report."""
    other_fields: tuple[tuple[str, str], ...] = ()
    flaws: tuple[Flaw, ...] = ()


class AbuseReport(Struct, frozen=True):
    """Any other feedback report (RFC 5965): abuse, fraud, virus, not-spam, other; no DMARC failure."""

    kind: ClassVar[Kind] = "abuse"
    feedback_type: str
    source_ip: str | None
    reported_domain: str
    arrival_date: datetime | None
    reporter: str = ""
    user_agent: str = ""
    subject: str = ""
    message_id: str = ""
    header_from: str = ""
    other_fields: tuple[tuple[str, str], ...] = ()
    flaws: tuple[Flaw, ...] = ()


class TlsFailure(Struct, frozen=True):
    """One of `failure-details` (RFC 8460 section 4.4)."""

    result_type: str
    sending_mta_ip: str | None
    receiving_mx_hostname: str
    receiving_mx_helo: str
    receiving_ip: str | None
    failed_sessions: int
    additional_information: str = ""
    failure_reason_code: str = ""


class TlsPolicy(Struct, frozen=True):
    """One of `policies` with its sums (RFC 8460 section 4.4)."""

    policy_type: str
    """tlsa, sts or no-policy-found; else what was written."""
    policy_domain: str
    policy_string: tuple[str, ...]
    mx_host: tuple[str, ...]
    successful: int
    failed: int
    failures: tuple[TlsFailure, ...] = ()


class TlsReport(Struct, frozen=True):
    """An SMTP TLS report (RFC 8460)."""

    kind: ClassVar[Kind] = "tls"
    organization_name: str
    report_id: str
    contact_info: str
    begin: datetime | None
    end: datetime | None
    policies: tuple[TlsPolicy, ...]
    flaws: tuple[Flaw, ...] = ()


Report = AggregateReport | FailureReport | TlsReport | AbuseReport


class Refusal(Struct, frozen=True):
    """Something that is no report, or not safe to read: `code` is of `RefusalCode`, `detail` says what and where."""

    code: str
    detail: str


class ReadOutcome(Struct, frozen=True):
    """What octets held: `reports` and `refused` are never both empty. `flaws` are those of the containers."""

    reports: tuple[Report, ...]
    flaws: tuple[Flaw, ...]
    refused: tuple[Refusal, ...]
