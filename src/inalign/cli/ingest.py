"""`inalign ingest`: read reports from files into the store."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from inalign.assessment.context_files import Surrounding, read_surrounding
from inalign.cli.configuration import config_option, load
from inalign.errors import Error
from inalign.ingest.counts import LoadResult, Refusing, load_result
from inalign.ingest.files import Inputs
from inalign.ingest.loader import ItemOutcome, Loader
from inalign.ingest.read import delivery_of
from inalign.ingest.spooled import MAX_OCTETS, load_items, spooled_items
from inalign.net.run import run
from inalign.settings.config import Config
from inalign.spool.deliveries import Spool
from inalign.store.engine.interface import Engine, StoreBusy
from inalign.store.folders import Folders, become_owner
from inalign.store.load.monthly import sum_months
from inalign.store.state.answers import move_hosts
from inalign.store.state.control import Control
from inalign.wiring.intake import try_source
from inalign.wiring.reportd import make_reader_options, processes
from inalign.wiring.store import open_store, store_folder

EXIT_FINDING = 1
POLL_SECONDS = 0.1
TAKE_OVER_SECONDS = 2.0
"""After so long it is looked whether the store is free: who had it open may have been no report process."""

Advance = Callable[[int], None]
_PLACE = click.Path(path_type=Path, exists=True)


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--offline", is_flag=True, help="Look nothing up: the mails that carried reports are not verified anew.")
@click.option(
    "--pipe",
    is_flag=True,
    help="For a mail server: put the mail into the spool; exit 0 when it is there, 75 to try again.",
)
@click.option("--test-source", metavar="NAME", help="Look at a source of the settings without taking anything.")
@click.option("--zone", "zones", multiple=True, type=_PLACE, help="DNS for judging; nothing is looked up.")
@click.option("--ptr", "hosts", multiple=True, type=_PLACE, help="Reverse names: a line has address, tab, name.")
@click.option(
    "--reputation", "words", multiple=True, type=_PLACE, help="Addresses: a line has address, tab, dynamic or listed."
)
@config_option
def command(
    paths: tuple[str, ...],
    *,
    as_json: bool,
    offline: bool,
    pipe: bool,
    test_source: str | None,
    zones: tuple[Path, ...],
    hosts: tuple[Path, ...],
    words: tuple[Path, ...],
    config_file: Path | None,
) -> None:
    """Read reports into the store: files, folders, mbox, Maildir, or `-` for standard input.

    Safe to interrupt and to repeat: what is there already is counted as a duplicate. What holds no report goes to
    quarantine, with the reason. --zone, --ptr and --reputation may be repeated and may name folders; what they tell
    is kept for judging (docs/insight.md).

    Exit status: 0 all was read, 1 something was refused or could not be read.

    Example: inalign ingest /var/mail/dmarc reports/
    """
    if pipe:
        _pipe(config_file, paths)
    config = load(config_file)
    if test_source is not None:
        for line in run(try_source(config, test_source)):
            click.echo(line)
        return
    surrounding = read_surrounding(zones, hosts, words)
    if not paths and not (zones or hosts or words):
        raise click.UsageError("name a file or a folder, or - for standard input")
    begun = time.monotonic()
    folders = Folders(base=store_folder(config))
    become_owner(folders.base)
    _keep(surrounding, folders)
    inputs = Inputs(paths, folders.base)
    total = LoadResult()
    with click.progressbar(
        length=inputs.octets(), label="reading reports", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        try:
            engine = open_store(config)
        except StoreBusy:
            _hand_over(inputs, config, total, bar.update)
        else:
            options = make_reader_options(config, offline=offline or bool(zones))
            loader = Loader(engine, folders.work, options, processes=processes(config.settings))
            spool = Spool(folders.spool)
            try:
                _load(inputs, loader, spool, total, bar.update)
                _move(engine, folders)
                sum_months(engine, datetime.now(UTC).date())
            finally:
                loader.close()
                engine.close()
    total.files = inputs.files
    total.refused += [Refusing(name, f"unreadable: {problem}") for name, problem in inputs.problems]
    total.seconds = round(time.monotonic() - begun, 3)
    if as_json:
        click.echo(msgspec.json.encode(total).decode())
    else:
        _print_result(total)
    sys.exit(EXIT_FINDING if total.refused else 0)


def _keep(surrounding: Surrounding, folders: Folders) -> None:
    control = Control(folders.control)
    try:
        surrounding.keep(control, now=time.time())
    finally:
        control.close()


def _move(engine: Engine, folders: Folders) -> None:
    control = Control(folders.control)
    try:
        move_hosts(engine, control, now=time.time(), folder=folders.work)
    finally:
        control.close()


def _load(inputs: Inputs, loader: Loader, spool: Spool, total: LoadResult, advance: Advance) -> None:
    """Nobody has the store open: load into it."""

    def done(outcome: ItemOutcome) -> None:
        total.add(load_result(outcome))
        advance(outcome.item.length or 0)

    for item, problem in load_items(loader, spool, inputs, done):
        inputs.problems.append((item.provenance.name, problem))


def _pipe(config_file: Path | None, paths: tuple[str, ...]) -> NoReturn:
    """What a mail server hands over is on the disk when it hears 0, and stays in its queue else."""
    try:
        folders = Folders(base=store_folder(load(config_file)))
        become_owner(folders.base)
        spool = Spool(folders.spool)
        inputs = Inputs(paths, folders.base)
        for item in inputs:
            spool.put(delivery_of(item))
        problem = "; ".join(f"{name}: {reason}" for name, reason in inputs.problems)
    except (Error, OSError) as failure:
        problem = str(failure)
    if problem:
        click.echo(f"try again: {problem}", err=True)
    sys.exit(os.EX_TEMPFAIL if problem else 0)


def _hand_over(inputs: Inputs, config: Config, total: LoadResult, advance: Advance) -> None:
    """Put all into the spool, since another process has the store open, and wait for the results of the report process.

    Where that process is not the report process, load the spool here when it ends.
    """
    folders = Folders(base=store_folder(config))
    spool, control = Spool(folders.spool), Control(folders.control)
    waiting: dict[str, int] = {}
    try:
        for item in inputs:
            if (item.length or 0) > MAX_OCTETS:
                inputs.problems.append(
                    (item.provenance.name, "too large to hand to the report process; stop it, and read the file then")
                )
                continue
            waiting[spool.put(delivery_of(item))] = item.length or 0
            _take_results(control, waiting, total, advance)
        tried = time.monotonic()
        while waiting:
            time.sleep(POLL_SECONDS)
            _take_results(control, waiting, total, advance)
            if waiting and time.monotonic() - tried > TAKE_OVER_SECONDS:
                tried = time.monotonic()
                try:
                    engine = open_store(config)
                except StoreBusy:
                    continue
                with closing(engine):
                    load_spooled(engine, config, list(waiting), total)
                return
    finally:
        control.close()


def load_spooled(
    engine: Engine,
    config: Config,
    names: list[str],
    total: LoadResult,
    *,
    offline: bool = False,
    advance: Advance = lambda _: None,
) -> None:
    """Load items of the spool, of those that are still there; `advance` gets one for each that is done."""
    folders = Folders(base=store_folder(config))
    spool = Spool(folders.spool)
    options = make_reader_options(config, offline=offline)
    loader = Loader(engine, folders.work, options, processes=processes(config.settings))

    def done(outcome: ItemOutcome) -> None:
        total.add(load_result(outcome))
        advance(1)

    try:
        for item, problem in load_items(loader, spool, spooled_items(spool, names), done):
            total.refused.append(Refusing(item.provenance.name, f"unreadable: {problem}"))
    finally:
        loader.close()


def _take_results(control: Control, waiting: dict[str, int], total: LoadResult, advance: Advance) -> None:
    for name, result in control.read_results(list(waiting)).items():
        total.add(msgspec.json.decode(result, type=LoadResult))
        advance(waiting.pop(name))


def _print_result(total: LoadResult) -> None:
    reports = total.reports
    kinds = ", ".join(
        f"{getattr(reports, kind)} {kind}" for kind in reports.__struct_fields__ if getattr(reports, kind)
    )
    click.echo(
        f"{total.files} files, {total.mails} mails: {kinds or 'no new report'}; "
        f"{total.records} records, {total.messages} messages in {total.seconds:.1f} s"
    )
    for what, number in (
        ("were there already", total.duplicates),
        (
            "say something else than a report that is there, and do not count (inalign reports conflicts)",
            total.conflicts,
        ),
        ("are forged, and do not count (inalign reports forged)", total.forged),
        ("had flaws that were mended (inalign reports reports)", total.mended),
    ):
        if number:
            click.echo(f"  {number} {what}")
    for each in total.refused[:20]:
        click.echo(f"  refused: {each.file}: {each.reason}", err=True)
    if len(total.refused) > 20:
        click.echo(f"  and {len(total.refused) - 20} more; all are in quarantine", err=True)
