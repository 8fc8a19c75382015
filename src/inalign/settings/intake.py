"""The settings of where reports come from, one class a table; all of it is off by default."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from inalign.settings.secret import FORM

_NAME = Meta(
    pattern=r"^[A-Za-z0-9._-]{0,64}$",
    description="A name of your choice, under which its state and last error are shown. Required.",
)
_MAX_BYTES = 1 << 30


class ListenerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A listener that takes mail for the report addresses itself, so that no mailbox is needed (docs/intake.md)."""

    lmtp: Annotated[
        list[str],
        Meta(description="Sockets for LMTP, from a mail server of ours: inet:HOST:PORT or unix:/PATH. Empty: none."),
    ] = field(default_factory=list)
    smtp: Annotated[
        list[str],
        Meta(description="Sockets for SMTP, from anybody, such as inet:0.0.0.0:25. Empty: none."),
    ] = field(default_factory=list)
    addresses: Annotated[
        list[str],
        Meta(
            description="The addresses that rua=, ruf= and TLS-RPT records name; @rua.example.org stands for all of a "
            "domain. Mail for others gets 550. Required where there is a socket."
        ),
    ] = field(default_factory=list)
    trusted_networks: Annotated[
        list[str],
        Meta(
            description="Our own mail servers: their address is not taken for that of the sender, they may name him "
            "(XFORWARD), and no limit for each client holds for them."
        ),
    ] = field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])
    hostname: Annotated[str, Meta(description="The name in the greeting. Empty: the host name.")] = ""
    socket_mode: Annotated[
        str,
        Meta(pattern="^0[0-7]{3}$", description="Mode of a unix socket, octal; the mail server must be able to write."),
    ] = "0660"
    max_connections: Annotated[int, Meta(ge=1, le=10_000, description="Connections at a time; more get 421.")] = 100
    max_connections_per_client: Annotated[
        int, Meta(ge=1, le=10_000, description="The same, of one address that is not among trusted_networks.")
    ] = 10
    max_mails_per_minute: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Mails of such an address; more get 451.")
    ] = 60
    idle_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="How long a client may be silent. RFC 5321 section 4.5.3.2.7 asks for at least 300.",
        ),
    ] = 300.0
    certificate: Annotated[
        str, Meta(description="Certificate chain for STARTTLS, PEM; read at the start. Empty: no STARTTLS.")
    ] = ""
    key: Annotated[str, Meta(description="Its private key. Empty: it is in the same file.")] = ""


class ImapSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mailbox that is read over IMAP; there may be any number (docs/intake.md)."""

    name: Annotated[str, _NAME] = ""
    host: Annotated[str, Meta(description="The server. Required.")] = ""
    port: Annotated[int, Meta(ge=0, le=65535, description="0: 993 with tls, else 143.")] = 0
    tls: Annotated[
        Literal["tls", "starttls", "none"],
        Meta(description="tls from the start, after STARTTLS, or none, which is for servers on this host alone."),
    ] = "tls"
    ca_file: Annotated[
        str, Meta(description="Authorities of the server's certificate, PEM. Empty: those of the system.")
    ] = ""
    user: Annotated[str, Meta(description="The login. Required.")] = ""
    password: Annotated[
        str,
        Meta(
            pattern=FORM,
            description="Where its password is: env:NAME or file:/PATH. Empty: OAuth2 with the settings below.",
        ),
    ] = ""
    token_url: Annotated[
        str, Meta(description="The OAuth2 token endpoint, https. Empty: the mailbox has a password.")
    ] = ""
    grant: Annotated[
        Literal["client_credentials", "refresh_token"],
        Meta(description="What a token is given for: the application's own secret, or a token that a person allowed."),
    ] = "client_credentials"
    client_id: Annotated[str, Meta(description="The application's id.")] = ""
    client_secret: Annotated[
        str, Meta(pattern=FORM, description="Where its secret is: env:NAME or file:/PATH. Empty: it has none.")
    ] = ""
    refresh_token: Annotated[
        str,
        Meta(
            pattern=FORM,
            description="Where the refresh token is, likewise. Some servers replace it at each use: then it must be in "
            "a file that Inalign may write.",
        ),
    ] = ""
    scope: Annotated[
        str, Meta(description="What is asked for, such as https://outlook.office365.com/.default. May be empty.")
    ] = ""
    folder: Annotated[str, Meta(description="The folder.")] = "INBOX"
    after: Annotated[
        Literal["seen", "move", "delete", "keep"],
        Meta(
            description="What becomes of a mail once it is kept here. seen: unread mail is taken, and marked as read; "
            "move: all mail is taken, and moved to move_to; delete: likewise, and deleted; keep: all mail is taken "
            "once, and nothing in the mailbox changes."
        ),
    ] = "seen"
    move_to: Annotated[str, Meta(description="That folder; it is made where it is missing.")] = "Inalign"
    poll_seconds: Annotated[
        float, Meta(ge=1, le=86_400, description="How often the server is asked; with IDLE it tells by itself.")
    ] = 300.0
    idle: Annotated[bool, Meta(description="Wait for the server to tell of new mail (IDLE), where it can.")] = True


class FolderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A folder that is watched: a Maildir, or one in which others put files (docs/intake.md)."""

    name: Annotated[str, _NAME] = ""
    path: Annotated[str, Meta(description="The folder; a relative path begins where this file is. Required.")] = ""
    after: Annotated[
        Literal["move", "delete"],
        Meta(description="What becomes of a file once it is kept here: moved to the subfolder done, or deleted."),
    ] = "move"
    poll_seconds: Annotated[float, Meta(ge=1, le=86_400, description="How often it is looked at.")] = 30.0


class PushSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reports pushed over HTTP, with a token: POST /api/v1/reports (docs/intake.md)."""

    listen: Annotated[
        str,
        Meta(description="One address, such as inet:127.0.0.1:8897. TLS is a web server's in front. Empty: none."),
    ] = ""
    tokens: Annotated[
        list[str],
        Meta(description="What senders show as `Authorization: Bearer …`: env:NAME or file:/PATH, one or more."),
    ] = field(default_factory=list)
    max_bytes: Annotated[int, Meta(ge=10_000, le=_MAX_BYTES, description="Of one body; larger ones get 413.")] = (
        50 << 20
    )


class IntakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where reports come from, beside what `inalign ingest` is given."""

    authserv_ids: Annotated[
        list[str],
        Meta(
            description="Names in the Authentication-Results of our own mail server, or of the mailbox provider: what "
            "they say of a report mail is believed. They must remove such fields that come from outside (RFC 8601 "
            "section 5). - stands for a server that writes no name, as Microsoft 365 does."
        ),
    ] = field(default_factory=list)
    forwarders: Annotated[
        list[str],
        Meta(
            description="Domains that forward report mail to us, as in their envelope senders or ARC seals: behind "
            "them a broken signature proves no forgery. .example.org stands for all names below it."
        ),
    ] = field(default_factory=list)
    max_mail_bytes: Annotated[
        int,
        Meta(
            ge=100_000,
            le=_MAX_BYTES,
            description="Of a mail or file. Larger ones are refused with 552, or left where they are and told.",
        ),
    ] = 50 << 20
    imap: Annotated[list[ImapSettings], Meta(description="Mailboxes that are read over IMAP.")] = field(
        default_factory=list
    )
    folder: Annotated[list[FolderSettings], Meta(description="Folders that are watched.")] = field(default_factory=list)
    listener: ListenerSettings = field(default_factory=ListenerSettings)
    push: PushSettings = field(default_factory=PushSettings)
