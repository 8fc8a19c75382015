"""`inalign reports sources | plan | override`: who sends in a domain's name, and what to do next."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from msgspec import UNSET, Struct

from inalign.cli.configuration import config_option, load
from inalign.cli.rows import print_csv, print_json, print_table
from inalign.flow.judge import Judging
from inalign.insight.names import judged_domain
from inalign.insight.result import SourceClass
from inalign.insight.rows import PlanRow, SourceRow
from inalign.insight.texts import LANGUAGES, Catalogue, catalogue
from inalign.judging import make_judging
from inalign.settings import Settings
from inalign.store.control import Control
from inalign.store.facts import EVER, Span, judged_domains
from inalign.store.overrides import OverrideRow, overrides, remove_override, source_of, write_override
from inalign.store.surroundings import move_hosts
from inalign.store_access import open_store, store_folder

EXIT_FINDING = 1
CONTROL = "control.sqlite"

F = TypeVar("F", bound=Callable[..., object])


class SourceLine(Struct, frozen=True):
    """A source as a line of a table or of CSV."""

    domain: str
    source_ip: str
    source_class: str
    service: str
    messages: int
    failing: int
    evidence: str


class PlanLine(Struct, frozen=True):
    """A plan as a line."""

    domain: str
    ready: bool
    next: str
    why: str
    record: str
    blocking: str
    days: int
    reporters: int


def _options(function: F) -> F:
    day = click.DateTime(["%Y-%m-%d"])
    for option in (
        config_option,
        click.option("--offline", is_flag=True, help="Ask DNS nothing."),
        click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the sentences. Default: as LANG says."),
        click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON array."),
        click.option("--until", type=day, help="The last day."),
        click.option("--since", type=day, help="The first day; a report belongs to the day of the middle of its span."),
        click.option("--domain", help="One domain, with the names below it."),
    ):
        function = option(function)
    return function


@click.command("sources")
@_options
def sources(
    domain: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    as_json: bool,
    as_csv: bool,
    lang: str | None,
    offline: bool,
    config: Path | None,
) -> None:
    """Who sends in the name of your domains: each address with its class, and what speaks for it.

    Example: inalign reports sources --domain example.org
    """
    span = _span(since, until)
    with _opened(config, offline=offline) as (judging, settings):
        rows = list(judging.sources(domain, span))
        words = catalogue(_language(lang, settings))
    _print(rows, SourceLine, lambda row: source_line(row, words), as_json=as_json, as_csv=as_csv)


@click.command("plan")
@_options
def plan(
    domain: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    as_json: bool,
    as_csv: bool,
    lang: str | None,
    offline: bool,
    config: Path | None,
) -> None:
    """What to do next on the way to p=reject: whether the domain is ready, why, and the record to publish.

    Example: inalign reports plan --lang ja
    """
    span = _span(since, until)
    with _opened(config, offline=offline) as (judging, settings):
        rows = list(judging.plans(domain, span))
        words = catalogue(_language(lang, settings))
    _print(rows, PlanLine, lambda row: plan_line(row, words), as_json=as_json, as_csv=as_csv)


def source_line(row: SourceRow, words: Catalogue) -> SourceLine:
    """In words; an address with several kinds of mail has them all."""
    classes = words.say("class", row.source_class)
    if row.classes is not UNSET and isinstance(row.classes, dict):
        shares = sorted(row.classes.items(), key=lambda each: -each[1])
        classes = ", ".join(f"{words.say('class', name)} {count}" for name, count in shares)
    return SourceLine(
        row.domain,
        row.source_ip,
        classes,
        row.service or "",
        row.messages,
        row.failing,
        words.say_all("evidence", row.evidence),
    )


def plan_line(row: PlanRow, words: Catalogue) -> PlanLine:
    """In words."""
    return PlanLine(
        row.domain,
        row.ready,
        words.say("step", row.next.step),
        words.say_all("why", row.next.why),
        row.next.record or "",
        "\n".join(
            f"{each.service or each.source}: "
            + words.say("remedy", each.remedy, {"selectors": ", ".join(each.selectors)})
            for each in row.blocking
        ),
        row.confidence.days,
        row.confidence.reporters,
    )


R = TypeVar("R", bound=Struct)


def _print(rows: Sequence[R], kind: type[Struct], line: Callable[[R], Struct], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv([line(row) for row in rows], kind)
    else:
        print_table([line(row) for row in rows], kind)


@click.group("override")
def override() -> None:
    """Say for good what a source is: an address, a network (/24 or /64) or a sender by its name.

    Example: inalign reports override set example.org 192.0.2.7 own
    """


@override.command("set")
@click.argument("domain")
@click.argument("source")
@click.argument("source_class", metavar="CLASS", type=click.Choice([str(each) for each in SourceClass]))
@click.option("--service", default="", help="How the sender is called.")
@config_option
def set_command(domain: str, source: str, source_class: str, *, service: str, config: Path | None) -> None:
    """Give a source its class.

    Example: inalign reports override set example.org 192.0.2.7 approved --service "Our shop"
    """
    with _opened(config, offline=True) as (judging, _):
        families = judged_domains(judging.engine)
        judged = judged_domain(domain.lower().rstrip("."), frozenset(families))
        row = OverrideRow(judged, source_of(source), SourceClass(source_class), service, time.time())
        write_override(judging.control, row)
    click.echo(f"{row.domain}: {row.source} is {row.source_class}")
    if judged not in families:
        click.echo(f"There are no reports of {judged} yet.", err=True)


@override.command("remove")
@click.argument("domain")
@click.argument("source")
@config_option
def remove_command(domain: str, source: str, *, config: Path | None) -> None:
    """Take it back.

    Exit status: 1 where nothing was set.

    Example: inalign reports override remove example.org 192.0.2.7
    """
    with _control(config) as control:
        is_gone = remove_override(control, domain.lower().rstrip("."), source_of(source))
    click.echo("removed" if is_gone else "nothing was set")
    sys.exit(0 if is_gone else EXIT_FINDING)


@override.command("list")
@click.argument("domain", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@config_option
def list_command(domain: str | None, *, as_json: bool, config: Path | None) -> None:
    """What was set.

    Example: inalign reports override list
    """
    with _control(config) as control:
        rows = overrides(control, domain)
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
    else:
        print_table(rows, OverrideRow)


@contextmanager
def _opened(config: Path | None, *, offline: bool) -> Iterator[tuple[Judging, Settings]]:
    settings, path = load(config)
    folder = store_folder(settings, path)
    engine = open_store(settings, path)
    try:
        control = Control(folder / CONTROL)
        try:
            move_hosts(engine, control, now=time.time(), folder=folder)
            yield make_judging(settings, path, engine, control, offline=offline), settings
        finally:
            control.close()
    finally:
        engine.close()


@contextmanager
def _control(config: Path | None) -> Iterator[Control]:
    settings, path = load(config)
    control = Control(store_folder(settings, path) / CONTROL)
    try:
        yield control
    finally:
        control.close()


def _span(since: datetime | None, until: datetime | None) -> Span:
    return Span(since.date() if since else EVER.since, until.date() if until else EVER.until)


def _language(given: str | None, settings: Settings) -> str:
    if given or settings.insight.language:
        return given or settings.insight.language
    return next((found for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (found := os.environ.get(name))), "en")
