"""`inalign key`: make signing keys, list them, check them against DNS, rotate them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
import msgspec

from inalign import durable
from inalign.cli import key_text
from inalign.cli.configuration import config_option, load
from inalign.cli.key_by_hand import by_hand_lines
from inalign.cli.key_options import (
    folder_option,
    json_option,
    key_terms,
    open_folder,
    retire_option,
    script_option,
    update_options,
    update_way,
)
from inalign.cli.key_use import warn_unused
from inalign.cli.now import now_option, read_now
from inalign.dkim.algorithm import KeyType
from inalign.errors import Error, ParseError
from inalign.keys.lifecycle.check import Checked, Subject, check_keys, check_zone_file
from inalign.keys.lifecycle.folder import KeyFolder
from inalign.keys.lifecycle.publication import HARMLESS
from inalign.keys.lifecycle.rotate import DynamicUpdate, KeyRequest, Progress, Rotation, make_key, wanted_change
from inalign.keys.lifecycle.state import RETIRE_DAYS, ManagedKey, RetentionPeriods
from inalign.keys.lifecycle.subjects import DATABASE_NOTE, all_subjects, named_subjects, parse_author
from inalign.keys.lifecycle.zone_servers import ZoneServers
from inalign.keys.options import KeyOptions
from inalign.mail.domain import DomainName, parse_domain
from inalign.settings.tables import Settings
from inalign.wiring.signing import make_key_options

MAX_ZONE_OCTETS = 1 << 24
EXIT_FINDING = 1
EXIT_FAILED = 2


@click.group()
def command() -> None:
    """Make signing keys, check them against DNS and rotate them.

    Example: inalign key new example.org
    """


@command.command("new")
@click.argument("domain")
@click.option("--selector", help="Default: the type of the key and the day, such as r20261124.")
@click.option("--bits", type=click.IntRange(1024, 8192), default=2048, show_default=True, help="Of an RSA key.")
@click.option("--ed25519", is_flag=True, help="Make an Ed25519 key, too, with a selector of its own (RFC 8463).")
@folder_option
@script_option
@update_options
@now_option
@config_option
def new(
    domain: str,
    *,
    selector: str | None,
    bits: int,
    ed25519: bool,
    directory: Path | None,
    as_script: bool,
    update_server: str | None,
    tsig: Path | None,
    now_text: str | None,
    config_file: Path | None,
) -> None:
    """Make a key for a domain, and print the record to publish or send it.

    The key signs once every server of its zone has the record: inalign key rotate leads it there.

    Example: inalign key new example.org --ed25519
    """
    config = load(config_file)
    options = make_key_options(config)
    folder = open_folder(options, directory)
    name, now, way = parse_domain(domain), read_now(now_text), update_way(update_server, tsig)
    wishes = [KeyRequest(KeyType.RSA, bits, parse_domain(selector) if selector else None)]
    if ed25519:
        wishes.append(KeyRequest(KeyType.ED25519, selector=parse_domain(f"{selector}-ed25519") if selector else None))
    made = list(_make(folder, name, wishes, now, way))
    if not made:
        sys.exit(EXIT_FAILED)
    for managed_key in made:
        click.echo(
            f"{folder.key_path(managed_key)}: {managed_key.key_type}, {managed_key.bits} bits, readable by its owner",
            err=True,
        )
        if managed_key.key_type is KeyType.ED25519:
            click.echo(key_text.ED25519_NOTE.format(selector=managed_key.selector), err=True)
        if way is None:
            click.echo(key_text.change_text(wanted_change(managed_key, folder.key(managed_key)), as_script=as_script))
    warn_unused(options, folder.path, name)
    if way is None:
        click.echo(f"Publish this; then `inalign key rotate {name}` lets the key sign.", err=True)
        return
    terms = key_terms(config.settings, RETIRE_DAYS)
    found = asyncio.run(Rotation(folder, _zones(config.settings), terms, now).domain(name))
    sys.exit(_print_progress(found, terms, as_script=as_script))


def _make(
    folder: KeyFolder, domain: DomainName, wishes: Sequence[KeyRequest], now: datetime, way: DynamicUpdate | None
) -> Iterator[ManagedKey]:
    """The keys that are not there yet. A key of the same type is followed by rotation, if no selector is named."""
    try:
        durable.make_folder(folder.path / domain)
        with durable.locked(folder.path / domain):
            present = [managed_key for managed_key in folder.managed_keys(domain) if not managed_key.is_over]
            for wish in wishes:
                same = [managed_key for managed_key in present if managed_key.key_type is wish.key_type]
                if same and wish.selector is None:
                    there = f"{domain} has the {wish.key_type} key {same[-1].selector}, {same[-1].state}"
                    click.echo(f"{there}: `inalign key rotate {domain}` replaces it", err=True)
                else:
                    yield make_key(folder, domain, wish, now, way)
    except OSError as problem:
        raise Error(f"{problem.filename or folder.path}: {problem.strerror or problem}") from None


@command.command("list")
@click.argument("authors", metavar="[DOMAIN]...", nargs=-1)
@json_option
@folder_option
@retire_option
@config_option
def show_list(
    authors: tuple[str, ...], *, as_json: bool, directory: Path | None, retire_days: float, config_file: Path | None
) -> None:
    """Show each key, where it is in its life, since when, and what comes next and when.

    Shown are the keys of the folder and all that the configuration names, KeyTable included; those of a database for
    the domains, or addresses, that are named here.

    Example: inalign key list
    """
    config = load(config_file)
    options = make_key_options(config)
    folder = open_folder(options, directory)
    terms = key_terms(config.settings, retire_days)
    managed_keys: list[ManagedKey] = []
    named: list[Subject] = []
    status = 0
    for name in [parse_author(author)[1] for author in authors] or folder.domains():
        try:
            managed_keys += folder.managed_keys(name)
        except Error as problem:
            click.echo(str(problem), err=True)
            status = EXIT_FAILED
    for item in named_subjects(options, folder, authors):
        if isinstance(item, Subject):
            named.append(item)
        else:
            click.echo(item, err=True)
            status = EXIT_FAILED
    _note_database(options, authors)
    if as_json:
        rows = [key_text.managed_key_json(managed_key, terms) for managed_key in managed_keys] + [
            key_text.named_json(one) for one in named
        ]
        click.echo(msgspec.json.encode(rows).decode())
    elif managed_keys or named:
        for line in key_text.list_lines(managed_keys, named, terms):
            click.echo(line)
    else:
        click.echo(f"There is no key below {folder.path}.", err=True)
    sys.exit(status)


def _note_database(options: KeyOptions, authors: Sequence[str]) -> None:
    if options.database and not authors:
        click.echo(DATABASE_NOTE, err=True)


@command.command("check")
@click.argument("authors", metavar="[DOMAIN]...", nargs=-1)
@click.option(
    "--zone",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Compare with this zone file, as a generator of keys printed it, and ask no server.",
)
@json_option
@folder_option
@config_option
def check(
    authors: tuple[str, ...], *, zone: Path | None, as_json: bool, directory: Path | None, config_file: Path | None
) -> None:
    """Compare keys, of these domains or all, with what every authoritative server publishes for them.

    Checked are the keys of the folder and all that the configuration names, KeyTable included; those of a database for
    the domains, or addresses, that are named here.

    Exit status: 0 in order, 1 something was found, 2 a key could not be read or a server gave no answer.

    Example: inalign key check example.org
    """
    config = load(config_file)
    options = make_key_options(config)
    subjects: list[Subject] = []
    unreadable = 0
    for item in all_subjects(options, open_folder(options, directory), authors):
        if isinstance(item, Subject):
            subjects.append(item)
        else:
            click.echo(item, err=True)
            unreadable += 1
    _note_database(options, authors)
    if not subjects and not unreadable:
        raise Error(f"there is no key of {', '.join(authors) or 'any domain'}; see --directory and --config")
    if zone is None:
        found = asyncio.run(check_keys(subjects, _zones(config.settings)))
    else:
        found = _check_file(subjects, zone)
    if as_json:
        click.echo(msgspec.json.encode([key_text.checked_json(checked) for checked in found]).decode())
    else:
        for checked in found:
            for line in key_text.checked_lines(checked):
                click.echo(line)
    if unreadable or not all(checked.is_answered for checked in found):
        sys.exit(EXIT_FAILED)
    sys.exit(EXIT_FINDING if any(checked.flaws for checked in found) else 0)


def _check_file(subjects: Sequence[Subject], path: Path) -> list[Checked]:
    with path.open("rb") as file:
        text = file.read(MAX_ZONE_OCTETS)
    try:
        return check_zone_file(subjects, path, text)
    except ParseError as problem:
        raise Error(f"{path}: {problem}") from None


@command.command("rotate")
@click.argument("domain", required=False)
@click.option("--all", "is_all", is_flag=True, help="Lead on the keys of all domains; begins nothing without --every.")
@click.option(
    "--every",
    type=click.FloatRange(1),
    metavar="DAYS",
    help="Begin where a key has signed so long. Default with DOMAIN: at once, if none is under way.",
)
@retire_option
@folder_option
@script_option
@update_options
@now_option
@config_option
def rotate(
    domain: str | None,
    *,
    is_all: bool,
    every: float | None,
    retire_days: float,
    directory: Path | None,
    as_script: bool,
    update_server: str | None,
    tsig: Path | None,
    now_text: str | None,
    config_file: Path | None,
) -> None:
    """Begin to replace the keys of a domain, or lead on what has begun; safe to run from a timer.

    A new key is made, published, and signs when every server has it and caches have forgotten what was there before;
    then the old one is kept in DNS, revoked and removed. This leads the keys of the folder; for a key that a line of
    the configuration, of a table or of a database names, it says which line is to be changed, and to what.

    Exit status: 0 done, or waiting; 1 something keeps a key from going on; 2 it could not be tried.

    Example: inalign key rotate --all --every 180
    """
    if is_all == (domain is not None):
        raise click.UsageError("Give a DOMAIN, or --all.")
    if is_all and update_server:
        raise click.UsageError("--update is for one DOMAIN; keys keep it.")
    config = load(config_file)
    options = make_key_options(config)
    folder, terms = open_folder(options, directory), key_terms(config.settings, retire_days)
    rotation = Rotation(folder, _zones(config.settings), terms, read_now(now_text))
    age = timedelta(days=every) if every is not None else None
    status = 0
    if domain is not None:
        start = timedelta(0) if age is None else age
        found = asyncio.run(rotation.domain(parse_domain(domain), every=start, way=update_way(update_server, tsig)))
        status = _print_progress(found, terms, as_script=as_script)
        advice = list(by_hand_lines(options, folder, domain))
        if not found and not advice:
            raise Error(f"there is no key of {domain}: `inalign key new {domain}` makes one")
        warn_unused(options, folder.path, parse_domain(domain))
        for line in advice:
            click.echo(line)
        sys.exit(EXIT_FINDING if advice else status)

    def report(progress: Sequence[Progress]) -> None:
        nonlocal status
        status = max(status, _print_progress([one for one in progress if one.is_news], terms, as_script=as_script))

    for problem in asyncio.run(rotation.all(every=age, report=report)):
        click.echo(str(problem), err=True)
        status = EXIT_FAILED
    sys.exit(status)


def _print_progress(found: Sequence[Progress], terms: RetentionPeriods, *, as_script: bool) -> int:
    """Print what was done and what is next; the exit status."""
    for progress in found:
        for line in key_text.progress_lines(progress, terms, as_script=as_script):
            click.echo(line)
    is_stuck = any(
        progress.problem or any(flaw.finding not in HARMLESS for flaw in progress.flaws) for progress in found
    )
    return EXIT_FINDING if is_stuck else 0


def _zones(settings: Settings) -> ZoneServers:
    return ZoneServers(settings.dns.servers, timeout=settings.dns.exchange_timeout_seconds)
