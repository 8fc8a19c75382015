"""A feedback report (RFC 5965) as its parts -> `FailureReport` (RFC 6591, RFC 9991), `AbuseReport`, or why not.

The container is not read here. Any octets and texts are taken; nothing is raised. For failures that reporters tell in
plain text, without a feedback part, see `failure_plain`.
"""

from __future__ import annotations

import re
from datetime import datetime

from inalign.reports.failure.mechanisms import failed_mechanisms, read_results
from inalign.reports.failure.reported_message import Sample, domain_in, read_sample
from inalign.reports.failure.values import MAX_PORT, Fields, date, number, path, source_address, without_comments, words
from inalign.reports.fields import base64_octets, one_line
from inalign.reports.flaw import FlawCode, Flaws, RefusalCode
from inalign.reports.limits import FEEDBACK_LIMITS, FeedbackLimits
from inalign.reports.report import AbuseReport, FailureReport, Refusal
from inalign.reports.values import MAX_COUNT, address

# RFC 6591 section 3.3; `dmarc` is of RFC 9991 section 4.
AUTH_FAILURES = frozenset({"adsp", "bodyhash", "revoked", "signature", "spf", "dmarc"})
DELIVERY_RESULTS = frozenset({"delivered", "spam", "policy", "reject", "other"})  # RFC 6591 section 3.2.2
# RFC 5965 section 7.3, with those that were registered later.
FEEDBACK_TYPES = frozenset({"abuse", "fraud", "virus", "other", "not-spam", "auth-failure", "opt-out", "opt-out-list"})

_KNOWN = frozenset(
    [
        "feedback-type",
        "user-agent",
        "version",
        "arrival-date",
        "source-ip",
        "reported-domain",
        "auth-failure",
        "authentication-results",
        "original-mail-from",
        "original-rcpt-to",
        "identity-alignment",
        "delivery-result",
        "dkim-domain",
        "spf-dns",
        "incidents",
    ]
)
_ONLY_OF_FAILURES = ("auth-failure", "identity-alignment", "dkim-domain", "spf-dns", "delivery-result")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]{40,}")
_BLANKS = re.compile(r"\s+")
_TOLD_IN_WORDS = re.compile(
    r"received\s{1,9}from\s{1,9}IP\s{1,9}([0-9A-Fa-f.:\[\]]{3,60})\s{1,9}on\s{1,9}([^\n]{6,60})"
)
_DOMAIN_OF_SUBJECT = re.compile(r"\breport for ([\w-]{1,63}(?:\.[\w-]{1,63}){1,20})(?![\w.-])", re.IGNORECASE)
_ADDRESS_OF_SUBJECT = re.compile(r"\bIP[ :=]{1,3}([0-9A-Fa-f.:]{3,45})", re.IGNORECASE)
_FORWARDED = re.compile(r"(?:fwd?:|\[Netease DMARC Failure Report\])\s*(?=\S)", re.IGNORECASE)


def read_feedback(
    feedback: bytes,
    sample: bytes | None,
    *,
    reporter: str,
    text: str = "",
    received_subject: str = "",
    limits: FeedbackLimits = FEEDBACK_LIMITS,
) -> FailureReport | AbuseReport | Refusal:
    """Read the decoded feedback part and the reported message, whole or its header, as the mail holds them.

    `reporter` is the address of the mail's From, `text` its part for people, `received_subject` its Subject; the
    latter two answer only what the report leaves open, with a flaw.
    """
    if len(feedback) > limits.octets:
        return Refusal(RefusalCode.TOO_LARGE.value, f"more than {limits.octets} octets of feedback")
    flaws = Flaws()
    fields = Fields(feedback, limits, flaws)
    if not fields.any_of(_KNOWN) and _BASE64.fullmatch(feedback):
        flaws = Flaws()
        flaws.tell(FlawCode.ENCODING, "the feedback part was still in base64")
        fields = Fields(base64_octets(feedback.decode("ascii")), limits, flaws)
    if not fields.any_of(_KNOWN):
        return Refusal(RefusalCode.MALFORMED.value, "a feedback part without any field of RFC 5965")
    found = read_sample(sample, limits, flaws)
    return _FailureReading(fields, found, flaws, reporter=reporter, text=text, subject=received_subject).report()


