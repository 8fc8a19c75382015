"""What real mail servers make of the edits of a milter."""

from __future__ import annotations

import pytest

from tests.interop.recorder import (
    HDR_LEADSPC,
    PROGRESS,
    Script,
    add_header,
    change_header,
    insert_header,
    quarantine,
    replace_body,
)
from tests.interop.sendmail import Sendmail
from tests.interop.smtp import Client
from tests.interop.wire import Wire, fresh_address

HEADER = b"A: 1\r\nForged: one\r\nB: 2\r\nForged: two\r\nC: 3\r\nForged: three\r\n"
# So that neither server adds one.
HEADER += b"From: alice@example.org\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-Id: <1@example.org>\r\n"
PLAIN = HEADER + b"\r\nbody\r\n"
OUTSIDE = Client()


def fields(message: bytes) -> list[bytes]:
    """The header of a delivered message as fields, the server's own Received cut down to its name."""
    header = message.partition(b"\n\n")[0].replace(b"\n\t", b"\n ").replace(b"\n ", b"\r")
    return [b"Received" if line.startswith(b"Received:") else line for line in header.split(b"\n")]


def edited(wire: Wire, *edits: bytes) -> list[bytes]:
    return fields(wire.edited(PLAIN, *edits, client=OUTSIDE))


FIELDS = HEADER.rstrip(b"\r\n").split(b"\r\n")


# Inserting


@pytest.mark.parametrize(
    ("index", "in_postfix", "in_sendmail"),
    [(0, 0, 0), (1, 1, 1), (2, 2, 1), (8, 8, 1), (9, 9, 2), (10, 10, 3), (17, 10, 10), (99, 10, 10)],
)
def test_index_0_is_above_the_own_received_and_1_below_it(
    wire: Wire, index: int, in_postfix: int, in_sendmail: int
) -> None:
    """Beyond 1 Sendmail counts eight fields that it might have added, whether it did or not."""
    expected = [b"Received", *FIELDS]
    expected.insert(wire.server.per(postfix=in_postfix, sendmail=in_sendmail), b"X: new")
    assert edited(wire, insert_header(index, "X", b"new")) == expected


def test_of_two_fields_inserted_at_one_index_the_later_stands_first(wire: Wire) -> None:
    header = edited(wire, insert_header(0, "X", b"one"), insert_header(0, "X", b"two"))
    assert header[:3] == [b"X: two", b"X: one", b"Received"]


def test_added_field_stands_last_even_below_what_the_server_added(wire: Wire) -> None:
    header = fields(wire.edited(b"A: 1\r\n\r\nbody\r\n", add_header("X", b"new")))
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
    blank = wire.server.per(postfix=b"\t", sendmail=b" ")
    assert message.startswith(b"X: a\n b\n\tc\n@Y: d\n@\n@e\nReceived: ".replace(b"@", blank))


def test_carriage_return_in_a_value_stays_in_the_message(wire: Wire) -> None:
    assert wire.edited(PLAIN, insert_header(0, "X", b"a\r\n b"), client=OUTSIDE).startswith(b"X: a\r\n b\n")


def test_long_and_8_bit_value_is_kept_where_its_lines_are_short(wire: Wire) -> None:
    value = "grüße".encode() + b"\n ".join([b""] + [b"v" * 900] * 5)
    assert wire.edited(PLAIN, insert_header(0, "X", value), client=OUTSIDE).startswith(b"X: " + value + b"\n")


def test_long_line_of_a_value_is_broken_and_cut_by_sendmail(wire: Wire) -> None:
    """At 990 octets where it is sent on, and at 2,304 for good."""
    message = wire.edited(PLAIN, insert_header(0, "X", b"v" * 3000), client=OUTSIDE)
    lines = message.partition(b"\nReceived:")[0].split(b"\n")
    assert list(map(len, lines)) == wire.server.per(postfix=[3003], sendmail=[990, 990, 327])


def test_nul_in_a_value_breaks_the_packet(wire: Wire) -> None:
    """Sendmail passes the mail on and drops the field."""
    wire.script(Script(edits=(insert_header(0, "X", b"a\0b"),)))
    assert wire.send(PLAIN, strict=True).code == wire.server.per(postfix=451, sendmail=250)


# Changing and deleting


