"""`inalign reports`: what the reports say, as tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import click
import msgspec

from inalign.asking import ask_store
from inalign.cli.configuration import config_option, load
from inalign.cli.rows import print_csv, print_json, print_table
from inalign.errors import ParseError
from inalign.store.queries import VIEWS
from inalign.store.queries.filters import MAX_ROWS, Filters

EXIT_FINDING = 1


@click.command(epilog="Views: " + "; ".join(f"{view.name}: {view.about}" for view in VIEWS.values()))
@click.argument("view", metavar="VIEW", type=click.Choice(list(VIEWS)))
@click.option("--domain", default="", help="A domain, and the names below it.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
@click.option("--source", default="", help="An address or a network.")
@click.option("--reporter", default="", help="A reporter, as the table names it.")
@click.option("--limit", type=click.IntRange(1, MAX_ROWS), default=1_000, show_default=True, help="Rows, at most.")
@click.option("--after", default="", help="The cursor that the last answer ended with.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, safe to open in a spreadsheet.")
@config_option
def command(
    view: str,
    *,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
    as_csv: bool,
    config: Path | None,
    **rest: str | int,
) -> None:
    """Show what the reports say.

    Exit status: 0 there are rows, 1 there are none.

    Example: inalign reports reporters --domain example.com --since 2026-11-01
    """
    settings, path = load(config)
    asked = VIEWS[view]
    filters = _filters({**rest, "since": since and since.date(), "until": until and until.date()})
    answer = ask_store(settings, path, asked, filters)
    if as_json:
        print_json(answer.rows)
    elif as_csv:
        print_csv(answer.rows, asked.row)
    elif answer.rows:
        print_table(answer.rows, asked.row)
    else:
        click.echo("No rows. Reports come in once a day; `inalign ingest` reads those that are in files.", err=True)
    if answer.after:
        click.echo(f"There is more: --after {answer.after}", err=True)
    sys.exit(0 if answer.rows else EXIT_FINDING)


def _filters(values: Mapping[str, object]) -> Filters:
    try:
        return msgspec.convert({name: value for name, value in values.items() if value}, Filters)
    except msgspec.ValidationError as problem:
        raise ParseError(str(problem)) from None
