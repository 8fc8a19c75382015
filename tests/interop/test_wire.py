"""What a real Postfix says to a milter.

Recorded by a milter that shares no code with Inalign; what `milter/session.py` and `milterd/filter.py` take for granted
about the mail server stands here as a test each.
"""

from __future__ import annotations

import struct
import time

import pytest

from tests.interop.recorder import HDR_LEADSPC, NO_REPLY, RCPT_REJ, SKIP, Conversation, Script
from tests.interop.smtp import Client, dot_stuffed
from tests.interop.wire import SENDER, Wire

HEADER = b"From: alice@example.org\r\nTo: bob@example.net\r\nSubject: t\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
HEADER += b"Message-ID: <1@example.org>\r\n"
PLAIN = HEADER + b"\r\nbody\r\n"
OUTSIDE = Client()
EVERY_NO_REPLY = sum(NO_REPLY.values())


def with_field(line: bytes) -> bytes:
    return HEADER + line + b"\r\n\r\nbody\r\n"


# Negotiation


def test_offer_is_version_6_with_nine_actions_and_all_protocol_bits(wire: Wire) -> None:
    assert struct.unpack(">III", wire.heard(PLAIN).one("OPTNEG")) == (6, 0x1FF, 0x1FFFFF)


def test_every_no_reply_bit_is_honoured_and_the_events_still_come(wire: Wire) -> None:
    wire.script(Script(protocol=EVERY_NO_REPLY))
    heard = wire.heard(PLAIN)
    assert heard.commands[:5] == ["OPTNEG", "CONNECT", "HELO", "MAIL", "RCPT"]
    assert heard.body() == b"body\r\n"


def test_asked_for_macros_replace_those_of_their_stage(wire: Wire) -> None:
    wire.script(Script(macros={0: "{client_addr} {client_name} {client_port}", 1: "{client_ptr}"}))
    heard = wire.heard(PLAIN, client=OUTSIDE)
    connect = heard.macros("CONNECT") or {}
    assert connect == {
        "{client_addr}": "192.0.2.7",
        "{client_name}": "mail.example.org",
        "{client_port}": connect["{client_port}"],
    }
    assert heard.macros("HELO") == {"{client_ptr}": "mail.example.org"}


# Connection


def connect_parts(heard: Conversation) -> tuple[bytes, bytes, int, bytes]:
    name, _, rest = heard.one("CONNECT").partition(b"\0")
    return name, rest[:1], int.from_bytes(rest[1:3], "big"), rest[3:]


def test_connect_has_name_family_port_and_address(wire: Wire) -> None:
    name, family, port, address = connect_parts(wire.heard(PLAIN, client=OUTSIDE))
    assert (name, family, address) == (b"mail.example.org", b"4", b"192.0.2.7\0")
    assert port > 0


def test_client_without_a_name_is_its_address_in_brackets(wire: Wire) -> None:
    name, _, _, _ = connect_parts(wire.heard(PLAIN, client=Client(name=None)))
    assert name == b"[192.0.2.7]"


def test_ipv6_address_comes_without_a_prefix(wire: Wire) -> None:
    _, family, _, address = connect_parts(wire.heard(PLAIN, client=Client(ip="2001:db8::7")))
    assert (family, address) == (b"6", b"2001:db8::7\0")


def test_macros_at_connect(wire: Wire) -> None:
    macros = wire.heard(PLAIN, client=OUTSIDE).macros("CONNECT") or {}
    assert macros.pop("v").startswith("Postfix ")
    assert macros == {
        "j": "mx.example.net",
        "{daemon_name}": "mx.example.net",
        "{daemon_addr}": "127.0.0.1",
        "_": "mail.example.org [192.0.2.7]",
    }


def test_macro_packet_at_helo_is_empty_without_tls(wire: Wire) -> None:
    heard = wire.heard(PLAIN)
    assert heard.macros("HELO") == {}
    assert heard.one("HELO") == b"localhost\0"


def test_second_ehlo_is_a_helo_and_an_abort_without_a_connect(wire: Wire) -> None:
    with wire.server.session() as session:
        session.command("EHLO again.example.org")
        session.send(PLAIN, SENDER, wire.recipient)
    heard = wire.recorder.conversation()
    assert heard.commands[:6] == ["OPTNEG", "CONNECT", "HELO", "HELO", "ABORT", "MAIL"]
    assert heard.all("HELO")[1] == b"again.example.org\0"


def test_unknown_command_is_passed_on_as_one_word_but_not_noop_and_vrfy(wire: Wire) -> None:
    with wire.server.session() as session:
        for command in ("XYZZY one", "NOOP", "VRFY bob@example.net"):
            session.command(command)
    assert wire.recorder.conversation().one("UNKNOWN") == b"XYZZY\0"


