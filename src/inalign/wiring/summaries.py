"""What the settings say of reports for people: which are wanted, and how they are made and sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from inalign.errors import SettingsError
from inalign.insight.period import Period, PeriodKind
from inalign.net.smtp import send_mail
from inalign.settings.file import place
from inalign.settings.tables import Settings
from inalign.store.engine.interface import Engine, StoreError
from inalign.store.queries.snapshot import Snapshot
from inalign.store.queries.view import View
from inalign.store.state.control import Control
from inalign.summary.collect import summarize
from inalign.wiring.relay import make_relay

if TYPE_CHECKING:
    from inalign.summary.document import SummaryDocument
    from inalign.summary.scheduler import Subscription, Summaries

_ADDRESS = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+")
"""Enough to notice a slip; whether it exists, the relay says."""
_KINDS = {"weekly": PeriodKind.WEEK, "monthly": PeriodKind.MONTH}


def check_summaries(settings: Settings, path: Path | None) -> None:
    """Raises `SettingsError` for a report that could never go out."""
    for each in settings.summaries:
        where = place(path, "summaries")
        if not each.to:
            raise SettingsError(f"{where}: summaries.to: somebody must get it")
        for address in each.to:
            if not _ADDRESS.fullmatch(address):
                raise SettingsError(f"{where}: summaries.to: {address[:100]!r} is no address of mail")
        if not settings.mail.host:
            raise SettingsError(f"{where}: summaries: mail.host: it is required to send mail")
        if each.pdf and find_spec("weasyprint") is None:
            raise SettingsError(f"{where}: summaries.pdf: it needs WeasyPrint: pip install 'inalign[pdf]'")


def make_summaries(
    settings: Settings, path: Path | None, views: Mapping[str, View], engine: Engine, control: Control
) -> Summaries | None:
    """What sends them; None where nobody wants one."""
    if not settings.summaries:
        return None
    from inalign.summary.document import make_document  # noqa: PLC0415
    from inalign.summary.scheduler import Subscription, Summaries  # noqa: PLC0415 - with the templates, where they are wanted
    from inalign.summary.words import words_of  # noqa: PLC0415

    zone = settings.web.zone

    def make(wanted: Subscription, period: Period, today: date) -> SummaryDocument:
        snapshot = Snapshot(engine)
        summary = summarize(
            lambda name, filters: views[name].ask(snapshot, filters), wanted.domains, period, zone=zone, today=today
        )
        if waiting := [each.domain for each in summary.domains if not each.judged]:
            raise StoreError(f"{', '.join(waiting[:5])}: the reports have just come, and are not judged yet")
        return make_document(summary, words_of(wanted.language))

    async def send(message: bytes, recipient: str) -> None:
        await send_mail(message, settings.mail.sender, [recipient], make_relay(settings, path))

    return Summaries(
        wanted=[
            Subscription(
                to=tuple(dict.fromkeys(each.to)),
                domains=tuple(each.domains),
                kind=_KINDS[each.period],
                language=each.language,
                pdf=each.pdf,
            )
            for each in settings.summaries
        ],
        make=make,
        send=send,
        sender=settings.mail.sender,
        control=control,
        zone=zone,
    )
