"""`inalign up`: start everything, and say what to do next."""

from __future__ import annotations

from pathlib import Path

import click

from inalign.cli.configuration import config_option, load
from inalign.net.listen import Address, InetAddress
from inalign.settings.tables import Settings
from inalign.wiring.milter import addresses, authserv_id, run_service


@click.command()
@config_option
def command(config: Path | None) -> None:
    """Start all of Inalign from one configuration file, by default on loopback and only watching.

    Example: inalign up
    """
    settings, path = load(config)
    run_service(settings, path, lambda: click.echo(_welcome(settings, path)), with_keeper=True)


def _welcome(settings: Settings, path: Path | None) -> str:
    where = addresses(settings)
    listed = ", ".join(_postfix_form(address) for address in where)
    postfix = _postfix_form(where[0])
    deed = "acts on results" if settings.policy.mode == "enforce" else "changes nothing else"
    return f"""\
Inalign runs (settings: {path or "built-in defaults"}).
  milter    {listed}   writes Authentication-Results as {authserv_id(settings)}; {deed}
  pages     {_pages(settings)}

Postfix, in main.cf, then `postfix reload`:
  smtpd_milters     = {{ {postfix}, default_action=accept }}
  non_smtpd_milters = {{ {postfix}, default_action=accept }}

Mail from {", ".join(settings.milter.local_networks) or "no network"} and from authenticated clients is not verified.
Try a saved message in a second terminal:  .venv/bin/inalign verify --client-ip 192.0.2.1 --helo mail.example.org \\
                                             --mail-from user@example.org message.eml
Ask there what the reports say:  .venv/bin/inalign reports overview{f" --config {path}" if path else ""}
Stop with Ctrl-C. One log line a message follows."""


def _pages(settings: Settings) -> str:
    """Where a browser finds them."""
    web = settings.web
    if not web.listen:
        return "none (web.listen is empty)"
    return f"{web.url or web.listen.replace('inet:', 'http://', 1)}   who sends as your domains, and what to do next"


def _postfix_form(address: Address) -> str:
    """As main.cf wants it."""
    if isinstance(address, InetAddress):
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"inet:{host}:{address.port}"
    return str(address)
