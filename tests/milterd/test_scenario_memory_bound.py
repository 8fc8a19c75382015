"""What one connection may hold in memory, whatever is sent: all its buffers full at the same time."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Iterable

import pytest

from inalign.flow.receive import Reception, VerificationOptions
from inalign.mail.fields import make_field
from inalign.milter.messages import Command, EndOfHeader, Event
from inalign.milter.session import MilterSession
from inalign.milterd.filter import FEATURES
from tests.helpers import NOW, zone
from tests.milter import mta

READ_OCTETS = 250_000
MOST_OCTETS = 16_000_000
"""The worst of these takes 11 MB: ten signatures with eighteen thousand names each. docs/operations.md names it."""


def full(command: Command) -> bytes:
    return mta.macros(command, x="y" * 65_000)


def feed(session: MilterSession, wire: bytes) -> list[Event]:
    events: list[Event] = []
    for at in range(0, len(wire), READ_OCTETS):
        session.receive(wire[at : at + READ_OCTETS])
        events += session.events()
        session.data_to_send()
    return events


def fill(header: Iterable[bytes]) -> tuple[MilterSession, Reception]:
    """A message with its macros, its header, and all but the last octet of the longest frame."""
    session = MilterSession(FEATURES)
    feed(session, mta.offer())
    feed(session, full(Command.CONNECT) + mta.connect() + full(Command.HELO) + mta.helo())
    feed(session, full(Command.MAIL) + mta.mail() + full(Command.RECIPIENT) + mta.recipient())
    feed(session, full(Command.DATA) + mta.data() + full(Command.HEADER))
    for field in header:
        feed(session, field)
    (event,) = feed(session, full(Command.END_OF_HEADER) + mta.end_of_header())
    assert isinstance(event, EndOfHeader)
    assert session.macros.get("nothing") is None  # all of them are read now
    fields = [make_field(field.name, field.value) for field in event.fields]
    reception = Reception(fields, zone({}), VerificationOptions(authserv_id="a"), now=NOW, dropped_fields=event.dropped)
    feed(session, mta.body(bytes((1 << 20) - 2))[:-1])
    assert session.buffered > 1_000_000
    return session, reception


NAMES = b"from:" * 18_000


@pytest.mark.parametrize(
    ("count", "name", "value"),
    [
        (5_500, b"X-Filler", b" " + b"z" * 190),
        (50_000, b"X", b" "),
        (12, b"X-Filler", b" " + b"z" * 95_000),
        (12, b"DKIM-Signature", b" v=1; a=rsa-sha256; d=example.org; s=s; bh=AAAA; b=AAAA; h=" + NAMES + b"from"),
        (1_200, b"ARC-Seal", b" i=1; a=rsa-sha256; cv=none; d=example.org; s=s; b=" + b"A" * 700),
        (12, b"From", b" " + b"a@b.example, " * 7_000),
    ],
    ids=["many-fields", "tiny-fields", "large-fields", "signatures", "seals", "authors"],
)
def test_no_message_makes_a_connection_hold_more(count: int, name: bytes, value: bytes) -> None:
    fill([mta.header(b"X-First", b" so that all is imported")])
    gc.collect()
    tracemalloc.start()
    try:
        held = fill(mta.header(name, value) for _ in range(count))
        gc.collect()
        octets, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held
    sys.stdout.write(f"{octets / 1e6:.1f} MB\n")
    assert octets < MOST_OCTETS
