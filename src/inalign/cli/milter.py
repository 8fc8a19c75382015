"""`inalign milter`: the milter alone, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from inalign.cli.configuration import config_option, load
from inalign.wiring.milter import addresses
from inalign.wiring.run import run_service


@click.command()
@config_option
def command(config_file: Path | None) -> None:
    """Serve Postfix or Sendmail as a milter, in the foreground; log lines go to standard error.

    SIGHUP reads the configuration again, SIGTERM and Ctrl-C finish the messages under way and end.

    Example: inalign milter --config /etc/inalign/inalign.toml
    """
    config = load(config_file)

    def ready() -> None:
        where = ", ".join(str(address) for address in addresses(config.settings))
        click.echo(f"inalign milter: listening on {where}", err=True)

    run_service(config, ready)
