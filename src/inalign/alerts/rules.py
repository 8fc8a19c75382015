"""What is worth telling about a domain: rules over what was known before and what is there now.

A finding is firm, or it only keeps an incident open that is there already: each rule has a higher border to begin and
a lower one to end, so that nothing begins and ends from day to day. Events (something new) are found for some days and
then belong to what is known; conditions are found as long as they last.

What was there when a domain was first judged, or came with old reports, is known and is told by no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from inalign.alerts.snapshot import MAX_WATCHED, DomainNow, SeenNow, SenderNow
from inalign.insight.detection import EVENT_DAYS, AlertCode, Detection
from inalign.insight.result import Value

LEARN_DAYS = 14  # of reports before anything can be called new
FRESH_DAYS = 10  # older data tells of the past: reports that are loaded late, or archives
MIN_SHARE = (0.05, 0.02)  # of a week's mail that a new sender makes: to be told, and to stay told
MIN_NEW = 20  # messages of a new sender in a week
MIN_SEEN = 5  # messages with a new selector or name; fewer are tests
WEEK, MONTH = 7, 28  # days that are compared
MIN_RATED = 20  # messages in a week and in the month before; fewer have no rate
MIN_FALLEN = 10  # failing messages of a week
FALL = (0.10, 0.05)  # of the share that passes
WAVE_DAYS = 3
MIN_WAVE = 100  # messages in these days
WAVE = (5.0, 2.0)  # times the usual
QUIET = 3  # times its longest silence, and more than a week, as the plan has it
MIN_QUIET = 20  # messages that a sender had sent
LONGEST_QUIET = 60  # days; who is silent for longer when it is first noticed has long been missed or given up
SEEN_DAYS = 3  # the last days of reports, which tell what reporters see now
SETTLE_DAYS = 5  # after a change, so that caches and reports of the days before are through
MAX_TOLD = 10  # new findings of one code at a time; the largest


class ChangedRecord(Struct, frozen=True):
    """A record that was changed."""

    day: int
    old: str


class Known(Struct, frozen=True, kw_only=True):
    """What was known of a domain when it was last looked at."""

    senders: dict[str, int] = {}
    """By name the day since when; 0: for ever."""
    selectors: dict[str, int] = {}
    names: dict[str, int] = {}
    rates: dict[str, float] = {}
    """The share of a sender's mail that passes while all is well."""
    unwanted: float = 0.0
    """Messages of spoofers on a usual day."""
    records: dict[str, str] = {}
    changes: dict[str, ChangedRecord] = {}
    reported_until: int = 0
    """The last day with reports when changes of the DMARC record were first looked for: those up to it are known."""
    standing: tuple[str, ...] = ()
    """Keys of conditions that were there at first: known, and told by nobody until they come back."""
    open: tuple[str, ...] = ()
    """Keys of what was told and is not over."""


class RuleResult(Struct, frozen=True):
    """What was found, and what is known from now on."""

    findings: tuple[Detection, ...]
    known: Known


def watch_domain(before: Known | None, now: DomainNow, today: int) -> RuleResult:
    """Look at a domain. `today` is an ordinal, as all days are."""
    is_fresh = before is not None and today - now.last_day <= FRESH_DAYS
    base = before or Known()
    can_learn = before is not None
    known = replace(
        base,
        senders=_learned(base.senders, _firsts(now.senders), now, today, can_learn=can_learn),
        selectors=_learned(base.selectors, _firsts(now.selectors), now, today, can_learn=can_learn),
        names=_learned(base.names, _firsts(now.names), now, today, can_learn=can_learn),
        records=base.records | now.records,
        changes=_changes(base, now, today),
        reported_until=base.reported_until or now.last_day,
    )
    conditions = [*_rates(base, now), *_wave(base, now), *_quiet(now), *_other_policy(known, now, today)]
    events = [*_new_sources(known, now, today), *_new(known, now, today), *_changed(known, now, today)]
    findings, standing, still_open = sift(conditions, events, base.standing, base.open, is_fresh=is_fresh)
    # While a rate is fallen, or a wave comes, the usual is what it was before.
    held = {each.subject for each in findings if each.code is AlertCode.RATE_FALLS and each.subject in base.rates}
    is_wave = before is not None and any(each.code is AlertCode.SPOOF_WAVE for each in findings)
    return RuleResult(
        findings,
        replace(
            known,
            rates=dict(_usual_rates(now)) | {name: base.rates[name] for name in held},
            unwanted=base.unwanted if is_wave else _mean(now.unwanted, now, WAVE_DAYS),
            standing=standing,
            open=still_open,
        ),
    )


