"""Judgements in words, for tables and spreadsheets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import cast

from msgspec import UNSET, Struct
from msgspec.structs import asdict

from inalign.alerts.views import IncidentRow
from inalign.alerts.words import clean_values, where_of
from inalign.insight.overview import OverviewRow
from inalign.insight.rows import AssessedSource, FindingRow, PlanRow
from inalign.insight.texts import Catalogue, catalogue
from inalign.settings.tables import Settings


class SourceLine(Struct, frozen=True):
    """A source as a line of a table or of CSV."""

    domain: str
    source_ip: str
    source_class: str
    service: str
    messages: int
    failing: int
    evidence: str


class PlanLine(Struct, frozen=True):
    """A plan as a line."""

    domain: str
    ready: bool
    next: str
    why: str
    record: str
    blocking: str
    days: int
    reporters: int
    since: date | None
    until: date | None


class FindingLine(Struct, frozen=True):
    """What reports say about a record, as a line."""

    domain: str
    finding: str


class IncidentTableLine(Struct, frozen=True):
    """An incident as a line."""

    number: int
    state: str
    domain: str
    incident: str
    opened_at: datetime | None
    closed_at: datetime | None


class OverviewLine(Struct, frozen=True):
    """A domain as a line."""

    domain: str
    state: str
    policy: str
    next: str
    why: str
    messages: int
    own_messages: int
    own_percent: float
    forwarded_failing: int
    unwanted: int
    unwanted_delivered: int
    reporters: int
    first_day: date
    last_day: date
    judged_at: datetime | None


def in_words(kind: type[Struct], rows: Sequence[Struct], language: str) -> tuple[type[Struct], Sequence[Struct]]:
    """What is shown of rows, where they are judgements: lines in words. Others are shown as they are."""
    if kind not in _LINES:
        return kind, rows
    line, make = _LINES[kind]
    words = catalogue(language)
    return line, [make(row, words) for row in rows]


def language_of(given: str | None, settings: Settings) -> str:
    """As asked for, as set, or as the environment says."""
    if given or settings.insight.language:
        return given or settings.insight.language
    return next((found for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (found := os.environ.get(name))), "en")


def source_line(row: AssessedSource, words: Catalogue) -> SourceLine:
    """In words; an address with several kinds of mail has them all."""
    classes = words.say("class", row.source_class)
    if row.classes is not UNSET and isinstance(row.classes, dict):
        shares = sorted(row.classes.items(), key=lambda each: -each[1])
        classes = ", ".join(f"{words.say('class', name)} {count}" for name, count in shares)
    return SourceLine(
        row.domain,
        row.source_ip,
        classes,
        row.service or "",
        row.messages,
        row.failing,
        words.say_all("evidence", row.evidence),
    )


def plan_line(row: PlanRow, words: Catalogue) -> PlanLine:
    """Write a policy plan in the language of `words`."""
    return PlanLine(
        row.domain,
        row.ready,
        words.say("step", row.next.step),
        words.say_all("why", row.next.why),
        row.next.record or "",
        "\n".join(
            f"{each.service or each.source}: "
            + words.say("remedy", each.remedy, {"selectors": ", ".join(each.selectors)})
            for each in row.blocking
        ),
        row.confidence.days,
        row.confidence.reporters,
        row.since,
        row.until,
    )


def finding_line(row: FindingRow, words: Catalogue) -> FindingLine:
    """Write a finding about a record in the language of `words`."""
    return FindingLine(row.domain, words.say("finding", row.code, asdict(row)))


def incident_line(row: IncidentRow, words: Catalogue) -> IncidentTableLine:
    """Write an incident in the language of `words`."""
    sentence = words.say("watch", row.code, clean_values(dict(row.values)))
    return IncidentTableLine(row.number, row.state, where_of(row.domain, words), sentence, row.opened_at, row.closed_at)


def overview_line(row: OverviewRow, words: Catalogue) -> OverviewLine:
    """Write the overview of a domain in the language of `words`."""
    return OverviewLine(
        row.domain,
        words.say("state", row.state),
        f"p={row.policy}{'; t=y' if row.testing else ''}" if row.policy else "",
        words.say("step", row.next.step),
        words.say_all("why", row.next.why),
        row.messages,
        row.own_messages,
        row.own_percent,
        row.forwarded_failing,
        row.unwanted,
        row.unwanted_delivered,
        row.reporters,
        row.first_day,
        row.last_day,
        row.judged_at,
    )


_Make = Callable[[Struct, Catalogue], Struct]
_LINES: dict[type[Struct], tuple[type[Struct], _Make]] = {
    AssessedSource: (SourceLine, cast("_Make", source_line)),
    PlanRow: (PlanLine, cast("_Make", plan_line)),
    OverviewRow: (OverviewLine, cast("_Make", overview_line)),
    FindingRow: (FindingLine, cast("_Make", finding_line)),
    IncidentRow: (IncidentTableLine, cast("_Make", incident_line)),
}
