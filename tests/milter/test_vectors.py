"""The conversations of `tests/vectors/milter`, as they were sent and cut in other ways."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inalign.errors import RemoteProtocolError
from inalign.milter.session import MilterSession
from tests.milter import transcript
from tests.milter.transcript import Exchange, Transcript

Cut = Callable[[list[bytes]], list[bytes]]

CUTS: dict[str, Cut] = {
    "frame by frame": lambda frames: frames,
    "all in one": lambda frames: [b"".join(frames)],
    "octet by octet": lambda frames: [bytes((octet,)) for octet in b"".join(frames)],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", transcript.names())
def test_transcript(name: str, cut: str) -> None:
    run(transcript.read(name), CUTS[cut])


def test_there_are_transcripts() -> None:
    assert len(transcript.names()) >= 20


def run(conversation: Transcript, cut: Cut) -> None:
    session = MilterSession(conversation.wanted, conversation.limits)
    for exchange in conversation.exchanges:
        events, error = read(session, cut(exchange.sent))
        assert events == exchange.events
        assert error == exchange.error
        assert session.data_to_send() == b"".join(exchange.received)
        for name, value in exchange.macros:
            assert session.macros.get(name) == value, name
        answer(session, exchange)


def read(session: MilterSession, pieces: list[bytes]) -> tuple[list[str], str | None]:
    events: list[str] = []
    try:
        for piece in pieces or [b""]:
            session.receive(piece)
            events += map(repr, session.events())
    except RemoteProtocolError as error:
        return events, str(error)
    return events, None


def answer(session: MilterSession, exchange: Exchange) -> None:
    if exchange.is_progress:
        session.progress()
    elif exchange.reply is not None:
        session.answer(exchange.reply, exchange.edits)
