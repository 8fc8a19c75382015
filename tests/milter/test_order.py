"""The tables of order and of legal replies, walked whole against a session."""

from __future__ import annotations

from itertools import product

import pytest

from inalign.errors import LocalProtocolError, RemoteProtocolError
from inalign.milter import replies
from inalign.milter.messages import Command, ProtocolStep
from inalign.milter.negotiation import RequiredFeatures
from inalign.milter.order import (
    IN_MESSAGE,
    LEGAL_REPLIES,
    NO_REPLY,
    OMISSIONS,
    ORDER,
    SETTLES,
    ConnectionState,
    order_without,
)
from inalign.milter.replies import ACCEPT, MilterReply, ReplyKind, reply_code
from inalign.milter.session import MilterSession
from tests.milter import mta

# Which command leads where; a dot is an error. The letters above are those of the wire.
ORDER_GRID = """
                O D C H M R T L N B E A U Q K
START           n . . . . . . . . . . . . x .
NEGOTIATED      . n c . . . . . . . . n . x n
CONNECTED       . c . c m . . . . . . c c x n
MAIL            . m . c m r . . . . . c m x n
RECIPIENTS      . r . c m r d h b . . c r x n
DATA            . d . c m r d h b . . c d x n
HEADER          . h . . . . . h b . . c . x n
BODY            . b . . . . . . . b c c . x n
CLOSED          . . . . . . . . . . . . . . .
"""
STATES = {
    "s": ConnectionState.START,
    "n": ConnectionState.NEGOTIATED,
    "c": ConnectionState.CONNECTED,
    "m": ConnectionState.MAIL,
    "r": ConnectionState.RECIPIENTS,
    "d": ConnectionState.DATA,
    "h": ConnectionState.HEADER,
    "b": ConnectionState.BODY,
    "x": ConnectionState.CLOSED,
}

# Which reply a command may get.
REPLY_GRID = """
                c a r t d y s 4 f
CONNECT         + + + + . + . + +
HELO            + + + + . + . + .
MAIL            + + + + + + . + .
RECIPIENT       + + + + + + . + .
DATA            + + + + + + . + .
UNKNOWN         + . + + . + . + .
HEADER          + + + + + + . + .
END_OF_HEADER   + + + + + + . + .
BODY            + + + + + + + + .
END_OF_MESSAGE  + + + + + + . + .
"""
REPLIES: dict[str, MilterReply] = {
    "c": replies.CONTINUE,
    "a": replies.ACCEPT,
    "r": replies.REJECT,
    "t": replies.TEMPFAIL,
    "d": replies.DISCARD,
    "y": reply_code(550, "5.7.1", "No."),
    "s": replies.SKIP,
    "4": replies.SHUTDOWN,
    "f": replies.CONNECTION_FAILED,
}

# How to come to each state.
WAY = {
    ConnectionState.START: b"",
    ConnectionState.NEGOTIATED: mta.offer(steps=0),
    ConnectionState.CONNECTED: mta.offer(steps=0) + mta.connect(),
    ConnectionState.MAIL: mta.offer(steps=0) + mta.connect() + mta.mail(),
    ConnectionState.RECIPIENTS: mta.offer(steps=0) + mta.connect() + mta.mail() + mta.recipient(),
    ConnectionState.DATA: mta.offer(steps=0) + mta.connect() + mta.mail() + mta.recipient() + mta.data(),
    ConnectionState.HEADER: mta.offer(steps=0) + mta.connect() + mta.mail() + mta.recipient() + mta.header(b"A", b" b"),
    ConnectionState.BODY: mta.offer(steps=0) + mta.connect() + mta.mail() + mta.recipient() + mta.end_of_header(),
    ConnectionState.CLOSED: mta.QUIT,
}


def grid(text: str) -> dict[tuple[str, str], str]:
    head, *rows = text.strip("\n").splitlines()
    letters = head.split()
    return {
        (row.split()[0], letter): cell for row in rows for letter, cell in zip(letters, row.split()[1:], strict=True)
    }


def session_in(state: ConnectionState) -> MilterSession:
    session = MilterSession(RequiredFeatures())
    session.receive(WAY[state])
    for _ in session.events():
        pass
    assert session.state is state
    return session


@pytest.mark.parametrize(("state", "command"), list(product(ConnectionState, Command)), ids=lambda value: value.name)
def test_order(state: ConnectionState, command: Command) -> None:
    cell = grid(ORDER_GRID)[state.name, chr(command)]
    session = session_in(state)
    session.receive(mta.SAMPLES[command])
    if cell == ".":
        with pytest.raises(RemoteProtocolError, match=f"{command.name} in state {state.name}"):
            list(session.events())
    else:
        list(session.events())
        assert session.state is STATES[cell]
        assert session.is_waiting() == (command is Command.END_OF_MESSAGE)


def test_the_order_table_has_every_state() -> None:
    assert set(ORDER) == set(ConnectionState)
    assert len(grid(ORDER_GRID)) == len(ConnectionState) * len(Command)


@pytest.mark.parametrize("state", ConnectionState)
def test_an_unknown_command_is_out_of_order_everywhere(state: ConnectionState) -> None:
    session = session_in(state)
    session.receive(mta.frame("Z"))
    with pytest.raises(RemoteProtocolError, match="unknown command 0x5a"):
        list(session.events())


def test_without_omissions_the_order_is_the_table() -> None:
    assert order_without(0) == ORDER


