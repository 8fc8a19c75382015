"""`inalign selftest`: the bundled vectors on this host, as a table or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import msgspec

from inalign.cli.configuration import config_option, load
from inalign.net.run import run
from inalign.selftest.host import Probe, parts, probe
from inalign.selftest.suites import Case, Suite, suites, vectors
from inalign.wiring.milter import make_resolver

EXIT_FINDING = 1


@dataclass(slots=True)
class Tally:
    """How a suite went."""

    name: str
    cases: int = 0
    right: int = 0
    by_decision: int = 0
    wrong: list[str] = field(default_factory=list)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-dns", is_flag=True, help="Ask no name server.")
@config_option
def command(*, as_json: bool, no_dns: bool, config_file: Path | None) -> None:
    """Run the conformance vectors that come with Inalign on this host, and show its libraries and its resolver.

    Exit status: 0 all is as it should be, 1 a case is wrong or the resolver does not answer.

    Example: inalign selftest
    """
    config = load(config_file)
    folder = vectors()
    tallies = [_run(suite) for suite in suites(folder)]
    asked = None if no_dns else run(probe(make_resolver(config.settings)))
    if as_json:
        found = {"suites": tallies, "host": parts(), "dns": asked}
        click.echo(msgspec.json.encode(found).decode())
    else:
        for line in _table(tallies, asked):
            click.echo(line)
    is_good = not any(tally.wrong for tally in tallies) and (asked is None or asked.answered)
    sys.exit(0 if is_good else EXIT_FINDING)


def _run(suite: Suite) -> Tally:
    tally = Tally(suite.name)
    with click.progressbar(
        list(suite.cases()), label=suite.name, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as cases:
        for case in cases:
            tally.cases += 1
            is_right = _is_right(case)
            if is_right is (case.name in suite.deviations):
                tally.wrong.append(case.name)
            elif is_right:
                tally.right += 1
            else:
                tally.by_decision += 1
    return tally


def _is_right(case: Case) -> bool:
    try:
        return case.is_right()
    except Exception as problem:  # noqa: BLE001 - a bug, or a library that fails here: the table goes on and shows it
        click.echo(f"{case.name}: {type(problem).__name__}: {problem}", err=True)
        return False


def _table(tallies: list[Tally], asked: Probe | None) -> Iterator[str]:
    width = max(len(tally.name) for tally in tallies)
    yield f"{'suite':<{width}}  cases  right  by decision  wrong"
    for tally in tallies:
        numbers = f"{tally.cases:>5}  {tally.right:>5}  {tally.by_decision:>11}  {len(tally.wrong):>5}"
        yield f"{tally.name:<{width}}  {numbers}"
        yield from (f"  wrong: {name}" for name in tally.wrong)
    yield ""
    for what, version in parts().items():
        yield f"{what:<14} {version}"
    if asked is not None:
        yield f"{'DNS':<14} {_dns(asked)}"
    yield ""
    wrong = sum(len(tally.wrong) for tally in tallies)
    if wrong:
        yield f"{wrong} cases are wrong: the results of this host cannot be relied on. Please report this table."
    elif asked is not None and not asked.answered:
        yield "All cases are right, but no name server answers: every result would be temperror."
    else:
        yield "All is as it should be."


def _dns(asked: Probe) -> str:
    if not asked.answered:
        return f"no answer: {asked.detail}"
    vouched = "with" if asked.secure else "without"
    return f"answers in {asked.milliseconds:.1f} ms, {vouched} DNSSEC"
