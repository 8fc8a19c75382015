"""What real mail servers show a milter of header and body."""

from __future__ import annotations

import pytest

from tests.interop.recorder import HDR_LEADSPC, SKIP, Script
from tests.interop.server import ONLY_POSTFIX, ONLY_SENDMAIL
from tests.interop.smtp import Client, dot_stuffed
from tests.interop.wire import HEADER, PLAIN, SENDER, Wire

OUTSIDE = Client()


def with_field(line: bytes) -> bytes:
    return HEADER + line + b"\r\n\r\nbody\r\n"


# Header


@pytest.mark.parametrize(
    ("line", "stripped", "kept"),
    [
        (b"X:abc", b"abc", b"abc"),
        (b"X: abc", b"abc", b" abc"),
        (b"X:  abc  ", b" abc  ", b"  abc  "),
        (b"X:\tabc", b"\tabc", b"\tabc"),
        (b"X: abc\r\n\tdef\r\n  ghi", b"abc\n\tdef\n  ghi", b" abc\n\tdef\n  ghi"),
        (b"X:\r\n abc", b"\n abc", b"\n abc"),
        (b"X:", b"", b""),
        (b"X: ", b"", b" "),
        (b"X: caf\xe9 caf\xc3\xa9", b"caf\xe9 caf\xc3\xa9", b" caf\xe9 caf\xc3\xa9"),
    ],
)
def test_header_value_without_and_with_leading_space(wire: Wire, line: bytes, stripped: bytes, kept: bytes) -> None:
    assert wire.heard(with_field(line)).header(b"X") == stripped
    wire.script(Script(protocol=HDR_LEADSPC))
    assert wire.heard(with_field(line)).header(b"X") == kept


def test_blanks_before_the_colon_are_dropped(wire: Wire) -> None:
    assert wire.heard(with_field(b"X-Blank : abc")).header(b"X-Blank") == b"abc"


def test_own_received_is_not_shown_and_fields_come_in_order(wire: Wire) -> None:
    names = [name for name, _ in wire.heard(PLAIN).headers()]
    assert names == [b"From", b"To", b"Subject", b"Date", b"Message-ID"]


@ONLY_POSTFIX
def test_missing_fields_are_added_before_the_milter_for_local_clients_alone(wire: Wire) -> None:
    bare = b"Subject: t\r\n\r\nbody\r\n"
    assert [name for name, _ in wire.heard(bare, client=OUTSIDE).headers()] == [b"Subject"]
    wire.script(Script())
    local = [name for name, _ in wire.heard(bare).headers()]
    assert local == [b"Subject", b"Message-Id", b"Date", b"From"]


@ONLY_SENDMAIL
def test_missing_fields_are_added_after_the_milter_below_received(wire: Wire) -> None:
    bare = b"Subject: t\r\n\r\nbody\r\n"
    assert wire.send(bare).code == 250
    names = [line.partition(b":")[0] for line in wire.delivered().replace(b"\n\t", b" ").split(b"\n")[:5]]
    assert names == [b"Received", b"Date", b"From", b"Message-Id", b"Subject"]
    assert [name for name, _ in wire.recorder.conversation().headers()] == [b"Subject"]


def test_line_that_is_no_field_ends_the_header(wire: Wire) -> None:
    heard = wire.heard(HEADER + b"this is no field\r\nX-After: 1\r\n\r\nbody\r\n")
    assert [name for name, _ in heard.headers()][-1] == b"Message-ID"
    assert heard.body() == b"this is no field\r\nX-After: 1\r\n\r\nbody\r\n"


def test_message_without_a_header_has_no_header_event(wire: Wire) -> None:
    heard = wire.heard(b"\r\nonly a body\r\n", client=OUTSIDE)
    assert heard.headers() == []
    assert heard.body() == b"only a body\r\n"


def test_long_field_is_shown_whole(wire: Wire) -> None:
    assert wire.heard(with_field(b"X: " + b"y" * 3000)).header(b"X") == b"y" * 3000


@ONLY_POSTFIX
def test_huge_field_is_cut_without_a_word(wire: Wire) -> None:
    value = b"\r\n ".join([b"z" * 70] * 1700)
    heard = wire.heard(with_field(b"X: " + value)).header(b"X")
    assert len(heard) < len(value) / 2
    assert value.replace(b"\r\n", b"\n").startswith(heard)


@ONLY_SENDMAIL
def test_header_over_32_kibibytes_is_refused_and_aborted(wire: Wire) -> None:
    with wire.server.session() as session:
        assert session.send(with_field(b"X: " + b"\r\n ".join([b"z" * 70] * 440)), SENDER, wire.recipient).code == 250
        assert session.send(with_field(b"X: " + b"\r\n ".join([b"z" * 70] * 460)), SENDER, wire.recipient).code == 552
    told = wire.recorder.conversation().commands
    assert told.count("BODYEOB") == 1
    assert told[-4:] == ["RCPT", "DATA", "ABORT", "QUIT"]


