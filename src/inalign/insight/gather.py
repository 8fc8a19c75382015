"""Facts from records: for offline use and for tests. The store gives the same facts from its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from inalign.insight.facts import (
    ARC,
    FORWARDED,
    MAILING_LIST,
    TRUSTED,
    DomainFacts,
    Mail,
    Published,
    Signature,
    SourceFacts,
    SpfIdentity,
)
from inalign.insight.names import judged_domain
from inalign.reports.report import AggregateRecord, AggregateReport, DkimAuth, Reason, SpfAuth

_Look = tuple[str, bool, bool, tuple[Signature, ...], tuple[SpfIdentity, ...], tuple[str, ...]]
_WORDS = {
    "hardfail": "fail",
    "unknown": "permerror",
    "error": "temperror",
    "hard_fail": "fail",
    "soft_fail": "softfail",
}
_REASONS = {"forwarded": FORWARDED, "mailing_list": MAILING_LIST, "trusted_forwarder": TRUSTED}


class _Seen(NamedTuple):
    p: str
    testing: bool
    adkim: str
    aspf: str


def report_day(report: AggregateReport) -> int | None:
    """The day of the middle of the span, in UTC; None where the report does not tell its span."""
    if report.begin is None or report.end is None:
        return None
    return (report.begin + (report.end - report.begin) / 2).toordinal()


class Gathering:
    """Takes records in, gives facts out. Records of a report may come in pieces, as `reports` reads them."""

    def __init__(self) -> None:
        self._looks: dict[tuple[object, ...], _Look] = {}
        self._same: dict[_Look, _Look] = {}
        self._counts: dict[str, dict[tuple[str, _Look], dict[int, int]]] = defaultdict(dict)
        self._source_reporters: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._reporters: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._days: dict[str, set[int]] = defaultdict(set)
        self._published: dict[str, dict[_Seen, list[int]]] = defaultdict(dict)
        self._rfc9990: dict[str, int] = defaultdict(int)

    def add(self, report: AggregateReport, records: Iterable[AggregateRecord] | None = None) -> None:
        """A report, or some of its records where they went to a sink. A report without a span says nothing here."""
        day = report_day(report)
        if day is None:
            return
        domain = report.domain.lower().rstrip(".")
        reporter = (report.email.rpartition("@")[2] or report.org_name).lower()
        policy = report.policy
        seen = _Seen(policy.p, policy.testing == "y" or policy.pct == 0, policy.adkim or "r", policy.aspf or "r")
        span = self._published[domain].setdefault(seen, [day, day])
        span[0], span[1] = min(span[0], day), max(span[1], day)
        self._days[domain].add(day)
        total = self._add_records(domain, reporter, day, report.records if records is None else records)
        self._reporters[domain][reporter] += total
        if report.rfc9990:
            self._rfc9990[domain] += total

    def _add_records(self, domain: str, reporter: str, day: int, records: Iterable[AggregateRecord]) -> int:
        counts, looks, reporters = self._counts[domain], self._looks, self._source_reporters[domain]
        total = 0
        for record in records:
            if record.source_ip is None:
                continue
            raw = (
                record.header_from,
                record.dkim_aligned,
                record.spf_aligned,
                record.dkim,
                record.spf,
                record.reasons,
                record.envelope_from if not record.spf else None,
            )
            look = looks.get(raw)
            if look is None:
                made = _look(record)
                look = looks[raw] = self._same.setdefault(made, made)
            key = (record.source_ip, look)
            by_day = counts.get(key)
            if by_day is None:
                by_day = counts[key] = {}
            by_day[day] = by_day.get(day, 0) + record.count
            reporters[record.source_ip].add(reporter)
            total += record.count
        return total

    def facts(self) -> dict[str, DomainFacts]:
        """By the domain with which each policy domain is judged (`judged_domain`)."""
        domains = set(self._days)
        families: dict[str, list[str]] = defaultdict(list)
        for domain in sorted(domains):
            families[judged_domain(domain, domains)].append(domain)
        return {domain: self._facts(domain, family) for domain, family in families.items()}

    def _facts(self, domain: str, family: list[str]) -> DomainFacts:
        mails: dict[str, list[Mail]] = defaultdict(list)
        source_reporters: dict[str, set[str]] = defaultdict(set)
        reporters: dict[str, int] = defaultdict(int)
        for member in family:
            for (address, look), days in self._counts[member].items():
                mails[address].append(Mail(*look, tuple(sorted(days.items()))))
            for address, names in self._source_reporters[member].items():
                source_reporters[address] |= names
            for name, count in self._reporters[member].items():
                reporters[name] += count
        spans = [Published(*seen, *days) for seen, days in self._published[domain].items()]
        return DomainFacts(
            domain=domain,
            sources=tuple(
                SourceFacts(address, tuple(mails[address]), frozenset(source_reporters[address]))
                for address in sorted(mails)
            ),
            reporters=tuple(sorted(reporters.items())),
            days=tuple(sorted(set().union(*(self._days[member] for member in family)))),
            published=tuple(sorted(spans, key=lambda span: (span.first_day, span.last_day))),
            messages_rfc9990=sum(self._rfc9990[member] for member in family),
        )


def facts_from_reports(reports: Iterable[AggregateReport]) -> dict[str, DomainFacts]:
    """The facts of whole reports, by domain. What is forged or came twice must be left out before."""
    gathering = Gathering()
    for report in reports:
        gathering.add(report)
    return gathering.facts()


def _look(record: AggregateRecord) -> _Look:
    return (
        record.header_from.lower().rstrip("."),
        record.dkim_aligned is True,
        record.spf_aligned is True,
        tuple(_signature(found) for found in record.dkim if _is_signature(found)),
        tuple(_identity(found) for found in record.spf if found.domain)
        or tuple(SpfIdentity(name.lower(), False, "none") for name in [record.envelope_from] if name),
        tuple(sorted({word for reason in record.reasons for word in [_reason(reason)] if word})),
    )


def _is_signature(found: DkimAuth) -> bool:
    """Some reporters write a row for mail without a signature: the From domain, no selector, `none`."""
    return bool(found.domain) and found.result != "none"


def _signature(found: DkimAuth) -> Signature:
    result = found.result.lower()
    return Signature(found.domain.lower().rstrip("."), found.selector.lower(), _WORDS.get(result, result))


def _identity(found: SpfAuth) -> SpfIdentity:
    result = found.result.lower()
    return SpfIdentity(found.domain.lower().rstrip("."), found.scope == "helo", _WORDS.get(result, result))


def _reason(reason: Reason) -> str:
    if reason.type == "local_policy" and "arc=pass" in reason.comment.lower():
        return ARC  # RFC 8617 section 7.2.2
    return _REASONS.get(reason.type, "")
