"""Scripts of a name server that answers for bad.example, in every way that an answer can be wrong.

`ZONE` has good records for it, and for example.org; most scripts send the right answer but for one thing.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

from tests.nameserver import NameServer, Question, Script, Step, records, reply, say, soa, txt
from tests.senders import key_record
from tests.senders import records as good_records

BAD = "bad.example"
KEY = f"s1._domainkey.{BAD}"
ZONE: Mapping[str, Mapping[str, object]] = good_records() | {
    BAD: {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
    f"_dmarc.{BAD}": {"TXT": ["v=DMARC1; p=reject"]},
    KEY: {"TXT": [key_record()]},
}

Change = Callable[[dns.message.Message], object]


def right(question: Question) -> dns.message.Message:
    """What the zone says."""
    texts = ZONE.get(question.name, {}).get("TXT", ())
    assert isinstance(texts, Sequence)
    return reply(question, *(txt(question.name, str(text)) for text in texts))


def answer(question: Question) -> list[Step]:
    return [Step(right(question).to_wire(max_size=65535))]


def changed(change: Change) -> Script:
    """The right answer, but for one thing."""

    def script(question: Question) -> list[Step]:
        message = right(question)
        change(message)
        return [Step(message.to_wire(max_size=65535))]

    return script


def spoilt(spoil: Callable[[bytes], bytes]) -> Script:
    """The octets of the right answer, spoilt."""
    return lambda question: [Step(spoil(step.octets)) for step in answer(question)]


def each(*scripts: Script) -> Script:
    """What all of these send, one after another."""
    return lambda question: [step for script in scripts for step in script(question)]


def over_tcp(script: Script) -> Script:
    """Truncated over UDP, and over TCP what the script says."""
    return lambda asked: say(asked, flags=dns.flags.TC) if asked.transport == "udp" else script(asked)


def first(script: Script, then: Script) -> Script:
    return lambda question: script(question) if question.times == 0 else then(question)


def elsewhere(where: Literal["port", "address"]) -> Script:
    return lambda question: [replace(step, from_elsewhere=where) for step in answer(question)]


def half(question: Question) -> list[Step]:
    return [replace(step, half=True) for step in answer(question)]


def asked_about(name: str, kind: str = "TXT", of_class: str = "IN") -> Change:
    def change(message: dns.message.Message) -> None:
        message.question = [dns.rrset.from_text(name, 0, of_class, kind)]

    return change


def with_ttl(ttl: int) -> Script:
    """A TTL that dnspython would not write."""
    return lambda question: [
        Step(octets.replace(b"\0\0\x01\x2c", ttl.to_bytes(4, "big"))) for octets in _wire(question)
    ]


def _wire(question: Question) -> list[bytes]:
    return [step.octets for step in answer(question)]


def chain(length: int, *, is_loop: bool = False) -> Script:
    """CNAMEs in one answer; at the end the records, or the first name again."""

    def script(question: Question) -> list[Step]:
        names = [question.name, *(f"c{number}.{BAD}" for number in range(1, length)), f"end.{BAD}"]
        if is_loop:
            names[-1] = names[0]
        links = [records(here, "CNAME", there + ".") for here, there in itertools.pairwise(names)]
        end = [] if is_loop else [txt(names[-1], str(text)) for text in _texts(question.name)]
        return say(question, *links, *end)

    return script


def chain_of_answers(length: int | None) -> Script:
    """One CNAME an answer; None never ends."""

    def script(question: Question) -> list[Step]:
        head, _, rest = question.name.partition("--")
        number = int(head) if rest else 0
        name = rest or question.name
        if number == length:
            return say(question, *(txt(question.name, str(text)) for text in _texts(name)))
        return say(question, records(question.name, "CNAME", f"{number + 1 if length else 1 - number}--{name}."))

    return script


def _texts(name: str) -> Sequence[object]:
    texts = ZONE[name]["TXT"]
    assert isinstance(texts, Sequence)
    return texts


def beside(*others: str) -> Script:
    """The right record among others; a key must stand alone (RFC 6376 section 3.6.2.2), so it has a long note."""
    made: dict[str, bytes] = {}

    def make(question: Question) -> bytes:
        if question.name == KEY:
            return reply(question, txt(KEY, f"{key_record()}; n={''.join(others)}")).to_wire(max_size=65535)
        message = right(question)
        message.answer.extend(txt(question.name, other) for other in others)
        return message.to_wire(max_size=65535)

    def script(question: Question) -> list[Step]:
        if question.name not in made:
            made[question.name] = make(question)
        return [Step(question.message.id.to_bytes(2, "big") + made[question.name][2:])]

    return script


def pointers(shape: str) -> Callable[[bytes], bytes]:
    """A compressed owner that points to itself, to and fro, ahead, or back over thousands of pointers."""

    def spoil(octets: bytes) -> bytes:
        head, question = octets[:12], octets[12 : octets.index(b"\0\0\x10\0\1", 12) + 5]
        at = len(head) + len(question)
        here, next_to_it = (0xC000 | at).to_bytes(2, "big"), (0xC000 | at + 2).to_bytes(2, "big")
        fixed = b"\0\x10\0\1\0\0\0\x3c\0\2\1x"
        rest = {"itself": here + fixed, "to and fro": next_to_it + here + fixed, "ahead": b"\xff\xff" + fixed}.get(
            shape
        )
        if rest is None:
            data = b"\0\0" + b"".join((0xC000 | place).to_bytes(2, "big") for place in range(at + 11, 16_000, 2))
            last = (0xC000 | at + 11 + len(data) - 2).to_bytes(2, "big")
            rest = b"\0\0\x0a\0\1\0\0\0\x3c" + len(data).to_bytes(2, "big") + data + (last + fixed) * 3000
            return head[:6] + (3001).to_bytes(2, "big") + b"\0\0\0\0" + question + rest
        return head[:6] + b"\0\1\0\0\0\0" + question + rest

    return spoil


def garbage(_question: Question) -> list[Step]:
    return [Step(os.urandom(length)) for length in (1, 2, 11, 12, 40, 512, 4096)]


def no_question(message: dns.message.Message) -> None:
    message.question = []


def other_identifier(message: dns.message.Message) -> None:
    message.id ^= 1


def no_response(message: dns.message.Message) -> None:
    message.flags &= ~dns.flags.QR


def other_owner(message: dns.message.Message) -> None:
    for rrset in message.answer:
        rrset.name = dns.name.from_text("victim.example.")


def other_class(octets: bytes) -> bytes:
    return octets.replace(b"\xc0\x0c\0\x10\0\1", b"\xc0\x0c\0\x10\0\3")


def upper_case_question(octets: bytes) -> bytes:
    return octets[:12] + octets[12:40].replace(b"bad", b"BAD") + octets[40:]


def denial(rcode: dns.rcode.Rcode, *, with_soa: bool) -> Script:
    return lambda question: say(question, authority=[soa(BAD)] if with_soa else [], rcode=rcode)


def play(server: NameServer, script: Script) -> None:
    """Let the script answer for bad.example, and the zone for everything else."""
    server.on("*", "TXT", lambda asked: script(asked) if asked.name.endswith(BAD) else server._from_zone(asked))
