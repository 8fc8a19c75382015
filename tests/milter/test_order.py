"""The tables of order and of legal replies, walked whole against a session."""

from __future__ import annotations

from itertools import product

import pytest

from inalign.errors import LocalProtocolError, RemoteProtocolError
from inalign.milter import replies
from inalign.milter.messages import Command, Step
from inalign.milter.negotiation import Wanted
from inalign.milter.order import IN_MESSAGE, LEGAL_REPLIES, NO_REPLY, OMISSIONS, ORDER, SETTLES, State, order_without
from inalign.milter.replies import ACCEPT, Reply, ReplyKind, reply_code
from inalign.milter.session import Session
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
    "s": State.START,
    "n": State.NEGOTIATED,
    "c": State.CONNECTED,
    "m": State.MAIL,
    "r": State.RECIPIENTS,
    "d": State.DATA,
    "h": State.HEADER,
    "b": State.BODY,
    "x": State.CLOSED,
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
REPLIES: dict[str, Reply] = {
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
    State.START: b"",
    State.NEGOTIATED: mta.offer(steps=0),
    State.CONNECTED: mta.offer(steps=0) + mta.connect(),
    State.MAIL: mta.offer(steps=0) + mta.connect() + mta.mail(),
    State.RECIPIENTS: mta.offer(steps=0) + mta.connect() + mta.mail() + mta.recipient(),
    State.DATA: mta.offer(steps=0) + mta.connect() + mta.mail() + mta.recipient() + mta.data(),
    State.HEADER: mta.offer(steps=0) + mta.connect() + mta.mail() + mta.recipient() + mta.header(b"A", b" b"),
    State.BODY: mta.offer(steps=0) + mta.connect() + mta.mail() + mta.recipient() + mta.end_of_header(),
    State.CLOSED: mta.QUIT,
}


def grid(text: str) -> dict[tuple[str, str], str]:
    head, *rows = text.strip("\n").splitlines()
    letters = head.split()
    return {
        (row.split()[0], letter): cell for row in rows for letter, cell in zip(letters, row.split()[1:], strict=True)
    }


def session_in(state: State) -> Session:
    session = Session(Wanted())
    session.receive(WAY[state])
    for _ in session.events():
        pass
    assert session.state is state
    return session


@pytest.mark.parametrize(("state", "command"), list(product(State, Command)), ids=lambda value: value.name)
def test_order(state: State, command: Command) -> None:
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
    assert set(ORDER) == set(State)
    assert len(grid(ORDER_GRID)) == len(State) * len(Command)


@pytest.mark.parametrize("state", State)
def test_an_unknown_command_is_out_of_order_everywhere(state: State) -> None:
    session = session_in(state)
    session.receive(mta.frame("Z"))
    with pytest.raises(RemoteProtocolError, match="unknown command 0x5a"):
        list(session.events())


def test_without_omissions_the_order_is_the_table() -> None:
    assert order_without(0) == ORDER


@pytest.mark.parametrize(
    ("omitted", "state", "command", "following"),
    [
        (Step.NO_CONNECT, State.NEGOTIATED, Command.HELO, State.CONNECTED),
        (Step.NO_CONNECT, State.NEGOTIATED, Command.MAIL, State.MAIL),
        (Step.NO_MAIL, State.CONNECTED, Command.RECIPIENT, State.RECIPIENTS),
        (Step.NO_RECIPIENT, State.MAIL, Command.DATA, State.DATA),
        (Step.NO_RECIPIENT, State.MAIL, Command.HEADER, State.HEADER),
        (Step.NO_RECIPIENT, State.MAIL, Command.END_OF_HEADER, State.BODY),
        (Step.NO_END_OF_HEADER, State.HEADER, Command.BODY, State.BODY),
        (Step.NO_END_OF_HEADER, State.HEADER, Command.END_OF_MESSAGE, State.CONNECTED),
        (Step.NO_MAIL | Step.NO_RECIPIENT, State.CONNECTED, Command.DATA, State.DATA),
        (Step.NO_MAIL | Step.NO_RECIPIENT | Step.NO_END_OF_HEADER, State.CONNECTED, Command.BODY, State.BODY),
        (Step(sum(OMISSIONS.values())), State.NEGOTIATED, Command.END_OF_MESSAGE, State.CONNECTED),
    ],
)
def test_what_follows_an_omitted_command_may_stand_in_its_place(
    omitted: Step, state: State, command: Command, following: State
) -> None:
    assert command not in ORDER[state]
    assert order_without(int(omitted))[state][command] is following


def test_an_omission_allows_nothing_else() -> None:
    table = order_without(int(Step.NO_RECIPIENT | Step.NO_DATA | Step.NO_UNKNOWN))
    gained = {(state, chr(command)) for state, row in table.items() for command in row if command not in ORDER[state]}
    assert gained == {(State.MAIL, letter) for letter in "TLN"}


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
    Command.CONNECT: State.NEGOTIATED,
    Command.HELO: State.CONNECTED,
    Command.MAIL: State.CONNECTED,
    Command.RECIPIENT: State.MAIL,
    Command.DATA: State.RECIPIENTS,
    Command.UNKNOWN: State.CONNECTED,
    Command.END_OF_HEADER: State.HEADER,
    Command.BODY: State.BODY,
    Command.END_OF_MESSAGE: State.BODY,
}


def owing(command: Command) -> Session:
    """A session whose filter owes the answer to this command."""
    session = Session(Wanted(replies=frozenset(NO_REPLY) - {Command.HEADER}))
    session.receive(WAY[BEFORE[command]].replace(mta.offer(steps=0), mta.offer(steps=Step.SKIP)) + mta.SAMPLES[command])
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
        assert session.state is (State.CONNECTED if settled else state)
        assert not session.is_waiting()
        assert session.in_message == (state in IN_MESSAGE and not settled)


def test_skip_needs_an_mta_that_knows_it() -> None:
    session = Session(Wanted(replies=frozenset({Command.BODY})))
    session.receive(WAY[State.BODY] + mta.body(b"x"))
    for _ in session.events():
        pass
    with pytest.raises(LocalProtocolError, match="SKIP"):
        session.answer(replies.SKIP)


def test_nothing_can_be_answered_that_is_not_owed() -> None:
    session = session_in(State.CONNECTED)
    with pytest.raises(LocalProtocolError, match="no command waits"):
        session.answer(ACCEPT)
