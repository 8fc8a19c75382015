"""A whole receiving site in one event loop: our milter server on a socket, the live resolver, name servers of a script.

async with receiving(name_server, budget=0.4) as site:
    words = await site.deliver(fresh(), "alice@example.org")
    assert words["dmarc"] == "pass"
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial

from inalign.flow.budget import DnsBudget
from inalign.flow.inbound import InboundContext
from inalign.flow.origin import Hosts
from inalign.flow.outbound import OutboundContext
from inalign.flow.receive import VerificationOptions
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.fields import parse_message
from inalign.mail.networks import Networks
from inalign.milterd.filter import FEATURES, MailFilter
from inalign.milterd.server import MilterServer
from inalign.milterd.service import FilterContext
from inalign.net.dns import LiveResolver
from inalign.net.listen import InetAddress, listen
from tests.milter import mta
from tests.nameserver import NameServer
from tests.senders import CLIENT, TEXT, signed

PASS = {"spf": "pass", "dkim": "pass", "dmarc": "pass"}
HELO = "mail.example.org"
LONGEST = 30.0
"""Seconds after which a test has hung. No test says that something is faster than that."""


@cache  # signing takes as long as all else that a test does with a message
def fresh(text: str = TEXT, domain: str = "example.org") -> bytes:
    """A message that the domain has signed a moment ago."""
    return signed(text, domain=domain, now=datetime.now(UTC))


def commands(message: bytes, mail_from: str) -> tuple[bytes, bytes, bytes]:
    """A message as an MTA hands it over: from MAIL to DATA, the header, and the body with the end."""
    parsed = parse_message(message)
    header = b"".join(mta.header(field.name, field.value) for field in parsed.fields)
    return (
        mta.mail(f"<{mail_from}>") + mta.recipient() + mta.data(),
        header + mta.end_of_header(),
        mta.body(parsed.body) + mta.end_of_message(),
    )


@dataclass
class Site:
    """What stands behind the socket."""

    port: int
    resolver: LiveResolver

    async def deliver(
        self,
        message: bytes,
        mail_from: str,
        *,
        client: str = CLIENT,
        before_header: float = 0.0,
        before_end: float = 0.0,
    ) -> dict[str, str]:
        """Send one message on a connection of its own; the words that it was given, by method.

        Seconds pass between MAIL and the header, which MTAs hand over after the final dot, and before the body.
        """
        async with asyncio.timeout(LONGEST):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                envelope, header, body = commands(message, mail_from)
                writer.write(mta.offer() + mta.connect(address=client) + mta.helo(HELO) + envelope)
                await asyncio.sleep(before_header)
                writer.write(header)
                await asyncio.sleep(before_end)
                writer.write(body)
                return words_of(await _final_frames(reader))
            finally:
                writer.transport.abort()


@asynccontextmanager
async def receiving(
    *servers: NameServer, budget: float = 2.0, exchange: float = 1.0, iprev: bool = False
) -> AsyncIterator[Site]:
    """A site that asks these name servers, with these times in seconds (`dns.message_budget_seconds` and so on)."""
    listener = listen(InetAddress("127.0.0.1", 0))
    async with LiveResolver([server.address for server in servers], timeout=exchange) as resolver:
        hosts = Hosts(local=Networks(), relays=Networks())
        dns = DnsBudget(resolver, budget)
        options = VerificationOptions(authserv_id="mx.example.net", iprev=iprev)
        context = FilterContext(
            hosts=hosts,
            trusted_relays=Networks(),
            inbound=InboundContext(dns=dns, options=options, hosts=hosts),
            outbound=OutboundContext(dns=dns, authserv_id=options.authserv_id, protected_ids=(options.authserv_id,)),
        )
        server = MilterServer(partial(MailFilter, context=context), FEATURES)
        await server.serve(listener)
        try:
            yield Site(listener.getsockname()[1], resolver)
        finally:
            await server.close()


async def _final_frames(reader: asyncio.StreamReader) -> Sequence[tuple[str, bytes]]:
    """The frames of the answer to a message, without the offer before it."""
    frames: list[tuple[str, bytes]] = []
    while not frames or frames[-1][0] not in "acrt":
        length = int.from_bytes(await reader.readexactly(4), "big")
        frame = await reader.readexactly(length)
        frames.append((chr(frame[0]), frame[1:]))
    assert [letter for letter, _ in frames].count("a") == 1, frames
    return frames


def words_of(frames: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """The result words in the one field that these replies insert."""
    ((_, payload),) = [frame for frame in frames if frame[0] == "i"]
    name, value, _ = payload[4:].split(b"\0")
    assert name == b"Authentication-Results"
    results = parse_authentication_results(value.replace(b"\n", b"\r\n")).results
    found = {result.method: result.result for result in results}
    assert len(found) == len(results), value
    return found


async def deliver_good(site: Site) -> dict[str, str]:
    """A message that passes in everything, where DNS is well."""
    return await site.deliver(fresh(), "alice@example.org")