class _FailureReading:
    """The values that both kinds of report have, then those of one kind."""

    def __init__(self, fields: Fields, sample: Sample, flaws: Flaws, *, reporter: str, text: str, subject: str) -> None:
        self.fields, self.sample, self.flaws, self.reporter = fields, sample, flaws, reporter
        self.subject = one_line(subject[:1000])
        if not self.sample.header:
            flaws.tell(FlawCode.MISSING, "the reported message")  # RFC 5965 section 2
        told = _TOLD_IN_WORDS.search(text[:10_000])
        self.told = (told[1], told[2].strip().rstrip(".")) if told else ("", "")

    def report(self) -> FailureReport | AbuseReport:
        """The report, as its type and fields say."""
        written = self.fields.one("feedback-type")
        kind = (words(written or "") or ("",))[0]
        is_failure = "auth-failure" in self.fields or kind.replace("_", "-") in {"auth-failure", "authfailure", "dmarc"}
        if not kind:
            self.flaws.tell(FlawCode.MISSING, "Feedback-Type")
            is_failure = self.fields.any_of(_ONLY_OF_FAILURES)
        if kind and kind not in FEEDBACK_TYPES:
            self.flaws.tell(FlawCode.WORD, f"Feedback-Type {kind[:60]!r}")
        return self._failure(kind) if is_failure else self._abuse(kind)

    def _abuse(self, kind: str) -> AbuseReport:
        reported = self.fields.many("reported-domain")
        mail_from = path(self.fields.one("original-mail-from"))
        fields = self.fields
        self._require("User-Agent", "Version")
        fields.one("version")
        return AbuseReport(
            feedback_type=kind,
            source_ip=self._source_ip(),
            reported_domain=self._domain(reported, "", "", mail_from),
            arrival_date=self._arrival_date(),
            reporter=self.reporter,
            user_agent=fields.text("user-agent"),
            subject=self._subject(),
            message_id=self.sample.message_id,
            header_from=self.sample.header_from,
            other_fields=(
                *((("Original-Mail-From", mail_from),) if mail_from is not None else ()),
                *(("Reported-Domain", each) for each in reported[1:]),
                *fields.rest(),
            ),
            flaws=self.flaws.told(),
        )

    def _failure(self, kind: str) -> FailureReport:
        fields, flaws, sample = self.fields, self.flaws, self.sample
        self._require("User-Agent", "Version", "Auth-Failure", "Authentication-Results", "Identity-Alignment")
        reported = fields.many("reported-domain")
        mail_from = path(fields.one("original-mail-from"))
        dkim_domain = fields.text("dkim-domain")
        alignment = fields.one("identity-alignment")
        aligned = None if alignment is None else words(alignment)
        auth_failure = words(", ".join(fields.many("auth-failure")))
        for word in auth_failure:
            if word not in AUTH_FAILURES:
                flaws.tell(FlawCode.WORD, f"Auth-Failure {word[:60]!r}")
        delivery = fields.text("delivery-result")
        if delivery and without_comments(delivery).lower() not in DELIVERY_RESULTS:
            flaws.tell(FlawCode.WORD, f"Delivery-Result {delivery[:60]!r}")
        authentication_results = fields.many("authentication-results")
        results = read_results(authentication_results, flaws)
        header_from = sample.header_from
        if not header_from:
            told = [value for result in results for value in result.values("header", "from")]
            header_from = domain_in(told[0]) if told else ""
            if header_from:
                flaws.tell(FlawCode.GUESSED, f"the author domain {header_from}, from Authentication-Results")
        return FailureReport(
            source_ip=self._source_ip(),
            reported_domain=self._domain(reported, header_from, dkim_domain, mail_from),
            auth_failure=auth_failure,
            arrival_date=self._arrival_date(),
            feedback_type=kind,
            user_agent=fields.text("user-agent"),
            version=fields.text("version"),
            reporter=self.reporter,
            reporting_mta=fields.text("reporting-mta"),
            original_mail_from=mail_from,
            original_rcpt_to=tuple(each for each in map(path, fields.many("original-rcpt-to")) if each),
            original_envelope_id=fields.text("original-envelope-id"),
            delivery_result=delivery,
            authentication_results=authentication_results,
            identity_alignment=aligned,
            failed_mechanisms=failed_mechanisms(results, auth_failure, aligned, header_from, flaws),
            dkim_domain=dkim_domain,
            dkim_selector=fields.text("dkim-selector"),
            dkim_identity=fields.text("dkim-identity"),
            dkim_canonicalized_header=_BLANKS.sub("", fields.text("dkim-canonicalized-header")),
            dkim_canonicalized_body=_BLANKS.sub("", fields.text("dkim-canonicalized-body")),
            spf_dns=fields.many("spf-dns"),
            source_port=number("Source-Port", fields.one("source-port"), MAX_PORT, flaws),
            incidents=number("Incidents", fields.one("incidents"), MAX_COUNT, flaws) or 1,
            reported_uris=tuple(each for each in map(path, fields.many("reported-uri")) if each),
            header_from=header_from,
            subject=self._subject(),
            message_id=sample.message_id or self._message_id(),
            message_date=sample.message_date,
            display_name=sample.display_name,
            sample_header=sample.header,
            sample_body_octets=sample.body_octets,
            other_fields=(*(("Reported-Domain", each) for each in reported[1:]), *fields.rest()),
            flaws=flaws.told(),
        )

    def _require(self, *names: str) -> None:
        for name in names:
            if name.lower() not in self.fields:
                self.flaws.tell(FlawCode.MISSING, name)

    def _source_ip(self) -> str | None:
        written = self.fields.text("source-ip")
        found = source_address(written, self.flaws) if written else None
        subject = _ADDRESS_OF_SUBJECT.search(self.subject)
        for text, place in ((self.told[0], "text"), (subject[1] if subject else "", "Subject")):
            if found is None and text:
                found = address(text.rstrip("."))[0]
                if found is not None:
                    self.flaws.tell(FlawCode.GUESSED, f"the source {found}, from the {place} of the mail")
        return found

    def _arrival_date(self) -> datetime | None:
        written = self.fields.text("arrival-date")
        found = date(written, self.flaws) if written else None
        if found is None and self.told[1]:
            found = date(self.told[1], Flaws())
            if found is not None:
                self.flaws.tell(FlawCode.GUESSED, f"the date {found}, from the text of the mail")
        return found

    def _domain(self, reported: tuple[str, ...], header_from: str, dkim_domain: str, mail_from: str | None) -> str:
        """The reported domain, as written, or the best that stands for it."""
        if reported:
            return reported[0]
        subject = _DOMAIN_OF_SUBJECT.search(self.subject)
        for text, place in (
            (self.sample.header_from, "From"),
            (header_from, "Authentication-Results"),
            (dkim_domain, "DKIM-Domain"),
            (mail_from or "", "Original-Mail-From"),
            (subject[1] if subject else "", "the Subject of the mail"),
        ):
            found = domain_in(text)
            if found:
                self.flaws.tell(FlawCode.GUESSED, f"the reported domain {found}, from {place}")
                return found
        self.flaws.tell(FlawCode.MISSING, "Reported-Domain, and anything that stands for it")
        return ""

    def _subject(self) -> str:
        """Of the reported message; a forwarded one has it in its own Subject (RFC 5965 section 2)."""
        forwarded = _FORWARDED.match(self.subject)
        if not self.sample.header and forwarded:
            self.flaws.tell(FlawCode.GUESSED, "the subject, from that of the mail")
            return self.subject[forwarded.end() :]
        return self.sample.subject

    def _message_id(self) -> str:
        found = self.fields.text("message-id")
        if found:
            self.flaws.tell(FlawCode.GUESSED, "the Message-ID, from the feedback part")
        return found
