"""`inalign reports`: what the reports say, as tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from inalign.asking import NAMES, asker
from inalign.cli.configuration import config_option, load
from inalign.cli.judged import in_words, language_of
from inalign.cli.rows import print_csv, print_json, print_table
from inalign.errors import ParseError
from inalign.insight.texts import LANGUAGES
from inalign.store.queries.filters import MAX_ROWS, Filters
from inalign.store.queries.views import Answer

EXIT_FINDING = 1


@click.command(epilog="Views: " + "; ".join(f"{view.name}: {view.about}" for view in NAMES.values()))
@click.argument("view", metavar="VIEW", type=click.Choice(list(NAMES)))
@click.option("--domain", default="", help="A domain, and the names below it.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
@click.option("--source", default="", help="An address or a network.")
@click.option("--reporter", default="", help="A reporter, as the table names it.")
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_ROWS),
    help=f"Rows, at most. Default: all with --json or --csv, else {Filters().limit}.",
)
@click.option("--after", default="", help="The cursor that the last answer ended with.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, safe to open in a spreadsheet.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of sentences. Default: as LANG says.")
@click.option("--offline", is_flag=True, help="Ask DNS nothing; only for sources and plan.")
@config_option
def command(
    view: str,
    *,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
    as_csv: bool,
    limit: int | None,
    lang: str | None,
    offline: bool,
    config: Path | None,
    **rest: str,
) -> None:
    """Show what the reports say.

    Exit status: 0 there are rows, 1 there are none.

    Example: inalign reports reporters --domain example.com --since 2026-11-01
    """
    settings, path = load(config)
    filters = _filters({**rest, "since": since and since.date(), "until": until and until.date(), "limit": limit})
    with asker(settings, path, offline=offline) as ask:
        asked = NAMES[view]
        wants_all = limit is None and (as_json or as_csv)
        answer = ask(view, replace(filters, limit=MAX_ROWS) if wants_all else filters)
        if wants_all:
            answer = _all_of(answer, lambda after: ask(view, replace(filters, after=after, limit=MAX_ROWS)))
    if as_json:
        print_json(answer.rows)
        sys.exit(0 if answer.rows else EXIT_FINDING)
    row, answer = in_words(asked.row, answer, language_of(lang, settings))
    if as_csv:
        print_csv(answer.rows, row)
    elif answer.rows:
        print_table(answer.rows, row)
    else:
        click.echo("No rows. Reports come in once a day; `inalign ingest` reads those that are in files.", err=True)
    if answer.after:
        click.echo(f"There is more: --after {answer.after}", err=True)
    sys.exit(0 if answer.rows else EXIT_FINDING)


def _all_of(answer: Answer, ask: Callable[[str], Answer]) -> Answer:
    """What follows, too, to the end."""
    rows = list(answer.rows)
    while answer.after:
        answer = ask(answer.after)
        rows += answer.rows
    return Answer(rows)


def _filters(values: Mapping[str, object]) -> Filters:
    try:
        return msgspec.convert({name: value for name, value in values.items() if value}, Filters)
    except msgspec.ValidationError as problem:
        raise ParseError(str(problem)) from None