# Envelope


def test_macros_at_mail_hold_no_queue_id(wire: Wire) -> None:
    macros = wire.heard(PLAIN).macros("MAIL") or {}
    assert set(macros) == {"{mail_addr}", "{mail_host}", "{mail_mailer}"}
    assert macros["{mail_addr}"] == "alice@example.org"


def test_authenticated_client_shows_in_the_macros_at_mail(wire: Wire) -> None:
    macros = wire.heard(PLAIN, client=Client(login="dave")).macros("MAIL") or {}
    assert macros["{auth_authen}"] == "dave"
    assert macros["{auth_type}"] == "XCLIENT"


def test_queue_id_comes_with_the_second_recipient_and_everything_after(wire: Wire) -> None:
    with wire.server.session() as session:
        session.send(PLAIN, SENDER, [wire.recipient, wire.recipient])
    heard = wire.recorder.conversation()
    assert "i" not in (heard.macros("RCPT") or {})
    queue_id = (heard.macros("RCPT", 1) or {})["i"]
    for stage in ("DATA", "HEADER", "EOH", "BODY", "BODYEOB"):
        assert heard.macros(stage) == {"i": queue_id}
    assert heard.macros("HEADER", 4) == {"i": queue_id}


def test_macros_at_rcpt(wire: Wire) -> None:
    recipient = wire.recipient.upper()
    with wire.server.session() as session:
        session.send(PLAIN, SENDER, recipient)
    heard = wire.recorder.conversation()
    assert heard.one("RCPT") == f"<{recipient}>\0".encode()
    assert heard.macros("RCPT") == {
        "{rcpt_addr}": wire.recipient,
        "{rcpt_host}": "EXAMPLE.NET",
        "{rcpt_mailer}": "virtual",
    }


@pytest.mark.parametrize(
    ("written", "packet", "macro"),
    [
        ("<Alice@Example.ORG>", b"<Alice@Example.ORG>\0", "alice@example.org"),
        ("alice@example.org", b"alice@example.org\0", "alice@example.org"),
        ('<"a b"@example.org>', b'<"a b"@example.org>\0', '"a b"@example.org'),
        ("<@relay.example:alice@example.org>", b"<@relay.example:alice@example.org>\0", "alice@example.org"),
        ("< alice@example.org >", b"< alice@example.org >\0", "alice@example.org"),
        ("<alice>", b"<alice>\0", "alice@mx.example.net"),
        ("<>", b"<>\0", ""),
    ],
)
def test_mail_comes_as_the_client_wrote_it(wire: Wire, written: str, packet: bytes, macro: str) -> None:
    with wire.server.session() as session:
        assert session.command(f"MAIL FROM:{written}").code == 250
    heard = wire.recorder.conversation()
    assert heard.one("MAIL") == packet
    assert (heard.macros("MAIL") or {})["{mail_addr}"] == macro


def test_arguments_of_mail_follow_it_each_ended_by_nul(wire: Wire) -> None:
    with wire.server.session() as session:
        session.command("MAIL FROM:<alice@example.org> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=abc")
    heard = wire.recorder.conversation()
    assert heard.one("MAIL") == b"<alice@example.org>\0SIZE=100\0BODY=8BITMIME\0RET=HDRS\0ENVID=abc\0"


def test_smtputf8_addresses_and_fields_come_as_raw_utf_8(wire: Wire) -> None:
    sender = "döner@bücher.example"
    with wire.server.session() as session:
        message = f"From: {sender}\r\nSubject: grüße\r\n\r\nx\r\n".encode()
        assert session.send(message, sender, wire.recipient, options=["SMTPUTF8"]).code == 250
        assert session.command(f"MAIL FROM:<{sender}>").code == 501
    heard = wire.recorder.conversation()
    assert heard.one("MAIL") == f"<{sender}>\0SMTPUTF8\0".encode()
    assert (heard.macros("MAIL") or {})["{mail_addr}"] == sender
    assert heard.header(b"From") == sender.encode()


def test_recipient_that_the_server_refuses_is_not_shown(wire: Wire) -> None:
    with wire.server.session(OUTSIDE) as session:
        session.command(f"MAIL FROM:<{SENDER}>")
        assert session.command("RCPT TO:<x@elsewhere.invalid>").code == 454
    assert "RCPT" not in wire.recorder.conversation().commands


def test_refused_recipient_is_shown_as_an_error_when_asked_for(wire: Wire) -> None:
    wire.script(Script(protocol=RCPT_REJ))
    with wire.server.session(OUTSIDE) as session:
        session.command(f"MAIL FROM:<{SENDER}>")
        session.command("RCPT TO:<x@elsewhere.invalid>")
    heard = wire.recorder.conversation()
    assert heard.one("RCPT") == b"<x@elsewhere.invalid>\0"
    assert (heard.macros("RCPT") or {})["{rcpt_mailer}"] == "error"


