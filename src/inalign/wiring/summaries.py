"""What the settings say of reports for people: which are wanted, and how they are made and sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.util import find_spec
from typing import TYPE_CHECKING

from inalign.errors import ParseError
from inalign.insight.period import Period, PeriodKind
from inalign.mail.recipients import parse_recipient
from inalign.net.smtp import send_mail
from inalign.settings.config import Config
from inalign.store.engine.interface import Engine, StoreError
from inalign.store.queries.snapshot import Snapshot
from inalign.store.queries.view import View
from inalign.store.state.control import Control
from inalign.summary.collect import summarize
from inalign.wiring.relay import make_relay

if TYPE_CHECKING:
    from inalign.summary.document import SummaryDocument
    from inalign.summary.scheduler import Subscription, SummaryScheduler

_KINDS = {"weekly": PeriodKind.WEEK, "monthly": PeriodKind.MONTH}


def check_summaries(config: Config) -> None:
    """Raises `SettingsError` for a report that could never go out."""
    for number, each in enumerate(config.settings.summaries):
        key = f"summaries[{number}]"
        if not each.to:
            raise config.error(f"{key}.to", "no recipient; expected at least one mail address")
        for address in each.to:
            try:
                parse_recipient(address)
            except ParseError as problem:
                raise config.error(f"{key}.to", problem) from None
        if not config.settings.mail.host:
            raise config.error(key, "mail.host is required to send mail")
        if each.pdf and find_spec("weasyprint") is None:
            raise config.error(f"{key}.pdf", "WeasyPrint is not installed: pip install 'inalign[pdf]'")


def make_summaries(
    config: Config, views: Mapping[str, View], engine: Engine, control: Control
) -> SummaryScheduler | None:
    """What sends them; None where nobody wants one."""
    if not config.settings.summaries:
        return None
    from inalign.summary.document import make_document  # noqa: PLC0415
    from inalign.summary.scheduler import Subscription, SummaryScheduler  # noqa: PLC0415 - with the templates, where they are wanted
    from inalign.summary.words import words_of  # noqa: PLC0415

    zone = config.settings.web.time_zone

    def make(wanted: Subscription, period: Period, today: date) -> SummaryDocument:
        snapshot = Snapshot(engine)
        summary = summarize(
            lambda name, filters: views[name].ask(snapshot, filters), wanted.domains, period, zone=zone, today=today
        )
        if waiting := [each.domain for each in summary.domains if not each.assessed]:
            raise StoreError(f"{', '.join(waiting[:5])}: the reports have just come, and are not judged yet")
        return make_document(summary, words_of(wanted.language))

    async def send(message: bytes, recipient: str) -> None:
        await send_mail(message, config.settings.mail.sender, [recipient], make_relay(config))

    return SummaryScheduler(
        subscriptions=[
            Subscription(
                to=tuple(dict.fromkeys(each.to)),
                domains=tuple(each.domains),
                kind=_KINDS[each.period],
                language=each.language,
                pdf=each.pdf,
            )
            for each in config.settings.summaries
        ],
        make=make,
        send=send,
        sender=config.settings.mail.sender,
        control=control,
        zone=zone,
    )
