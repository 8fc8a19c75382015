"""`inalign import`: take over the configuration of another program."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from inalign.errors import SettingsError
from inalign.keys.fault import Fault
from inalign.migrate.check import draft_faults, key_options
from inalign.migrate.draft import Draft
from inalign.migrate.proof import MAX_SAMPLES, Trial, prove, samples
from inalign.migrate.source import ForeignConfiguration
from inalign.migrate.translate import PROGRAMS, translate
from inalign.wiring.check import check
from inalign.wiring.signing import MAX_FAULTS


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="PROGRAM FILE [PROGRAM FILE]...")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here; never over a file.")
@click.option("--prove", "proves", is_flag=True, help="Sign sample senders by both configurations and compare.")
@click.option("--sender", "senders", multiple=True, metavar="ADDRESS", help="One more sender for --prove.")
@click.option(
    "--prove-with", "program", metavar="OPENDKIM", default="", help="The same, and have this opendkim sign, with -t."
)
def command(files: Sequence[str], output: Path | None, proves: bool, senders: Sequence[str], program: str) -> None:
    """Write our configuration from that of OpenDKIM, OpenDMARC, OpenARC, dkimpy-milter or policyd-spf.

    PROGRAM is opendkim, opendmarc, openarc, dkimpy-milter or policyd-spf; several become one configuration, and where
    they differ, the first counts. Keys and tables stay where they are. What has no equal stands at the end, with what
    to do in its place. With --prove the comparison is printed instead, unless there is --output. Exit status 1 when
    something must be mended, or a sender would sign differently.

    \b
    Example: inalign import opendkim /etc/opendkim.conf opendmarc /etc/opendmarc.conf --output inalign.toml
             inalign import opendkim /etc/opendkim.conf --prove
    """
    pairs = list(zip(files[::2], files[1::2], strict=False))
    if len(files) % 2 or any(name not in PROGRAMS for name, _ in pairs):
        raise click.UsageError(f"expected PROGRAM FILE, with {', '.join(PROGRAMS)} as PROGRAM")
    if program and any(name != "opendkim" for name, _ in pairs):
        raise click.UsageError("--prove-with is for opendkim alone")
    draft = Draft()
    sources = [translate(draft, name, Path(file)) for name, file in pairs]
    faults = draft_faults(draft, check)
    text = f"# Made by: inalign import {' '.join(files)}\n\n{draft.toml()}"
    if output is not None:
        _write(output, text)
    elif not (proves or program):
        click.echo(text, nl=False)
    _report(draft, faults)
    is_wrong = any(fault.is_fatal for fault in faults)
    if proves or program:
        is_wrong |= not _prove(draft, sources, senders, program)
    sys.exit(1 if is_wrong else 0)


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise SettingsError(f"{path}: {problem.strerror or problem}") from None


def _report(draft: Draft, faults: Sequence[Fault]) -> None:
    counts = [sum(left.kind == kind for left in draft.left) for kind in ("instead", "not yet", "not needed")]
    click.echo(
        f"{len(draft.taken) + len(draft.keys)} settings; lines without an equal: {counts[0]}, "
        f"not here yet: {counts[1]}, not needed: {counts[2]}; they stand at the end.",
        err=True,
    )
    for fault in faults[:MAX_FAULTS]:
        click.echo(f"{'Mend' if fault.is_fatal else 'Warning'}: {fault}", err=True)
    if len(faults) > MAX_FAULTS:
        click.echo(f"and {len(faults) - MAX_FAULTS} more", err=True)


def _prove(draft: Draft, sources: Sequence[ForeignConfiguration], given: Sequence[str], program: str) -> bool:
    """Print the trials; whether all are the same."""
    try:
        listed = samples(sources)
    except SettingsError:  # it is told already
        listed = []
    senders = list(dict.fromkeys([*given, *listed[:: -(-len(listed) // MAX_SAMPLES)]]))
    try:
        trials = prove(sources, key_options(draft, draft.config()), senders, program)
    except SettingsError as problem:
        click.echo(f"No proof before this is mended: {problem}")
        return False
    _table(trials)
    differing = sum(not trial.is_same for trial in trials)
    of = f", of {len(listed)} rules" if len(listed) > MAX_SAMPLES else ""
    click.echo(f"{len(trials)} senders{of}: {differing or 'none'} signed differently.")
    return not differing


def _table(trials: Sequence[Trial]) -> None:
    rows = [
        ("sender", "before", "now", ""),
        *((*trial[:3], "same" if trial.is_same else "DIFFERENT") for trial in trials),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)).rstrip())
