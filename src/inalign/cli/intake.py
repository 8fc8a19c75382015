"""`inalign intake`: how the sources of reports stand, the quarantine, and conflicts."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from inalign.cli.configuration import config_option, load
from inalign.cli.ingest import load_spooled
from inalign.cli.rows import print_json, visible
from inalign.errors import Error
from inalign.ingest.counts import LoadResult
from inalign.ingest.read import Item, Tools, read_item
from inalign.net.run import run
from inalign.settings.config import Config
from inalign.spool.deliveries import Refused, Spool
from inalign.spool.provenance import Provenance
from inalign.store.engine.interface import Engine, StoreBusy
from inalign.store.folders import Folders, become_owner
from inalign.store.load.geoip import Places
from inalign.store.load.reports import Arrival, exchange, raw_content
from inalign.store.queries.upkeep import conflicting_content
from inalign.store.state.control import Control
from inalign.wiring.intake import make_trust, try_source
from inalign.wiring.store import asn_database, open_store, store_folder

EXIT_FINDING = 1


@click.group()
def command() -> None:
    """Show how the sources of reports stand, and deal with what was refused or contradicts itself.

    Example: inalign intake status
    """


@contextmanager
def _opened(config_file: Path | None) -> Iterator[tuple[Config, Folders]]:
    config = load(config_file)
    folders = Folders(base=store_folder(config))
    become_owner(folders.base)
    yield config, folders


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of the sources.")
@config_option
def status(*, as_json: bool, config_file: Path | None) -> None:
    """Each source: how it stands, when it ran last, what it took, its last error; and what waits.

    Exit status: 0 all is well, 1 a source fails or something is in quarantine.

    Example: inalign intake status
    """
    with _opened(config_file) as (_, folders):
        control, spool = Control(folders.control), Spool(folders.spool)
        records = control.sources()
        control.close()
    refused = list(spool.refused())
    if as_json:
        print_json(records)
    else:
        for each in records:
            click.echo(
                f"{each.name} ({each.kind}): {each.phase}, {each.taken} taken, last run {_time(each.last_run)}, "
                f"last success {_time(each.last_success)}, next run {_time(each.next_run)}"
            )
            if each.last_error:
                click.echo(f"  last error, {_time(each.last_error_at)}: {visible(each.last_error)}")
        if not records:
            click.echo("No source has run yet. They are set in [intake]; `inalign serve` or `inalign up` runs them.")
        click.echo(f"{len(spool.waiting())} items wait to be loaded; {len(refused)} are in quarantine.")
    is_failing = any(each.phase == "failed" for each in records)
    sys.exit(EXIT_FINDING if is_failing or refused else 0)


def _time(time: datetime | None) -> str:
    return time.astimezone().isoformat(" ", "seconds") if time is not None else "-"


@command.command("test")
@click.argument("name")
@config_option
def test(name: str, config_file: Path | None) -> None:
    """Look at one source without taking anything: log in, count, name the newest.

    Example: inalign intake test reports
    """
    config = load(config_file)
    try:
        seen = run(try_source(config, name))
    except OSError as problem:
        raise click.ClickException(f"{name}: {problem}") from None
    for line in seen:
        click.echo(visible(line))


@command.command("quarantine")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@config_option
def quarantine(*, as_json: bool, config_file: Path | None) -> None:
    """What was refused, oldest first, with the reasons.

    Example: inalign intake quarantine
    """
    with _opened(config_file) as (_, folders):
        refused = list(Spool(folders.spool).refused())
    if as_json:
        print_json(refused)
        return
    for each in refused:
        click.echo(f"{each.id}  {_time(each.received)}  {each.octets} octets  {each.source}  {visible(each.name)}")
        for reason in each.reasons:
            click.echo(f"  {reason.code}: {visible(reason.detail)}")


@command.command("replay")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option("--all", "everything", is_flag=True, help="All that is in quarantine.")
@config_option
def replay(ids: tuple[str, ...], *, everything: bool, config_file: Path | None) -> None:
    """Try again to read what was refused, as after an upgrade.

    Exit status: 0 all of it was read, 1 some was refused again.

    Example: inalign intake replay --all
    """
    with _opened(config_file) as (config, folders):
        spool = Spool(folders.spool)
        names = _chosen(spool, ids, everything=everything)
        for name in names:
            spool.replay(name)
        try:
            engine = open_store(config)
        except StoreBusy:
            click.echo(f"{len(names)} items wait for the report process, which has the store open.")
            return
        try:
            total = LoadResult()
            load_spooled(engine, config, names, total)
        finally:
            engine.close()
    click.echo(
        f"{len(names)} items: {msgspec.to_builtins(total.reports)} stored, {total.duplicates} were there already, "
        f"{len(total.refused)} refused again"
    )
    sys.exit(EXIT_FINDING if total.refused else 0)


def _chosen(spool: Spool, ids: tuple[str, ...], *, everything: bool) -> list[str]:
    known: list[Refused] = list(spool.refused())
    if everything:
        return [each.id for each in known]
    if not ids:
        raise click.UsageError("name the items, as `inalign intake quarantine` does, or give --all")
    names = {each.id for each in known}
    for name in ids:
        if name not in names:
            raise click.UsageError(f"{name} is not in quarantine")
    return list(ids)


@command.command("discard")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@config_option
def discard(ids: tuple[str, ...], config_file: Path | None) -> None:
    """Delete what was refused, for good.

    Example: inalign intake discard 1795528027287777552-de0e76ba-3b7a2a7807763fe6
    """
    with _opened(config_file) as (_, folders):
        spool = Spool(folders.spool)
        for name in _chosen(spool, ids, everything=False):
            spool.discard(name)


@command.command("exchange")
@click.argument("report_key")
@click.argument("content_digest")
@config_option
def exchange_command(report_key: str, content_digest: str, config_file: Path | None) -> None:
    """Let the other content of a report count, which `inalign reports conflicts` shows, in place of the first one.

    The store of one machine is open in one process: stop `inalign serve` or `inalign up` first.

    Example: inalign intake exchange 5b1f… 90ac…
    """
    with _opened(config_file) as (config, folders):
        engine = open_store(config)
        try:
            tools = Tools(None, Places(asn_database(config)), make_trust(config.settings), folders.work)
            arrival = _conflict(engine, report_key, content_digest, tools)
            exchange(engine, arrival, now=datetime.now(UTC), folder=folders.work)
            arrival.rows.close()
        finally:
            engine.close()
    click.echo(f"The content {content_digest} counts now.")


class ConflictError(Error):
    """The content cannot be exchanged."""


def _conflict(engine: Engine, key: str, digest: str, tools: Tools) -> Arrival:
    """The content as it came, read again."""
    found = conflicting_content(engine, key, digest)
    if found is None:
        raise ConflictError(f"there is no content {digest} of a report {key}; `inalign reports conflicts` lists them")
    if found.content is None:
        raise ConflictError("its delivery is not stored any more")
    tools.folder.mkdir(mode=0o700, exist_ok=True)
    received = datetime.fromtimestamp(found.received_at, UTC)
    with tempfile.NamedTemporaryFile(dir=tools.folder) as file:
        file.write(raw_content(found.form, found.content))
        file.flush()
        provenance = Provenance(name=found.name, source=found.source, received=received)
        item = Item(path=file.name, provenance=provenance)
        read = run(read_item(item, tools, now=datetime.now(UTC)))
    for each in read.reads:
        if (each.rows.key, each.rows.digest) == (key, digest):
            return Arrival(each.rows, found.source, received, found.raw_digest, found.carrier, found.carrier_reason, "")
        each.rows.close()
    raise ConflictError("its delivery holds another content now that it is read again; nothing was changed")
