"""`inalign sign`: sign a saved message as the milter would, and print it."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from inalign.cli.configuration import config_option, load
from inalign.cli.message_file import read_message
from inalign.errors import Error, ParseError
from inalign.flow.key_dns import PublishedKeys
from inalign.flow.key_finder import KeyFinder
from inalign.flow.send import Sending, SendingOptions, Sent, Submission
from inalign.keys.key_file import KeyAccess
from inalign.keys.key_store import KeySource, KeyStore
from inalign.keys.options import make_key_finder
from inalign.keys.rules import KeyRule, RuleFinder
from inalign.keys.search import parse_name
from inalign.mail.domain import parse_domain
from inalign.mail.fields import parse_message
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.wiring.milter import make_resolver
from inalign.wiring.signing import make_key_options, make_sending_options

EXIT_UNSIGNED = 1
EXIT_UNREADABLE = 3


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE")
@click.option("--domain", help="Sign for this domain (d=), for any author; needs --selector and --key.")
@click.option("--selector", help="Its selector (s=).")
@click.option("--key", "key_file", type=click.Path(path_type=Path), help="Its private key.")
@config_option
def command(
    file: Path, *, domain: str | None, selector: str | None, key_file: Path | None, config_file: Path | None
) -> None:
    """Sign a message with the keys that the configuration names for its author, or with this key; print it.

    FILE may be - for standard input. Lines may end in LF; they are printed with CRLF, as they must be sent.

    Exit status: 0 signed, 1 not signed (standard error says why; nothing is printed), 2 usage or configuration,
    3 the file could not be read.

    Example: inalign sign --domain example.org --selector 2026a --key 2026a.pem message.eml
    """
    config = load(config_file)
    finder = _finder(config, domain, selector, key_file)
    try:
        message = read_message(file)
    except OSError as problem:
        click.echo(f"{file}: {problem.strerror or problem}", err=True)
        sys.exit(EXIT_UNREADABLE)
    if b"\r\n" not in message:
        message = message.replace(b"\n", b"\r\n")
    sent = asyncio.run(_sign(message, finder, make_sending_options(config.settings), config.settings))
    for _, unpublished in sent.unpublished:
        click.echo(f"{file}: not used: {unpublished}", err=True)
    if sent.unsigned is not None:
        click.echo(": ".join(filter(None, (str(file), f"not signed, {sent.unsigned}", sent.detail))), err=True)
        sys.exit(EXIT_UNSIGNED)
    sys.stdout.buffer.write(b"".join(sent.fields) + message)


def _finder(config: Config, domain: str | None, selector: str | None, key_file: Path | None) -> KeyFinder:
    if domain or selector or key_file:
        if not (domain and selector and key_file):
            raise click.UsageError("--domain, --selector and --key go together")
        try:
            source = KeySource(parse_domain(domain), parse_domain(selector), key_file)
        except ParseError as problem:
            raise click.UsageError(str(problem)) from None
        rule = KeyRule(place="--key", source=source, names=(parse_name("*"),))
        return RuleFinder([rule], KeyStore(KeyAccess(unsafe_keys=config.settings.sign.unsafe_keys)))
    finder = make_key_finder(make_key_options(config))
    if finder is None:
        raise Error("no key is named: neither by --domain, --selector and --key nor in [sign] of the configuration")
    return finder


async def _sign(message: bytes, finder: KeyFinder, options: SendingOptions, settings: Settings) -> Sent:
    parts = parse_message(message)
    sending = Sending(parts.fields, options, now=datetime.now(UTC))
    await sending.find_keys(finder)
    sending.body(parts.body)
    async with make_resolver(settings) as resolver:
        sent = await sending.sent(Submission(mail_from=""), PublishedKeys(), resolver)
    await finder.aclose()
    return sent
