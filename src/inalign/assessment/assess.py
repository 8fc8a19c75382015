"""Assess domains from the store: facts, what DNS publishes, the context of addresses, the directory, overrides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from inalign.insight.classify import Judgement, judge_domain
from inalign.insight.directory import Directory
from inalign.insight.facts import DomainFacts
from inalign.insight.names import judged_domain
from inalign.insight.plan import plan_domain
from inalign.insight.result import Plan
from inalign.store.engine.interface import Engine
from inalign.store.facts import EVER, DomainRows, Span, assessed_domains, facts_from, rows_of_domain, rows_of_domains
from inalign.store.queries.snapshot import Snapshot
from inalign.store.state.answers import load_context, load_lookups
from inalign.store.state.control import Control
from inalign.store.state.overrides import overrides_of


class LookUps(Protocol):
    """Looks up the DNS records of domains whose answers are too old."""

    def due(self, domains: Iterable[str]) -> set[str]:
        """Return the domains whose answers are too old."""

    def look_up(self, facts: DomainFacts) -> None:
        """Look up the records of a domain and store the answers, if those stored are too old."""


class NoLookUps:
    """Uses the stored answers only: DNS is not asked."""

    def due(self, _: Iterable[str]) -> set[str]:
        return set()

    def look_up(self, _: DomainFacts) -> None:
        """Leave the stored answers as they are."""


OnAssessed = Callable[[Judgement, Plan], None]


@dataclass(frozen=True, slots=True)
class Assessor:
    """Assesses one domain from its rows: all that is needed but the store, so that another process can do it."""

    control: Control
    directory: Directory
    look_ups: LookUps = field(default_factory=NoLookUps)
    edition: str = ""
    """A digest of the directory and the version of this program."""
    on_assessed: OnAssessed = lambda _, __: None
    """Called with each assessment before it is stored."""

    def judgement(self, facts: DomainFacts, told: DomainRows) -> Judgement:
        """Classify the sources of a domain from its facts and all that is stored about it. Raises `ControlError`."""
        names = {str(address): str(name) for address, name, _ in told.names}
        return judge_domain(
            facts,
            load_lookups(self.control, facts),
            self.directory,
            load_context(self.control, facts, names),
            overrides_of(self.control, facts.domain),
            window=told.window,
        )

    def plan(self, judgement: Judgement) -> Plan:
        """What to do next about a domain."""
        return plan_domain(judgement, self.directory)


@dataclass(frozen=True, slots=True)
class AssessmentCache:
    """An assessor, and the store that it reads from and that holds its assessments."""

    engine: Engine
    assessor: Assessor
    host: str = ""
    """This host, where several share a store: each has its own overrides and answers."""
    folder: Path | None = None
    """Folder for temporary files; None: that of the system."""
    has_background_refresh: bool = False
    """Whether assessments are refreshed in the background: then a request is answered with the stored ones."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: Snapshot | None = None
    """What the views of one request read from; None: each reads from the store."""

    @property
    def reader(self) -> Engine:
        """The snapshot of the request, or the store."""
        return self.snapshot or self.engine

    def within(self, engine: Engine) -> AssessmentCache:
        """Return the same for one request, where `engine` is its snapshot."""
        return replace(self, snapshot=engine) if isinstance(engine, Snapshot) else self

    @property
    def control(self) -> Control:
        return self.assessor.control

    @property
    def directory(self) -> Directory:
        return self.assessor.directory

    def judgements(
        self, domain: str | None = None, span: Span = EVER, *, since: str = "", after: str | None = None
    ) -> Iterator[Judgement]:
        """A domain, or all by name; judged now, one at a time. Raises `StoreError`, `ControlError`.

        `since` leaves out the domains before one, `after` that one, too.
        """
        for told in self._told(domain, span, since, after):
            facts = facts_from(told)
            if facts is not None:
                if not self.has_background_refresh:
                    self.assessor.look_ups.look_up(facts)
                yield self.assessor.judgement(facts, told)

    def plan(self, judgement: Judgement) -> Plan:
        """What to do next about a domain."""
        return self.assessor.plan(judgement)

    def _told(self, domain: str | None, span: Span, since: str, after: str | None) -> Iterator[DomainRows]:
        if domain is None:
            yield from rows_of_domains(self.engine, span, since=since, after=after)
            return
        families = assessed_domains(self.engine)
        name = judged_domain(domain.lower().rstrip("."), frozenset(families))
        if name >= since and not (after and name <= after):
            told = rows_of_domain(self.engine, name, families.get(name, ()), span)
            if told is not None:
                yield told
