"""A name server whose every answer is late, and which can be dead for some domains; for the strangers and the zone.

    python bench/slow_dns.py CORPUS [--delay SECONDS] [--dead N [--rcode CODE]]

Listens on 127.0.0.1:53, UDP. `--dead N`: no answer for the names of each stranger whose number N divides, or with
`--rcode` that code in place of silence (2 is SERVFAIL). Ends on SIGTERM.
"""

from __future__ import annotations

import argparse
import collections
import json
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import strangers

TYPES = {1: "A", 12: "PTR", 15: "MX", 16: "TXT"}
TTL = 300
NOERROR, NXDOMAIN = 0, 3
AT_ONCE = 64
"""Questions that are read before due answers are looked at again."""


class Question(NamedTuple):
    """One query, as far as it matters here."""

    head: bytes
    name: str
    kind: int
    section: bytes
    has_edns: bool


class Names:
    """All that DNS has."""

    def __init__(self, corpus: Path, dead: int, rcode: int | None) -> None:
        self.zone: dict[str, strangers.Records] = json.loads((corpus / "zone.json").read_text())
        self.keys: list[str] = json.loads((corpus / "strangers.json").read_text())
        self.dead = dead
        self.rcode = rcode

    def answer(self, question: Question) -> bytes | None:
        """The whole packet; None for silence."""
        number = strangers.number_of(question.name)
        if self.dead and number is not None and number % self.dead == 0:
            return None if self.rcode is None else _packet(question, self.rcode, [])
        found = self.zone.get(question.name)
        if found is None:
            found = strangers.records(question.name, self.keys)
        if found is None:
            return _packet(question, NXDOMAIN, [])
        kind = TYPES.get(question.kind, "")
        return _packet(question, NOERROR, [_rdata(kind, value) for value in found.get(kind, ())])


def parse(packet: bytes) -> Question | None:
    """The question of a query; None for what is none."""
    labels = []
    at = 12
    try:
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]])
            at += 1 + packet[at]
        (kind,) = struct.unpack_from(">H", packet, at + 1)
    except (IndexError, struct.error):
        return None
    name = b".".join(labels).lower().decode("latin-1")
    return Question(packet[:4], name, kind, packet[12 : at + 5], packet[10:12] != b"\0\0")


def _packet(question: Question, rcode: int, answers: Sequence[bytes]) -> bytes:
    flags = struct.pack(">BB", 0x84 | question.head[2] & 1, 0x80 | rcode)
    counts = struct.pack(">4H", 1, len(answers), 0 if answers else 1, question.has_edns)
    records = [b"\xc0\x0c" + struct.pack(">HHIH", question.kind, 1, TTL, len(rdata)) + rdata for rdata in answers]
    if not answers:  # an SOA of the root says how long "there is none" may be kept
        soa = b"\0\0" + struct.pack(">5I", 1, 3600, 600, 86400, TTL)
        records = [b"\0" + struct.pack(">HHIH", 6, 1, TTL, len(soa)) + soa]
    edns = b"\0\0\x29\x10\0\0\0\0\0\0\0" if question.has_edns else b""
    return question.head[:2] + flags + counts + question.section + b"".join(records) + edns


def _rdata(kind: str, value: object) -> bytes:
    match kind, value:
        case "A", str():
            return socket.inet_aton(value)
        case "PTR", str():
            return _wire(value)
        case "MX", [int(preference), str(exchange)]:
            return struct.pack(">H", preference) + _wire(exchange)
    text = str(value).encode()
    return b"".join(bytes([len(text[at : at + 255])]) + text[at : at + 255] for at in range(0, len(text), 255))


def _wire(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def serve(names: Names, delay: float) -> None:
    """Answer until the process is ended; the delay is the same for all, so that answers leave in their order."""
    server = socket.socket(type=socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    server.bind(("127.0.0.1", 53))
    server.setblocking(False)
    poll = select.epoll()
    poll.register(server, select.EPOLLIN)
    due: collections.deque[tuple[float, bytes, tuple[str, int]]] = collections.deque()
    while True:
        now = time.monotonic()
        while due and due[0][0] <= now:
            _, packet, client = due.popleft()
            server.sendto(packet, client)
        poll.poll(max(0.0, due[0][0] - now) if due else 1.0)
        for _ in range(AT_ONCE):
            try:
                packet, client = server.recvfrom(4096)
            except BlockingIOError:
                break
            question = parse(packet)
            answer = names.answer(question) if question is not None else None
            if answer is not None:
                due.append((time.monotonic() + delay, answer, client))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds from each question to its answer")
    parser.add_argument("--dead", type=int, default=0)
    parser.add_argument("--rcode", type=int)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(Names(chosen.corpus, chosen.dead, chosen.rcode), chosen.delay)


if __name__ == "__main__":
    main()
