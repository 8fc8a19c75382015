"""`inalign reports VIEW`: what the reports tell, as a table, JSON or CSV."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click
from msgspec.structs import asdict, replace

from inalign.assessment.views import QUESTIONS
from inalign.cli.configuration import config_option, load
from inalign.cli.judged import in_words, language_of
from inalign.cli.rows import print_csv, print_json, print_table
from inalign.errors import ParseError
from inalign.insight.texts import LANGUAGES
from inalign.insight.window import window_to
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters
from inalign.store.queries.view import ViewAnswer
from inalign.wiring.queries import open_questions

_DAY = click.DateTime(["%Y-%m-%d"])


class _Listing(click.Command):
    """A command whose help names the views."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Views"):
            formatter.write_dl([(view.name, view.about) for view in QUESTIONS.values()])


@click.command(cls=_Listing)
@click.argument("view", type=click.Choice(list(QUESTIONS)), metavar="VIEW")
@click.option("--domain", default="", help="A domain, and its subdomains with a record of their own.")
@click.option("--since", type=_DAY, help="The first day.")
@click.option("--until", type=_DAY, help="The last day.")
@click.option("--days", type=click.IntRange(1, 3_650), help="The last so many complete report days.")
@click.option("--time-zone", "zone", default="UTC", help="The zone of days, such as Asia/Tokyo. Default: UTC.")
@click.option("--source", default="", help="An address, or a network such as 192.0.2.0/24.")
@click.option("--class", "source_class", default="", help="A class of senders: own, approved, forwarder, ...")
@click.option("--sender", default="", help="A sender by its name, for `senders` and its like.")
@click.option("--search", default="", help="What is in a name or an address, for `senders` and its like.")
@click.option("--reporter", default="", help="The domain of who reports.")
@click.option("--key", default="", help="The key of one report, for the views `report` and `raw`.")
@click.option("--action", default="", help="What the milter did, for `evaluations`.")
@click.option("--dmarc", default="", help="A result of DMARC, for `evaluations`.")
@click.option("--limit", type=int, help=f"So many rows. Default: all with --json or --csv, else {Filters().limit}.")
@click.option("--after", default="", help="The rows behind those shown: what the last call named.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.option("--csv", "as_csv", is_flag=True, help="CSV for spreadsheets, in UTF-8.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of sentences. Default: as LANG says.")
@click.option("--offline", is_flag=True, help="Ask DNS nothing, for what is judged.")
@config_option
def command(
    view: str,
    *,
    domain: str,
    since: datetime | None,
    until: datetime | None,
    days: int | None,
    zone: str,
    source: str,
    source_class: str,
    sender: str,
    search: str,
    reporter: str,
    key: str,
    action: str,
    dmarc: str,
    limit: int | None,
    after: str,
    as_json: bool,
    as_csv: bool,
    lang: str | None,
    offline: bool,
    config_file: Path | None,
) -> None:
    """Show what reports tell. Exit code 1 where nothing was found.

    Example: inalign reports sources --domain example.com --since 2026-09-01
    """
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both")
    if days and (since or until):
        raise click.UsageError("--days or --since and --until, not both")
    question = QUESTIONS[view]
    wants_all = limit is None and (as_json or as_csv)
    filters = Filters(
        domain=domain,
        since=since.date() if since else None,
        until=until.date() if until else None,
        zone=zone,
        source=source,
        source_class=source_class,
        sender=sender,
        search=search,
        reporter=reporter,
        key=key,
        action=action,
        dmarc=dmarc,
        limit=limit if limit is not None else MAX_PAGE_ROWS if wants_all else Filters().limit,
        after=after,
    )
    try:
        question.check(replace(filters, until=date.max) if days else filters)
    except ParseError as problem:
        raise click.UsageError(f"--{'time-' if str(problem).startswith('zone:') else ''}{problem}") from None
    config = load(config_file)
    with open_questions(config, offline=offline) as ask:
        if days:
            (window,) = ask(QUESTIONS["window"], Filters()).rows
            chosen = window_to(asdict(window)["until"], days)
            filters = replace(filters, since=chosen.since, until=chosen.until)
        found = ask(question, filters)
        while wants_all and found.after:
            more = ask(question, replace(filters, after=found.after))
            found = ViewAnswer([*found.rows, *more.rows], more.after)
    if as_json:
        print_json(found.rows)
    else:
        if not as_csv and (filters.since or filters.until):
            click.echo(f"{filters.since or ''}/{filters.until or ''} {filters.zone}")
        row, lines = in_words(question.row, found.rows, language_of(lang, config.settings))
        (print_csv if as_csv else print_table)(lines, row)
    if found.after:
        click.echo(f"More rows: --after {found.after}", err=True)
    if not found.rows:
        raise SystemExit(1)
