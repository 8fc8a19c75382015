"""What the milter's workers need to sign: keys and options; and whom they have warned already."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from inalign.flow.hazards import CURES, Hazard
from inalign.flow.key_dns import PublishedKeys
from inalign.flow.key_finder import Choice, KeyFinder
from inalign.flow.send import DnsCheck, SendingOptions, Sent
from inalign.mail.recipients import Recipients
from inalign.milterd.eager import begin
from inalign.resolver import Resolver

log = logging.getLogger("inalign.signing")

MAX_WARNED = 10_000
"""Senders that are remembered to have been warned about; of more the ones longest silent are warned about again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealer:
    """What seals mail that is handed on, with ARC."""

    finder: KeyFinder
    """Knows one key, whoever the author is."""
    only_forwarded: bool
    """Whether mail is left alone that stays on this host, as far as the MTA tells by `{rcpt_mailer}`."""
    count: Callable[[str], None] = lambda _: None
    """Told of each message: `sealed`, or why not."""


class OutboundSigner:
    """The signing part of one worker."""

    def __init__(
        self,
        finder: KeyFinder,
        options: SendingOptions,
        *,
        except_recipients: Recipients | None = None,
        count: Callable[[Sent], None] = lambda _: None,
        count_own_domain: Callable[[], None] = lambda: None,
    ) -> None:
        """`count` is told of each message of our own, `count_own_domain` of each forged one in our name."""
        self.finder = finder
        self.options = options
        self.except_recipients = except_recipients or Recipients()
        self.count = count
        self.count_own_domain = count_own_domain
        self.published = PublishedKeys()
        self._warned: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._checks: dict[str, asyncio.Task[None]] = {}

    def look_up(self, choices: Iterable[Choice], resolver: Callable[[], Resolver], now: datetime) -> None:
        """Have DNS asked for the keys that were not looked up lately; nobody waits for it here."""
        if self.options.dns_check is DnsCheck.OFF:
            return
        for choice in choices:
            name = choice.key.key_name
            if name not in self._checks and self.published.is_due(choice.key, now):
                check = begin(self._look_up(choice, resolver(), now))
                if check is not None:
                    self._checks[name] = check
                    check.add_done_callback(partial(self._looked_up, name))

    def _looked_up(self, name: str, _: asyncio.Task[None]) -> None:
        self._checks.pop(name, None)

    async def _look_up(self, choice: Choice, resolver: Resolver, now: datetime) -> None:
        problem = await self.published.problem(choice.key, resolver, now)
        if problem is not None and self.is_first(choice.key.key_name, problem):
            use = "is not used" if self.options.dns_check is DnsCheck.REQUIRE else "signs all the same"
            log.warning("%s; the key of %s %s", problem, choice.rule, use)

    def warn(self, queue_id: str, author: str | None, hazards: Iterable[Hazard]) -> None:
        """Tell of what the mail server may change, once for each sender."""
        for hazard in sorted(hazards):
            if self.is_first(author or "-", hazard):
                level = logging.INFO if hazard is Hazard.EIGHT_BIT else logging.WARNING
                log.log(level, "%s: mail of %s has %s: %s", queue_id, author, hazard, CURES[hazard])

    def is_first(self, who: str, what: str) -> bool:
        """Whether nobody has been told this yet."""
        key = who, what
        if key in self._warned:
            self._warned.move_to_end(key)
            return False
        self._warned[key] = None
        if len(self._warned) > MAX_WARNED:
            self._warned.popitem(last=False)
        return True
