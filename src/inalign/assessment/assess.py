"""From the store to judgements and plans: facts, what is published, what is known of addresses, the map, overrides."""

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
from inalign.store.facts import EVER, DomainRows, Span, all_told, facts_from, judged_domains, told_of
from inalign.store.queries.snapshot import Snapshot
from inalign.store.state.answers import load_lookups, load_surroundings
from inalign.store.state.control import Control
from inalign.store.state.overrides import overrides_of


class LookUps(Protocol):
    """Asks DNS about domains, once in a while."""

    def due(self, domains: Iterable[str]) -> set[str]:
        """Those of them about which it should be asked now."""

    def look_up(self, facts: DomainFacts) -> None:
        """Ask about a domain and keep the answers, where that is due."""


class NoLookUps:
    """What was given or looked up before is all there is."""

    def due(self, _: Iterable[str]) -> set[str]:
        return set()

    def look_up(self, _: DomainFacts) -> None:
        """Nothing."""


OnJudged = Callable[[Judgement, Plan], None]


@dataclass(frozen=True, slots=True)
class Assessor:
    """All that judging needs but the store, so that it can be done in another process."""

    control: Control
    directory: Directory
    look_ups: LookUps = field(default_factory=NoLookUps)
    edition: str = ""
    """Tells one map, and one version of this program, from another."""
    on_judged: OnJudged = lambda _, __: None
    """Hears of each judgement before it is kept."""

    def judgement(self, facts: DomainFacts, told: DomainRows) -> Judgement:
        """What is known now, put together. Raises `ControlError`."""
        names = {str(address): str(name) for address, name, _ in told.names}
        return judge_domain(
            facts,
            load_lookups(self.control, facts),
            self.directory,
            load_surroundings(self.control, facts, names),
            overrides_of(self.control, facts.domain),
            window=told.window,
        )

    def plan(self, judgement: Judgement) -> Plan:
        """What to do next about a domain."""
        return plan_domain(judgement, self.directory)


@dataclass(frozen=True, slots=True)
class Judging:
    """A judge, and the store that it judges from and keeps judgements in."""

    engine: Engine
    judge: Assessor
    host: str = ""
    """Who judges, where several hosts share a store: each has its own overrides and answers."""
    folder: Path | None = None
    """For files in between."""
    is_tended: bool = False
    """Whether somebody judges in the background: then whoever asks is answered with what is kept."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    snapshot: Snapshot | None = None
    """What the views of one request read from; None: each reads from the store."""

    @property
    def reader(self) -> Engine:
        """The snapshot of the request, or the store."""
        return self.snapshot or self.engine

    def within(self, engine: Engine) -> Judging:
        """Return the same for one request, where `engine` is its snapshot."""
        return replace(self, snapshot=engine) if isinstance(engine, Snapshot) else self

    @property
    def control(self) -> Control:
        return self.judge.control

    @property
    def directory(self) -> Directory:
        return self.judge.directory

    def judgements(
        self, domain: str | None = None, span: Span = EVER, *, since: str = "", after: str | None = None
    ) -> Iterator[Judgement]:
        """A domain, or all by name; judged now, one at a time. Raises `StoreError`, `ControlError`.

        `since` leaves out the domains before one, `after` that one, too.
        """
        for told in self._told(domain, span, since, after):
            facts = facts_from(told)
            if facts is not None:
                if not self.is_tended:
                    self.judge.look_ups.look_up(facts)
                yield self.judge.judgement(facts, told)

    def plan(self, judgement: Judgement) -> Plan:
        """What to do next about a domain."""
        return self.judge.plan(judgement)

    def _told(self, domain: str | None, span: Span, since: str, after: str | None) -> Iterator[DomainRows]:
        if domain is None:
            yield from all_told(self.engine, span, since=since, after=after)
            return
        families = judged_domains(self.engine)
        name = judged_domain(domain.lower().rstrip("."), frozenset(families))
        if name >= since and not (after and name <= after):
            told = told_of(self.engine, name, families.get(name, ()), span)
            if told is not None:
                yield told
