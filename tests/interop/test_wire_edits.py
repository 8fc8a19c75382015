"""What a real Postfix does with the answers of a milter: edits of the message, refusals, and no answer at all."""

from __future__ import annotations

import json

import pytest

from tests.interop.recorder import (
    ACCEPT,
    DIE,
    DISCARD,
    HDR_LEADSPC,
    NO_REPLY,
    PROGRESS,
    REJECT,
    TEMPFAIL,
    Script,
    add_header,
    change_header,
    insert_header,
    quarantine,
    replace_body,
    reply_code,
)
from tests.interop.smtp import Client
from tests.interop.wire import SENDER, Wire

HEADER = b"A: 1\r\nForged: one\r\nB: 2\r\nForged: two\r\nC: 3\r\nForged: three\r\n"
PLAIN = HEADER + b"\r\nbody\r\n"
OUTSIDE = Client()
EVENTS = ["CONNECT", "HELO", "MAIL", "RCPT", "DATA", "HEADER", "EOH", "BODY", "BODYEOB"]


def fields(message: bytes) -> list[bytes]:
    """The header of a delivered message as fields, the server's own Received cut down to its name."""
    header = message.partition(b"\n\n")[0].replace(b"\n\t", b"\n ").replace(b"\n ", b"\r")
    return [b"Received" if line.startswith(b"Received:") else line for line in header.split(b"\n")]


def edited(wire: Wire, *edits: bytes) -> list[bytes]:
    return fields(wire.edited(PLAIN, *edits, client=OUTSIDE))


FORGED = [b"A: 1", b"Forged: one", b"B: 2", b"Forged: two", b"C: 3", b"Forged: three"]


# Inserting


@pytest.mark.parametrize(
    ("index", "place"),
    [(0, 0), (1, 1), (2, 2), (3, 3), (7, 7), (99, 7)],
)
def test_index_0_is_above_the_own_received_and_1_below_it(wire: Wire, index: int, place: int) -> None:
    expected = [b"Received", *FORGED]
    expected.insert(place, b"X: new")
    assert edited(wire, insert_header(index, "X", b"new")) == expected


def test_of_two_fields_inserted_at_one_index_the_later_stands_first(wire: Wire) -> None:
    header = edited(wire, insert_header(0, "X", b"one"), insert_header(0, "X", b"two"))
    assert header[:3] == [b"X: two", b"X: one", b"Received"]


def test_added_field_stands_last_even_below_what_the_server_added(wire: Wire) -> None:
    header = fields(wire.edited(PLAIN, add_header("X", b"new")))
    assert header[-1] == b"X: new"
    assert any(line.startswith(b"Message-Id:") for line in header[:-1])


def test_server_writes_the_blank_after_the_colon(wire: Wire) -> None:
    assert edited(wire, insert_header(0, "X", b"value"))[0] == b"X: value"


def test_with_leading_space_the_milter_must_send_the_blank(wire: Wire) -> None:
    edits = insert_header(0, "X", b"none"), insert_header(0, "Y", b" one")
    header = fields(wire.edited(PLAIN, *edits, protocol=HDR_LEADSPC, client=OUTSIDE))
    assert header[:2] == [b"Y: one", b"X:none"]


def test_folded_value_is_kept_and_no_field_can_be_injected(wire: Wire) -> None:
    message = wire.edited(PLAIN, insert_header(0, "X", b"a\n b\n\tc\nY: d\n\ne"), client=OUTSIDE)
    assert message.startswith(b"X: a\n b\n\tc\n\tY: d\n\t\n\te\nReceived: ")


def test_carriage_return_in_a_value_stays_in_the_message(wire: Wire) -> None:
    assert wire.edited(PLAIN, insert_header(0, "X", b"a\r\n b"), client=OUTSIDE).startswith(b"X: a\r\n b\n")


def test_long_and_8_bit_value_is_kept(wire: Wire) -> None:
    value = "grüße ".encode() + b"v" * 3000
    assert edited(wire, insert_header(0, "X", value))[0] == b"X: " + value


def test_nul_in_a_value_breaks_the_packet(wire: Wire) -> None:
    wire.script(Script(edits=(insert_header(0, "X", b"a\0b"),)))
    assert wire.send(PLAIN, strict=True).code == 451


# Changing and deleting


def test_empty_value_deletes(wire: Wire) -> None:
    expected = [line for line in FORGED if line != b"Forged: two"]
    assert edited(wire, change_header(2, "Forged", b"")) == [b"Received", *expected]


def test_index_is_counted_anew_after_each_deletion(wire: Wire) -> None:
    """Why several fields are deleted from the last one back."""
    forward = edited(wire, *(change_header(index, "Forged", b"") for index in (1, 2, 3)))
    assert forward[1:] == [b"A: 1", b"B: 2", b"Forged: two", b"C: 3"]
    back = edited(wire, *(change_header(index, "Forged", b"") for index in (3, 2, 1)))
    assert back[1:] == [b"A: 1", b"B: 2", b"C: 3"]


def test_names_compare_without_case_when_changing(wire: Wire) -> None:
    assert b"Forged: one" not in edited(wire, change_header(1, "FORGED", b""))