@pytest.mark.parametrize(
    ("omitted", "state", "command", "following"),
    [
        (ProtocolStep.NO_CONNECT, ConnectionState.NEGOTIATED, Command.HELO, ConnectionState.CONNECTED),
        (ProtocolStep.NO_CONNECT, ConnectionState.NEGOTIATED, Command.MAIL, ConnectionState.MAIL),
        (ProtocolStep.NO_MAIL, ConnectionState.CONNECTED, Command.RECIPIENT, ConnectionState.RECIPIENTS),
        (ProtocolStep.NO_RECIPIENT, ConnectionState.MAIL, Command.DATA, ConnectionState.DATA),
        (ProtocolStep.NO_RECIPIENT, ConnectionState.MAIL, Command.HEADER, ConnectionState.HEADER),
        (ProtocolStep.NO_RECIPIENT, ConnectionState.MAIL, Command.END_OF_HEADER, ConnectionState.BODY),
        (ProtocolStep.NO_END_OF_HEADER, ConnectionState.HEADER, Command.BODY, ConnectionState.BODY),
        (ProtocolStep.NO_END_OF_HEADER, ConnectionState.HEADER, Command.END_OF_MESSAGE, ConnectionState.CONNECTED),
        (
            ProtocolStep.NO_MAIL | ProtocolStep.NO_RECIPIENT,
            ConnectionState.CONNECTED,
            Command.DATA,
            ConnectionState.DATA,
        ),
        (
            ProtocolStep.NO_MAIL | ProtocolStep.NO_RECIPIENT | ProtocolStep.NO_END_OF_HEADER,
            ConnectionState.CONNECTED,
            Command.BODY,
            ConnectionState.BODY,
        ),
        (
            ProtocolStep(sum(OMISSIONS.values())),
            ConnectionState.NEGOTIATED,
            Command.END_OF_MESSAGE,
            ConnectionState.CONNECTED,
        ),
    ],
)
def test_what_follows_an_omitted_command_may_stand_in_its_place(
    omitted: ProtocolStep, state: ConnectionState, command: Command, following: ConnectionState
) -> None:
    assert command not in ORDER[state]
    assert order_without(int(omitted))[state][command] is following


def test_an_omission_allows_nothing_else() -> None:
    table = order_without(int(ProtocolStep.NO_RECIPIENT | ProtocolStep.NO_DATA | ProtocolStep.NO_UNKNOWN))
    gained = {(state, chr(command)) for state, row in table.items() for command in row if command not in ORDER[state]}
    assert gained == {(ConnectionState.MAIL, letter) for letter in "TLN"}


def test_every_command_with_a_reply_has_its_legal_replies() -> None:
    assert set(LEGAL_REPLIES) == {*NO_REPLY, Command.END_OF_MESSAGE}
    assert set(SETTLES) <= set(LEGAL_REPLIES)
    assert all(SETTLES[command] <= LEGAL_REPLIES[command] for command in SETTLES)
    assert set(REPLIES) == {chr(kind) for kind in ReplyKind}


def test_the_reply_grid_is_the_table() -> None:
    table = {
        (command.name, letter): "+" if reply.kind in LEGAL_REPLIES[command] else "."
        for command in LEGAL_REPLIES
        for letter, reply in REPLIES.items()
    }
    assert grid(REPLY_GRID) == table


# The state before each command, for a filter that answers them all.
BEFORE = {
    Command.CONNECT: ConnectionState.NEGOTIATED,
    Command.HELO: ConnectionState.CONNECTED,
    Command.MAIL: ConnectionState.CONNECTED,
    Command.RECIPIENT: ConnectionState.MAIL,
    Command.DATA: ConnectionState.RECIPIENTS,
    Command.UNKNOWN: ConnectionState.CONNECTED,
    Command.END_OF_HEADER: ConnectionState.HEADER,
    Command.BODY: ConnectionState.BODY,
    Command.END_OF_MESSAGE: ConnectionState.BODY,
}


def owing(command: Command) -> MilterSession:
    """A session whose filter owes the answer to this command."""
    session = MilterSession(RequiredFeatures(replies=frozenset(NO_REPLY) - {Command.HEADER}))
    session.receive(
        WAY[BEFORE[command]].replace(mta.offer(steps=0), mta.offer(steps=ProtocolStep.SKIP)) + mta.SAMPLES[command]
    )
    for _ in session.events():
        if session.is_waiting() and session.owed is not command:
            session.answer(replies.CONTINUE)
    assert session.owed is command
    session.data_to_send()
    return session


@pytest.mark.parametrize(("command", "letter"), list(product(BEFORE, REPLIES)))
def test_replies(command: Command, letter: str) -> None:
    session = owing(command)
    state = session.state
    reply = REPLIES[letter]
    if grid(REPLY_GRID)[command.name, letter] == ".":
        with pytest.raises(LocalProtocolError, match=f"{reply.kind.name} is no answer to {command.name}"):
            session.answer(reply)
        assert session.owed is command
        assert session.data_to_send() == b""
    else:
        session.answer(reply)
        assert session.data_to_send() == reply.wire
        settled = reply.kind in SETTLES.get(command, ())
        assert session.state is (ConnectionState.CONNECTED if settled else state)
        assert not session.is_waiting()
        assert session.in_message == (state in IN_MESSAGE and not settled)


def test_skip_needs_an_mta_that_knows_it() -> None:
    session = MilterSession(RequiredFeatures(replies=frozenset({Command.BODY})))
    session.receive(WAY[ConnectionState.BODY] + mta.body(b"x"))
    for _ in session.events():
        pass
    with pytest.raises(LocalProtocolError, match="SKIP"):
        session.answer(replies.SKIP)


def test_nothing_can_be_answered_that_is_not_owed() -> None:
    session = session_in(ConnectionState.CONNECTED)
    with pytest.raises(LocalProtocolError, match="no command waits"):
        session.answer(ACCEPT)
