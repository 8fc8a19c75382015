"""What stands outside the records of an aggregate report: who reports, about whom, about which policy and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from inalign.reports.aggregate import schema
from inalign.reports.aggregate.elements import Element
from inalign.reports.flaw import FlawCode, Flaws
from inalign.reports.report import Extension, PublishedPolicy
from inalign.reports.values import instant

MOST_OF_A_DAY = timedelta(hours=24, seconds=1)
MAX_ERRORS = 100  # `error` elements of RFC 7489; it is to be short, RFC 9990 section 3.1.5

_OF_METADATA = ("org_name", "email", "report_id")
_OF_DATES = ("begin", "end")
_OF_POLICY = ("domain", "p")


@dataclass
class ReportHead:
    """The values by name, as written; what is not told is not there."""

    values: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    extensions: list[Extension] = field(default_factory=list)
    containers: set[str] = field(default_factory=set)

    @property
    def empty(self) -> bool:
        """Whether nothing was told."""
        return not (self.values or self.errors or self.containers)


def read_head(feedback: Element, flaws: Flaws, most_extensions: int) -> ReportHead:
    """Gather the values of all children of the root but the records."""
    head = ReportHead()
    _visit(feedback, "feedback", head, flaws, most_extensions)
    _require(head, "report_metadata", _OF_METADATA, flaws)
    if "report_metadata" in head.containers or head.containers & {"date_range"}:
        _require(head, "date_range", _OF_DATES, flaws)
    _require(head, "policy_published", _OF_POLICY, flaws)
    return head


def _visit(parent: Element, path: str, head: ReportHead, flaws: Flaws, most: int) -> None:
    for child in parent.children:
        name = child.name
        if child.opaque or name == "extension":
            for extension in _extensions(child, f"{path}/{name}"):
                if len(head.extensions) >= most:
                    flaws.tell(FlawCode.CUT, "more extensions than are kept")
                    break
                head.extensions.append(extension)
            continue
        if parent.name not in schema.PARENTS[name]:
            flaws.tell(FlawCode.SHAPE, f"{name} within {parent.name}")
        if name == "error":
            if len(head.errors) < MAX_ERRORS and child.value:
                head.errors.append(child.value)
        elif child.leaf:
            if name in head.values:
                flaws.tell(FlawCode.SHAPE, f"several {name}; the first counts")
            head.values.setdefault(name, child.value)
        else:
            if name in head.containers:
                flaws.tell(FlawCode.SHAPE, f"several {name}")
            head.containers.add(name)
            _visit(child, f"{path}/{name}", head, flaws, most)


def _extensions(element: Element, path: str) -> Iterator[Extension]:
    pending = [(element, path)]
    while pending:
        one, place = pending.pop()
        if one.value or not one.children:
            yield Extension(place[:200], one.space[:200], one.value)
        pending += [(child, f"{place}/{child.name}"[:1000]) for child in reversed(one.children)]


def _require(head: ReportHead, container: str, names: tuple[str, ...], flaws: Flaws) -> None:
    if container not in head.containers:
        flaws.tell(FlawCode.MISSING, container)
        if not any(name in head.values for name in names):
            return
    for name in names:
        if name not in head.values:
            flaws.tell(FlawCode.MISSING, name)


def policy(head: ReportHead, flaws: Flaws) -> PublishedPolicy:
    """The policy as the reporter saw it."""

    def word(name: str, known: frozenset[str]) -> str:
        text = head.values.get(name, "").lower()
        if text not in known and (text or (name == "p" and name in head.values)):
            flaws.tell(FlawCode.WORD, f"{name} {text[:60]!r}")
        return text

    return PublishedPolicy(
        domain=head.values.get("domain", ""),
        p=word("p", schema.POLICIES), sp=word("sp", schema.POLICIES), np=word("np", schema.POLICIES),
        adkim=word("adkim", schema.ALIGNMENTS), aspf=word("aspf", schema.ALIGNMENTS),
        fo=head.values.get("fo", ""), pct=_percentage(head.values.get("pct", ""), flaws),
        testing=word("testing", schema.TESTING), discovery_method=word("discovery_method", schema.DISCOVERY),
    )  # fmt: skip


def _percentage(text: str, flaws: Flaws) -> int | None:
    if not text:
        return None
    if len(text) <= 3 and text.isascii() and text.isdigit() and int(text) <= 100:
        return int(text)
    flaws.tell(FlawCode.COUNT, f"pct {text[:60]!r} was left out")
    return None


def span(head: ReportHead, flaws: Flaws) -> tuple[datetime | None, datetime | None]:
    """`begin` and `end`, kept as they are however odd the time between them is."""
    found: list[datetime | None] = []
    for name in _OF_DATES:
        text = head.values.get(name)
        moment, mended = instant(text) if text is not None else (None, False)
        if mended:
            flaws.tell(FlawCode.DATE, f"{name} {(text or '')[:60]!r} was read as {moment}")
        found.append(moment)
    begin, end = found
    if begin is not None and end is not None and not timedelta(0) < end - begin <= MOST_OF_A_DAY:
        flaws.tell(FlawCode.SPAN, f"from {begin:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}")
    return begin, end
