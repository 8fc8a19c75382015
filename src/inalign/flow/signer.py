"""The signing part of one process: key finder and options, the keys known to be in DNS, and the warnings given."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from inalign.flow.eager import start_eagerly
from inalign.flow.hazards import CURES, Hazard
from inalign.flow.key_dns import PublishedKeys
from inalign.flow.key_finder import Choice, KeyFinder
from inalign.flow.send import DnsCheck, SendingOptions
from inalign.mail.recipients import Recipients
from inalign.resolver import Resolver

log = logging.getLogger("inalign.signing")

MAX_WARNED = 10_000
"""Warnings that are remembered; beyond that the oldest is forgotten, and may be logged again."""


class OutboundSigner:
    """Signs mail of our own in one process, and remembers what it has warned about."""

    def __init__(
        self,
        finder: KeyFinder,
        options: SendingOptions,
        *,
        except_recipients: Recipients | None = None,
    ) -> None:
        """Mail that goes to `except_recipients` only is not signed."""
        self.finder = finder
        self.options = options
        self.except_recipients = except_recipients or Recipients()
        self.published = PublishedKeys()
        self._warned: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._checks: dict[str, asyncio.Task[None]] = {}

    def look_up(self, choices: Iterable[Choice], resolver: Callable[[], Resolver], now: datetime) -> None:
        """Start to look up the key records that were not looked up lately; the message does not wait for them."""
        if self.options.dns_check is DnsCheck.OFF:
            return
        for choice in choices:
            name = choice.key.key_name
            if name not in self._checks and self.published.is_due(choice.key, now):
                check = start_eagerly(self._look_up(choice, resolver(), now))
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
        """Log what a mail server may change in the message, once for each author and hazard."""
        for hazard in sorted(hazards):
            if self.is_first(author or "-", hazard):
                level = logging.INFO if hazard is Hazard.EIGHT_BIT else logging.WARNING
                log.log(level, "%s: mail of %s has %s: %s", queue_id, author, hazard, CURES[hazard])

    def is_first(self, who: str, what: str) -> bool:
        """Return whether this was not logged about this key or author before, and remember it."""
        key = who, what
        if key in self._warned:
            self._warned.move_to_end(key)
            return False
        self._warned[key] = None
        if len(self._warned) > MAX_WARNED:
            self._warned.popitem(last=False)
        return True
