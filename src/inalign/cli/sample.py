"""`inalign sample`: a folder with settings and a filled store, for a first look."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from inalign.assessment.context_files import Surrounding
from inalign.cli.ingest import load_spooled
from inalign.errors import SettingsError
from inalign.ingest.counts import LoadResult
from inalign.sample.documents import documents
from inalign.sample.stories import stories, surroundings
from inalign.settings.file import read_config
from inalign.spool.deliveries import Delivery, Spool
from inalign.spool.provenance import Provenance
from inalign.store.folders import Folders
from inalign.store.state.answers import move_hosts
from inalign.store.state.control import Control
from inalign.wiring.store import open_store, store_folder

SETTINGS = """\
# Made by `inalign sample`: made-up reports, for a first look. Delete this folder when you have seen enough.

[store]
folder = "store"
# The domains are made up: nothing is asked about them or their senders.
reverse_names = false

[insight]
look_up = false

[web]
listen = "inet:127.0.0.1:8897"
"""
NAME = "inalign.toml"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Make FOLDER with four months of made-up reports about five domains, and the settings that show them.

    Nothing in it is real, and nothing is asked of DNS about it. What is in FOLDER already is left alone: then this
    command makes nothing.

    Example: inalign sample first-look && inalign up --config first-look/inalign.toml
    """
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder}: there is something in it; name a new folder, or delete this one")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(SETTINGS, "utf-8")
    try:
        messages = _fill(path)
    except BaseException:
        path.unlink()  # what is not whole is not begun with
        raise
    for domain in stories().domain:
        click.echo(f"{domain.name}: {domain.story}")
    click.echo(f"{messages:,} made-up messages in reports. Look at them: inalign up --config {path}")


def _fill(path: Path) -> int:
    """As reports come: through the spool. Returns how many messages they tell of."""
    config = read_config(path)
    folders = Folders(base=store_folder(config))
    now = datetime.now(UTC)
    spool = Spool(folders.spool)
    names = []
    for each in documents(now.date()):
        provenance = Provenance(name=each.name, source="sample", received=min(each.received, now))
        names.append(spool.put(Delivery(content=each.content, provenance=provenance)))
    known, total = surroundings(), LoadResult()
    with (
        closing(Control(folders.control)) as control,
        closing(open_store(config)) as engine,
        click.progressbar(
            length=len(names), label="making reports", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar,
    ):
        Surrounding({"sample": known.answers}, known.hosts, known.reputation).keep(control, now=now.timestamp())
        load_spooled(engine, config, names, total, offline=True, advance=bar.update)
        move_hosts(engine, control, now=now.timestamp(), folder=folders.work)
    return total.messages