# Order of events


def test_every_message_ends_with_an_abort_and_the_session_with_one_more(wire: Wire) -> None:
    with wire.server.session() as session:
        for _ in range(2):
            assert session.send(PLAIN, SENDER, wire.recipient).code == 250
    told = [command for command in wire.recorder.conversation().commands if command not in ("HEADER", "BODY")]
    message = ["MAIL", "RCPT", "DATA", "EOH", "BODYEOB", "ABORT"]
    assert told == ["OPTNEG", "CONNECT", "HELO", *message, *message, "ABORT", "QUIT"]


def test_rset_is_an_abort(wire: Wire) -> None:
    with wire.server.session() as session:
        session.envelope(SENDER, wire.recipient)
        session.command("RSET")
        session.envelope(SENDER, wire.recipient)
    told = wire.recorder.conversation().commands
    assert told[3:8] == ["MAIL", "RCPT", "ABORT", "MAIL", "RCPT"]


def test_pipelined_commands_come_in_order(wire: Wire) -> None:
    with wire.server.session() as session:
        replies = session.pipelined([(PLAIN, SENDER, [wire.recipient] * 2), (PLAIN, SENDER, wire.recipient)])
    assert [reply.code for reply in replies] == [250, 250]
    told = [command for command in wire.recorder.conversation().commands if command in ("MAIL", "RCPT", "BODYEOB")]
    assert told == ["MAIL", "RCPT", "RCPT", "BODYEOB", "MAIL", "RCPT", "BODYEOB"]


def test_content_comes_only_after_the_final_dot(wire: Wire) -> None:
    with wire.server.session() as session:
        session.envelope(SENDER, wire.recipient)
        session.command("DATA")
        session.raw(HEADER + b"\r\n" + b"line\r\n" * 50_000)
        time.sleep(0.1)
        heard = wire.recorder.so_far()
        assert heard.commands[-1] == "DATA"
        session.raw(b".\r\n")
        assert session.reply().code == 250
    assert "HEADER" in heard.commands


def test_client_that_leaves_in_data_shows_no_content_but_an_abort(wire: Wire) -> None:
    session = wire.server.session()
    session.envelope(SENDER, wire.recipient)
    session.command("DATA")
    session.raw(HEADER + b"\r\nhalf")
    session.drop()
    assert wire.recorder.conversation().commands[-4:] == ["DATA", "ABORT", "ABORT", "QUIT"]


def test_local_mail_comes_as_localhost_without_angle_brackets(wire: Wire) -> None:
    wire.server.sendmail(PLAIN, SENDER, wire.recipient)
    wire.delivered()
    heard = wire.recorder.conversation()
    assert heard.one("CONNECT") == b"localhost\x004\0\x00127.0.0.1\0"
    assert heard.one("HELO") == b"localhost\0"
    assert heard.one("MAIL") == SENDER.encode() + b"\0"
    assert heard.one("RCPT") == wire.recipient.encode() + b"\0"
    assert (heard.macros("MAIL") or {})["i"]
    assert heard.commands[-2:] == ["BODYEOB", "QUIT"]


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


def test_missing_fields_are_added_before_the_milter_for_local_clients_alone(wire: Wire) -> None:
    bare = b"Subject: t\r\n\r\nbody\r\n"
    assert [name for name, _ in wire.heard(bare, client=OUTSIDE).headers()] == [b"Subject"]
    wire.script(Script())
    local = [name for name, _ in wire.heard(bare).headers()]
    assert local == [b"Subject", b"Message-Id", b"Date", b"From"]


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


def test_huge_field_is_cut_without_a_word(wire: Wire) -> None:
    value = b"\r\n ".join([b"z" * 70] * 1700)
    heard = wire.heard(with_field(b"X: " + value)).header(b"X")
    assert len(heard) < len(value) / 2
    assert value.replace(b"\r\n", b"\n").startswith(heard)


def test_value_is_cut_at_a_nul(wire: Wire) -> None:
    assert wire.heard(with_field(b"X: a\0b")).header(b"X") == b"a"


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


def test_line_over_998_octets_is_shown_and_stored_whole(wire: Wire) -> None:
    line = b"x" * 5000
    assert wire.send(HEADER + b"\r\n" + line + b"\r\nend\r\n").code == 250
    assert wire.recorder.conversation().body() == line + b"\r\nend\r\n"
    assert wire.delivered().endswith(b"\n\n" + line + b"\nend\n")


def test_bare_lf_is_a_line_end_and_bare_cr_a_blank(wire: Wire) -> None:
    assert wire.heard(HEADER + b"\r\none\ntwo\rthree\r\n").body() == b"one\r\ntwo three\r\n"


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
