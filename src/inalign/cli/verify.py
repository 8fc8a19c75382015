"""`inalign verify`: authenticate saved messages, and explain each step in words or as JSON."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from inalign.cli.configuration import config_option, load
from inalign.cli.explain_sign import explain_sign
from inalign.cli.message_file import read_message
from inalign.cli.now import now_option, read_now
from inalign.cli.verdict_json import verdict_json
from inalign.cli.verdict_text import verdict_text
from inalign.cli.zone_files import read_zones
from inalign.dmarc.result import DmarcStatus
from inalign.flow.authenticate import authenticate_with
from inalign.flow.receive import VerificationOptions
from inalign.flow.verdict import Envelope, Verdict
from inalign.net.dns import LiveResolver
from inalign.net.run import run
from inalign.resolver import Resolver
from inalign.resolver.recorder import RecordingResolver
from inalign.settings.tables import Settings
from inalign.wiring.milter import make_options, make_resolver

GOOD = {DmarcStatus.PASS, DmarcStatus.NONE}
EXIT_FINDING = 1
EXIT_UNREADABLE = 3


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True), metavar="FILE…")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each file.")
@click.option("--client-ip", help="Address of the SMTP client that handed the message over; without it SPF is none.")
@click.option("--helo", help="Its HELO or EHLO argument.")
@click.option("--mail-from", help="The reverse-path without angle brackets; '' is the null reverse-path.")
@click.option(
    "--zone",
    "zones",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Answer all DNS from this file (RFC 1035 master file or JSON) or folder, and nothing else. May be repeated.",
)
@now_option
@click.option("--authserv-id", help="The name under which results are written. Default: as configured.")
@click.option("--legacy-crypto", is_flag=True, help="Accept rsa-sha1 and RSA keys from 512 bits, for old archives.")
@click.option(
    "--explain-sign", "author", metavar="ADDRESS", help="Say whether mail of this author is signed, and by which rule."
)
@click.option("--from-ip", help="With it: the address that hands the message in.")
@click.option("--login", help="With it: the login of the client.")
@config_option
def command(
    files: tuple[Path, ...],
    *,
    as_json: bool,
    client_ip: str | None,
    helo: str | None,
    mail_from: str | None,
    zones: tuple[Path, ...],
    now_text: str | None,
    authserv_id: str | None,
    legacy_crypto: bool,
    author: str | None,
    from_ip: str | None,
    login: str | None,
    config_file: Path | None,
) -> None:
    """Authenticate saved messages with SPF, DKIM, ARC and DMARC, and explain each step.

    With --explain-sign it says instead whether mail of an author would be signed (status 0) or not (1), and why.

    Exit status: 0 DMARC pass or none, 1 fail, permerror or temperror, 2 usage, 3 a file could not be read.

    Example: inalign verify --client-ip 192.0.2.7 --helo mail.example.org --mail-from a@example.org message.eml
    """
    config = load(config_file)
    if author is not None:
        sys.exit(0 if explain_sign(config, author, from_ip=from_ip, login=login, zones=zones) else EXIT_FINDING)
    if not files:
        raise click.UsageError("Missing argument 'FILE…'.")
    now = read_now(now_text)
    resolver: Resolver = read_zones(zones) if zones else make_resolver(config.settings)
    options = _options(config.settings, authserv_id, legacy_crypto=legacy_crypto)
    envelope = Envelope(client_ip, helo, mail_from)
    worst = 0
    for file in files:
        try:
            message = read_message(file)
        except OSError as problem:
            click.echo(f"{file}: {problem.strerror or problem}", err=True)
            worst = EXIT_UNREADABLE
            continue
        asked = RecordingResolver(_budgeted(resolver, config.settings))
        verdict = run(authenticate_with(message, envelope, asked, options, now=now))
        if as_json:
            click.echo(msgspec.json.encode(verdict_json(str(file), verdict)).decode("utf-8"))
        else:
            click.echo(verdict_text(str(file), envelope, verdict, asked.exchanges))
        worst = max(worst, _status(verdict))
    sys.exit(worst)


def _status(verdict: Verdict) -> int:
    return 0 if verdict.dmarc.result in GOOD else EXIT_FINDING


def _options(settings: Settings, authserv_id: str | None, *, legacy_crypto: bool) -> VerificationOptions:
    """As configured, but without the reverse name: that judges a host, not a message."""
    options = make_options(settings)
    return replace(options, authserv_id=authserv_id or options.authserv_id, iprev=False, legacy_crypto=legacy_crypto)


def _budgeted(resolver: Resolver, settings: Settings) -> Resolver:
    """One budget for all DNS of a message; a zone needs none."""
    return resolver.within(settings.dns.message_budget_seconds) if isinstance(resolver, LiveResolver) else resolver
