"""The figures of a report: the sentences on top, those that stand out, and the table against the period before."""

from __future__ import annotations

from inalign.insight.period import Period
from inalign.summary.blocks import Cards, FigureCard, TableBlock
from inalign.summary.model import Figures
from inalign.summary.words import Words, count, rate, share, signed

ROWS = ("messages", "own", "own_passed", "own_failed", "forwarded", "unwanted", "stopped", "delivered")


def headline(now: Figures, before: Figures, period: Period, words: Words) -> tuple[str, ...]:
    """Return the sentences on top: own mail that passes and fails, and unwanted mail."""
    if not now.messages:
        return (words("headline.no_mail"),)
    found = [_own(now, before, period, words)]
    if now.own_failed:
        found.append(words("headline.failing", failed=count(now.own_failed)))
    key = (
        "no_unwanted"
        if not now.unwanted
        else "unwanted_stopped"
        if not now.delivered
        else "none_stopped"
        if not now.stopped
        else "unwanted"
    )
    found.append(
        words(
            f"headline.{key}",
            unwanted=count(now.unwanted),
            stopped=count(now.stopped),
            delivered=count(now.delivered),
            share=share(now.stopped, now.unwanted),
        )
    )
    return tuple(found)


def _own(now: Figures, before: Figures, period: Period, words: Words) -> str:
    if now.own_percent is None:
        return words("headline.no_own")
    values = {"rate": rate(now.own_percent), "passed": count(now.own_passed), "own": count(now.own)}
    if before.own_percent is None:
        return words("headline.rate", **values)
    when = words.of_period(period, "period.before")
    return words("headline.rate_change", before=when, rate_before=rate(before.own_percent), **values)


def cards(now: Figures, before: Figures, period: Period, words: Words, *, reporters: int | None = None) -> Cards:
    """Return the cards of own mail, failing mail, unwanted mail and all messages."""
    when = words.of_period(period, "period.before")

    def against(value: str) -> tuple[str, ...]:
        return (words("card.change", before=when, value=value),) if before.messages else ()

    heard = () if reporters is None else (words("card.reporters", count=count(reporters)),)
    stopped = words("card.stopped", stopped=count(now.stopped))
    delivered = words("card.delivered", delivered=count(now.delivered))
    return Cards(
        (
            FigureCard(words("card.own"), rate(now.own_percent), against(rate(before.own_percent))),
            FigureCard(
                words("card.failing"),
                count(now.own_failed),
                (words("card.of_own", own=count(now.own)), *against(count(before.own_failed))),
            ),
            FigureCard(
                words("card.unwanted"), count(now.unwanted), (stopped, delivered, *against(count(before.unwanted)))
            ),
            FigureCard(words("card.messages"), count(now.messages), (*heard, *against(count(before.messages)))),
        )
    )


def figures_table(now: Figures, before: Figures, period: Period, words: Words) -> TableBlock:
    """Return the table of all figures, each with its change since the period before."""
    rows = []
    for name in ROWS:
        of = {"own_passed": "own", "own_failed": "own", "stopped": "unwanted", "delivered": "unwanted"}.get(
            name, "messages"
        )
        current, earlier = getattr(now, name), getattr(before, name)
        part = "" if name == "messages" else share(current, getattr(now, of))
        rows.append((words(f"figure.{name}"), count(current), part, count(earlier), signed(current - earlier)))
    columns = [words(f"column.{name}") for name in ("figure", "now", "share", "before", "change")]
    columns[1] = words.of_period(period, "period.this")
    columns[3] = words.of_period(period, "period.column_before")
    return TableBlock(words("section.figures"), tuple(columns), tuple(rows), numbers=(1, 2, 3, 4))
