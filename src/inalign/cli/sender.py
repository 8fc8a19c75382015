"""`inalign sender`: what you say of a source, for good."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from inalign.cli.configuration import config_option, load
from inalign.cli.rows import print_json, print_table
from inalign.insight.result import SourceClass
from inalign.mail.domain import parse_domain
from inalign.store.folders import Folders
from inalign.store.state.control import Control
from inalign.store.state.overrides import SourceOverrideRow, overrides, remove_override, source_of, write_override
from inalign.wiring.store import store_folder

EXIT_FINDING = 1


@click.group()
def command() -> None:
    """Say for good what a source is: an address, a network (/24 or /64) or a sender by its name.

    Example: inalign sender set example.org 192.0.2.7 own
    """


@command.command("set")
@click.argument("domain")
@click.argument("source")
@click.argument("source_class", metavar="CLASS", type=click.Choice([str(each) for each in SourceClass]))
@click.option("--service", default="", help="How the sender is called.")
@config_option
def set_command(domain: str, source: str, source_class: str, *, service: str, config_file: Path | None) -> None:
    """Give a source its class.

    Example: inalign sender set example.org 192.0.2.7 approved --service "Our shop"
    """
    row = SourceOverrideRow(_domain(domain), source_of(source), SourceClass(source_class), service, time.time())
    with _control(config_file) as control:
        write_override(control, row)
    click.echo(f"{row.domain}: {row.source} is {row.source_class}")


@command.command("remove")
@click.argument("domain")
@click.argument("source")
@config_option
def remove_command(domain: str, source: str, *, config_file: Path | None) -> None:
    """Take it back.

    Exit status: 1 where nothing was set.

    Example: inalign sender remove example.org 192.0.2.7
    """
    with _control(config_file) as control:
        is_gone = remove_override(control, _domain(domain), source_of(source))
    click.echo("removed" if is_gone else "nothing was set")
    sys.exit(0 if is_gone else EXIT_FINDING)


@command.command("list")
@click.argument("domain", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@config_option
def list_command(domain: str | None, *, as_json: bool, config_file: Path | None) -> None:
    """What was set.

    Example: inalign sender list
    """
    with _control(config_file) as control:
        rows = overrides(control, _domain(domain) if domain else None)
    if as_json:
        print_json(rows)
    else:
        print_table(rows, SourceOverrideRow)


@contextmanager
def _control(config_file: Path | None) -> Iterator[Control]:
    config = load(config_file)
    control = Control(Folders(base=store_folder(config)).control)
    try:
        yield control
    finally:
        control.close()


def _domain(text: str) -> str:
    """Return `text` as a domain, with or without a final dot; raises `ParseError` for other text."""
    return str(parse_domain(text.rstrip(".")))
