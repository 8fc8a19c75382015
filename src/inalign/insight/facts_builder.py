"""Facts from records: for offline use and for tests. The store gives the same facts from its tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from inalign.insight.facts import (
    ARC,
    FORWARDED,
    MAILING_LIST,
    TRUSTED,
    DomainFacts,
    PublishedRecord,
    ReportedSignature,
    SourceFacts,
    SourceMail,
    SpfIdentity,
)
from inalign.insight.names import judged_domain, reporter_of
from inalign.insight.record_history import Sighting, record_history, seen_record
from inalign.reports.report import AggregateRecord, AggregateReport, DkimAuth, OverrideReason, SpfAuth

SLOT_SECONDS = 900
"""Zones differ from UTC by whole quarters of an hour."""
_ORDINAL_1970 = 719_163
Look = tuple[str, bool, bool, tuple[ReportedSignature, ...], tuple[SpfIdentity, ...], tuple[str, ...]]
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {
    "hardfail": "fail",
    "unknown": "permerror",
    "error": "temperror",
    "hard_fail": "fail",
    "soft_fail": "softfail",
}
_REASONS = {"forwarded": FORWARDED, "mailing_list": MAILING_LIST, "trusted_forwarder": TRUSTED}


class ComparedRecord(NamedTuple):
    """A published record as far as it is compared: `PublishedRecord` without its days."""

    p: str
    testing: bool
    adkim: str
    aspf: str


def seen_policy(p: str, testing: str, pct: int | None, adkim: str, aspf: str) -> ComparedRecord:
    """A published record as far as it is compared."""
    return ComparedRecord(p, testing == "y" or pct == 0, adkim or "r", aspf or "r")


def report_slot(report: AggregateReport) -> int | None:
    """The quarter of an hour of the middle of the span; None where the report does not tell its span."""
    if report.begin is None or report.end is None:
        return None
    middle = report.begin + (report.end - report.begin) / 2
    return (middle - _1970) // timedelta(seconds=SLOT_SECONDS) * SLOT_SECONDS


def day_of(slot: int) -> int:
    """The ordinal of the day that it is in, in UTC."""
    return _ORDINAL_1970 + slot // 86_400


class Sums:
    """Sums of rows by domain, source, look and day, from wherever they come; facts are made of them."""

    def __init__(self) -> None:
        self._same: dict[Look, Look] = {}
        self._counts: dict[str, dict[tuple[str, Look], dict[int, list[int]]]] = defaultdict(dict)
        self._source_reporters: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._reporters: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._days: dict[str, set[int]] = defaultdict(set)
        self._published: dict[str, dict[ComparedRecord, list[int]]] = defaultdict(dict)
        self._sightings: dict[str, set[Sighting]] = defaultdict(set)
        self._rfc9990: dict[str, int] = defaultdict(int)

    def one(self, look: Look) -> Look:
        """The look that is kept for all that are equal to it."""
        return self._same.setdefault(look, look)

    def add_policy(self, domain: str, seen: ComparedRecord, first: int, last: int) -> None:
        """A record was seen from one day to another."""
        span = self._published[domain].setdefault(seen, [first, last])
        span[0], span[1] = min(span[0], first), max(span[1], last)

    def add_sighting(self, domain: str, sighting: Sighting) -> None:
        """A reporter saw a record on a day."""
        self._sightings[domain].add(sighting)

    def add_day(self, domain: str, day: int) -> None:
        """A day has a report."""
        self._days[domain].add(day)

    def add_reporter(self, domain: str, reporter: str, messages: int, rfc9990: int) -> None:
        """Who reported how many messages, and how many of them in the form of RFC 9990."""
        self._reporters[domain][reporter] += messages
        self._rfc9990[domain] += rfc9990

    def add_source_reporter(self, domain: str, address: str, reporter: str) -> None:
        """Who saw a source."""
        self._source_reporters[domain][address].add(reporter)

    def add_mail(self, domain: str, address: str, look: Look, slot: int, sums: Sequence[int]) -> None:
        """Messages of a slot that were let pass, put into quarantine and refused; `look` as `one` gave it."""
        counts = self._counts[domain]
        by_slot = counts.get((address, look))
        if by_slot is None:
            by_slot = counts[address, look] = {}
        _add(by_slot, slot, sums)

    def facts(self) -> dict[str, DomainFacts]:
        """By the domain with which each policy domain is judged (`judged_domain`)."""
        domains = set(self._days)
        families: dict[str, list[str]] = defaultdict(list)
        for domain in sorted(domains):
            families[judged_domain(domain, domains)].append(domain)
        return {domain: self._facts(domain, family) for domain, family in families.items()}

    def _facts(self, domain: str, family: list[str]) -> DomainFacts:
        together: dict[tuple[str, Look], dict[int, list[int]]] = {}
        source_reporters: dict[str, set[str]] = defaultdict(set)
        reporters: dict[str, int] = defaultdict(int)
        for member in family:
            for key, slots in self._counts[member].items():
                known = together.get(key)
                together[key] = slots if known is None else _sum(known, slots)
            for address, names in self._source_reporters[member].items():
                source_reporters[address] |= names
            for name, count in self._reporters[member].items():
                reporters[name] += count
        mails: dict[str, list[SourceMail]] = defaultdict(list)
        for (address, look), slots in together.items():
            mails[address].append(SourceMail(*look, *_days_and_slots(slots)))
        spans = [PublishedRecord(*seen, *days) for seen, days in self._published[domain].items()]
        return DomainFacts(
            domain=domain,
            sources=tuple(
                SourceFacts(address, tuple(sorted(mails[address], key=_order)), frozenset(source_reporters[address]))
                for address in sorted(mails)
            ),
            reporters=tuple(sorted(reporters.items())),
            days=tuple(sorted(set().union(*(self._days[member] for member in family)))),
            published=tuple(sorted(spans, key=lambda span: (span.first_day, span.last_day, repr(span)))),
            messages_rfc9990=sum(self._rfc9990[member] for member in family),
            record_history=record_history(self._sightings[domain]),
        )


def _add(by_slot: dict[int, list[int]], slot: int, sums: Sequence[int]) -> None:
    known = by_slot.get(slot)
    if known is None:
        by_slot[slot] = [*sums]
    else:
        for place, count in enumerate(sums):
            known[place] += count


def _sum(some: dict[int, list[int]], more: dict[int, list[int]]) -> dict[int, list[int]]:
    found = {slot: [*sums] for slot, sums in some.items()}
    for slot, sums in more.items():
        _add(found, slot, sums)
    return found


def _days_and_slots(
    by_slot: Mapping[int, Sequence[int]],
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int, int, int], ...]]:
    """As a `Mail` has them."""
    days: dict[int, int] = {}
    slots = []
    for slot, (none, quarantine, reject) in sorted(by_slot.items()):
        day = day_of(slot)
        days[day] = days.get(day, 0) + none + quarantine + reject
        slots.append((slot, none, quarantine, reject))
    return tuple(days.items()), tuple(slots)


def _order(mail: SourceMail) -> tuple[object, ...]:
    """One order of the mail of a source, wherever the facts come from: by its days, the rest only parts equals."""
    return mail.days, repr(mail)


def _by_disposition(record: AggregateRecord) -> tuple[int, int, int]:
    count = record.count
    match record.disposition:
        case "quarantine":
            return 0, count, 0
        case "reject":
            return 0, 0, count
        case _:
            return count, 0, 0


class Gathering:
    """Takes records in, gives facts out. Records of a report may come in pieces, as `reports` reads them."""

    def __init__(self) -> None:
        self._looks: dict[tuple[object, ...], Look] = {}
        self._sums = Sums()

    def add(self, report: AggregateReport, records: Iterable[AggregateRecord] | None = None) -> None:
        """A report, or some of its records where they went to a sink. A report without a span says nothing here."""
        slot = report_slot(report)
        if slot is None:
            return
        day = day_of(slot)
        domain = report.domain.strip().lower().rstrip(".")
        reporter = reporter_of(report.email, report.org_name)
        policy = report.policy
        self._sums.add_policy(
            domain, seen_policy(policy.p, policy.testing, policy.pct, policy.adkim, policy.aspf), day, day
        )
        if policy.p:
            record = seen_record(
                p=policy.p,
                sp=policy.sp,
                np=policy.np,
                adkim=policy.adkim,
                aspf=policy.aspf,
                testing=policy.testing,
                pct=policy.pct,
                is_rfc9990=report.rfc9990,
            )
            self._sums.add_sighting(domain, Sighting(date.fromordinal(day), reporter, record))
        self._sums.add_day(domain, day)
        total = self._add_records(domain, reporter, slot, report.records if records is None else records)
        self._sums.add_reporter(domain, reporter, total, total if report.rfc9990 else 0)

    def _add_records(self, domain: str, reporter: str, slot: int, records: Iterable[AggregateRecord]) -> int:
        looks, sums = self._looks, self._sums
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
                None if any(found.domain for found in record.spf) else record.envelope_from,
            )
            look = looks.get(raw)
            if look is None:
                look = looks[raw] = sums.one(look_of_record(record))
            sums.add_mail(domain, record.source_ip, look, slot, _by_disposition(record))
            sums.add_source_reporter(domain, record.source_ip, reporter)
            total += record.count
        return total

    def facts(self) -> dict[str, DomainFacts]:
        """By the domain with which each policy domain is judged (`judged_domain`)."""
        return self._sums.facts()


def facts_from_reports(reports: Iterable[AggregateReport]) -> dict[str, DomainFacts]:
    """The facts of whole reports, by domain. What is forged or came twice must be left out before."""
    gathering = Gathering()
    for report in reports:
        gathering.add(report)
    return gathering.facts()


def look_of_record(record: AggregateRecord) -> Look:
    """What a record looks like but for its source, day and count."""
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


def _signature(found: DkimAuth) -> ReportedSignature:
    result = found.result.lower()
    return ReportedSignature(found.domain.lower().rstrip("."), found.selector.lower(), _WORDS.get(result, result))


def _identity(found: SpfAuth) -> SpfIdentity:
    result = found.result.lower()
    return SpfIdentity(found.domain.lower().rstrip("."), found.scope == "helo", _WORDS.get(result, result))


def _reason(reason: OverrideReason) -> str:
    if reason.type == "local_policy" and "arc=pass" in reason.comment.lower():
        return ARC  # RFC 8617 section 7.2.2
    return _REASONS.get(reason.type, "")
