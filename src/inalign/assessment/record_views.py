"""What a domain publishes, as it was looked up last, and what reports say about it: `records` and `findings`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePath

from msgspec import Struct

from inalign.assessment.assess import AssessmentCache
from inalign.assessment.cache import ensure_fresh
from inalign.dmarc.record import is_dmarc_record
from inalign.errors import ParseError
from inalign.insight.names import judged_domain
from inalign.insight.rows import FindingRow
from inalign.spf.record import is_spf_record, parse_spf_record
from inalign.spf.terms import Include
from inalign.store.engine.interface import Engine
from inalign.store.facts import assessed_domains
from inalign.store.queries.assessments import stored_findings
from inalign.store.queries.countries import CountryRow, stored_countries
from inalign.store.queries.filters import Filters, is_visible
from inalign.store.queries.view import View, ViewAnswer, page_of
from inalign.store.state.answers import StoredAnswer, stored_answers
from inalign.store.state.control import Control

MAX_INCLUDES = 100
"""Records of one SPF tree; RFC 7208 section 4.6.4 ends it at ten."""


class LookedUpRow(Struct, frozen=True, kw_only=True):
    """A record of DNS."""

    domain: str
    """Whose judgement it serves."""
    kind: str
    """dmarc, spf, dkim or mx; `error` where DNS gave no answer."""
    name: str
    type: str
    value: str
    asked_at: datetime
    origin: str
    """`dns`, or the name of the file that it was given by."""


def ask_records(assessments: AssessmentCache, filters: Filters) -> ViewAnswer[LookedUpRow]:
    """By domain and name. Nothing is asked of DNS here: the rows tell when it was."""
    rows = [row for name in _meant(assessments, filters) for row in _records_of(assessments.control, name)]
    return page_of(rows, lambda row: (row.domain, row.kind, row.name, row.value), LookedUpRow, filters)


def ask_findings(assessments: AssessmentCache, filters: Filters) -> ViewAnswer[FindingRow]:
    """Return what reports say about the published records of the domains in `filters`, ordered by domain."""
    ensure_fresh(assessments, filters.domain)
    return stored_findings(assessments.reader, assessments.host, filters)


def ask_countries(assessments: AssessmentCache, filters: Filters) -> ViewAnswer[CountryRow]:
    """Return the sums of messages by country for `filters`, the largest first."""
    ensure_fresh(assessments, filters.domain)
    return stored_countries(assessments.reader, assessments.host, filters, assessed_domains(assessments.reader))


def _meant(assessments: AssessmentCache, filters: Filters) -> list[str]:
    """The judged domains of a question, as far as its scope goes."""
    families = assessed_domains(assessments.reader)
    if filters.domain:
        name = judged_domain(filters.domain.lower().rstrip("."), frozenset(families))
        return [name] if name in families and is_visible(filters, name) else []
    return [name for name in families if is_visible(filters, name)]


def _records_of(control: Control, domain: str) -> Iterator[LookedUpRow]:
    found = stored_answers(control, domain)
    for name, kept in sorted(found.items()):
        yield from _rows(domain, name, kept)
    wanted, known = _included(found.get(domain)), set(found)
    for _ in range(MAX_INCLUDES):
        further = next((each for each in wanted if each not in known), None)
        if further is None:
            return
        known.add(further)
        for answer in stored_answers(control, further, below=False).values():
            wanted += _included(answer)
            yield from (row for row in _rows(domain, further, answer) if row.kind in ("spf", "error"))


def _rows(domain: str, name: str, kept: StoredAnswer) -> Iterator[LookedUpRow]:
    for type_, listed in kept.answer.items():
        for value in listed if isinstance(listed, Sequence) and not isinstance(listed, str) else [listed]:
            text = _text(value)
            kind = _kind(name, type_, text)
            if kind:
                yield LookedUpRow(
                    domain=domain,
                    kind=kind,
                    name=name,
                    type="" if kind == "error" else type_,
                    value=text,
                    asked_at=datetime.fromtimestamp(kept.at, UTC),
                    origin=PurePath(kept.origin).name,
                )


def _kind(name: str, type_: str, text: str) -> str:
    """Empty: it says nothing about authentication."""
    octets = text.encode("utf-8", "surrogateescape")
    if "._domainkey." in name:
        return "dkim" if type_ in ("TXT", "CNAME") else ""
    if type_ == "TXT":
        return "dmarc" if is_dmarc_record(octets) else "spf" if is_spf_record(octets) else ""
    return {"MX": "mx", "error": "error"}.get(type_, "")


def _text(value: object) -> str:
    """Of one value: an exchange with its preference, text in one piece."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return " ".join(map(str, value)) if any(isinstance(each, int) for each in value) else "".join(map(str, value))
    return json.dumps(value)


def _included(kept: StoredAnswer | None) -> list[str]:
    """Where the SPF record of a name leads."""
    texts: object = kept.answer.get("TXT", ()) if kept is not None else ()
    found: list[str] = []
    for text in texts if isinstance(texts, Sequence) else ():
        octets = _text(text).encode("utf-8", "surrogateescape")
        if not is_spf_record(octets):
            continue
        try:
            record = parse_spf_record(octets)
        except ParseError:
            continue
        found += [str(term.target) for term in record.mechanisms if isinstance(term, Include)]
        found += [str(record.redirect.target)] if record.redirect is not None else []
    return [name.lower().rstrip(".") for name in found]


def record_views(assessments: Callable[[Engine], AssessmentCache]) -> tuple[View, ...]:
    """These questions, and where mail comes from."""
    return (
        View(
            "records",
            "What the domains publish, as it was looked up",
            LookedUpRow,
            ("domain",),
            lambda engine, filters: ask_records(assessments(engine), filters),
        ),
        View(
            "findings",
            "What reports say about these records",
            FindingRow,
            ("domain",),
            lambda engine, filters: ask_findings(assessments(engine), filters),
        ),
        View(
            "countries",
            "Where mail in the name of the domains comes from, by country",
            CountryRow,
            ("domain", "since", "until", "reporter", "source"),
            lambda engine, filters: ask_countries(assessments(engine), filters),
        ),
    )
