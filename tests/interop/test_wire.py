"""What real mail servers say to a milter: connection, envelope, order of events.

Recorded by a milter that shares no code with Inalign; what `milter/session.py` and `milterd/filter.py` take for granted
about the mail server stands here as a test each.
"""

from __future__ import annotations

import struct
import time

import pytest

from tests.interop.recorder import NO_REPLY, REJECT, Conversation, Script
from tests.interop.server import ONLY_POSTFIX, ONLY_SENDMAIL
from tests.interop.smtp import Client
from tests.interop.wire import HEADER, PLAIN, SENDER, Wire

OUTSIDE = Client()
EVERY_NO_REPLY = sum(NO_REPLY.values())


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
        "{client_addr}": wire.server.client_ip(OUTSIDE),
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
    assert (name, family) == (b"mail.example.org", b"4")
    assert address == wire.server.client_ip(OUTSIDE).encode() + b"\0"
    assert port > 0


def test_client_without_a_name_is_its_address_in_brackets(wire: Wire) -> None:
    client = Client(ip="192.0.2.8", name=None)
    name, _, _, _ = connect_parts(wire.heard(PLAIN, client=client))
    assert name == f"[{wire.server.client_ip(client)}]".encode()


def test_ipv6_address_comes_bare_from_postfix_and_with_a_prefix_in_full_from_sendmail(wire: Wire) -> None:
    name, family, _, address = connect_parts(wire.heard(PLAIN, client=Client(ip="2001:db8::7", name="localhost")))
    assert family == b"6"
    assert address == wire.server.per(postfix=b"2001:db8::7\0", sendmail=b"IPv6:0:0:0:0:0:0:0:1\0")
    assert name == b"localhost"


@ONLY_POSTFIX
def test_macros_at_connect_of_postfix(wire: Wire) -> None:
    macros = wire.heard(PLAIN, client=OUTSIDE).macros("CONNECT") or {}
    assert macros.pop("v").startswith("Postfix ")
    assert macros == {
        "j": "mx.example.net",
        "{daemon_name}": "mx.example.net",
        "{daemon_addr}": "127.0.0.1",
        "_": "mail.example.org [192.0.2.7]",
    }


@ONLY_SENDMAIL
def test_macros_at_connect_of_sendmail(wire: Wire) -> None:
    assert wire.heard(PLAIN, client=OUTSIDE).macros("CONNECT") == {
        "j": "mx.example.net",
        "{daemon_name}": "pass",
        "{if_name}": "localhost",
        "_": "mail.example.org [127.0.2.7]",
    }


def test_macro_packet_at_helo_is_empty_without_tls(wire: Wire) -> None:
    heard = wire.heard(PLAIN)
    assert heard.macros("HELO") == {}
    assert heard.one("HELO") == b"localhost\0"


def test_second_ehlo_is_a_helo_without_a_connect_and_in_postfix_an_abort(wire: Wire) -> None:
    with wire.server.session() as session:
        session.command("EHLO again.example.org")
        session.send(PLAIN, SENDER, wire.recipient)
    heard = wire.recorder.conversation()
    told = ["OPTNEG", "CONNECT", "HELO", "HELO"]
    assert heard.commands[: heard.commands.index("MAIL")] == wire.server.per(postfix=[*told, "ABORT"], sendmail=told)
    assert heard.all("HELO")[1] == b"again.example.org\0"


@pytest.mark.parametrize(
    ("command", "in_postfix", "in_sendmail"),
    [
        ("RSET", ["ABORT"], ["ABORT"]),
        ("EHLO again.example.org", ["HELO", "ABORT", "ABORT"], ["ABORT", "HELO"]),
    ],
)
@pytest.mark.parametrize("recipients", [0, 1])
def test_what_resets_a_message(
    wire: Wire, recipients: int, command: str, in_postfix: list[str], in_sendmail: list[str]
) -> None:
    begun = ["MAIL", *["RCPT"] * recipients]
    with wire.server.session() as session:
        session.envelope(SENDER, [wire.recipient] * recipients)
        session.command(command)
        session.command(f"MAIL FROM:<{SENDER}>")
    told = wire.recorder.conversation().commands[3:]
    expected = [*begun, *wire.server.per(postfix=in_postfix, sendmail=in_sendmail), "MAIL"]
    assert told[: len(expected)] == expected


@ONLY_SENDMAIL
@pytest.mark.parametrize("command", ["RSET", "EHLO again.example.org"])
def test_sendmail_aborts_nothing_when_mail_gets_no_reply(wire: Wire, command: str) -> None:
    """Why MAIL within a message is a new one: this is how Inalign negotiates."""
    wire.script(Script(protocol=NO_REPLY["MAIL"]))
    with wire.server.session() as session:
        session.envelope(SENDER, wire.recipient)
        session.command(command)
        session.command(f"MAIL FROM:<{SENDER}>")
    assert "ABORT" not in wire.recorder.conversation().commands


def test_unknown_command_is_passed_on_but_not_noop_and_vrfy(wire: Wire) -> None:
    """One word of it by Postfix, the whole line by Sendmail."""
    with wire.server.session() as session:
        for command in ("XYZZY one", "NOOP", "VRFY bob@example.net"):
            session.command(command)
    assert wire.recorder.conversation().one("UNKNOWN") == wire.server.per(postfix=b"XYZZY\0", sendmail=b"XYZZY one\0")


# Order of events


def test_order_of_two_messages(wire: Wire) -> None:
    """Postfix ends every message with ABORT, and the session with one more; Sendmail no accepted one."""
    with wire.server.session() as session:
        for _ in range(2):
            assert session.send(PLAIN, SENDER, wire.recipient).code == 250
    told = [command for command in wire.recorder.conversation().commands if command not in ("HEADER", "BODY")]
    message = ["MAIL", "RCPT", "DATA", "EOH", "BODYEOB"]
    aborted = [*message, "ABORT"]
    assert told[:3] == ["OPTNEG", "CONNECT", "HELO"]
    assert told[3:] == wire.server.per(
        postfix=[*aborted, *aborted, "ABORT", "QUIT"], sendmail=[*message, *message, "QUIT"]
    )


def test_refused_message_is_aborted_in_postfix_only(wire: Wire) -> None:
    wire.script(Script(final=REJECT))
    wire.send(PLAIN)
    told = wire.recorder.conversation().commands
    assert told[told.index("BODYEOB") + 1 :] == wire.server.per(postfix=["ABORT", "ABORT", "QUIT"], sendmail=["QUIT"])


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


def test_client_that_leaves_in_data_shows_no_content(wire: Wire) -> None:
    session = wire.server.session()
    session.envelope(SENDER, wire.recipient)
    session.command("DATA")
    session.raw(HEADER + b"\r\nhalf")
    session.drop()
    told = wire.recorder.conversation().commands
    assert told[told.index("DATA") + 1 :] == wire.server.per(postfix=["ABORT", "ABORT", "QUIT"], sendmail=[])


@ONLY_POSTFIX
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


@ONLY_SENDMAIL
def test_local_mail_goes_by_smtp(wire: Wire) -> None:
    wire.server.sendmail(PLAIN, SENDER, wire.recipient)
    wire.delivered()
    heard = wire.recorder.conversation()
    assert connect_parts(heard)[3] == b"127.0.0.1\0"
    assert heard.one("HELO") == b"mx.example.net\0"
    assert heard.one("MAIL").startswith(b"<alice@example.org>\0SIZE=")
    assert heard.one("RCPT") == f"<{wire.recipient}>\0".encode()