def test_empty_value_deletes(wire: Wire) -> None:
    expected = [line for line in FIELDS if line != b"Forged: two"]
    assert edited(wire, change_header(2, "Forged", b"")) == [b"Received", *expected]


def test_index_is_counted_anew_after_each_deletion_by_postfix_alone(wire: Wire) -> None:
    """Why several fields are deleted from the last one back: that is right in both."""
    rest = [line for line in FIELDS if not line.startswith(b"Forged")]
    forward = edited(wire, *(change_header(index, "Forged", b"") for index in (1, 2, 3)))
    assert forward[1:] == wire.server.per(postfix=[*rest[:2], b"Forged: two", *rest[2:]], sendmail=rest)
    back = edited(wire, *(change_header(index, "Forged", b"") for index in (3, 2, 1)))
    assert back[1:] == rest


def test_names_compare_without_case_when_changing(wire: Wire) -> None:
    assert b"Forged: one" not in edited(wire, change_header(1, "FORGED", b""))


def test_index_0_means_the_first(wire: Wire) -> None:
    assert b"Forged: one" not in edited(wire, change_header(0, "Forged", b""))


def test_change_of_a_field_that_is_not_there_adds_it_at_the_end(wire: Wire) -> None:
    assert edited(wire, change_header(1, "X", b"new")) == [b"Received", *FIELDS, b"X: new"]


def test_change_beyond_the_last_of_its_name_adds_one(wire: Wire) -> None:
    """Postfix at the end, Sendmail before the first of the name."""
    expected = [b"Received", *FIELDS]
    expected.insert(wire.server.per(postfix=len(expected), sendmail=2), b"Forged: new")
    assert edited(wire, change_header(9, "Forged", b"new")) == expected


def test_deletion_of_a_field_that_is_not_there_does_nothing(wire: Wire) -> None:
    assert edited(wire, change_header(4, "Forged", b"")) == [b"Received", *FIELDS]


def test_own_received_cannot_be_changed(wire: Wire) -> None:
    assert edited(wire, change_header(1, "Received", b""))[0] == b"Received"


def test_deleting_counts_the_fields_that_were_inserted_before(wire: Wire) -> None:
    """Why the field of ours is inserted after the forged ones are gone."""
    header = edited(wire, insert_header(0, "Forged", b"new"), change_header(1, "Forged", b""))
    assert header == [b"Received", *FIELDS]


# Other edits


def test_body_is_replaced(wire: Wire) -> None:
    assert wire.edited(PLAIN, replace_body(b"other\r\n")).endswith(b"\n\nother\n")


def test_progress_is_taken(wire: Wire) -> None:
    assert edited(wire, PROGRESS, insert_header(0, "X", b"new"))[0] == b"X: new"


def test_quarantine_holds_the_message(wire: Wire) -> None:
    """Postfix drops the reason, Sendmail shows it."""
    wire.script(Script(edits=(quarantine("looks forged"),)))
    assert wire.send(PLAIN).code == 250
    assert wire.server.held(wire.recipient)
    told = wire.server.quarantined() if isinstance(wire.server, Sendmail) else wire.server.log()
    assert wire.server.per(postfix="milter triggers HOLD action", sendmail="QUARANTINE: looks forged") in told
    assert ("looks forged" in told) == wire.server.per(postfix=False, sendmail=True)


@pytest.mark.parametrize("octets", [b"<new@example.org>\0", b"new@example.org\0"])
def test_sender_is_changed_with_or_without_brackets(wire: Wire, octets: bytes) -> None:
    wire.script(Script(edits=(b"e" + octets,)))
    assert wire.send(PLAIN).code == 250
    assert wire.server.deliveries(wire.recipient)[0].return_path == "new@example.org"


def test_recipients_are_added_and_deleted(wire: Wire) -> None:
    other = fresh_address()
    wire.script(Script(edits=(f"+<{other}>\0".encode(), f"-<{wire.recipient}>\0".encode())))
    assert wire.send(PLAIN).code == 250
    assert len(wire.server.delivered(other)) == 1
    wire.script(Script())
    assert b"second" in wire.edited(b"Subject: second\r\n\r\n")


def test_last_recipient_deleted_is_a_message_gone(wire: Wire) -> None:
    wire.script(Script(edits=(f"-<{wire.recipient}>\0".encode(),)))
    assert wire.send(PLAIN).code == 250
    assert b"second" in wire.edited(b"Subject: second\r\n\r\n")
