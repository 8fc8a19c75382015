"""A TLS report (RFC 8460 section 4) as octets -> `TlsReport`, or why not.

Unpacked octets are taken; nothing is raised. JSON that is no TLS report is None, not a refusal, since it is not this
module's to say what else it is.
"""

from __future__ import annotations

from datetime import timedelta

from inalign.reports.aggregate.head import MOST_OF_A_DAY
from inalign.reports.flaw import Flaw, FlawCode, Flaws, RefusalCode
from inalign.reports.limits import TLS_LIMITS, TlsLimits
from inalign.reports.report import Refusal, TlsFailure, TlsPolicy, TlsReport
from inalign.reports.tls.json import Json, Values, decoded, parse

POLICY_TYPES = frozenset({"tlsa", "sts", "no-policy-found"})  # RFC 8460 section 4.4
# RFC 8460 section 4.3; the registry of section 6.6 is open, so others are kept.
RESULT_TYPES = frozenset(
    [
        "starttls-not-supported",
        "certificate-host-mismatch",
        "certificate-expired",
        "certificate-not-trusted",
        "validation-failure",
        "tlsa-invalid",
        "dnssec-invalid",
        "dane-required",
        "sts-policy-fetch-error",
        "sts-policy-invalid",
        "sts-webpki-invalid",
    ]
)
MAX_REPORTS = 1000  # in one list; RFC 8460 has one report

_MARKS = ("organization-name", "policies", "report-id", "date-range", "contact-info")


def read_tls(data: bytes, *, limits: TlsLimits = TLS_LIMITS) -> TlsReport | Refusal | None:
    """Read one report; of a list the first, with a flaw. None: it is JSON of another kind, or none at all."""
    found = read_tls_reports(data, limits=limits)
    if not isinstance(found, tuple):
        return found
    if len(found) == 1:
        return found[0]
    first = found[0]
    more = Flaw(FlawCode.SHAPE.value, f"a list of {len(found)} reports; the first one was taken")
    return TlsReport(
        first.organization_name, first.report_id, first.contact_info, first.begin, first.end, first.policies,
        (*first.flaws, more),
    )  # fmt: skip


def read_tls_reports(data: bytes, *, limits: TlsLimits = TLS_LIMITS) -> tuple[TlsReport, ...] | Refusal | None:
    """Read the report, or all of a list of reports; never an empty tuple."""
    if len(data) > limits.octets:
        return Refusal(RefusalCode.TOO_LARGE.value, f"more than {limits.octets} octets")
    flaws = Flaws()
    text = decoded(data, flaws)
    if not text.startswith(("{", "[")):
        return None
    if text.count("{") + text.count("[") > limits.containers:
        return Refusal(RefusalCode.TOO_MANY.value, f"more than {limits.containers} objects and lists")
    try:
        value = parse(text, flaws)
    except RecursionError:
        return Refusal(RefusalCode.TOO_DEEP.value, "JSON nested deeper than it can be read")
    except ValueError as problem:
        is_meant = sum(f'"{mark}"' in text.lower() for mark in _MARKS) >= 2
        return Refusal(RefusalCode.MALFORMED.value, f"no JSON: {problem}"[:200]) if is_meant else None
    found = [each for each in (value if isinstance(value, list) else [value]) if _is_report(each)]
    if not found:
        return None
    if isinstance(value, list):
        flaws.tell(FlawCode.SHAPE, "a list of reports, where one should stand")
    if len(found) > MAX_REPORTS:
        return Refusal(RefusalCode.TOO_MANY.value, f"more than {MAX_REPORTS} reports")
    common = flaws.told()
    return tuple(_TlsReading(each, limits, common).report() for each in found if isinstance(each, dict))


def _is_report(value: Json) -> bool:
    """Whether an object is meant to be a TLS report: any two of its five parts."""
    return isinstance(value, dict) and sum(name in value for name in _MARKS) >= 2


