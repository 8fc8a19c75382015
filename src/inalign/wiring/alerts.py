"""What the settings say of alerts, as `flow.alert` takes it: channels by mail and webhook."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from inalign.alerts.mail import MailHead, alert_mail, trial_mail
from inalign.alerts.service import Alerts, Channel, PartlyToldError
from inalign.alerts.webhook import alert_body, trial_body
from inalign.errors import Error, ParseError, SettingsError
from inalign.insight.texts import Catalogue, catalogue
from inalign.mail.domain import parse_domain
from inalign.mail.recipients import parse_recipient
from inalign.net.http import post
from inalign.net.smtp import MailError, send_mail
from inalign.settings.alerts import ChannelSettings
from inalign.settings.config import Config
from inalign.settings.secret import read_secret
from inalign.settings.tables import Settings
from inalign.store.state.control import Control
from inalign.store.state.outbox import Reach, Waiting
from inalign.wiring.relay import make_relay


class Tried(NamedTuple):
    """What became of a test message."""

    name: str
    to: str
    """The addresses, or the form of the webhook; never its address."""
    error: str
    """Empty: it arrived, as far as the other side told."""


def make_alerts(config: Config, control: Control) -> Alerts:
    """All that alerts need. Raises `SettingsError`."""
    check_alerts(config)
    return Alerts(
        control=control,
        channels=[_channel(config, table) for table in config.settings.alerts.to],
        nothing_days=config.settings.alerts.nothing_days,
    )


def check_alerts(config: Config) -> None:
    """Raises `SettingsError` with file, line and key."""
    for number, table in enumerate(config.settings.alerts.to):
        key = f"alerts.to[{number}]"
        if not table.name:
            raise config.error(f"{key}.name", "it is required")
        if bool(table.mail) == bool(table.url):
            raise config.error(key, "it needs either mail or url")
        if table.mail and not config.settings.mail.host:
            raise config.error(f"{key}.mail", "mail.host is required to send mail")
        for address in table.mail:
            _check_address(config, address, f"{key}.mail")
        for domain in table.domains:
            try:
                parse_domain(domain.rstrip("."))
            except ParseError as problem:
                raise config.error(f"{key}.domains", problem) from None
    for name, count in Counter(table.name for table in config.settings.alerts.to).items():
        if count > 1:
            raise config.error("alerts.to", f"{count} of them are called {name!r}")


def _check_address(config: Config, address: str, key: str) -> None:
    try:
        parse_recipient(address)
    except ParseError as problem:
        raise config.error(key, problem) from None


async def try_channels(config: Config, names: Sequence[str] = ()) -> list[Tried]:
    """Send a test message to each channel, or to those named. Raises `SettingsError`."""
    check_alerts(config)
    known = {table.name: table for table in config.settings.alerts.to}
    for name in names:
        if name not in known:
            raise SettingsError(f"there is no channel {name!r}; known are: {', '.join(known) or 'none'}")
    tried = []
    for table in known.values():
        if names and table.name not in names:
            continue
        say = _words(config.settings, table)
        try:
            if table.mail:
                await _send(config, table, partial(trial_mail, say=say))
            else:
                await post(read_secret(table.url), trial_body(table.form, _url(config.settings), say))
        except Error as problem:
            tried.append(Tried(table.name, _to(table), str(problem)))
        else:
            tried.append(Tried(table.name, _to(table), ""))
    return tried


def _to(table: ChannelSettings) -> str:
    return ", ".join(table.mail) or table.form


def _channel(config: Config, table: ChannelSettings) -> Channel:
    say = _words(config.settings, table)
    url = _url(config.settings)

    async def by_mail(waiting: Sequence[Waiting]) -> None:
        await _send(config, table, lambda head: alert_mail(waiting, head, say))

    async def by_hook(waiting: Sequence[Waiting]) -> None:
        await post(await asyncio.to_thread(read_secret, table.url), alert_body(waiting, table.form, url, say))

    domains = tuple(str(parse_domain(domain.rstrip("."))) for domain in table.domains) or None
    return Channel(Reach(table.name, domains), by_mail if table.mail else by_hook)


async def _send(config: Config, table: ChannelSettings, make: Callable[[MailHead], bytes]) -> None:
    sender = config.settings.mail.sender
    head = MailHead(
        sender=sender,
        recipients=table.mail,
        now=datetime.now(UTC),
        message_id=f"{secrets.token_hex(16)}@{sender.rpartition('@')[2]}",
        url=_url(config.settings),
    )
    relay = await asyncio.to_thread(make_relay, config)
    try:
        await send_mail(make(head), sender, table.mail, relay)
    except MailError as problem:
        if problem.refused:
            raise PartlyToldError(str(problem)) from None
        raise


def _words(settings: Settings, table: ChannelSettings) -> Catalogue:
    return catalogue(table.language or settings.insight.language or "en")


def _url(settings: Settings) -> str:
    return settings.web.url.rstrip("/")
