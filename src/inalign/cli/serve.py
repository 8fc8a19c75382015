"""`inalign serve`: the store alone, without the milter, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from inalign.cli.configuration import config_option, load
from inalign.wiring.check import check
from inalign.wiring.reportd import run_reportd
from inalign.wiring.store import store_folder


@click.command()
@config_option
def command(config_file: Path | None) -> None:
    """Take reports in, load them into the store and answer questions, in the foreground.

    The sources of reports are those of [intake]. SIGTERM and Ctrl-C finish what is under way and end.

    Example: inalign serve --config /etc/inalign/inalign.toml
    """
    config = load(config_file)
    check(config)
    click.echo(f"inalign serve: the store is {config.settings.store.url or store_folder(config)}", err=True)
    run_reportd(config)