class _TlsReading:
    """One report. `common` are the flaws of the octets that it came in."""

    def __init__(self, value: dict[str, Json], limits: TlsLimits, common: tuple[Flaw, ...]) -> None:
        self._value, self._limits, self._common = value, limits, common
        self._flaws = Flaws()
        self._values = Values(limits, self._flaws)
        self._failures = 0

    def report(self) -> TlsReport:
        """The report with all its policies."""
        values, value = self._values, self._value
        span = value.get("date-range")
        dates = span if isinstance(span, dict) else value
        begin, end = values.instant(dates, "start-datetime"), values.instant(dates, "end-datetime")
        if begin is not None and end is not None and not timedelta(0) < end - begin <= MOST_OF_A_DAY:
            self._flaws.tell(FlawCode.SPAN, f"from {begin:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}")
        policies = values.objects(value, "policies", needed=True)
        if len(policies) > self._limits.policies:
            self._flaws.tell(FlawCode.CUT, f"more than {self._limits.policies} policies")
        return TlsReport(
            organization_name=values.text(value, "organization-name", needed=True),
            report_id=values.text(value, "report-id", needed=True),
            contact_info=values.text(value, "contact-info", needed=True),
            begin=begin,
            end=end,
            policies=tuple(self._policy(each) for each in policies[: self._limits.policies]),
            flaws=(*self._common, *self._flaws.told()),
        )

    def _policy(self, entry: dict[str, Json]) -> TlsPolicy:
        values = self._values
        policy = entry.get("policy")
        if not isinstance(policy, dict):
            if policy is not None or "policy-type" in entry:
                self._flaws.tell(FlawCode.SHAPE, "the parts of policy stand beside it")
            policy = entry
        failures = self._details(entry)
        successful, failed = self._sums(entry, sum(each.failed_sessions for each in failures))
        return TlsPolicy(
            policy_type=self._word(policy, "policy-type", POLICY_TYPES),
            policy_domain=values.text(policy, "policy-domain", needed=True),
            policy_string=values.texts(policy, "policy-string", lines=True),
            # RFC 8460 section B has it as one text; drafts and some reporters call it a pattern.
            mx_host=values.texts(policy, "mx-host", "mx-host-pattern"),
            successful=successful,
            failed=failed,
            failures=failures,
        )

    def _sums(self, entry: dict[str, Json], details: int) -> tuple[int, int]:
        """Successful and failed sessions. What is not told is the sum of the details, and zero."""
        summary = entry.get("summary")
        if not isinstance(summary, dict):
            if summary is not None:
                self._flaws.tell(FlawCode.SHAPE, "summary is no object")
            summary = entry
        successful = self._values.count(summary, "total-successful-session-count")
        failed = self._values.count(summary, "total-failure-session-count", "total-failed-session-count")
        if successful is None:
            self._flaws.tell(FlawCode.MISSING, "total-successful-session-count")
        if failed is None:
            self._flaws.tell(FlawCode.GUESSED, f"total-failure-session-count, {details}: the sum of failure-details")
        return successful or 0, details if failed is None else failed

    def _details(self, entry: dict[str, Json]) -> tuple[TlsFailure, ...]:
        values = self._values
        details = values.objects(entry, "failure-details")
        room = self._limits.failures - self._failures
        if len(details) > room:
            self._flaws.tell(FlawCode.CUT, f"more than {self._limits.failures} failures")
            details = details[:room]
        self._failures += len(details)
        found = []
        for each in details:
            failed = values.count(each, "failed-session-count")
            if failed is None:
                self._flaws.tell(FlawCode.MISSING, "failed-session-count")
            found.append(
                TlsFailure(
                    result_type=self._word(each, "result-type", RESULT_TYPES),
                    sending_mta_ip=values.address(each, "sending-mta-ip"),
                    receiving_mx_hostname=values.text(each, "receiving-mx-hostname"),
                    receiving_mx_helo=values.text(each, "receiving-mx-helo"),
                    receiving_ip=values.address(each, "receiving-ip"),
                    failed_sessions=failed or 0,
                    additional_information=values.text(each, "additional-information", "additional-info-uri"),
                    failure_reason_code=values.text(each, "failure-reason-code", "failure-error-code"),
                )
            )
        return tuple(found)

    def _word(self, of: dict[str, Json], name: str, known: frozenset[str]) -> str:
        """A word of a list, in lower case; one that is not in it as written."""
        text = self._values.text(of, name, needed=True)
        word = text.strip().lower()
        if word in known:
            return word
        if text:
            self._flaws.tell(FlawCode.WORD, f"{name} {text[:60]!r}")
        return text
