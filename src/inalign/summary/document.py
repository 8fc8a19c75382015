"""A report as a document: titles, sentences, figures and tables in a language, whatever it is shown on.

What it is made of are few kinds of blocks; page, PDF, mail and plain text each know how to show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inalign.charts.model import ChartColumn, ColumnChart, Series
from inalign.insight.result import WhyCode
from inalign.insight.rows import BlockingRow
from inalign.insight.window import Window
from inalign.summary.blocks import (
    Block,
    ChartBlock,
    Lead,
    ListBlock,
    ListLine,
    Notes,
    RecordBlock,
    RowBlock,
    Section,
    TableBlock,
    Tone,
)
from inalign.summary.headline import cards, figures_table, headline
from inalign.summary.model import DomainSummary, Figures, Share, Summary
from inalign.summary.next_steps import next_steps
from inalign.summary.words import Words, count, rate, share, shortened, signed

MAX_DOMAINS = 30
"""With a part of their own; a report of hundreds of pages is read by nobody. The table has all."""
MAX_SENDERS = 15
"""In a table; they are sorted by what they fail."""
TONES = {"needs_work": Tone.ATTENTION, "ready": Tone.GOOD, "safe": Tone.GOOD}


@dataclass(frozen=True, slots=True)
class SummaryDocument:
    """A summary in a language, ready to be shown as a page, PDF, mail or text."""

    language: str
    title: str
    subject: str
    """The subject of a mail with the document."""
    period: str
    domains: str
    """Which ones, in a few words."""
    made: str
    sections: tuple[Section, ...]
    is_empty: bool
    """Nothing was reported in the period."""
    glossary_title: str
    glossary: tuple[tuple[str, str], ...]


def make_document(summary: Summary, words: Words) -> SummaryDocument:
    """Make the document of a summary in a language."""
    period = words.period(summary.period)
    names = [each.domain for each in summary.domains]
    domains = ", ".join(names) if len(names) <= 3 else words("title.all", count=len(names))
    shown = summary.domains[:MAX_DOMAINS]
    overview = (_overview(summary, words),) if len(names) > 1 else ()
    return SummaryDocument(
        language=words.language,
        title=words(f"title.{summary.period.kind}"),
        subject=words.of_period(summary.period, "title.subject", domains=domains, period=period),
        period=period,
        domains=domains,
        made=words("title.made", day=words.day(summary.made), zone=summary.zone),
        sections=(*overview, *(_domain(each, summary, words) for each in shown)),
        is_empty=not summary.now.messages,
        glossary_title=words("section.glossary"),
        glossary=words.glossary,
    )


def _overview(summary: Summary, words: Words) -> Section:
    blocks: list[Block] = [
        Lead(headline(summary.now, summary.before, summary.period, words), Tone.PLAIN),
        cards(summary.now, summary.before, summary.period, words),
        TableBlock(
            "",
            _columns(words, "domain", "state", "own", "change", "delivered", "policy"),
            tuple(
                (
                    each.domain,
                    words(f"state.{each.state}"),
                    rate(each.now.own_percent),
                    _points(each.now, each.before, words),
                    count(each.now.delivered),
                    each.record or "–",
                )
                for each in summary.domains
            ),
            numbers=(2, 3, 4),
        ),
    ]
    more = len(summary.domains) - MAX_DOMAINS
    if more > 0:
        blocks.append(Notes((words("text.more_domains", count=more),)))
    return Section(words("section.overview"), "", tuple(blocks))


def _points(now: Figures, before: Figures, words: Words) -> str:
    if now.own_percent is None or before.own_percent is None:
        return "–"
    return words("text.points", points=signed(round(now.own_percent - before.own_percent, 1), ".1f"))


def _domain(found: DomainSummary, summary: Summary, words: Words) -> Section:
    period = summary.period
    lead = Lead(headline(found.now, found.before, period, words), TONES.get(found.state, Tone.PLAIN))
    todo = ListBlock(words.of_period(period, "period.next"), next_steps(found, words), numbered=True)
    if not found.assessed:
        soon = Notes((words.insight.say("why", WhyCode.NOT_JUDGED),))
        return Section(found.domain, words(f"state.{found.state}"), (soon,))
    if not found.now.messages:
        return Section(found.domain, words(f"state.{found.state}"), (lead, todo))
    parts: list[Iterable[Block]] = [
        (lead, cards(found.now, found.before, period, words, reporters=found.reporter_count), todo),
        _days(found, words),
        (figures_table(found.now, found.before, period, words),),
        _plan(found, words),
        _blocking(found, words),
        _new(found, words),
        _shares(found, words),
    ]
    return Section(found.domain, words(f"state.{found.state}"), tuple(block for part in parts for block in part))


def _days(found: DomainSummary, words: Words) -> Iterable[Block]:
    if any(any(day.counts) for day in found.days):
        names = ("authenticated", "forwarded", "failing", "unwanted")
        chart = ColumnChart(
            title=words("section.days"),
            series=tuple(Series(name, words(f"class4.{name}")) for name in names),
            columns=tuple(ChartColumn(words.day(day.day, "short"), day.counts) for day in found.days),
        )
        yield ChartBlock(chart, words("text.numbers"), words("column.day"), words("column.all"))


def _plan(found: DomainSummary, words: Words) -> Iterable[Block]:
    say = words.insight
    published = words("text.published", record=found.record) if found.record else words("text.no_record")
    lines = [published]
    records: tuple[RecordBlock, ...] = ()
    if found.next is not None:
        lines.append(words("text.next", step=say.say("step", found.next.step)))
        if found.next.why:
            lines.append(words("text.why", why=say.say_all("why", found.next.why)))
        records = records_of(found)
    yield Notes(tuple(lines), words("section.plan"))
    if records:
        yield Notes((words("text.publish"),))
        yield from records
    if found.changes:
        changes = (
            words("text.changed", day=words.day(each.day), before=each.before, after=each.after)
            for each in found.changes
        )
        yield ListBlock(words("section.reached"), tuple(ListLine(each) for each in changes))


def records_of(found: DomainSummary) -> tuple[RecordBlock, ...]:
    """The records of the next step, that of DMARC first."""
    if found.next is None:
        return ()
    own = (RecordBlock(f"_dmarc.{found.domain}", "TXT", found.next.record),) if found.next.record else ()
    return own + tuple(RecordBlock(each.name, each.type, each.value) for each in found.next.records)


def _blocking(found: DomainSummary, words: Words) -> Iterable[Block]:
    if not found.blocking:
        return
    say = words.insight
    chosen = sorted(found.blocking, key=lambda each: (-each.failing, each.source))
    window = found.window
    yield TableBlock(
        words("section.blocking", since=words.day(window.since), until=words.day(window.until))
        if window
        else words("section.blocking_undated"),
        _columns(words, "sender", "class", "messages", "failing", "remedy"),
        tuple(
            (
                words.sender(each.service or each.source),
                say.say("class", each.source_class),
                count(each.messages),
                f"{count(each.failing)} ({share(each.failing, each.messages)})" + _other_days(each, window, words),
                say.say("remedy", each.remedy, {"selectors": ", ".join(each.selectors)}),
            )
            for each in chosen[:MAX_SENDERS]
        ),
        numbers=(2, 3),
    )
    yield from _rest(len(chosen), words)


def _other_days(row: BlockingRow, window: Window | None, words: Words) -> str:
    """The days of the numbers of a sender, where they are not those of the table."""
    if not row.since or not row.until or (window and (row.since, row.until) == (window.since, window.until)):
        return ""
    return " – " + words("text.days", since=words.day(row.since), until=words.day(row.until))


def _new(found: DomainSummary, words: Words) -> Iterable[Block]:
    if not found.new_senders:
        return
    yield TableBlock(
        words("section.new"),
        _columns(words, "sender", "class", "messages", "first_day"),
        tuple(
            (
                words.sender(each.sender),
                words.insight.say("class", each.source_class),
                count(each.messages),
                words.day(each.first_day, "short"),
            )
            for each in found.new_senders[:MAX_SENDERS]
        ),
        numbers=(2,),
    )
    yield from _rest(len(found.new_senders), words)


def _rest(number: int, words: Words) -> Iterable[Block]:
    if number > MAX_SENDERS:
        yield Notes((words("text.more", count=count(number - MAX_SENDERS)),))


def _shares(found: DomainSummary, words: Words) -> Iterable[Block]:
    """Where unwanted mail came from, and who told, side by side."""
    tables = [
        _share_table("country", found.countries, found.now.unwanted, words),
        _share_table("network", found.networks, found.now.unwanted, words),
        _share_table("reporter", found.reporters, found.now.messages, words, number=found.reporter_count),
    ]
    if shown := tuple(each for each in tables if each.rows):
        yield RowBlock(shown)


def _share_table(kind: str, shares: Sequence[Share], whole: int, words: Words, *, number: int = 0) -> TableBlock:
    name = words.country if kind == "country" else lambda text: shortened(text) or words("text.unknown_place")
    rows = tuple((name(each.name), count(each.messages), share(each.messages, whole)) for each in shares)
    title = words(f"section.{kind}", count=count(number))
    return TableBlock(title, _columns(words, kind, "messages", "share"), rows, numbers=(1, 2))


def _columns(words: Words, *names: str) -> Sequence[str]:
    return tuple(words(f"column.{name}") for name in names)
