"""`inalign alerts`: what is wrong now, who is told, and whether that arrives."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from inalign.alerts.views import ask_incidents
from inalign.alerts.words import sentence_of, where_of
from inalign.cli.configuration import config_option, load
from inalign.cli.judged import language_of
from inalign.cli.rows import print_json, visible
from inalign.insight.texts import LANGUAGES, catalogue
from inalign.settings.config import Config
from inalign.store.folders import Folders, become_owner
from inalign.store.queries.filters import MAX_PAGE_ROWS, Filters
from inalign.store.state.control import Control
from inalign.store.state.incidents import DAY, acknowledge, incidents, mute
from inalign.store.state.outbox import channels
from inalign.wiring.alerts import try_channels
from inalign.wiring.store import store_folder

EXIT_FINDING = 1


@click.group()
def command() -> None:
    """What changed for the worse: incidents, and the channels by which they are told.

    Example: inalign alerts list
    """


@contextmanager
def _control(config_file: Path | None) -> Iterator[tuple[Config, Control]]:
    config = load(config_file)
    folders = Folders(base=store_folder(config))
    become_owner(folders.base)
    control = Control(folders.control)
    try:
        yield config, control
    finally:
        control.close()


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of sentences. Default: as LANG says.")
@config_option
def list_command(*, everything: bool, as_json: bool, lang: str | None, config_file: Path | None) -> None:
    """Incidents, the newest first, and how the channels fare.

    Exit status: 0 nothing is open and every channel works, 1 something is.

    Example: inalign alerts list --all
    """
    with _control(config_file) as (config, control):
        now = time.time()
        found = [each for each in incidents(control) if everything or not each.closed]
        rows = ask_incidents(control, Filters(limit=MAX_PAGE_ROWS)).rows
        fare = channels(control)
    is_wrong = any(each.state(now) == "open" for each in found) or any(each.is_failing for each in fare)
    if as_json:
        print_json([row for row in rows if everything or row.state != "closed"])
        sys.exit(EXIT_FINDING if is_wrong else 0)
    say = catalogue(language_of(lang, config.settings))
    for each in found:
        click.echo(
            f"{each.number}  {_time(each.opened)}  {each.state(now)}  {where_of(each.domain, say)}: "
            f"{visible(sentence_of(each, say))}"
        )
    if not found:
        click.echo("Nothing is open.")
    for record in fare:
        state = f"fails: {visible(record.last_error)}" if record.is_failing else "works"
        click.echo(f"channel {record.name}: {record.sent} sent, {record.failed} failed, {record.lost} lost; {state}")
    sys.exit(EXIT_FINDING if is_wrong else 0)


@command.command("mute")
@click.argument("number", type=int)
@click.option("--days", type=click.FloatRange(0, 3_650), default=30.0, show_default=True, help="0: tell again.")
@click.option("--acknowledge", "known", is_flag=True, help="Only no reminders: its end is told.")
@config_option
def mute_command(number: int, *, days: float, known: bool, config_file: Path | None) -> None:
    """Tell nothing about an incident for a while, also when it ends and comes back.

    Example: inalign alerts mute 17 --days 90
    """
    with _control(config_file) as (_, control):
        if known:
            acknowledge(control, number, "command line")
            click.echo(f"incident {number}: acknowledged")
        else:
            until = time.time() + days * DAY
            mute(control, number, until if days else 0.0)
            click.echo(f"incident {number}: {f'muted until {_time(until)}' if days else 'told again'}")


@command.command("test")
@click.argument("names", nargs=-1, metavar="[CHANNEL]…")
@config_option
def test(names: tuple[str, ...], config_file: Path | None) -> None:
    """Send a test message by each channel, and tell what happened.

    Exit status: 0 all were taken, 1 one was not, or none is set.

    Example: inalign alerts test
    """
    config = load(config_file)
    tried = asyncio.run(try_channels(config, names))
    for each in tried:
        outcome = f"not sent: {visible(each.error)}" if each.error else "sent"
        click.echo(f"{each.name} ({visible(each.to)}): {outcome}")
    if not tried:
        click.echo("No channel is set: [[alerts.to]] in the configuration names them.")
    sys.exit(EXIT_FINDING if not tried or any(each.error for each in tried) else 0)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(" ", "minutes")
