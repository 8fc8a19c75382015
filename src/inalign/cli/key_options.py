"""The options that commands of `inalign key` share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import click

from inalign.keys.lifecycle.folder import KeyFolder
from inalign.keys.lifecycle.rotate import DynamicUpdate
from inalign.keys.lifecycle.state import QUEUE_DAYS, RETIRE_DAYS, RetentionPeriods
from inalign.keys.options import KeyOptions
from inalign.settings.postfix import MAIN_CF, maximal_queue_lifetime
from inalign.settings.tables import Settings

DEFAULT_FOLDER = Path("/etc/inalign/keys")

F = TypeVar("F", bound=Callable[..., object])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
script_option = click.option("--nsupdate", "as_script", is_flag=True, help="Print commands for nsupdate.")
folder_option = click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of keys. Default: sign.folder of the configuration, else /etc/inalign/keys.",
)
retire_option = click.option(
    "--retire-days",
    type=click.FloatRange(0, 3650),
    default=RETIRE_DAYS,
    show_default=True,
    help="How long a record stays after the last signature, and empty after that; at least sign.expire_days and the "
    "queue lifetime of Postfix. 0 for a key that was stolen.",
)


def update_options(function: F) -> F:
    """How a record gets into DNS without a person."""
    server = click.option(
        "--update",
        "update_server",
        metavar="SERVER",
        help="Send records to this name server, by dynamic update (RFC 2136). Kept for the whole life of the key.",
    )
    tsig = click.option(
        "--tsig", type=click.Path(path_type=Path, dir_okay=False), help="The file of the TSIG key for it."
    )
    return server(tsig(function))


def update_way(server: str | None, tsig: Path | None) -> DynamicUpdate | None:
    """The way that the options name. Raises `click.UsageError`."""
    if (server is None) != (tsig is None):
        raise click.UsageError("--update needs --tsig, and the other way round: a server takes no unsigned updates.")
    return DynamicUpdate(server, str(tsig.absolute())) if server is not None and tsig is not None else None


def key_terms(settings: Settings, retire_days: float, main_cf: Path = MAIN_CF) -> RetentionPeriods:
    """How long a key that signs no more stays in DNS: no shorter than anybody may still look for it; 0 means at once.

    A message waits in the queue of the MTA, and a signature counts until its x=.
    """
    queue = maximal_queue_lifetime(main_cf)
    floors = {
        f"{QUEUE_DAYS} days in the queue of an MTA": timedelta(days=QUEUE_DAYS),
        f"maximal_queue_lifetime of {main_cf}": timedelta(seconds=queue or 0),
        "sign.expire_days": timedelta(days=settings.sign.expire_days),
    }
    wanted, (why, longest) = timedelta(days=retire_days), max(floors.items(), key=lambda floor: floor[1])
    if not retire_days or wanted >= longest:
        return RetentionPeriods(wanted)
    click.echo(f"--retire-days {retire_days:g} is too short for {why}: {longest / timedelta(days=1):g} days", err=True)
    return RetentionPeriods(longest)


def open_folder(options: KeyOptions, directory: Path | None) -> KeyFolder:
    """The folder of keys."""
    return KeyFolder((directory or options.folder or DEFAULT_FOLDER).absolute(), options.access)
