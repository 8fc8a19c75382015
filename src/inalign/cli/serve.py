"""`inalign serve`: the store alone, without the milter, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from inalign.cli.configuration import config_option, load
from inalign.wiring.reportd import check_keeper, run_keeper
from inalign.wiring.store import store_folder


@click.command()
@config_option
def command(config: Path | None) -> None:
    """Take reports in, load them into the store and answer questions, in the foreground.

    The sources of reports are those of [intake]. SIGTERM and Ctrl-C finish what is under way and end.

    Example: inalign serve --config /etc/inalign/inalign.toml
    """
    settings, path = load(config)
    check_keeper(settings, path)
    click.echo(f"inalign serve: the store is {settings.store.url or store_folder(settings, path)}", err=True)
    run_keeper(settings, path)
