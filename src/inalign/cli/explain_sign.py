"""`inalign verify --explain-sign`: whether mail of an author, from an address, would be signed, and by which rule."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import click

from inalign.cli.zone_files import read_zones
from inalign.errors import ParseError
from inalign.flow.key_dns import PublishedKeys
from inalign.flow.key_finder import Choice, KeyLookupError
from inalign.flow.own_mail import why_ours
from inalign.flow.send import AuthorAgreement, DnsCheck, SendingOptions, is_of_login
from inalign.keys.options import make_key_finder
from inalign.mail.domain import DomainName, parse_domain
from inalign.mail.mailbox import parse_mailboxes
from inalign.resolver import Resolver
from inalign.settings.config import Config
from inalign.settings.tables import Settings
from inalign.wiring.milter import make_hosts, make_resolver
from inalign.wiring.signing import make_key_options, make_sending_options


def explain_sign(
    config: Config,
    author: str,
    *,
    from_ip: str | None,
    login: str | None,
    zones: tuple[Path, ...],
) -> bool:
    """Print it; returns whether the message would be signed."""
    address, domain = _author(author)
    try:
        client = ip_address(from_ip) if from_ip else None
    except ValueError:
        raise click.UsageError(f"--from-ip {from_ip!r} is no address") from None
    options = make_sending_options(config.settings)
    lines = []
    signed = True
    if client is not None or login:
        why = why_ours(make_hosts(config.settings), client, login)
        signed = why is not None
        yes = f"the client authenticates as {login}" if login else f"{client} is in milter.local_networks"
        lines.append(f"ours: yes, {yes}" if signed else f"ours: no, {_not_ours(config.settings, from_ip)}")
    else:
        lines.append("ours: not asked; --from-ip and --login say who hands the message in")
    if login and AuthorAgreement.LOGIN in options.agreements and not is_of_login(domain, login):
        signed = False
        lines.append(f"login: the domain of {login} is neither {domain} nor above it (sign.must_agree)")
    more, has_key = asyncio.run(_keys(config, address, options, read_zones(zones) if zones else None))
    lines += more
    signed = signed and has_key
    click.echo("\n".join([f"{address}: {'signed' if signed else 'not signed'}", *(f"  {line}" for line in lines)]))
    return signed


def _author(text: str) -> tuple[str, DomainName]:
    try:
        (mailbox,) = parse_mailboxes(text.encode("utf-8", "surrogateescape"))
        domain = parse_domain(mailbox.domain)
    except (ParseError, ValueError):
        raise click.UsageError(f"--explain-sign {text!r} is no address of an author, such as ann@example.org") from None
    return f"{mailbox.local_part}@{domain}", domain


def _not_ours(settings: Settings, from_ip: str | None) -> str:
    macros = "".join(f", unless the macro {each} says so" for each in settings.milter.own_macros)
    return f"{from_ip} is not in milter.local_networks, or a relay, and does not authenticate{macros}"


async def _keys(config: Config, author: str, options: SendingOptions, zone: Resolver | None) -> tuple[list[str], bool]:
    finder = make_key_finder(make_key_options(config))
    if finder is None:
        return ["rule: none, [sign] names no key"], False
    try:
        choices = await finder.find(author)
    except KeyLookupError as problem:
        return [
            f"rule: cannot be found out: {problem}",
            f"then: sign.on_failure = {config.settings.sign.on_failure}",
        ], False
    finally:
        await finder.aclose()
    if not choices:
        return ["rule: none fits"], False
    if zone is not None:
        return await _published(choices, options, zone)
    async with make_resolver(config.settings) as resolver:
        return await _published(choices, options, resolver.within(config.settings.dns.message_budget_seconds))


async def _published(
    choices: tuple[Choice, ...], options: SendingOptions, resolver: Resolver
) -> tuple[list[str], bool]:
    published, now = PublishedKeys(), datetime.now(UTC)
    lines, usable = [], 0
    for choice in choices:
        identity = f" i={choice.identity}" if choice.identity else ""
        lines.append(f"rule: {choice.rule}: d={choice.key.domain} s={choice.key.selector}{identity}")
        lines.append(f"key: {choice.key.algorithm}, {choice.key.private_key.bits} bits")
        problem = None if options.dns_check is DnsCheck.OFF else await published.problem(choice.key, resolver, now)
        if problem is not None:
            use = "not used (sign.check_dns)" if options.dns_check is DnsCheck.REQUIRE else "used all the same"
            lines.append(f"dns: {problem}; {use}")
        usable += problem is None or options.dns_check is not DnsCheck.REQUIRE
    return lines, usable > 0
