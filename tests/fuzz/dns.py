"""DNS answers, and the zones that a user writes."""

from __future__ import annotations

import contextlib
import json

from inalign.errors import ParseError
from inalign.resolver import Outcome, ZoneResolver
from inalign.resolver.wire import RECORD_TYPES, Query, WireError, decode_name, encode_name, read_reply
from tests.properties.test_resolver import ask_everything

TYPES = list(RECORD_TYPES.values())
HEAD = b"\x12\x34\x81\x80\0\1\0\2\0\1\0\1"


def answer(data: bytes) -> None:
    """A DNS reply: the first octet chooses the question, and whether header and question stand there rightly."""
    choice, octets = data[0] if data else 0, data[1:]
    query: Query[object] = Query(0x1234, b"\7example\3org\0", TYPES[choice % len(TYPES)], bool(choice & 0x80))
    if choice & 0x40:
        octets = HEAD + query.question + octets
    with contextlib.suppress(WireError):
        reply = read_reply(octets, query)
        if reply.answer is not None:
            assert (reply.answer.outcome is Outcome.FOUND) == bool(reply.answer.records)
            assert reply.answer.ttl >= 0


def name(data: bytes) -> None:
    """A name that can be asked comes back as it was."""
    text = data.decode("utf-8", "surrogateescape")
    octets = encode_name(text)
    if octets is not None:
        assert len(octets) <= 255
        assert decode_name(octets) == text.removesuffix(".")


def zone_json(data: bytes) -> None:
    """A zone as JSON is refused when it is read or never."""
    try:
        zone = json.loads(data)
    except (ValueError, RecursionError):
        return
    with contextlib.suppress(ParseError):
        _ask(ZoneResolver.from_json(zone))


def master_file(data: bytes) -> None:
    """A master file is refused when it is read or never."""
    with contextlib.suppress(ParseError):
        _ask(ZoneResolver.from_master_file(data, origin="example.org"))


def _ask(zone: ZoneResolver) -> None:
    for text in ("example.org", "a.example.org", "A..b", ""):
        ask_everything(zone, text)