def sift(
    conditions: list[Detection],
    events: list[Detection],
    standing: tuple[str, ...],
    is_open: tuple[str, ...],
    *,
    is_fresh: bool,
) -> tuple[tuple[Detection, ...], tuple[str, ...], tuple[str, ...]]:
    """The findings that begin an incident or keep one open; the conditions that are known and told by nobody; and the
    keys of what is open from now on.

    What is firm at the first look, or on old data, is no news; what was told stays told while it is found.
    """
    keys = {each.key for each in conditions}
    firm = {each.key for each in conditions if each.firm}
    stands = {key for key in standing if key in keys} if is_fresh else firm - set(is_open)
    found = [each for each in conditions if each.key not in stands]
    if not is_fresh:
        found = [replace(each, firm=False) for each in found]
        events = [replace(each, firm=each.firm and each.code is AlertCode.RECORD_CHANGED) for each in events]
    findings = tuple(_largest([*found, *events], is_open))
    return findings, tuple(sorted(stands)), tuple(sorted(each.key for each in findings))


def _largest(found: list[Detection], is_open: tuple[str, ...]) -> Iterator[Detection]:
    """Not more new ones of a code at a time than people read; the others come up when these are known."""
    counts: dict[AlertCode, int] = {}
    for each in sorted(found, key=lambda each: (each.code, -int(each.values.get("messages", 0)), each.subject)):
        if each.key in is_open:
            yield each
        elif each.firm and counts.setdefault(each.code, 0) < MAX_TOLD:
            counts[each.code] += 1
            yield each


# What is new


def _firsts(found: Mapping[str, SenderNow] | Mapping[str, SeenNow]) -> dict[str, int]:
    return {name: each.first_day for name, each in found.items()}


def _learned(
    known: Mapping[str, int], firsts: Mapping[str, int], now: DomainNow, today: int, *, can_learn: bool
) -> dict[str, int]:
    """Names with the day since when they are known; 0 where there was no history to tell."""
    found = dict(known)
    for name, first in firsts.items():
        if name not in found and len(found) < 2 * MAX_WATCHED:
            is_new = can_learn and today - first <= EVENT_DAYS and first - now.first_day >= LEARN_DAYS
            found[name] = first if is_new else 0
        elif name in found and first < found[name]:
            # Older reports came in: it was there before.
            found[name] = first if today - first <= EVENT_DAYS else 0
    return found


def _is_new(since: int, today: int) -> bool:
    return since > 0 and today - since <= EVENT_DAYS


def _new_sources(known: Known, now: DomainNow, today: int) -> Iterator[Detection]:
    whole = sum(count for day, count in now.messages.items() if day > now.last_day - WEEK)
    for name, sender in now.senders.items():
        if sender.overridden or not _is_new(known.senders.get(name, 0), today):
            continue
        messages, failing = sender.sums(now.last_day - WEEK + 1, now.last_day)
        share = messages / whole if whole else 0.0
        if share >= MIN_SHARE[1]:
            yield Detection(
                AlertCode.NEW_SOURCE,
                name,
                share >= MIN_SHARE[0] and messages >= MIN_NEW,
                {
                    "sender": sender.service or name,
                    "class": str(sender.source_class),
                    "messages": messages,
                    "failing": failing,
                    "percent": round(100 * share),
                },
            )


def _new(known: Known, now: DomainNow, today: int) -> Iterator[Detection]:
    for code, since, found in (
        (AlertCode.NEW_SELECTOR, known.selectors, now.selectors),
        (AlertCode.NEW_NAME, known.names, now.names),
    ):
        for name, each in found.items():
            if _is_new(since.get(name, 0), today):
                yield Detection(code, name, each.messages >= MIN_SEEN, {"name": name, "messages": each.messages})


# Records


def _changes(before: Known, now: DomainNow, today: int) -> dict[str, ChangedRecord]:
    found = {name: change for name, change in before.changes.items() if today - change.day <= EVENT_DAYS}
    for name, old in before.records.items():
        if name in now.records and now.records[name] != old:
            found[name] = ChangedRecord(today, old)
    return found


