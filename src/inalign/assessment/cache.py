"""The stored assessments: each domain is assessed once, and again when something changed that it is made from.

Two revisions say what an assessment was made from. `overrides_revision` counts the classes that were set by hand: a
request assesses the domain again first when it changed. `input_revision` covers all else: reports that came or went,
reverse names, answers of DNS, lists, the directory, this program. An assessment with other revisions than those of now
is stale.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import date
from ipaddress import ip_address

from inalign.assessment.assess import AssessmentCache, Assessor
from inalign.insight.classify import Judgement
from inalign.insight.names import is_same_or_below, judged_domain
from inalign.insight.overview import SlotSum, published_of, slot_sums
from inalign.insight.result import Plan
from inalign.insight.rows import finding_rows, plan_row, source_rows
from inalign.insight.window import Window
from inalign.store.assessments import (
    AssessmentRows,
    CachedAssessment,
    cached_assessments,
    keep,
    names_seen,
    names_word,
    remove,
)
from inalign.store.engine.interface import AnswerTooLarge, StoreError, whole
from inalign.store.facts import DomainRows, assessed_domains, facts_from, families_of, report_counts, rows_of_domain
from inalign.store.load.rows import encode
from inalign.store.schema.tables import source_key
from inalign.store.state.answers import move_hosts
from inalign.store.state.changes import Changes
from inalign.store.state.control import ControlError
from inalign.store.window import window_of

FORM = 3
"""Raised when the rows of a judgement change: all are made again."""
LEAST_SECONDS = 60.0
"""Between two judgements of a domain in the background: reports come all day."""
SHARE = 20
"""The same as a multiple of what its judgement took: a large domain keeps a core busy for a twentieth."""

AGAIN_SECONDS = 900.0
"""After which a domain that could not be judged is tried again."""


@dataclass(frozen=True, slots=True)
class Present:
    """The revisions that assessments made now would have."""

    families: dict[str, list[str]]
    reports: dict[str, str]
    names: dict[str, str]
    changes: Changes
    window: Window

    def revisions(self, assessor: Assessor, domain: str) -> tuple[int, str]:
        """Return the revision of the overrides of a domain, and that of all else its assessment is made from."""
        reports, others, names = self.reports[domain], self.changes.others(domain), self.names.get(domain, "")
        return self.changes.overrides(domain), input_revision_of(assessor, self.window, reports, others, names)


def input_revision_of(assessor: Assessor, window: Window, reports: str, others: str, names: str) -> str:
    """Return one word for the versions of all that an assessment is made from but the classes that were set by hand."""
    return f"{FORM}/{assessor.edition}/{window.until}/{reports}/{others}/{names}"


def at_present(assessments: AssessmentCache) -> Present:
    """Read the revisions of all inputs. Raises `StoreError`, `ControlError`."""
    if assessments.folder is not None:
        move_hosts(assessments.engine, assessments.control, now=time.time(), folder=assessments.folder)
    counts = report_counts(assessments.reader)
    families = families_of(counts)
    reports = {
        domain: _digest(",".join(f"{name} {counts[name][0]} {counts[name][1]}" for name in family))
        for domain, family in families.items()
    }
    return Present(
        families,
        reports,
        names_seen(assessments.reader, assessments.host),
        Changes(assessments.control),
        window_of(assessments.reader),
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def is_stale(assessments: AssessmentCache, present: Present, domain: str, known: CachedAssessment | None) -> bool:
    """Whether the stored assessment of a domain, if any, has other revisions than those of now."""
    if known is None:
        return True
    return (known.overrides_revision, known.input_revision) != present.revisions(assessments.assessor, domain)


@dataclass(frozen=True, slots=True)
class Assessment:
    """An assessment as rows for the store, and the revisions that it was made from."""

    rows: AssessmentRows
    others: str
    overrides_revision: int


def assess_rows(assessor: Assessor, told: DomainRows, *, look_up: bool = True) -> Assessment | None:
    """Assess a domain from its rows. Raises `ControlError`."""
    facts = facts_from(told)
    if facts is None:
        return None
    if look_up:
        assessor.look_ups.look_up(facts)
    changes = Changes(assessor.control)  # before what they count is read: what comes between is seen the next time
    judgement = assessor.judgement(facts, told)
    plan = assessor.plan(judgement)
    assessor.on_assessed(judgement, plan)
    return Assessment(rows_of(judgement, plan, told), changes.others(told.domain), changes.overrides(told.domain))


def rows_of(judgement: Judgement, plan: Plan, told: DomainRows) -> AssessmentRows:
    """Make the rows of an assessment."""
    policy, testing = published_of(judgement)
    first: dict[str, object] = {
        "policy": policy,
        "testing": testing,
        "reporters": len(judgement.facts.reporters),
        "first_day": date.fromordinal(judgement.first_day),
        "last_day": date.fromordinal(judgement.last_day),
        "plan": encode(plan_row(plan)).decode(),
        "findings": encode(list(finding_rows(judgement))).decode(),
    }
    sources: list[dict[str, object]] = [
        {
            "source_ip": row.source_ip,
            "source_key": source_key(ip_address(row.source_ip)),
            "source_class": row.source_class,
            "service": row.service or "",
            "sender": row.sender,
            "evidence": encode(row.evidence).decode(),
            "messages": row.messages,
            "failing": row.failing,
            "classes": encode(row.classes).decode() if row.classes else "",
            "first_day": row.first_day,
            "last_day": row.last_day,
        }
        for row in source_rows(judgement)
    ]
    slots: list[dict[str, object]] = [each._asdict() for each in slot_sums(judgement)]
    for slot, passes, messages, quarantine, reject in told.unplaced:
        none = whole(messages) - whole(quarantine) - whole(reject)
        unplaced = SlotSum(whole(slot), "", bool(passes), none, whole(quarantine), whole(reject))
        slots.append(unplaced._asdict())
    return AssessmentRows(told.domain, first, sources, slots)


Run = Callable[[DomainRows], Assessment | None]
"""Assesses the rows of a domain, in this process or another one; None: they give no facts."""


def refresh(assessments: AssessmentCache, present: Present, domain: str, run: Run) -> None:
    """Assess a domain and store the result. Raises `StoreError`, `ControlError`, `OSError`."""
    begun = time.monotonic()
    told = rows_of_domain(assessments.engine, domain, present.families[domain])
    judged = run(told) if told is not None else None
    if told is None or judged is None:
        remove(assessments.engine, assessments.host, [domain])
        return
    newest = whole(told.names[-1][2]) if told.names else 0
    names = names_word(len(told.names), newest)
    more = {
        "assessed_at": int(time.time()),
        "seconds": round(time.monotonic() - begun, 3),
        "overrides_revision": judged.overrides_revision,
        "input_revision": input_revision_of(
            assessments.assessor, told.window, present.reports[domain], judged.others, names
        ),
    }
    rows = judged.rows._replace(first={**judged.rows.first, **more})
    keep(assessments.engine, assessments.host, rows, assessments.folder)


# Whoever asks


def ensure_fresh(assessments: AssessmentCache, domain: str = "") -> None:
    """Ensure that the stored assessment of a domain, or of all, is fresh.

    With a refresh in the background, only domains whose overrides changed since, or that were never assessed, are
    assessed now. Without one, all that are stale are. Raises `StoreError`, `ControlError`, `OSError`.
    """
    snapshot = assessments.snapshot
    if snapshot is not None and not snapshot.fresh.isdisjoint((domain, "")):
        return
    if _stale_domains(assessments, domain):
        _refresh_now(assessments, domain)
        if snapshot is not None:
            snapshot.forget()
    if snapshot is not None:
        snapshot.fresh.add(domain)


def _refresh_now(assessments: AssessmentCache, domain: str) -> None:
    """Assess what is stale of a domain, or of all, from the store itself: a snapshot would hold its rows in memory."""
    assessments = replace(assessments, snapshot=None)
    with assessments.lock:
        present = at_present(assessments)
        for name in _stale_domains(assessments, domain):  # whoever was before us may have seen to it
            if name in present.families:
                refresh(
                    assessments,
                    present,
                    name,
                    lambda told: assess_rows(
                        assessments.assessor, told, look_up=not assessments.has_background_refresh
                    ),
                )
            else:
                remove(assessments.engine, assessments.host, [name])


def _stale_domains(assessments: AssessmentCache, domain: str) -> list[str]:
    """List the domains to assess before a question about one, or about all, is answered."""
    known = cached_assessments(assessments.reader, assessments.host)
    if assessments.has_background_refresh:
        changes = Changes(assessments.control)
        meant = _meant(domain, known)
        told = [name for name in meant if known[name].overrides_revision != changes.overrides(name)]
        return told if meant or not domain else _meant(domain, assessed_domains(assessments.reader))
    present = at_present(assessments)
    due = assessments.assessor.look_ups.due(present.families)
    gone = known.keys() - present.families.keys()
    meant = _meant(domain, present.families)
    return sorted(gone) + [
        name for name in meant if name in due or is_stale(assessments, present, name, known.get(name))
    ]


def _meant(domain: str, judged: Collection[str]) -> list[str]:
    """List the assessed domains that a name means: the one it belongs to, or all below it."""
    if not domain:
        return sorted(judged)
    asked = domain.lower().rstrip(".")
    name = judged_domain(asked, frozenset(judged))
    return [name] if name in judged else [each for each in sorted(judged) if is_same_or_below(each, asked)]


# In the background


@dataclass(slots=True)
class BackgroundRefresh:
    """Refreshes stale assessments in the background."""

    assessments: AssessmentCache
    run: Run
    is_ending: Callable[[], bool] = lambda: False
    rest: Callable[[], None] = lambda: None
    """Called when there was nothing to do."""
    given_up: dict[str, tuple[int, str, float]] = field(default_factory=dict)
    """Domains that could not be judged: what they rested on then, and when. Tried again when that changed, or later."""

    def round(self) -> int:
        """Judge what is stale, the oldest judgement first; how many domains that were.

        Raises `StoreError`, `ControlError`, `OSError`; and what a bug raises, after all other domains were judged.
        """
        assessments = self.assessments
        present, known = at_present(assessments), cached_assessments(assessments.engine, assessments.host)
        remove(assessments.engine, assessments.host, known.keys() - present.families.keys())
        due = assessments.assessor.look_ups.due(present.families)
        now, done, bug = time.time(), 0, None
        for domain in sorted(present.families, key=lambda name: known[name].assessed_at if name in known else 0):
            if not self._is_wanted(present, domain, known.get(domain), now, is_due=domain in due):
                continue
            if self.is_ending():
                break
            try:
                refresh(assessments, present, domain, self.run)
                done += 1
            except Exception as failure:
                if isinstance(failure, StoreError | ControlError | OSError) and not isinstance(failure, AnswerTooLarge):
                    raise  # of all domains
                self.given_up[domain] = (*present.revisions(assessments.assessor, domain), now)
                bug = bug or failure
        if bug is not None:
            raise bug
        if not done:
            self.rest()
        return done

    def _is_wanted(
        self, present: Present, domain: str, known: CachedAssessment | None, now: float, *, is_due: bool
    ) -> bool:
        rests_on = present.revisions(self.assessments.assessor, domain)
        *before, at = self.given_up.get(domain, (0, "", 0.0))
        if tuple(before) == rests_on and now - at < AGAIN_SECONDS:
            return False
        if known is None or known.overrides_revision != rests_on[0]:
            return True
        rested = now - known.assessed_at >= max(LEAST_SECONDS, SHARE * known.seconds)
        return rested and (is_due or known.input_revision != rests_on[1])
