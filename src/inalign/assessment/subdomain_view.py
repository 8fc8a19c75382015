"""From domains below the domains: whether DNS has them, which record reaches them, and what would serve them better."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

from msgspec import Struct
from msgspec.structs import asdict

from inalign.insight.lookups import DomainLookups, domain_lookups
from inalign.mail.organization import registrable_domain
from inalign.store.engine.interface import Engine
from inalign.store.queries.filters import Filters
from inalign.store.queries.headlines import NewestRecord, SubdomainRow, newest_records, subdomains
from inalign.store.queries.view import ViewAnswer
from inalign.store.state.answers import answers_below
from inalign.store.state.control import Control

ENOUGH = 20
"""Messages; a name with fewer is nobody's habit."""
PASSES = 98.0
"""Percent: a name that passes so far loses next to nothing at a stricter policy."""
OWN_RECORD = "own_record"


class SubdomainAdviceRow(Struct, frozen=True, kw_only=True):
    """A From domain below the one whose policy applies to it."""

    header_from: str
    domain: str
    """The domain whose DMARC record applies to this From domain."""
    in_dns: str
    """yes, no, or unknown: it was not looked up."""
    policy: str
    policy_from: str
    """The tag that says so: own_record, np, sp or p."""
    discovery_method: str
    """How the newest reporter that tells it found the record: treewalk or psl."""
    messages: int
    passed: int
    passed_percent: float
    none: int
    quarantine: int
    reject: int
    suggestion: str
    """np: let names that do not exist be refused; make: mail passes from a name that is not there; own_record: its mail
    fails, with a record of its own the others need not wait; nothing."""
    first_day: date
    last_day: date


def ask_subdomains(engine: Engine, control: Control, filters: Filters) -> ViewAnswer[SubdomainAdviceRow]:
    """In the order of `subdomains`."""
    found = subdomains(engine, filters)
    records = newest_records(engine, filters)

    @cache
    def lookups(name: str) -> DomainLookups:
        return domain_lookups(name, answers_below(control, name) or None)

    rows = [_advice(row, records.get(row.domain, NewestRecord()), lookups) for row in found.rows]
    return ViewAnswer(rows, found.after)


def _advice(row: SubdomainRow, record: NewestRecord, lookups: Callable[[str], DomainLookups]) -> SubdomainAdviceRow:
    exists = lookups(registrable_domain(row.domain)).exists(row.header_from)
    policy_from, policy = _policy(row, record, exists)
    return SubdomainAdviceRow(
        in_dns={True: "yes", False: "no", None: "unknown"}[exists],
        policy=policy,
        policy_from=policy_from,
        discovery_method=record.discovery_method,
        suggestion=_suggestion(row, policy, policy_from, exists),
        **asdict(row),
    )


def _policy(row: SubdomainRow, record: NewestRecord, exists: bool | None) -> tuple[str, str]:
    """The tag of the record that reaches the name, and its value (RFC 9989 section 4.7)."""
    if row.header_from == row.domain:
        return OWN_RECORD, record.p
    if exists is False and record.np:
        return "np", record.np
    return ("sp", record.sp) if record.sp else ("p", record.p)


def _suggestion(row: SubdomainRow, policy: str, policy_from: str, exists: bool | None) -> str:
    if exists is False and policy != "reject":
        return "make" if row.passed >= ENOUGH else "np"
    fails = row.messages >= ENOUGH and row.passed_percent < PASSES
    return OWN_RECORD if exists and fails and policy_from != OWN_RECORD else "nothing"
