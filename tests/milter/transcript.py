r"""Transcripts of milter conversations: text files that are run against a session.

    # a comment
    wanted actions=ADD_HEADER,CHANGE_HEADER events=CONNECT,MAIL replies=MAIL watched=authentication-results
    limits header_fields=2
    > O 00000006 000001ff 001fffff       a frame of the MTA: letter, then hex octets and quoted text
    < O 00000006 00000011 001ff788       a frame of the filter, which must come at this point
    = Helo(name='mail.example.org')      an event, as Python writes it
    ? i 4B12345                          a macro that must have this value now; without a value: must not be there
    ! ACCEPT                             the answer; before it, edits of the message
    ! insert 0 X-Test "one\n\ttwo"       (add, insert, change, delete, quarantine)
    ! reply 550 5.7.1 "text"
    ! progress
    error the text of the error          the MTA's frames before it must raise this

In quoted text, \0 \n \r \t \" \\ and \xNN are escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from inalign.milter import replies
from inalign.milter.limits import LIMITS, MilterLimits
from inalign.milter.messages import Action, Command
from inalign.milter.negotiation import MacroList, RequiredFeatures
from inalign.milter.replies import Edit
from tests.helpers import VECTORS
from tests.milter.mta import frame

FOLDER = VECTORS / "milter"
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_PLAIN_ESCAPES = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@dataclass
class Exchange:
    """What the MTA sends up to the next answer, and all that must come of it."""

    sent: list[bytes] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    macros: list[tuple[str, str | None]] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    reply: replies.MilterReply | None = None
    is_progress: bool = False
    error: str | None = None


@dataclass
class Transcript:
    """One conversation."""

    wanted: RequiredFeatures = field(default_factory=RequiredFeatures)
    limits: MilterLimits = LIMITS
    exchanges: list[Exchange] = field(default_factory=list)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.transcript"))


def read(name: str) -> Transcript:
    return parse((FOLDER / f"{name}.transcript").read_text("utf-8"))


def parse(text: str) -> Transcript:
    """A new exchange begins with the first frame of the MTA behind anything else."""
    transcript = Transcript()
    exchange: Exchange | None = None
    may_send = False
    for line in text.splitlines():
        mark, _, rest = line.partition(" ")
        if not line or mark == "#":
            continue
        if mark == "wanted":
            transcript.wanted = _wanted(rest)
        elif mark == "limits":
            transcript.limits = MilterLimits(**{key: int(value) for key, value in _settings(rest)})
        elif mark == ">":
            if exchange is None or not may_send:
                exchange = Exchange()
                transcript.exchanges.append(exchange)
            exchange.sent.append(_frame(rest))
            may_send = True
        else:
            assert exchange is not None, line
            may_send = False
            _expect(exchange, mark, rest)
            if mark == "!" and (exchange.reply or exchange.is_progress):
                exchange = Exchange()  # what is received next belongs to the answer
                transcript.exchanges.append(exchange)
                may_send = True
    return transcript


def _expect(exchange: Exchange, mark: str, rest: str) -> None:
    match mark:
        case "<":
            exchange.received.append(_frame(rest))
        case "=":
            exchange.events.append(rest)
        case "?":
            name, _, value = rest.partition(" ")
            exchange.macros.append((name, value or None))
        case "!":
            _answer(exchange, [quoted if quoted is not None else plain for quoted, plain in _tokens(rest)])
        case "error":
            exchange.error = rest
        case _:
            raise AssertionError(f"{mark} {rest}")


def _answer(exchange: Exchange, words: list[str]) -> None:
    octets = [word.encode("latin-1") for word in words]
    match words:
        case ["add", _, _]:
            exchange.edits.append(replies.add_header(octets[1], octets[2]))
        case ["insert", index, _, _]:
            exchange.edits.append(replies.insert_header(int(index), octets[2], octets[3]))
        case ["change", index, _, _]:
            exchange.edits.append(replies.change_header(int(index), octets[2], octets[3]))
        case ["delete", _, *indexes]:
            exchange.edits += replies.delete_headers(octets[1], map(int, indexes))
        case ["quarantine", reason]:
            exchange.edits.append(replies.quarantine(reason))
        case ["reply", code, enhanced, text]:
            exchange.reply = replies.reply_code(int(code), enhanced, text)
        case ["progress"]:
            exchange.is_progress = True
        case [name]:
            reply = getattr(replies, name)
            assert isinstance(reply, replies.MilterReply)
            exchange.reply = reply
        case _:
            raise AssertionError(words)


def _wanted(text: str) -> RequiredFeatures:
    settings = {key: [word for word in value.split(",") if word] for key, value in _settings(text)}
    actions = Action(0)
    for name in settings.pop("actions", []):
        actions |= Action[name]
    events = settings.pop("events", None)
    wanted = RequiredFeatures(
        actions=actions,
        events=RequiredFeatures().events if events is None else frozenset(Command[name] for name in events),
        replies=frozenset(Command[name] for name in settings.pop("replies", [])),
        watched=frozenset(name.encode() for name in settings.pop("watched", [])),
        macros=tuple(
            MacroList(Command[stage], tuple(listed.split("+")))
            for stage, listed in (word.split(":") for word in settings.pop("macros", []))
        ),
    )
    assert not settings
    return wanted


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for word in text.split():
        key, _, value = word.partition("=")
        yield key, value


def _frame(text: str) -> bytes:
    letter, *parts = _tokens(text)
    assert letter[1]
    payload = b"".join(bytes.fromhex(plain) if quoted is None else quoted.encode("latin-1") for quoted, plain in parts)
    return frame(letter[1], payload)


def _tokens(text: str) -> list[tuple[str | None, str]]:
    return [
        (None, match[2]) if match[1] is None else (_ESCAPE.sub(_unescape, match[1]), "")
        for match in _TOKEN.finditer(text)
    ]


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 3 else _PLAIN_ESCAPES[code]
