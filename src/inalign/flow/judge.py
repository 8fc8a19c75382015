"""From the store to judgements and plans: facts, what is published, what is known of addresses, the map, overrides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inalign.insight.directory import Directory
from inalign.insight.facts import DomainFacts
from inalign.insight.judge import Judgement, judge_domain
from inalign.insight.plan import plan_domain
from inalign.insight.result import Plan
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

    def judgements(
        self, domain: str | None = None, span: Span = EVER, *, since: str = "", after: str | None = None
    ) -> Iterator[Judgement]:
        """A domain, or all by name; one at a time. Raises `StoreError`, `ControlError`.

        `since` leaves out the domains before one, `after` that one, too.
        """
        for facts in self._facts(domain, span, since, after):
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

    def _facts(self, domain: str | None, span: Span, since: str, after: str | None) -> Iterator[DomainFacts]:
        if domain is not None:
            facts = facts_of(self.engine, domain, span)
            if facts is not None and facts.domain >= since and not (after and facts.domain <= after):
                yield facts
            return
        yield from all_facts(self.engine, span, since=since, after=after)
