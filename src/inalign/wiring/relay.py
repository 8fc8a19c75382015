"""What the settings say of the mail that we send ourselves, as `transport.smtp` takes it; and what is wrong with it."""

from __future__ import annotations

import socket
from pathlib import Path

from inalign.errors import SettingsError
from inalign.intake.oauth import is_loopback
from inalign.net.smtp import Relay
from inalign.settings.file import place
from inalign.settings.secret import read_secret
from inalign.settings.tables import Settings


def check_mail(settings: Settings, path: Path | None) -> None:
    """Raises `SettingsError` with file, line and key, where a relay is set that cannot be used."""
    told = settings.mail
    if not told.host:
        return
    if not told.sender or "@" not in told.sender:
        raise SettingsError(f"{place(path, 'mail.sender')}: mail.sender: with mail.host an address is required")
    if bool(told.user) != bool(told.password):
        raise SettingsError(f"{place(path, 'mail.user')}: mail: user and password belong together")
    if told.password and told.tls == "none" and not is_loopback(told.host):
        raise SettingsError(f"{place(path, 'mail.tls')}: mail.tls: a password would be sent in the clear")


def make_relay(settings: Settings, path: Path | None) -> Relay:
    """The relay, with its password read now, so that one that was changed is taken at the next mail.

    Raises `SettingsError` where none is set, `TransportError` where the password is not there.
    """
    check_mail(settings, path)
    told = settings.mail
    if not told.host:
        raise SettingsError(f"{place(path, 'mail')}: mail.host: it is required to send mail")
    base = path.absolute().parent if path is not None else Path.cwd()
    return Relay(
        host=told.host,
        port=told.port,
        tls=told.tls,
        ca_file=base / told.ca_file if told.ca_file else None,
        user=told.user,
        password=read_secret(told.password) if told.password else "",
        hostname=socket.gethostname(),
    )
