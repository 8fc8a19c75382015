"""Whether the milter would sign with the keys of a folder."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from inalign.errors import Error
from inalign.flow.key_finder import Choice, KeyFinder
from inalign.keys.options import KeyOptions, make_key_finder
from inalign.mail.domain import DomainName


def warn_unused(options: KeyOptions, folder: Path, domain: DomainName) -> None:
    """Say so on standard error, if it would not."""
    problem = why_unused(options, folder, domain)
    if problem:
        click.echo(f"Warning: {problem}", err=True)


def why_unused(options: KeyOptions, folder: Path, domain: DomainName) -> str | None:
    """What the configuration does instead of signing mail of this domain with the keys there; None: nothing."""
    asked_before = replace(
        options, folder=None, database="", rules=tuple(rule for rule in options.rules if not rule.also)
    )
    with suppress(Error):  # `inalign config check` names it
        finder = make_key_finder(asked_before)
        for choice in asyncio.run(_find(finder, domain)) if finder else ():
            return f"mail of {domain} is signed by {choice.rule}, which is asked before the folder"
    if options.folder is None or options.folder.absolute() != folder:
        return f'the milter signs with these keys where the configuration says [sign] folder = "{folder}"'
    return None


async def _find(finder: KeyFinder, domain: DomainName) -> tuple[Choice, ...]:
    try:
        return await finder.find(f"postmaster@{domain}")
    finally:
        await finder.aclose()
