"""`inalign store`: the care of what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from inalign.cli.configuration import config_option, load
from inalign.mail.domain import parse_domain, to_unicode
from inalign.spool.deliveries import Spool, SpoolUnavailable
from inalign.store.backup import back_up, restore
from inalign.store.engine.interface import Engine
from inalign.store.folders import Folders, become_owner
from inalign.store.maintenance import purge, stats
from inalign.store.state.changes import InputRevisions, note
from inalign.store.state.control import Control
from inalign.wiring.store import open_store, store_folder


@click.group()
def command() -> None:
    """Back up the store, restore it, make it smaller, purge a domain from it.

    The store of one machine is open in one process: stop `inalign serve` or `inalign up` first.

    Example: inalign store backup /var/backups/inalign/2026-11-24
    """


@contextmanager
def _opened(config_file: Path | None, made: Path | None = None) -> Iterator[tuple[Engine, Path]]:
    config = load(config_file)
    folder = store_folder(config)
    become_owner(folder, made)
    engine = open_store(config)
    try:
        yield engine, folder
    finally:
        engine.close()


_place = click.Path(path_type=Path, file_okay=False)


@command.command("backup")
@click.argument("folder", type=_place)
@config_option
def backup_command(folder: Path, config_file: Path | None) -> None:
    """Copy all that is kept into a new folder: tables, control state, what waits.

    The copy is whole when it has manifest.json. Either engine restores what the other wrote.

    Example: inalign store backup /var/backups/inalign/2026-11-24
    """
    with _opened(config_file, folder) as (engine, local):
        made = back_up(engine, local, folder, datetime.now(UTC))
    click.echo(f"Backed up to {folder}: {len(made.files)} files, {_size(made.octets)}.")


@command.command("restore")
@click.argument("folder", type=_place)
@config_option
def restore_command(folder: Path, config_file: Path | None) -> None:
    """Fill an empty store from a backup.

    Example: inalign store restore /var/backups/inalign/2026-11-24
    """
    with _opened(config_file) as (engine, local):
        made = restore(engine, local, folder)
        reports = stats(engine).rows["reports"]
    click.echo(f"Restored from {folder}, made {made.made.isoformat(timespec='seconds')}: {reports} reports.")


@command.command("compact")
@config_option
def compact_command(config_file: Path | None) -> None:
    """Give back the room of what was deleted; it needs as much room as the store while it works.

    Example: inalign store compact
    """
    with _opened(config_file) as (engine, _):
        before = engine.size()
        engine.compact()
        click.echo(f"{_size(before)} before, {_size(engine.size())} now.")


@command.command("purge")
@click.argument("domain")
@click.option("--yes", is_flag=True, help="Do not ask for the domain again.")
@config_option
def purge_command(domain: str, *, yes: bool, config_file: Path | None) -> None:
    """Delete all that is kept of a domain and the names below it. There is no way back.

    Example: inalign store purge example.org
    """
    name = parse_domain(domain)
    if not yes:
        again = click.prompt(f"This deletes all that is kept of {name} and the names below it.\nType the domain again")
        if parse_domain(again) != name:
            raise click.ClickException("That is another domain; nothing was deleted.")
    with _opened(config_file) as (engine, local):
        # As reporters write it: with A-labels or U-labels.
        reports = sum(purge(engine, form) for form in {name, to_unicode(name)})
        _note(local, [name, to_unicode(name)])
        if engine.is_atomic:  # what was deleted is still in the file
            engine.compact()
    click.echo(f"Deleted {reports} reports of {name} and all that belongs to them.")
    with suppress(SpoolUnavailable):
        spool = Spool(local / "spool") if (local / "spool").is_dir() else None
        if spool is not None and (spool.waiting() or any(spool.refused())):
            waiting, refused = len(spool.waiting()), len(list(spool.refused()))
            click.echo(f"Not looked into: {waiting} items that wait to be loaded, {refused} in quarantine.")
    click.echo("Backups are not changed.")


@command.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_option
def stats_command(*, as_json: bool, config_file: Path | None) -> None:
    """Tell how much there is.

    Example: inalign store stats
    """
    with _opened(config_file) as (engine, _):
        found = stats(engine)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    click.echo(f"{_size(found.octets)} on disk")
    if found.first_day:
        click.echo(f"{found.messages} messages in aggregate reports, {found.first_day} to {found.last_day}")
    for table, rows in found.rows.items():
        click.echo(f"  {table:13}{rows:>14}")


def _note(local: Path, domains: list[str]) -> None:
    """Domains above were judged by records that are gone, too."""
    control = Control(Folders(base=local).control)
    try:
        with control.change() as change:
            for domain in domains:
                note(change, InputRevisions.RECORDS, domain)
    finally:
        control.close()


def _size(octets: int) -> str:
    return f"{octets / 1_000_000:.1f} MB" if octets < 1_000_000_000 else f"{octets / 1_000_000_000:.1f} GB"
