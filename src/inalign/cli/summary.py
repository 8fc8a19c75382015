"""`inalign summary`: the weekly or monthly report for people, as text, HTML, PDF or mail."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import click

from inalign.assessment.views import QUESTIONS
from inalign.cli.configuration import config_option, load
from inalign.cli.judged import language_of
from inalign.errors import ParseError
from inalign.insight.period import Period, PeriodKind, last_whole, parse_period
from inalign.insight.texts import LANGUAGES
from inalign.summary.collect import summarize
from inalign.wiring.queries import open_questions
from inalign.wiring.relay import make_relay

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


@click.command()
@click.argument("domains", nargs=-1, metavar="[DOMAIN]…")
@click.option("--month", metavar="2026-10", help="The month. Default: the last whole one.")
@click.option("--week", metavar="2026-W47", help="The week, Monday to Sunday, in place of a month.")
@click.option("--language", type=click.Choice(LANGUAGES), help="Of the report. Default: as LANG says.")
@click.option("--time-zone", "zone", default="", help="Whose days these are. Default: web.time_zone of the settings.")
@click.option("--html", "html", type=_FILE, help="Write HTML that prints well; - is standard output.")
@click.option("--pdf", "pdf", type=_FILE, help="Write PDF, which needs the extra `pdf`.")
@click.option("--mail", "recipient", metavar="ADDRESS", help="Send it there, as [mail] of the settings says.")
@click.option("--attach-pdf", is_flag=True, help="With --mail: the PDF, too.")
@click.option("--offline", is_flag=True, help="Ask DNS nothing.")
@config_option
def command(
    domains: tuple[str, ...],
    *,
    month: str | None,
    week: str | None,
    language: str | None,
    zone: str,
    html: Path | None,
    pdf: Path | None,
    recipient: str | None,
    attach_pdf: bool,
    offline: bool,
    config_file: Path | None,
) -> None:
    """Make the report of a month or a week, fit to hand to a manager; without a domain, of all. Without an option that
    says where it goes, it is printed as text. Exit code 1 where no reports came in.

    Example: inalign summary example.com --month 2026-10 --language ja --pdf report.pdf
    """
    if sum(each is not None for each in (html, pdf, recipient)) > 1:
        raise click.UsageError("--html, --pdf or --mail, not several of them")
    if attach_pdf and recipient is None:
        raise click.UsageError("--attach-pdf is for --mail")
    config = load(config_file)
    zone = zone or config.settings.web.time_zone
    if zone not in available_timezones():
        raise click.UsageError(f"--time-zone: no time zone is called {zone}")
    today = datetime.now(ZoneInfo(zone)).date()
    period = _period(month, week) or last_whole(today, PeriodKind.MONTH)
    relay = make_relay(config) if recipient is not None else None  # what is wrong there shows first
    with open_questions(config, offline=offline) as ask:
        summary = summarize(
            lambda name, filters: ask(QUESTIONS[name], filters), domains, period, zone=zone, today=today
        )
    from inalign.summary.document import make_document  # noqa: PLC0415 - templates, which other commands do not need
    from inalign.summary.html import whole  # noqa: PLC0415
    from inalign.summary.pdf import make_pdf  # noqa: PLC0415
    from inalign.summary.text import as_text  # noqa: PLC0415
    from inalign.summary.words import words_of  # noqa: PLC0415

    document = make_document(summary, words_of(language_of(language, config.settings)))
    if html is not None:
        _write(html, whole(document).encode())
    elif pdf is not None:
        _write(pdf, make_pdf(document))
    elif recipient is not None and relay is not None:
        from inalign.net.smtp import send_mail  # noqa: PLC0415
        from inalign.summary.mail import make_mail  # noqa: PLC0415

        sender = config.settings.mail.sender
        message = make_mail(
            document,
            sender=sender,
            recipient=recipient,
            now=datetime.now(UTC),
            period=period.name,
            pdf=make_pdf(document) if attach_pdf else None,
        )
        asyncio.run(send_mail(message, sender, [recipient], relay))
        click.echo(f"{config.settings.mail.host} took the report of {period.name} for {recipient}.")
    else:
        click.echo(as_text(document), nl=False)
    if not summary.now.messages:
        raise SystemExit(1)


def _period(month: str | None, week: str | None) -> Period | None:
    if month is not None and week is not None:
        raise click.UsageError("--month or --week, not both")
    for name, text, kind in (("month", month, PeriodKind.MONTH), ("week", week, PeriodKind.WEEK)):
        if text is None:
            continue
        try:
            found = parse_period(text)
        except ParseError as problem:
            raise click.UsageError(f"--{name}: {problem}") from None
        if found.kind is not kind:
            raise click.UsageError(f"--{name}: {text} is no {name}")
        return found
    return None


def _write(where: Path, octets: bytes) -> None:
    if str(where) == "-":
        sys.stdout.buffer.write(octets)
        return
    try:
        where.write_bytes(octets)
    except OSError as problem:
        raise click.ClickException(f"{where}: {problem.strerror}") from None
