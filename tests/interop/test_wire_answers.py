"""What clients of a real mail server see when a milter refuses, answers wrongly, or does not answer at all."""

from __future__ import annotations

import pytest

from tests.interop.recorder import (
    ACCEPT,
    CONTINUE,
    DIE,
    DISCARD,
    NO_REPLY,
    REJECT,
    TEMPFAIL,
    Script,
    insert_header,
    reply_code,
)
from tests.interop.wire import PLAIN, SENDER, Wire

EVENTS = ["CONNECT", "HELO", "MAIL", "RCPT", "DATA", "HEADER", "EOH", "BODY", "BODYEOB"]


# Refusing


@pytest.mark.parametrize(
    ("event", "in_postfix", "in_sendmail"),
    [
        ("CONNECT", "554 greeting", "554 greeting"),
        ("HELO", "550 mail", "550 mail"),
        ("MAIL", "550 mail", "550 mail"),
        ("RCPT", "550 rcpt", "550 rcpt"),
        ("DATA", "550 data", "550 data"),
        ("HEADER", "550 dot", "554 dot"),
        ("EOH", "550 dot", "554 dot"),
        ("BODY", "550 dot", "554 dot"),
        ("BODYEOB", "550 dot", "554 dot"),
    ],
)
def test_where_a_client_sees_a_rejection(wire: Wire, event: str, in_postfix: str, in_sendmail: str) -> None:
    assert refused(wire, event, REJECT) == wire.server.per(postfix=in_postfix, sendmail=in_sendmail)


@pytest.mark.parametrize(
    ("event", "command"),
    [("CONNECT", "mail"), ("HELO", "mail"), ("MAIL", "mail"), ("RCPT", "rcpt"), ("BODYEOB", "dot")],
)
def test_where_a_client_sees_a_temporary_failure(wire: Wire, event: str, command: str) -> None:
    assert refused(wire, event, TEMPFAIL) == f"451 {command}"


def refused(wire: Wire, event: str, answer: bytes) -> str:
    """The first reply that is no success, and to which command."""
    wire.script(Script(answers={event: answer}, final=answer if event == "BODYEOB" else CONTINUE))
    with wire.server.session() as session:
        if session.greeting.code != 220:
            return f"{session.greeting.code} greeting"
        for name, command in [("mail", f"MAIL FROM:<{SENDER}>"), ("rcpt", f"RCPT TO:<{wire.recipient}>")]:
            reply = session.command(command)
            if reply.code != 250:
                return f"{reply.code} {name}"
        reply = session.command("DATA")
        if reply.code != 354:
            return f"{reply.code} data"
        session.raw(PLAIN + b".\r\n")
        return f"{session.reply().code} dot"


@pytest.mark.parametrize(
    ("text", "in_postfix", "in_sendmail"),
    [
        ("550 5.7.1 no such thing here", (550, "5.7.1 no such thing here"), (550, "5.7.1 no such thing here")),
        ("451 4.7.1 later, please", (451, "4.7.1 later, please"), (451, "4.7.1 later, please")),
        ("550 5.7.1 100%% sure", (550, "5.7.1 100% sure"), (550, "5.7.1 100% sure")),
        ("550 5.7.1 100% sure", (550, "5.7.1 100 sure"), (554, "5.7.1 Command rejected")),
        ("550-5.7.1 one\r\n550 5.7.1 two", (550, "5.7.1 one\n5.7.1 two"), (550, "5.7.1 one\n5.7.1 two")),
    ],
)
def test_reply_of_the_milter_reaches_the_client(
    wire: Wire, text: str, in_postfix: tuple[int, str], in_sendmail: tuple[int, str]
) -> None:
    wire.script(Script(final=reply_code(text)))
    assert wire.send(PLAIN) == wire.server.per(postfix=in_postfix, sendmail=in_sendmail)


@pytest.mark.parametrize(("text", "in_sendmail"), [("550 4.7.1 mixed", 550), ("999 5.7.1 what", 554)])
def test_malformed_reply_is_a_451_in_postfix_alone(wire: Wire, text: str, in_sendmail: int) -> None:
    wire.script(Script(final=reply_code(text)))
    assert wire.send(PLAIN, strict=True).code == wire.server.per(postfix=451, sendmail=in_sendmail)


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
def test_reply_to_an_address_has_it_in_front_in_sendmail(wire: Wire, command: str) -> None:
    wire.script(Script(answers={command: reply_code("550 5.7.1 not you")}))
    address = {"MAIL": SENDER, "RCPT": wire.recipient}[command]
    told = wire.server.per(postfix="5.7.1 not you", sendmail=f"5.7.1 <{address}>... not you")
    assert wire.send(PLAIN) == (550, told)


def test_text_of_a_refused_connection_is_lost_in_sendmail(wire: Wire) -> None:
    wire.script(Script(answers={"CONNECT": reply_code("550 5.7.1 not you")}))
    with wire.server.session() as session:
        replies = [session.greeting, session.command(f"MAIL FROM:<{SENDER}>")]
    assert replies[0].code == 554
    assert replies[1] == wire.server.per(postfix=(550, "5.7.1 not you"), sendmail=(550, "5.0.0 Command rejected"))


def test_421_ends_the_session(wire: Wire) -> None:
    wire.script(Script(answers={"MAIL": reply_code("421 4.7.0 too busy")}))
    with wire.server.session() as session:
        assert session.command(f"MAIL FROM:<{SENDER}>") == (421, "4.7.0 too busy")
        assert session.reply().code == 0


def test_discard_is_a_success_to_the_client_and_no_mail(wire: Wire) -> None:
    wire.script(Script(final=DISCARD))
    assert wire.send(PLAIN).code == 250
    wire.script(Script())
    assert wire.send(b"Subject: second\r\n\r\n").code == 250
    assert b"Subject: second" in wire.delivered()


def test_accept_at_mail_ends_the_events_of_the_message(wire: Wire) -> None:
    wire.script(Script(answers={"MAIL": ACCEPT}))
    heard = wire.heard(PLAIN)
    assert "RCPT" not in heard.commands
    assert "HEADER" not in heard.commands


# A milter that is not there


@pytest.mark.parametrize("event", EVENTS)
def test_dead_milter_lets_pass_or_defers_as_its_default_action_says(wire: Wire, event: str) -> None:
    script = Script(answers={event: DIE}, final=DIE if event == "BODYEOB" else CONTINUE)
    wire.script(script)
    assert wire.send(PLAIN).code == 250
    wire.delivered()
    wire.script(script)
    assert wire.send(PLAIN, strict=True).code == 451


def test_edits_stay_when_the_milter_dies_before_its_answer(wire: Wire) -> None:
    """Why edits and the final answer leave in one write."""
    wire.script(Script(edits=(insert_header(0, "X", b"left behind"),), final=DIE))
    assert wire.send(PLAIN).code == 250
    assert wire.delivered().startswith(b"X: left behind\n")


def test_answer_to_an_event_that_wants_none_breaks_the_session(wire: Wire) -> None:
    """The server takes it for the answer to the next event that wants one."""
    taken = NO_REPLY["HELO"]
    wire.script(Script(protocol=taken, unasked={"HELO": REJECT}))
    with wire.server.session() as session:
        assert session.command(f"MAIL FROM:<{SENDER}>").code == 550
