"""What is worth telling of the way that reports come: sources that fail, reporters that fell silent, nothing at all."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from inalign.alerts.rules import sift
from inalign.insight.detection import AlertCode, Detection
from inalign.insight.result import Value

MIN_FAILURES = 3  # runs in a row; one or two are restarts and networks
MIN_DAYS = 10  # with reports of a reporter, that it is called regular
MAX_RHYTHM = 2.0  # days between its reports
SILENT_DAYS = 5  # at least, and so many times its rhythm
LONG_SILENT = 30  # days; who was silent for longer when it is first noticed is no news


class SourceNow(Struct, frozen=True):
    """A source of reports."""

    name: str
    failures: int
    """Failed runs in a row."""
    error: str


class ReporterNow(Struct, frozen=True):
    """A reporter, as `store.queries.health` has it."""

    reporter: str
    kind: str
    days: int
    rhythm_days: float
    last_day: int
    silent_days: int
    """Up to the newest report of any reporter."""


class IntakeNow(Struct, frozen=True, kw_only=True):
    """How reports come now."""

    sources: tuple[SourceNow, ...] = ()
    reporters: tuple[ReporterNow, ...] = ()
    trouble: str = ""
    """What keeps the store from taking anything."""
    arrived: int = 0
    """The day on which the last report came; 0: none ever did."""


class IntakeKnown(Struct, frozen=True, kw_only=True):
    """What was known when it was last looked."""

    trouble: bool = False
    standing: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def watch_intake(
    before: IntakeKnown | None, now: IntakeNow, today: int, *, nothing_days: int
) -> tuple[tuple[Detection, ...], IntakeKnown]:
    """Look at the intake; what was silent at the first look is known."""
    base = before or IntakeKnown()
    lasting = [*_silent(now, today), *_nothing(now, today, nothing_days)]
    failing = [*_failing(now), *_store(base, now)]
    told, standing, still_open = sift(lasting, [], base.standing, base.open, is_fresh=before is not None)
    at_once, _, failing_open = sift(failing, [], (), base.open, is_fresh=True)
    known = IntakeKnown(trouble=bool(now.trouble), standing=standing, open=tuple(sorted({*still_open, *failing_open})))
    return (*told, *at_once), known


def _failing(now: IntakeNow) -> Iterator[Detection]:
    for source in now.sources:
        if source.failures:
            values: dict[str, Value] = {"source": source.name, "error": source.error, "failures": source.failures}
            yield Detection(AlertCode.INTAKE_FAILS, source.name, source.failures >= MIN_FAILURES, values)


def _store(before: IntakeKnown, now: IntakeNow) -> Iterator[Detection]:
    """Twice in a row: a short lock is none."""
    if now.trouble:
        yield Detection(AlertCode.STORE_FAILS, "", before.trouble, {"error": now.trouble})


def _silent(now: IntakeNow, today: int) -> Iterator[Detection]:
    for each in now.reporters:
        is_regular = each.days >= MIN_DAYS and 0 < each.rhythm_days <= MAX_RHYTHM
        if is_regular and each.silent_days >= SILENT_DAYS * max(1.0, each.rhythm_days):
            values: dict[str, Value] = {"reporter": each.reporter, "kind": each.kind, "days": each.silent_days}
            is_firm = today - each.last_day <= LONG_SILENT
            yield Detection(AlertCode.REPORTER_SILENT, f"{each.reporter} {each.kind}", is_firm, values)


def _nothing(now: IntakeNow, today: int, nothing_days: int) -> Iterator[Detection]:
    days = today - now.arrived
    if now.arrived and days >= nothing_days:
        yield Detection(AlertCode.NOTHING_ARRIVES, "", days <= LONG_SILENT + nothing_days, {"days": days})
