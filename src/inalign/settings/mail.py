"""The settings of the mail that Inalign sends itself: alerts and reports for people."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from inalign.settings.secret import FORM


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mail server that takes the mail of Inalign itself, such as alerts (docs/alerts.md)."""

    host: Annotated[str, Meta(description="The server, such as localhost. Empty: no mail is sent.")] = ""
    port: Annotated[int, Meta(ge=0, le=65535, description="0: 587 with starttls, 465 with tls, 25 with none.")] = 0
    tls: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(
            description="starttls: always, after STARTTLS; tls: from the start; none: for servers on our own networks."
        ),
    ] = "starttls"
    ca_file: Annotated[
        str, Meta(description="Authorities of the server's certificate, PEM. Empty: those of the system.")
    ] = ""
    user: Annotated[str, Meta(description="The login. Empty: none is needed.")] = ""
    password: Annotated[
        str, Meta(pattern=FORM, description="Where its password is: env:NAME or file:/PATH; read at each mail.")
    ] = ""
    sender: Annotated[
        str,
        Meta(
            pattern=r"^[^\x00-\x20<>]*$",
            description="The address that mails come from, of a domain whose mail this server may send. Required with "
            "a host.",
        ),
    ] = ""
