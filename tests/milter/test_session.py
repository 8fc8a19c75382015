"""What a session promises beyond the transcripts."""

from __future__ import annotations

import pytest

from inalign.errors import LocalProtocolError
from inalign.milter.messages import (
    Aborted,
    Action,
    BodyChunk,
    Command,
    EndOfHeader,
    EndOfMessage,
    Helo,
    MailFrom,
    Quit,
)
from inalign.milter.negotiation import RequiredFeatures
from inalign.milter.replies import ACCEPT, CONTINUE, TEMPFAIL, add_header, delete_headers, quarantine
from inalign.milter.session import MilterSession
from tests.milter import mta

FILTER = RequiredFeatures(
    actions=Action.ADD_HEADER | Action.CHANGE_HEADER,
    events=frozenset({Command.CONNECT, Command.HELO, Command.MAIL, Command.HEADER, Command.BODY}),
)


def at_the_end() -> MilterSession:
    """A session that owes the answer to the end of a message."""
    session = MilterSession(FILTER)
    session.receive(mta.offer() + mta.connect() + mta.MESSAGE)
    for _ in session.events():
        pass
    session.data_to_send()
    return session


def test_macros_are_those_of_the_event_at_hand() -> None:
    session = MilterSession(FILTER)
    session.receive(
        mta.offer()
        + mta.macros(Command.CONNECT, j="mx")
        + mta.connect()
        + mta.macros(Command.MAIL, i="ONE")
        + mta.mail()
        + mta.ABORT
        + mta.macros(Command.MAIL, i="TWO")
        + mta.mail()
        + mta.macros(Command.MAIL, i="THREE")
        + mta.mail()
    )
    seen = [(type(event).__name__, session.macros.get("i")) for event in session.events()]
    assert seen == [
        ("Connected", None),
        ("MailFrom", "ONE"),
        ("Aborted", None),
        ("MailFrom", "TWO"),
        ("Aborted", "THREE"),
        ("MailFrom", "THREE"),
    ]


def test_an_answer_within_the_loop_lets_it_go_on() -> None:
    session = MilterSession(FILTER)
    session.receive(mta.offer() + mta.connect() + mta.MESSAGE + mta.MESSAGE + mta.QUIT)
    ends = 0
    for event in session.events():
        if isinstance(event, EndOfMessage):
            ends += 1
            session.answer(ACCEPT)
    assert ends == 2
    assert isinstance(event, Quit)
    assert [letter for letter, _ in mta.replies(session.data_to_send())] == ["O", "a", "a"]


def test_what_comes_behind_an_owed_answer_waits() -> None:
    session = at_the_end()
    session.receive(mta.ABORT + mta.mail())
    assert list(session.events()) == []
    assert session.buffered == len(mta.ABORT + mta.mail())
    session.answer(ACCEPT)
    assert list(session.events()) == [MailFrom("<alice@example.org>", ())]
    assert session.buffered == 0


def test_only_the_last_event_of_a_command_owes_its_answer() -> None:
    session = MilterSession(RequiredFeatures(replies=frozenset({Command.MAIL})))
    session.receive(mta.offer() + mta.connect() + mta.mail())
    list(session.events())
    session.answer(CONTINUE)
    session.receive(mta.mail())
    assert [(type(event), session.owed) for event in session.events()] == [(Aborted, None), (MailFrom, Command.MAIL)]


def test_a_chunk_that_comes_with_the_end_owes_nothing() -> None:
    session = MilterSession(FILTER)
    session.receive(mta.offer() + mta.connect() + mta.mail() + mta.end_of_header() + mta.end_of_message(b"x"))
    seen = [(type(event), session.owed) for event in session.events()][-2:]
    assert seen == [(BodyChunk, None), (EndOfMessage, Command.END_OF_MESSAGE)]


def test_a_message_is_in_progress_from_mail_to_its_answer() -> None:
    session = MilterSession(FILTER)
    session.receive(mta.offer() + mta.connect() + mta.helo())
    list(session.events())
    assert not session.in_message
    session.receive(mta.MESSAGE)
    assert all(session.in_message for _ in session.events())
    session.answer(TEMPFAIL)
    assert not session.in_message


def test_edits_and_reply_leave_in_one_piece() -> None:
    session = at_the_end()
    session.answer(ACCEPT, [*delete_headers(b"X", [2, 1]), add_header(b"Y", b"z")])
    assert [letter for letter, _ in mta.replies(session.data_to_send())] == ["m", "m", "h", "a"]
    assert session.data_to_send() == b""


def test_an_edit_that_was_not_negotiated_is_refused_and_nothing_is_sent() -> None:
    session = at_the_end()
    with pytest.raises(LocalProtocolError, match="QUARANTINE was not negotiated"):
        session.answer(ACCEPT, [add_header(b"Y", b"z"), quarantine("why")])
    assert session.data_to_send() == b""
    assert session.owed is Command.END_OF_MESSAGE


def test_a_message_is_edited_at_its_end_alone() -> None:
    session = MilterSession(RequiredFeatures(actions=Action.ADD_HEADER, replies=frozenset({Command.MAIL})))
    session.receive(mta.offer() + mta.connect() + mta.mail())
    list(session.events())
    with pytest.raises(LocalProtocolError, match="not at MAIL"):
        session.answer(CONTINUE, [add_header(b"Y", b"z")])


def test_progress_can_be_told_again_and_again_and_only_at_the_end() -> None:
    session = at_the_end()
    session.progress()
    session.progress()
    assert mta.replies(session.data_to_send()) == [("p", b"")] * 2
    session.answer(ACCEPT)
    with pytest.raises(LocalProtocolError, match="progress"):
        session.progress()


def test_a_filter_that_is_not_told_of_the_body_does_not_get_the_chunk_of_the_end() -> None:
    session = MilterSession(RequiredFeatures(events=frozenset({Command.MAIL})))
    session.receive(mta.offer() + mta.mail() + mta.end_of_message(b"x"))
    assert list(session.events()) == [MailFrom("<alice@example.org>", ()), EndOfMessage()]


def test_a_message_that_another_one_cut_short_leaves_no_fields() -> None:
    session = MilterSession(FILTER)
    session.receive(
        mta.offer() + mta.connect() + mta.mail() + mta.header(b"A", b"b") + mta.ABORT + mta.mail() + mta.end_of_header()
    )
    assert list(session.events())[-1] == EndOfHeader((), 0, {})


def test_helo_may_come_again_and_again() -> None:
    session = MilterSession(FILTER)
    session.receive(mta.offer() + mta.connect() + mta.helo("a") + mta.helo("b"))
    assert list(session.events())[1:] == [Helo("a"), Helo("b")]
