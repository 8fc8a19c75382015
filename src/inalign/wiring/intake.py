"""What the settings say of where reports come from, as the sources below take it; and what is wrong with it."""

from __future__ import annotations

import socket
from collections import Counter

from inalign.authenticity.evidence import Trust
from inalign.errors import ParseError, SettingsError
from inalign.intake.folder import Folder, FolderOptions
from inalign.intake.gate import GateLimits
from inalign.intake.imap import ImapSource
from inalign.intake.imap_session import ImapOptions
from inalign.intake.listener import Listener, ListenerOptions
from inalign.intake.oauth import OAuthOptions, parse_token_url
from inalign.intake.source import IntakeSource
from inalign.mail.domain import parse_domain_list
from inalign.mail.networks import Networks
from inalign.settings.config import Config
from inalign.settings.intake import ImapSettings
from inalign.settings.tables import Settings


def make_sources(config: Config) -> list[IntakeSource]:
    """All sources; none of them does anything yet. Raises `SettingsError` with file, line and key."""
    sources: list[IntakeSource] = []
    if config.settings.intake.listener.lmtp or config.settings.intake.listener.smtp:
        sources.append(_listener(config))
    sources += [_mailbox(config, number) for number in range(len(config.settings.intake.imap))]
    sources += [_folder(config, number) for number in range(len(config.settings.intake.folder))]
    for name, count in Counter(source.name for source in sources).items():
        if count > 1:
            raise config.error("intake", f"{count} sources are called {name!r}")
    return sources


def make_trust(settings: Settings) -> Trust:
    """Whom we believe about report mail that others took in."""
    intake = settings.intake
    # Our own name, too: fields in it that come from outside are removed by our milter.
    names = [*intake.authserv_ids, *([settings.authserv_id] if settings.authserv_id else [])]
    return Trust(
        authserv_ids=frozenset(name.lower() for name in names),
        forwarders=parse_domain_list(intake.forwarders),
    )


async def try_source(config: Config, name: str) -> list[str]:
    """Look at one source without taking anything; what was seen, a line each. Raises `Error`, `OSError`."""
    sources = make_sources(config)
    for source in sources:
        if source.name == name:
            return await source.test()
    known = ", ".join(source.name for source in sources) or "none"
    raise SettingsError(f"there is no source {name!r}; known are: {known}")


def _listener(config: Config) -> Listener:
    table = config.settings.intake.listener
    key = "intake.listener.addresses"
    if not table.addresses:
        raise config.error(key, "it is required: the addresses that reports are sent to")
    try:
        return Listener(
            ListenerOptions(
                lmtp=tuple(table.lmtp),
                smtp=tuple(table.smtp),
                addresses=tuple(table.addresses),
                trusted=Networks(table.trusted_networks),
                limits=GateLimits(
                    connections=table.max_connections,
                    connections_a_client=table.max_connections_per_client,
                    mails_a_minute=table.max_mails_per_minute,
                    message_bytes=config.settings.intake.max_mail_bytes,
                ),
                idle_seconds=table.idle_seconds,
                certificate=config.relative(table.certificate) if table.certificate else None,
                key=config.relative(table.key) if table.key else None,
                socket_mode=int(table.socket_mode, 8),
                hostname=table.hostname or socket.gethostname(),
            )
        )
    except ParseError as problem:
        raise config.error("intake.listener", f"{problem}") from None


def _mailbox(config: Config, number: int) -> ImapSource:
    table = config.settings.intake.imap[number]
    key = f"intake.imap[{number}]"
    _require(config, key, name=table.name, host=table.host, user=table.user)
    if bool(table.password) == bool(table.token_url):
        raise config.error(key, "it needs either password or token_url")
    try:
        return ImapSource(
            ImapOptions(
                name=table.name,
                host=table.host,
                port=table.port,
                tls=table.tls,
                ca_file=config.relative(table.ca_file) if table.ca_file else None,
                user=table.user,
                password=table.password,
                oauth=_oauth(table, key, config) if table.token_url else None,
                folder=table.folder,
                after=table.after,
                move_to=table.move_to,
                poll_seconds=table.poll_seconds,
                idle=table.idle,
                max_bytes=config.settings.intake.max_mail_bytes,
            )
        )
    except ParseError as problem:
        raise config.error(key, f"{problem}") from None


def _oauth(table: ImapSettings, key: str, config: Config) -> OAuthOptions:
    _require(config, key, client_id=table.client_id)
    if table.grant == "refresh_token":
        _require(config, key, refresh_token=table.refresh_token)
    else:
        _require(config, key, client_secret=table.client_secret)
    parse_token_url(table.token_url)
    return OAuthOptions(
        token_url=table.token_url,
        grant=table.grant,
        client_id=table.client_id,
        client_secret=table.client_secret,
        refresh_token=table.refresh_token,
        scope=table.scope,
    )


def _folder(config: Config, number: int) -> Folder:
    table = config.settings.intake.folder[number]
    _require(config, f"intake.folder[{number}]", name=table.name, path=table.path)
    return Folder(
        FolderOptions(
            name=table.name,
            path=config.relative(table.path),
            after=table.after,
            poll_seconds=table.poll_seconds,
            max_bytes=config.settings.intake.max_mail_bytes,
        )
    )


def _require(config: Config, key: str, /, **values: str) -> None:
    for name, value in values.items():
        if not value:
            raise config.error(f"{key}.{name}", "it is required")
