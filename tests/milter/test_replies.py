"""Replies and edits: what exists can be sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inalign.errors import LocalProtocolError
from inalign.milter import replies
from inalign.milter.messages import Action
from inalign.milter.replies import (
    Edit,
    add_header,
    add_recipient,
    change_header,
    change_sender,
    delete_headers,
    delete_recipient,
    insert_header,
    quarantine,
    replace_body,
    reply_code,
)
from tests.milter import mta


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        (replies.CONTINUE, "c"),
        (replies.ACCEPT, "a"),
        (replies.REJECT, "r"),
        (replies.TEMPFAIL, "t"),
        (replies.DISCARD, "d"),
        (replies.SKIP, "s"),
        (replies.SHUTDOWN, "4"),
        (replies.CONNECTION_FAILED, "f"),
    ],
)
def test_a_plain_reply_is_a_letter(reply: replies.MilterReply, letter: str) -> None:
    assert mta.replies(reply.wire) == [(letter, b"")]


def test_a_reply_code_is_a_line_of_smtp() -> None:
    assert mta.replies(reply_code(550, "5.7.1", "No.").wire) == [("y", b"550 5.7.1 No.\0")]


def test_percent_signs_are_doubled() -> None:
    assert mta.replies(reply_code(451, "4.7.1", "100% %d").wire) == [("y", b"451 4.7.1 100%% %%d\0")]


def test_several_lines_are_a_multi_line_reply() -> None:
    wire = reply_code(550, "5.7.1", "one\ntwo\nthree").wire
    assert mta.replies(wire) == [("y", b"550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\0")]


@pytest.mark.parametrize(
    ("code", "enhanced", "text"),
    [
        (250, "2.0.0", "fine"),
        (354, "5.7.1", "go on"),
        (600, "5.7.1", "beyond"),
        (550, "4.7.1", "of another class"),
        (451, "5.7.1", "of another class"),
        (550, "5.7", "too short"),
        (550, "", "none"),
        (550, "5.7.1000", "too long"),
        (550, "5.7.1 x", "more"),
        (550, "5.7.1", "café"),
        (550, "5.7.1", "a\rb"),
        (550, "5.7.1", "a\0b"),
        (550, "5.7.1", "\t"),
        (550, "5.7.1", "x" * 501),
        (550, "5.7.1", "\n" * 32),
    ],
)
def test_a_reply_that_an_mta_would_not_pass_on_cannot_be_made(code: int, enhanced: str, text: str) -> None:
    with pytest.raises(LocalProtocolError):
        reply_code(code, enhanced, text)


def test_the_longest_reply_line_and_the_most_lines_can_be_made() -> None:
    reply_code(550, "5.7.1", "x" * 500)
    reply_code(550, "5.7.1", "\n" * 31)


@pytest.mark.parametrize(
    ("edit", "action", "letter", "payload"),
    [
        (add_header(b"X", b"v"), Action.ADD_HEADER, "h", b"X\0v\0"),
        (insert_header(0, b"X", b"v"), Action.ADD_HEADER, "i", b"\0\0\0\0X\0v\0"),
        (insert_header(258, b"X", b"v"), Action.ADD_HEADER, "i", b"\0\0\x01\x02X\0v\0"),
        (change_header(1, b"X", b"v"), Action.CHANGE_HEADER, "m", b"\0\0\0\x01X\0v\0"),
        (quarantine("why"), Action.QUARANTINE, "q", b"why\0"),
        (add_recipient("<a@b>"), Action.ADD_RECIPIENT, "+", b"<a@b>\0"),
        (add_recipient("<a@b>", "NOTIFY=NEVER"), Action.ADD_RECIPIENT_WITH_PARAMETERS, "2", b"<a@b>\0NOTIFY=NEVER\0"),
        (delete_recipient("<a@b>"), Action.DELETE_RECIPIENT, "-", b"<a@b>\0"),
        (change_sender("<a@b>"), Action.CHANGE_SENDER, "e", b"<a@b>\0"),
        (change_sender("<é@b>", "SIZE=1"), Action.CHANGE_SENDER, "e", b"<\xc3\xa9@b>\0SIZE=1\0"),
    ],
)
def test_an_edit_has_its_action_and_its_frame(edit: Edit, action: Action, letter: str, payload: bytes) -> None:
    assert edit.action is action
    assert mta.replies(edit.wire(leading_space=False)) == [(letter, payload)]


@pytest.mark.parametrize("make", [lambda v: add_header(b"X", v), lambda v: insert_header(1, b"X", v)])
def test_with_leading_space_the_blank_behind_the_colon_is_sent(make: Callable[[bytes], Edit]) -> None:
    (frame,) = mta.replies(make(b"v").wire(leading_space=True))
    assert frame[1].endswith(b"X\0 v\0")


def test_a_changed_value_gets_its_blank_too_and_a_deletion_none() -> None:
    assert mta.replies(change_header(2, b"X", b"v").wire(leading_space=True)) == [("m", b"\0\0\0\x02X\0 v\0")]
    assert mta.replies(delete_headers(b"X", [2])[0].wire(leading_space=True)) == [("m", b"\0\0\0\x02X\0\0")]


def test_folds_are_sent_with_lf_alone() -> None:
    assert mta.replies(add_header(b"X", b"a;\r\n\tb\n c").wire(leading_space=False)) == [("h", b"X\0a;\n\tb\n c\0")]


@pytest.mark.parametrize("value", [b"a\0b", b"a\nB: c", b"a\r\n\r\nbody", b"a\r b", b"a\n", b"x" * 65_000])
def test_a_value_that_an_mta_cannot_take_cannot_be_made(value: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        add_header(b"X", value)


@pytest.mark.parametrize("name", [b"", b"X:", b"X Y", b"X\0", b"X\n", b"caf\xc3\xa9"])
def test_a_name_that_is_none_cannot_be_made(name: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        insert_header(0, name, b"v")
    with pytest.raises(LocalProtocolError):
        delete_headers(name, [1])


@pytest.mark.parametrize("index", [-1, 1 << 31])
def test_an_index_is_a_small_number(index: int) -> None:
    with pytest.raises(LocalProtocolError):
        insert_header(index, b"X", b"v")


def test_fields_are_changed_and_deleted_from_index_one() -> None:
    with pytest.raises(LocalProtocolError):
        change_header(0, b"X", b"v")
    with pytest.raises(LocalProtocolError):
        delete_headers(b"X", [0])


def test_a_change_to_nothing_is_a_deletion_and_has_its_own_word() -> None:
    with pytest.raises(LocalProtocolError):
        change_header(1, b"X", b"")


def test_deletions_come_from_the_last_index_back() -> None:
    wires = [mta.replies(edit.wire(leading_space=True))[0][1] for edit in delete_headers(b"X", [1, 3, 2, 3])]
    assert wires == [b"\0\0\0\x03X\0\0", b"\0\0\0\x02X\0\0", b"\0\0\0\x01X\0\0"]


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\rb", "x" * 1025])
def test_a_string_that_an_mta_cannot_take_cannot_be_made(text: str) -> None:
    for make in (quarantine, add_recipient, delete_recipient, change_sender):
        with pytest.raises(LocalProtocolError):
            make(text)


@pytest.mark.parametrize(("size", "chunks"), [(0, [0]), (1, [1]), (65_535, [65_535]), (65_536, [65_535, 1])])
def test_a_body_is_replaced_in_chunks(size: int, chunks: list[int]) -> None:
    edits = replace_body(bytes(size))
    assert {edit.action for edit in edits} == {Action.REPLACE_BODY}
    found = [mta.replies(edit.wire(leading_space=True))[0] for edit in edits]
    assert [(letter, len(payload)) for letter, payload in found] == [("b", length) for length in chunks]
