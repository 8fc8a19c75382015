"""`inalign config`: check the configuration, or print the sample file."""

from __future__ import annotations

from pathlib import Path

import click

from inalign.cli.configuration import config_option, load
from inalign.settings.manual import sample
from inalign.settings.tables import Settings
from inalign.wiring.check import check
from inalign.wiring.intake import make_sources
from inalign.wiring.milter import addresses, authserv_id, workers
from inalign.wiring.run import warnings
from inalign.wiring.signing import refuse, signing_faults


@click.group()
def command() -> None:
    """Validate the configuration, or print the sample."""


@command.command("check")
@config_option
def check_command(config_file: Path | None) -> None:
    """Read and validate the configuration and say what it will do.

    Example: inalign config check --config /etc/inalign/inalign.toml
    """
    config = load(config_file)
    check(config)
    faults = signing_faults(config, with_keys=True)
    refuse(faults)
    settings, sources = config.settings, make_sources(config)
    click.echo(f"{config.path or 'Built-in defaults'}: in order.")
    click.echo(f"  writes results as      {authserv_id(settings)}")
    for address in addresses(settings):
        click.echo(f"  listens on             {address}")
    click.echo(f"  serves with            {workers(settings)} workers, as {settings.user or 'who starts it'}")
    click.echo(f"  shows its counters at  {settings.telemetry.listen or '-'}")
    click.echo(f"  asks DNS at            {', '.join(settings.dns.servers) or 'the servers of /etc/resolv.conf'}")
    click.echo(f"  does not verify        {', '.join(settings.milter.local_networks) or '-'}, authenticated clients")
    click.echo(f"  keeps our results from {', '.join(settings.milter.trusted_relays) or '-'}")
    click.echo(f"  is handed mail on by   {', '.join(settings.milter.relays) or '-'}")
    for gateway in settings.milter.gateways:
        client = "its results" if gateway.authserv_id else gateway.client_field or "its Received fields"
        click.echo(f"  is filtered by         {', '.join(gateway.networks)}: the client is known from {client}")
    click.echo(f"  when it fails itself   {settings.milter.failure_action}")
    policy = settings.policy
    click.echo(f"  acts on results        {'yes' if policy.mode == 'enforce' else 'no: it logs what it would do'}")
    click.echo(f"  DMARC fail, p=reject   {policy.dmarc_reject}; p=quarantine: {policy.dmarc_quarantine}")
    click.echo(f"  finds signing keys in  {', '.join(key_places(settings)) or '-'}")
    click.echo(f"  takes reports from     {', '.join(f'{each.name} ({each.kind})' for each in sources) or '-'}")
    click.echo(f"  sends its own mail to  {settings.mail.host or '-'}")
    click.echo(f"  tells alerts to        {', '.join(table.name for table in settings.alerts.to) or '-'}")
    for fault in faults:
        click.echo(f"Warning: {fault}", err=True)
    for problem in warnings(settings):
        click.echo(f"Warning: {problem}", err=True)


def key_places(settings: Settings) -> list[str]:
    """Where keys are looked for."""
    sign = settings.sign
    rules = [f"{len(sign.key)} rules"] if sign.key else []
    return rules + [place for place in (sign.signing_table, sign.folder, sign.database.rpartition("@")[2]) if place]


@command.command("sample")
def show_sample() -> None:
    """Print a configuration file with every setting, its meaning and its default.

    Example: inalign config sample > inalign.toml
    """
    click.echo(sample())