def test_index_0_means_the_first(wire: Wire) -> None:
    assert b"Forged: one" not in edited(wire, change_header(0, "Forged", b""))


def test_change_of_a_field_that_is_not_there_adds_it_at_the_end(wire: Wire) -> None:
    assert edited(wire, change_header(1, "X", b"new")) == [b"Received", *FORGED, b"X: new"]


def test_deletion_of_a_field_that_is_not_there_does_nothing(wire: Wire) -> None:
    assert edited(wire, change_header(4, "Forged", b"")) == [b"Received", *FORGED]


def test_own_received_cannot_be_changed(wire: Wire) -> None:
    assert edited(wire, change_header(1, "Received", b""))[0] == b"Received"


def test_deleting_counts_the_fields_that_were_inserted_before(wire: Wire) -> None:
    """Why the field of ours is inserted after the forged ones are gone."""
    header = edited(wire, insert_header(0, "Forged", b"new"), change_header(1, "Forged", b""))
    assert header == [b"Received", *FORGED]


# Other edits


def test_body_is_replaced(wire: Wire) -> None:
    assert wire.edited(PLAIN, replace_body(b"other\r\n")).endswith(b"\n\nother\n")


def test_progress_is_taken(wire: Wire) -> None:
    assert edited(wire, PROGRESS, insert_header(0, "X", b"new"))[0] == b"X: new"


def test_quarantine_holds_the_message_and_drops_the_reason(wire: Wire) -> None:
    wire.script(Script(edits=(quarantine("looks forged"),)))
    reply = wire.send(PLAIN)
    assert reply.code == 250
    queued = [json.loads(line) for line in wire.server.queue()]
    (held,) = (each for each in queued if each["recipients"][0]["address"] == wire.recipient)
    assert held["queue_name"] == "hold"
    assert "milter triggers HOLD action" in wire.server.log()
    assert "looks forged" not in wire.server.log()


# Refusing


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        ("CONNECT", "554 greeting"),
        ("HELO", "550 mail"),
        ("MAIL", "550 mail"),
        ("RCPT", "550 rcpt"),
        ("DATA", "550 data"),
        ("HEADER", "550 dot"),
        ("EOH", "550 dot"),
        ("BODY", "550 dot"),
        ("BODYEOB", "550 dot"),
    ],
)
def test_where_a_client_sees_a_rejection(wire: Wire, event: str, seen: str) -> None:
    assert refused(wire, event, REJECT) == seen


@pytest.mark.parametrize(
    ("event", "seen"),
    [("CONNECT", "451 mail"), ("HELO", "451 mail"), ("MAIL", "451 mail"), ("RCPT", "451 rcpt"), ("BODYEOB", "451 dot")],
)
def test_where_a_client_sees_a_temporary_failure(wire: Wire, event: str, seen: str) -> None:
    assert refused(wire, event, TEMPFAIL) == seen


def refused(wire: Wire, event: str, answer: bytes) -> str:
    """The first reply that is no success, and to which command."""
    wire.script(Script(answers={event: answer}, final=answer if event == "BODYEOB" else b"c"))
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
    ("text", "code", "told"),
    [
        ("550 5.7.1 no such thing here", 550, "5.7.1 no such thing here"),
        ("451 4.7.1 later, please", 451, "4.7.1 later, please"),
        ("550 5.7.1 100%% sure", 550, "5.7.1 100% sure"),
        ("550 5.7.1 100% sure", 550, "5.7.1 100 sure"),
        ("550-5.7.1 one\r\n550 5.7.1 two", 550, "5.7.1 one\n5.7.1 two"),
    ],
)
def test_reply_of_the_milter_reaches_the_client(wire: Wire, text: str, code: int, told: str) -> None:
    wire.script(Script(final=reply_code(text)))
    assert wire.send(PLAIN) == (code, told)


@pytest.mark.parametrize("text", ["550 4.7.1 mixed", "999 5.7.1 what"])
def test_malformed_reply_is_a_451(wire: Wire, text: str) -> None:
    wire.script(Script(final=reply_code(text)))
    assert wire.send(PLAIN, strict=True).code == 451


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
    script = Script(answers={event: DIE}, final=DIE if event == "BODYEOB" else b"c")
    wire.script(script)
    assert wire.send(PLAIN).code == 250
    wire.delivered()
    wire.script(script)
    assert wire.send(PLAIN, strict=True).code == 451


def test_edits_stay_when_the_milter_dies_before_its_answer(wire: Wire) -> None:
    """Why edits and the final answer leave in one write."""
    wire.script(Script(edits=(insert_header(0, "X", b"left behind"),), final=DIE))
    assert wire.send(PLAIN).code == 250
    assert fields(wire.delivered())[0] == b"X: left behind"


def test_answer_to_an_event_that_wants_none_breaks_the_session(wire: Wire) -> None:
    """The server takes it for the answer to the next event that wants one."""
    taken = NO_REPLY["HELO"]
    wire.script(Script(protocol=taken, unasked={"HELO": REJECT}))
    with wire.server.session() as session:
        assert session.command(f"MAIL FROM:<{SENDER}>").code == 550
