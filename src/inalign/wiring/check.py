"""Checks a configuration as a whole. What `check` accepts, starts: `config check`, every start and SIGHUP call it."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from inalign.errors import Error, ParseError, SettingsError
from inalign.net.listen import parse_address
from inalign.process.privileges import find_account
from inalign.reportd.dnsbl import LIST_NAME
from inalign.settings.config import Config
from inalign.settings.secret import FORM
from inalign.store.load.geoip import Places
from inalign.wiring.alerts import check_alerts
from inalign.wiring.assessment import make_directory
from inalign.wiring.intake import make_sources, make_trust
from inalign.wiring.milter import (
    addresses,
    make_options,
    make_own_macros,
    make_resolver,
    monitor_address,
    socket_account,
)
from inalign.wiring.relay import check_mail
from inalign.wiring.signing import (
    make_except_recipients,
    make_key_options,
    make_sealing_key,
    make_sending_options,
    refuse,
    signing_faults,
)
from inalign.wiring.store import asn_database
from inalign.wiring.summaries import check_summaries


def check(config: Config) -> None:
    """Raise `SettingsError`, with file, line and key, for the first setting that no part can be built from.

    Nothing is opened but files that are read, and nothing is bound: an address in use is found at the start.
    """
    try:
        _check_milter(config)
        _check_reports(config)
        _check_web(config)
    except SettingsError as problem:
        raise config.located(problem) from None
    refuse(signing_faults(config, with_keys=False))


def _check_milter(config: Config) -> None:
    settings = config.settings
    make_options(settings)
    make_resolver(settings)
    named = [*addresses(settings), monitor_address(settings)]
    if len(set(named)) < len(named):
        raise config.error("milter.listen", "an address is named twice, here or in telemetry.listen")
    find_account(settings.user, settings.group)
    socket_account(settings)
    make_key_options(config)
    make_sealing_key(config)
    make_sending_options(settings)
    make_own_macros(settings)
    make_except_recipients(settings)


def _check_reports(config: Config) -> None:
    settings = config.settings
    make_sources(config)
    make_trust(settings)
    make_directory(config)
    for name in settings.insight.dnsbl:
        if not LIST_NAME.fullmatch(name):
            raise config.error("insight.dnsbl", f"{name!r} is not a domain name in lower case")
    check_mail(config)
    check_alerts(config)
    check_summaries(config)
    database = asn_database(config)
    try:
        Places(database)
    except Error as problem:
        raise config.error("store.asn_database", problem) from None


def _check_web(config: Config) -> None:
    settings = config.settings
    push = settings.intake.push
    for key, text in (("web.listen", settings.web.listen), ("intake.push.listen", push.listen)):
        try:
            if text:
                parse_address(text)
        except ParseError as problem:
            raise config.error(key, problem) from None
    if settings.web.time_zone not in available_timezones():
        raise config.error(
            "web.time_zone", f"{settings.web.time_zone!r} is not a time zone; expected one such as Asia/Tokyo"
        )
    if settings.web.oidc.issuer:
        from inalign.wiring.web import make_provider, make_web_options  # noqa: PLC0415 - it loads optional libraries

        make_provider(config)
        make_web_options(settings, loopback=False)
    if push.listen and not push.tokens:
        raise config.error("intake.push.listen", "intake.push.tokens is empty: without a token nobody may push")
    for token in push.tokens if push.listen else ():
        if not re.match(FORM, token):
            raise config.error("intake.push.tokens", "a token is written as env:NAME or file:/PATH, not itself")
