"""What the settings say of the mail that we send ourselves, as `transport.smtp` takes it; and what is wrong with it."""

from __future__ import annotations

import socket

from inalign.intake.oauth import is_loopback
from inalign.net.smtp import Relay
from inalign.settings.config import Config
from inalign.settings.secret import read_secret


def check_mail(config: Config) -> None:
    """Raises `SettingsError` with file, line and key, where a relay is set that cannot be used."""
    told = config.settings.mail
    if not told.host:
        return
    if not told.sender or "@" not in told.sender:
        raise config.error("mail.sender", "with mail.host an address is required")
    if bool(told.user) != bool(told.password):
        raise config.error("mail", "user and password belong together")
    if told.password and told.tls == "none" and not is_loopback(told.host):
        raise config.error("mail.tls", "a password would be sent in the clear")


def make_relay(config: Config) -> Relay:
    """The relay, with its password read now, so that one that was changed is taken at the next mail.

    Raises `SettingsError` where none is set, `TransportError` where the password is not there.
    """
    check_mail(config)
    told = config.settings.mail
    if not told.host:
        raise config.error("mail.host", "it is required to send mail")
    base = config.folder
    return Relay(
        host=told.host,
        port=told.port,
        tls=told.tls,
        ca_file=base / told.ca_file if told.ca_file else None,
        user=told.user,
        password=read_secret(told.password) if told.password else "",
        hostname=socket.gethostname(),
    )