def test_nul_cuts_the_value_in_postfix_and_is_dropped_by_sendmail(wire: Wire) -> None:
    assert wire.heard(with_field(b"X: a\0b")).header(b"X") == wire.server.per(postfix=b"a", sendmail=b"ab")


@ONLY_POSTFIX
def test_bare_lf_ends_a_field(wire: Wire) -> None:
    heard = wire.heard(with_field(b"X: a\nY: b"))
    assert (heard.header(b"X"), heard.header(b"Y")) == (b"a", b"b")


# Body


def test_body_has_crlf_and_its_dots_back(wire: Wire) -> None:
    body = b".one\r\n..two\r\n...\r\ncaf\xe9 \xff\xfe nul\0\r\n"
    assert wire.heard(HEADER + b"\r\n" + body).body() == body


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_empty_body_has_no_body_event(wire: Wire, end: bytes) -> None:
    heard = wire.heard(HEADER + end)
    assert heard.all("BODY") == []
    assert heard.commands.count("EOH") == 1


def test_body_comes_in_blocks_of_65535_cut_anywhere(wire: Wire) -> None:
    body = b"0123456789abcdef\r\n" * 10_000
    heard = wire.heard(HEADER + b"\r\n" + body)
    assert [len(block) for block in heard.all("BODY")] == [65535, 65535, len(body) - 2 * 65535]
    assert heard.body() == body


def test_line_over_998_octets_is_shown_whole(wire: Wire) -> None:
    """What is stored is another thing: Sendmail breaks it where it sends it on."""
    line = b"x" * 5000
    assert wire.send(HEADER + b"\r\n" + line + b"\r\nend\r\n").code == 250
    assert wire.recorder.conversation().body() == line + b"\r\nend\r\n"
    assert (line in wire.delivered()) == wire.server.per(postfix=True, sendmail=False)


@ONLY_POSTFIX
def test_bare_lf_is_a_line_end_and_bare_cr_a_blank(wire: Wire) -> None:
    assert wire.heard(HEADER + b"\r\none\ntwo\rthree\r\n").body() == b"one\r\ntwo three\r\n"


@ONLY_SENDMAIL
@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (HEADER + b"\r\none\ntwo\r\n.\r\n", "4.5.0 Bare linefeed (LF) not allowed"),
        (HEADER + b"\r\none\rtwo\r\n.\r\n", "4.5.0 Bare carriage return (CR) not allowed"),
        (HEADER + b"X: a\nY: b\r\n\r\n.\r\n", "4.5.0 Bare linefeed (LF) not allowed"),
        (HEADER + b"\r\nbody\n.\nMAIL FROM:<smuggled@example.org>\r\n.\r\n", "4.5.0 Bare linefeed (LF) not allowed"),
    ],
)
def test_bare_line_end_ends_the_session(wire: Wire, octets: bytes, told: str) -> None:
    """So no message hides in another."""
    session = wire.server.session()
    session.envelope(SENDER, wire.recipient)
    session.command("DATA")
    session.raw(octets)
    assert session.reply() == (421, told)
    session.drop()
    heard = wire.recorder.conversation()
    assert heard.all("MAIL") == [b"<alice@example.org>\0"]
    assert "BODYEOB" not in heard.commands


@ONLY_POSTFIX
def test_dot_between_bare_lf_ends_the_message(wire: Wire) -> None:
    """What follows runs as commands: a second message may hide in the first, and the milter sees two."""
    with wire.server.session() as session:
        session.envelope(SENDER, wire.recipient)
        session.command("DATA")
        session.raw(HEADER + b"\r\nbody\n.\nMAIL FROM:<smuggled@example.org>\r\n")
        assert [session.reply().code, session.reply().code] == [250, 250]
    heard = wire.recorder.conversation()
    assert heard.all("MAIL") == [b"<alice@example.org>\0", b"<smuggled@example.org>\0"]
    assert heard.body() == b"body\r\n"


@ONLY_POSTFIX
def test_bdat_looks_like_data(wire: Wire) -> None:
    with wire.server.session() as session:
        session.envelope(SENDER, wire.recipient)
        octets = PLAIN.removesuffix(b"\r\n")
        session.raw(b"BDAT %d LAST\r\n" % len(octets) + octets)
        assert session.reply().code == 250
    heard = wire.recorder.conversation()
    assert heard.body() == b"body\r\n"
    assert len(heard.headers()) == 5


def test_skip_ends_the_body_events(wire: Wire) -> None:
    wire.script(Script(protocol=SKIP, answers={"BODY": b"s"}))
    heard = wire.heard(HEADER + b"\r\n" + b"line\r\n" * 50_000)
    assert len(heard.all("BODY")) == 1
    assert heard.commands.count("BODYEOB") == 1


def test_dot_stuffing_of_the_test_client() -> None:
    assert dot_stuffed(b".a\r\n..b\r\nc") == b"..a\r\n...b\r\nc\r\n.\r\n"