def _changed(known: Known, now: DomainNow, today: int) -> Iterator[Detection]:
    """Records that changed. Changes of the DMARC record have the day of the reports, as pages and summaries have it.

    What DNS answers and what reporters see of one change is one finding; the texts are those of DNS, which are whole.
    """
    found = {
        name: (change.day, change.old or "-", known.records[name] or "-")
        for name, change in known.changes.items()
        if today - change.day <= EVENT_DAYS
    }
    own = f"_dmarc.{now.domain} TXT"
    for change in now.changes:
        day = change.day.toordinal()
        if day <= known.reported_until or today - day > EVENT_DAYS:
            continue
        looked_up = found.get(own)
        if looked_up is None or day > looked_up[0] + SETTLE_DAYS:
            found[own] = (day, change.before, change.after)
        elif abs(day - looked_up[0]) <= SETTLE_DAYS:
            found[own] = (day, *looked_up[1:])
    for name, (day, old, new) in found.items():
        values: dict[str, Value] = {"name": name, "old": old, "new": new, "day": str(date.fromordinal(day))}
        yield Detection(AlertCode.RECORD_CHANGED, name, firm=True, values=values)


def _other_policy(known: Known, now: DomainNow, today: int) -> Iterator[Detection]:
    change = known.changes.get(f"_dmarc.{now.domain} TXT")
    is_settled = change is None or today - change.day > SETTLE_DAYS
    latest: dict[str, int] = {}
    for each in now.seen:
        latest[each.p] = max(each.last_day, latest.get(each.p, 0))
    for p, day in latest.items():
        if now.policy and p and p != now.policy and day > now.last_day - SEEN_DAYS:
            yield Detection(AlertCode.OTHER_POLICY, p, is_settled, {"seen": p, "published": now.policy})


# How known senders fare


def _rates(before: Known, now: DomainNow) -> Iterator[Detection]:
    for name, sender in now.senders.items():
        usual = before.rates.get(name) or _rate(sender, now.last_day - WEEK - MONTH + 1, now.last_day - WEEK)
        if not sender.source_class.is_legitimate or usual is None:
            continue
        messages, failing = sender.sums(now.last_day - WEEK + 1, now.last_day)
        rate = 1 - failing / messages if messages else 0.0
        is_rated = messages >= MIN_RATED
        if not is_rated or usual - rate >= FALL[1]:
            yield Detection(
                AlertCode.RATE_FALLS,
                name,
                is_rated and failing >= MIN_FALLEN and usual - rate >= FALL[0],
                {
                    "sender": sender.service or name,
                    "percent": round(100 * rate),
                    "before": round(100 * usual),
                    "messages": messages,
                    "failing": failing,
                },
            )


def _usual_rates(now: DomainNow) -> Iterator[tuple[str, float]]:
    for name, sender in now.senders.items():
        rate = _rate(sender, now.last_day - MONTH + 1, now.last_day)
        if sender.source_class.is_legitimate and rate is not None:
            yield name, rate


def _rate(sender: SenderNow, since: int, until: int) -> float | None:
    messages, failing = sender.sums(since, until)
    return 1 - failing / messages if messages >= MIN_RATED else None


def _quiet(now: DomainNow) -> Iterator[Detection]:
    for name, sender in now.senders.items():
        quiet = now.last_day - sender.last_day
        messages, _ = sender.sums(0, now.last_day)
        is_known = sender.source_class.is_legitimate and messages >= MIN_QUIET and len(sender.days) >= 3
        if is_known and quiet > max(WEEK, QUIET * sender.longest_silence):
            values: dict[str, Value] = {"sender": sender.service or name, "days": quiet, "messages": messages}
            yield Detection(AlertCode.SENDER_QUIET, name, quiet <= LONGEST_QUIET, values)


# Spoofers


def _wave(before: Known, now: DomainNow) -> Iterator[Detection]:
    messages = sum(count for day, count in now.unwanted.items() if day > now.last_day - WAVE_DAYS)
    usual = WAVE_DAYS * (before.unwanted or _mean(now.unwanted, now, WAVE_DAYS))
    if messages >= MIN_WAVE / 2 and messages >= WAVE[1] * usual:
        is_firm = messages >= MIN_WAVE and messages >= WAVE[0] * usual
        yield Detection(AlertCode.SPOOF_WAVE, "", is_firm, {"messages": messages, "usual": round(usual)})


def _mean(by_day: Mapping[int, int], now: DomainNow, without: int) -> float:
    """Of a day of the month before the last `without` days, as far as there are reports."""
    until = now.last_day - without
    since = max(until - MONTH + 1, now.first_day)
    if since > until:
        return 0.0
    return sum(count for day, count in by_day.items() if since <= day <= until) / (until - since + 1)
