"""From the store to judgements and plans: facts, what is published, what is known of addresses, the map, overrides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inalign.insight.directory import Directory
from inalign.insight.facts import DomainFacts
from inalign.insight.judge import Judgement, judge_domain
from inalign.insight.plan import plan_domain
from inalign.insight.result import Plan
from inalign.insight.rows import PlanRow, SourceRow, plan_row, source_rows
from inalign.store.control import Control
from inalign.store.engine import Engine
from inalign.store.facts import EVER, Span, all_facts, facts_of
from inalign.store.overrides import overrides_of
from inalign.store.surroundings import load_lookups, load_surroundings


@dataclass(frozen=True, slots=True)
class Judging:
    """All that judging needs."""

    engine: Engine
    control: Control
    directory: Directory
    look_up: Callable[[DomainFacts], None] = lambda _: None
    """Asks DNS about a domain and keeps the answers, where that is wanted and due."""

    def judgements(self, domain: str | None = None, span: Span = EVER) -> Iterator[Judgement]:
        """A domain, or all by name; one at a time. Raises `StoreError`, `ControlError`."""
        for facts in self._facts(domain, span):
            self.look_up(facts)
            yield judge_domain(
                facts,
                load_lookups(self.control, facts),
                self.directory,
                load_surroundings(self.engine, self.control, facts),
                overrides_of(self.control, facts.domain),
            )

    def plan(self, judgement: Judgement) -> Plan:
        """What to do next about a domain."""
        return plan_domain(judgement, self.directory)

    def sources(self, domain: str | None = None, span: Span = EVER) -> Iterator[SourceRow]:
        """The rows of `sources`: by domain, the largest source first."""
        for judgement in self.judgements(domain, span):
            yield from source_rows(judgement)

    def plans(self, domain: str | None = None, span: Span = EVER) -> Iterator[PlanRow]:
        """The rows of `plan`, by domain."""
        for judgement in self.judgements(domain, span):
            yield plan_row(self.plan(judgement))

    def _facts(self, domain: str | None, span: Span) -> Iterator[DomainFacts]:
        if domain is None:
            yield from all_facts(self.engine, span)
        elif (facts := facts_of(self.engine, domain, span)) is not None:
            yield facts
