"""Mail of our own goes out: one message to one relay, the mail server of ours that takes mail for everybody.

The relay queues and tries again where the other side is away; all that is told here is whether the relay took it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiosmtplib

from inalign.errors import TransportError

PORTS = {"tls": 465, "starttls": 587, "none": 25}
"""What is meant where a relay has no port."""
TIMEOUT = 60.0
"""For each answer. RFC 5321 section 4.5.3.2 asks servers for minutes; a relay of ours that takes that long is ill."""
WHOLE_TIMEOUT = 300.0
"""For the whole session, whatever the relay does."""
MAX_QUOTED = 300
"""Characters of the relay's words in an error."""

_ADDRESS = re.compile(r"[^\x00-\x20\x7f-\x9f<>\u2028\u2029]+@[^\x00-\x20\x7f-\x9f<>@\u2028\u2029]+")


class MailError(TransportError):
    """The relay did not take the message, or not for everybody."""

    def __init__(self, text: str, *, is_final: bool = False, refused: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.is_final = is_final
        """Trying the same again is of no use: the relay said 5xx."""
        self.refused = tuple(refused)
        """Who did not get it, where others did; empty: nobody has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The server that takes our mail."""

    host: str
    port: int = 0
    """0: as `tls` has it."""
    tls: Literal["tls", "starttls", "none"] = "starttls"
    ca_file: Path | None = None
    """Authorities of its certificate; None: those of the system."""
    user: str = ""
    """Empty: nobody signs in."""
    password: str = field(default="", repr=False)
    hostname: str = ""
    """What we call ourselves; empty: the host name."""
    timeout: float = TIMEOUT


async def send_mail(message: bytes, sender: str, recipients: Sequence[str], relay: Relay) -> None:
    """Hand one message over. Raises `MailError`.

    `message` is whole, with CRLF or LF. SMTPUTF8 and 8BITMIME are asked for where addresses or octets need them;
    where the relay has them not, that is a problem, and the message is never changed.
    """
    if not recipients:
        raise MailError("a mail needs a recipient", is_final=True)
    for address in (sender, *recipients):
        if not _ADDRESS.fullmatch(address):
            raise MailError(f"{address!r} is no address", is_final=True)
    try:
        async with asyncio.timeout(WHOLE_TIMEOUT):
            refused = await _hand_over(message, sender, recipients, relay)
    except aiosmtplib.SMTPRecipientsRefused as problem:
        quoted = _refusals((each.recipient, each.code, each.message) for each in problem.recipients)
        is_final = all(each.code >= 500 for each in problem.recipients)
        raise MailError(f"{relay.host} refuses all recipients: {quoted}", is_final=is_final) from None
    except aiosmtplib.SMTPAuthenticationError as problem:
        raise MailError(f"{relay.host} refuses the login of {relay.user}: {_words(problem)}") from None
    except aiosmtplib.SMTPResponseException as problem:
        raise MailError(f"{relay.host} refuses: {_words(problem)}", is_final=problem.code >= 500) from None
    except aiosmtplib.SMTPNotSupported as problem:
        raise MailError(f"{relay.host} cannot take it: {_words(problem)}", is_final=True) from None
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as problem:  # TimeoutError is an OSError
        raise MailError(f"{relay.host} cannot be reached: {_words(problem)}") from None
    except ValueError as problem:  # an address, a login or a host name that cannot be one
        raise MailError(f"the mail cannot be sent: {_words(problem)}", is_final=True) from None
    if refused:
        quoted = _refusals((who, answer.code, answer.message) for who, answer in refused.items())
        is_final = all(answer.code >= 500 for answer in refused.values())
        raise MailError(f"{relay.host} refuses some: {quoted}", is_final=is_final, refused=tuple(refused))


async def _hand_over(
    message: bytes, sender: str, recipients: Sequence[str], relay: Relay
) -> dict[str, aiosmtplib.SMTPResponse]:
    context = None if relay.tls == "none" else ssl.create_default_context(cafile=relay.ca_file)
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port or PORTS[relay.tls],
        timeout=relay.timeout,
        use_tls=relay.tls == "tls",
        start_tls=relay.tls == "starttls",
        tls_context=context,
        username=relay.user or None,
        password=relay.password if relay.user else None,
        local_hostname=relay.hostname or None,
    )
    async with client:
        await client.ehlo()
        options = _options(message, (sender, *recipients), client)
        refused, _ = await client.sendmail(sender, list(recipients), message, mail_options=options)
    return refused


def _options(message: bytes, addresses: Iterable[str], client: aiosmtplib.SMTP) -> list[str]:
    if message.isascii() and all(address.isascii() for address in addresses):
        return []
    options = []
    header = message.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    if not header.isascii() or not all(address.isascii() for address in addresses):
        options.append("SMTPUTF8")
    if not message.isascii():
        if not client.supports_extension("8bitmime"):
            raise aiosmtplib.SMTPNotSupported("8BITMIME is not supported by this server")
        options.append("BODY=8BITMIME")
    return options


def _words(problem: BaseException) -> str:
    """What the other side said, on one line and no longer than people read."""
    if isinstance(problem, aiosmtplib.SMTPResponseException):
        text = f"{problem.code} {problem.message}"
    elif isinstance(problem, TimeoutError):
        text = str(problem) or "no answer in time"
    else:
        text = str(problem) or type(problem).__name__
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:MAX_QUOTED]


def _refusals(refused: Iterable[tuple[str, int, str]]) -> str:
    return "; ".join(
        f"{who}: {_words(aiosmtplib.SMTPResponseException(code, message))}" for who, code, message in refused
    )[:MAX_QUOTED]
