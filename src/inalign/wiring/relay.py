"""What the settings say of the mail that we send ourselves, as `transport.smtp` takes it; and what is wrong with it."""

from __future__ import annotations

import socket

from inalign.intake.oauth import is_loopback
from inalign.net.smtp import Relay
from inalign.settings.config import Config
from inalign.settings.secret import read_secret


def check_mail(config: Config) -> None:
    """Raises `SettingsError` with file, line and key, where a relay is set that cannot be used."""
    table = config.settings.mail
    if not table.host:
        return
    if not table.sender or "@" not in table.sender:
        raise config.error("mail.sender", "with mail.host an address is required")
    if bool(table.user) != bool(table.password):
        raise config.error("mail", "user and password belong together")
    if table.password and table.tls == "none" and not is_loopback(table.host):
        raise config.error("mail.tls", "a password would be sent in the clear")


def make_relay(config: Config) -> Relay:
    """The relay, with its password read now, so that one that was changed is taken at the next mail.

    Raises `SettingsError` where none is set, `TransportError` where the password is not there.
    """
    check_mail(config)
    table = config.settings.mail
    if not table.host:
        raise config.error("mail.host", "it is required to send mail")
    return Relay(
        host=table.host,
        port=table.port,
        tls=table.tls,
        ca_file=config.relative(table.ca_file) if table.ca_file else None,
        user=table.user,
        password=read_secret(table.password) if table.password else "",
        hostname=socket.gethostname(),
    )
