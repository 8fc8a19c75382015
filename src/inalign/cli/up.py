"""`inalign up`: start everything, and say what to do next."""

from __future__ import annotations

from pathlib import Path

import click

from inalign.cli.configuration import config_option, load
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.wiring.milter import addresses, authserv_id
from inalign.wiring.run import run_service


@click.command()
@config_option
def command(config_file: Path | None) -> None:
    """Start all of Inalign from one configuration file, by default on loopback and only watching.

    Example: inalign up
    """
    config = load(config_file)
    run_service(config, lambda: click.echo(_welcome(config)), with_reportd=True)


def _welcome(config: Config) -> str:
    where = addresses(config.settings)
    local = ", ".join(config.settings.milter.local_networks) or "no network"
    listed = ", ".join(map(str, where))
    postfix = str(where[0])
    deed = "acts on results" if config.settings.policy.mode == "enforce" else "changes nothing else"
    return f"""\
Inalign runs (settings: {config.path or "built-in defaults"}).
  milter    {listed}   writes Authentication-Results as {authserv_id(config.settings)}; {deed}
  pages     {_pages(config.settings)}

Postfix, in main.cf, then `postfix reload`:
  smtpd_milters     = {{ {postfix}, default_action=accept }}
  non_smtpd_milters = {{ {postfix}, default_action=accept }}

Mail from {local} and from authenticated clients is not verified.
Try a saved message in a second terminal:  .venv/bin/inalign verify --client-ip 192.0.2.1 --helo mail.example.org \\
                                             --mail-from user@example.org message.eml
Ask there what the reports say:  .venv/bin/inalign reports overview{f" --config {config.path}" if config.path else ""}
Stop with Ctrl-C. One log line a message follows."""


def _pages(settings: Settings) -> str:
    """Where a browser finds them."""
    web = settings.web
    if not web.listen:
        return "none (web.listen is empty)"
    return f"{web.url or web.listen.replace('inet:', 'http://', 1)}   who sends as your domains, and what to do next"
