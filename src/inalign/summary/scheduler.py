"""Reports for people go out by themselves: what is due is made and sent, once to each person, sooner or later.

What was sent is noted after the relay took it. Whoever is interrupted in between sends the same mail again, with the
same Message-ID: twice is better than never.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from inalign.backoff import Backoff
from inalign.errors import Error
from inalign.insight.period import Period, PeriodKind, last_whole, parse_period
from inalign.net.smtp import MailError
from inalign.store.state.control import Control
from inalign.store.state.summaries import SentSummary, read_sent, write_sent
from inalign.summary.document import SummaryDocument
from inalign.summary.mail import make_mail
from inalign.summary.pdf import PdfError, make_pdf

log = logging.getLogger("inalign")

DELAY_DAYS = 2
"""Whole days between the end of a period and its report: reporters send a day's report on the next one, and the slow
ones, with the queue of a mail server in between, on the day after."""
HOUR = 7
"""Of the zone, from which on it goes out: people find it in the morning, not a telephone that rings at midnight."""
MOST_LATE = 3
"""Missed periods that are made good after a long silence; who missed more wants the newest."""
FIRST_SECONDS = 600.0
"""From the start to the first look: reports that came while nobody was here are taken in first."""
LOOK_SECONDS = 300.0
"""Between two looks at what is due."""
RETRY_SECONDS = (300.0, 21_600.0)
"""After an attempt that failed: at first, and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A summary that goes to some recipients, as the settings have it."""

    to: tuple[str, ...]
    domains: tuple[str, ...]
    kind: PeriodKind
    language: str
    pdf: bool

    @property
    def subject(self) -> str:
        """What distinguishes it from other summaries to the same recipient."""
        return " ".join((str(self.kind), self.language, *sorted(self.domains)))


Make = Callable[[Subscription, Period, date], SummaryDocument]
"""Makes the report; the day is today. Blocks, and raises what questions raise."""
Send = Callable[[bytes, str], Awaitable[None]]
"""Hands a message for somebody to the relay. Raises `TransportError`, `SettingsError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryScheduler:
    """Sends the summaries of subscriptions when they are due."""

    subscriptions: Sequence[Subscription]
    make: Make
    send: Send
    sender: str
    control: Control
    zone: str
    clock: Callable[[], float] = time.time

    async def run(self) -> None:
        """Send what is due again and again, until it is cancelled."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.send_due()
            await asyncio.sleep(LOOK_SECONDS)

    async def send_due(self) -> int:
        """Send all that is due now, and return how many summaries went out. A failure is logged and tried again."""
        sent = 0
        for subscription in self.subscriptions:
            for recipient in subscription.to:
                try:
                    sent += await self._send_to(subscription, recipient)
                except Error as problem:  # of the control state: nothing can be noted
                    log.error("reports for %s wait: %s", recipient, problem)
        return sent

    async def _send_to(self, subscription: Subscription, recipient: str) -> int:
        now = self.clock()
        record = await asyncio.to_thread(read_sent, self.control, recipient, subscription.subject)
        if now < record.due_at:
            return 0
        today = self._today(now)
        sent = 0
        for period in due(record.period, subscription.kind, today):
            try:
                document = await asyncio.to_thread(self.make, subscription, period, today)
                if document.is_empty and not record.period:
                    return sent  # nothing has come yet: that is no news to begin with
                left_out = await self._send(subscription, document, period, recipient)
            except Exception as problem:
                if not isinstance(problem, Error):
                    log.exception("a report cannot be made")
                failed = _after_failure(record, problem, now)
                await asyncio.to_thread(write_sent, self.control, failed)
                log.error("the report of %s for %s: %s", period.name, recipient, failed.problem)
                return sent
            record = SentSummary(
                recipient=recipient, subject=subscription.subject, period=period.name, sent_at=now, problem=left_out
            )
            await asyncio.to_thread(write_sent, self.control, record)
            log.info("the report of %s went to %s", period.name, recipient)
            sent += 1
        return sent

    async def _send(self, subscription: Subscription, document: SummaryDocument, period: Period, recipient: str) -> str:
        """Send a document, and return why its PDF was left out, if it was."""
        pdf, left_out = None, ""
        if subscription.pdf:
            try:
                pdf = await asyncio.to_thread(make_pdf, document)
            except PdfError as problem:
                left_out = str(problem)
                log.error("the report of %s for %s goes without PDF: %s", period.name, recipient, problem)
        message = make_mail(
            document,
            sender=self.sender,
            recipient=recipient,
            now=datetime.fromtimestamp(self.clock(), UTC),
            period=period.name,
            pdf=pdf,
        )
        await self.send(message, recipient)
        return left_out

    def _today(self, now: float) -> date:
        """The day in the zone; before the hour it is still the one before."""
        return (datetime.fromtimestamp(now, ZoneInfo(self.zone)) - timedelta(hours=HOUR)).date()


def due(sent: str, kind: PeriodKind, today: date) -> Iterator[Period]:
    """The periods that are due, oldest first: all since the last one that was sent, or the newest where none was."""
    newest = last_whole(today, kind, delay=DELAY_DAYS)
    waiting = [newest]
    if sent:
        last = parse_period(sent)
        while waiting[0].before > last and len(waiting) < MOST_LATE:
            waiting.insert(0, waiting[0].before)
        waiting = [each for each in waiting if each > last]
    yield from waiting


def _after_failure(record: SentSummary, problem: Exception, now: float) -> SentSummary:
    backoff = Backoff(*RETRY_SECONDS)
    is_final = isinstance(problem, MailError) and problem.is_final
    wait = backoff.longest if is_final else backoff.seconds(record.failures + 1)
    return replace(
        record, problem=str(problem) or repr(problem), failures=min(record.failures + 1, 30), due_at=now + wait
    )
