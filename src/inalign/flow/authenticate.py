"""Authenticate one whole message: the library's and the command line's way in, on the same path as the milter's."""

from __future__ import annotations

from datetime import datetime

from inalign.flow.receive import Reception, VerificationOptions, check_client
from inalign.flow.verdict import Envelope, Verdict
from inalign.mail.fields import Message, parse_message
from inalign.resolver import Resolver


async def authenticate(
    message: bytes,
    envelope: Envelope,
    resolver: Resolver,
    *,
    now: datetime,
    authserv_id: str,
    legacy_crypto: bool = False,
) -> Verdict:
    """Check SPF, DKIM, ARC and DMARC for a message and write its Authentication-Results.

    `message` is what crosses SMTP; where no CRLF occurs in it, each LF counts as one. `now` is an aware datetime
    (ValueError otherwise). Raises nothing for anything that the message, the envelope or DNS can do.
    """
    options = VerificationOptions(authserv_id=authserv_id, legacy_crypto=legacy_crypto)
    return await authenticate_with(message, envelope, resolver, options, now=now)


async def authenticate_with(
    message: bytes, envelope: Envelope, resolver: Resolver, options: VerificationOptions, *, now: datetime
) -> Verdict:
    """Authenticate the octets of a message by the options of an operator; see `authenticate`."""
    return await authenticate_message(parse_message(message), envelope, resolver, options, now=now)


async def authenticate_message(
    parsed: Message, envelope: Envelope, resolver: Resolver, options: VerificationOptions, *, now: datetime
) -> Verdict:
    """Authenticate a message that is parsed already. Raises `ValueError` where `now` is not aware."""
    if now.tzinfo is None:
        raise ValueError("now must be an aware datetime, such as datetime.now(UTC)")
    # First the header, since that names the keys and records to expect; SPF is looked up while they are on their way.
    reception = Reception(parsed.fields, resolver, options, now=now)
    reception.body(parsed.body)
    client = await check_client(envelope, resolver, options, now=now)
    return await reception.verdict(client, resolver)
