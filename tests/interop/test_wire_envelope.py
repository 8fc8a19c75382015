"""What real mail servers say to a milter of sender and recipients, and in the macros with them."""

from __future__ import annotations

import pytest

from tests.interop.recorder import RCPT_REJ, Script
from tests.interop.server import ONLY_POSTFIX, ONLY_SENDMAIL
from tests.interop.smtp import Client
from tests.interop.wire import PLAIN, SENDER, Wire

OUTSIDE = Client()


def test_macros_at_mail_hold_a_queue_id_in_sendmail_alone(wire: Wire) -> None:
    macros = wire.heard(PLAIN).macros("MAIL") or {}
    assert ("i" in macros) == wire.server.per(postfix=False, sendmail=True)
    assert macros.keys() - {"i"} == {"{mail_addr}", "{mail_host}", "{mail_mailer}"}
    assert macros["{mail_addr}"] == "alice@example.org"


def test_authenticated_client_shows_in_the_macros_at_mail(wire: Wire) -> None:
    macros = wire.heard(PLAIN, client=Client(login="dave")).macros("MAIL") or {}
    assert macros["{auth_authen}"] == "dave"
    assert macros["{auth_type}"] == wire.server.per(postfix="XCLIENT", sendmail="PLAIN")
    assert macros.get("{auth_ssf}") == wire.server.per(postfix=None, sendmail="0")


def test_address_given_with_auth_is_an_argument_and_not_the_login(wire: Wire) -> None:
    with wire.server.session(Client(login="dave")) as session:
        session.command(f"MAIL FROM:<{SENDER}> AUTH=eve@example.org")
    macros = wire.recorder.conversation().macros("MAIL") or {}
    assert macros["{auth_authen}"] == "dave"


@ONLY_POSTFIX
def test_queue_id_comes_with_the_second_recipient_and_everything_after(wire: Wire) -> None:
    with wire.server.session() as session:
        session.send(PLAIN, SENDER, [wire.recipient, wire.recipient])
    heard = wire.recorder.conversation()
    assert "i" not in (heard.macros("RCPT") or {})
    queue_id = (heard.macros("RCPT", 1) or {})["i"]
    for stage in ("DATA", "HEADER", "EOH", "BODY", "BODYEOB"):
        assert heard.macros(stage) == {"i": queue_id}
    assert heard.macros("HEADER", 4) == {"i": queue_id}


@ONLY_SENDMAIL
def test_queue_id_comes_at_mail_and_never_again(wire: Wire) -> None:
    """Why the values of earlier stages are kept."""
    heard = wire.heard(PLAIN)
    for stage in ("DATA", "HEADER", "EOH", "BODY"):
        assert heard.macros(stage) is None
    assert heard.macros("BODYEOB") == {"{msg_id}": "<1@example.org>"}


@ONLY_SENDMAIL
def test_message_id_is_told_though_the_message_has_none(wire: Wire) -> None:
    macros = wire.heard(b"Subject: t\r\n\r\nbody\r\n").macros("BODYEOB") or {}
    assert macros["{msg_id}"].endswith("@mx.example.net>")


@pytest.mark.parametrize(("stage", "number"), [("MAIL", 2), ("RCPT", 3), ("DATA", 4), ("BODYEOB", 5)])
def test_asked_for_queue_id_comes_where_the_server_has_one(wire: Wire, stage: str, number: int) -> None:
    wire.script(Script(macros={number: "i", 6: "j"}))
    heard = wire.heard(PLAIN)
    in_postfix = stage in {"DATA", "BODYEOB"}
    assert ("i" in (heard.macros(stage) or {})) == wire.server.per(postfix=in_postfix, sendmail=True)


@ONLY_SENDMAIL
@pytest.mark.parametrize("end_of_header", [{}, {6: ""}], ids=["alone", "with a list for the end of the header"])
def test_list_for_the_end_of_the_message_counts_only_with_one_for_the_end_of_the_header(
    wire: Wire, end_of_header: dict[int, str]
) -> None:
    wire.script(Script(macros={5: "{nrcpts} {msg_size}", **end_of_header}))
    told = wire.heard(PLAIN).macros("BODYEOB")
    assert told == ({"{nrcpts}": "1", "{msg_size}": "127"} if end_of_header else {"{msg_id}": "<1@example.org>"})


def test_macros_at_rcpt(wire: Wire) -> None:
    recipient = wire.recipient.upper()
    with wire.server.session() as session:
        session.send(PLAIN, SENDER, recipient)
    heard = wire.recorder.conversation()
    assert heard.one("RCPT") == f"<{recipient}>\0".encode()
    assert heard.macros("RCPT") == wire.server.per(
        postfix={"{rcpt_addr}": wire.recipient, "{rcpt_host}": "EXAMPLE.NET", "{rcpt_mailer}": "virtual"},
        sendmail={"{rcpt_addr}": recipient, "{rcpt_host}": "[127.0.0.1]", "{rcpt_mailer}": "esmtp"},
    )


@pytest.mark.parametrize(
    ("written", "in_postfix", "in_sendmail"),
    [
        ("<Alice@Example.ORG>", "alice@example.org", "Alice@Example.ORG"),
        ("alice@example.org", "alice@example.org", "alice@example.org"),
        ('<"a b"@example.org>', '"a b"@example.org', '"a b"@example.org'),
        ("<@relay.example:alice@example.org>", "alice@example.org", "alice@example.org"),
        ("< alice@example.org >", "alice@example.org", "alice@example.org"),
        ("<alice>", "alice@mx.example.net", "alice"),
        ("<>", "", ""),
    ],
)
def test_mail_comes_as_the_client_wrote_it_and_in_macros_as_the_server_reads_it(
    wire: Wire, written: str, in_postfix: str, in_sendmail: str
) -> None:
    with wire.server.session() as session:
        assert session.command(f"MAIL FROM:{written}").code == 250
    heard = wire.recorder.conversation()
    assert heard.one("MAIL") == written.encode() + b"\0"
    macros = heard.macros("MAIL") or {}
    assert macros["{mail_addr}"] == wire.server.per(postfix=in_postfix, sendmail=in_sendmail)


def test_macros_of_the_null_sender(wire: Wire) -> None:
    macros = wire.heard(PLAIN, "").macros("MAIL") or {}
    assert macros["{mail_addr}"] == ""
    # Postfix would say `local` and its own name; this one has no way out.
    assert macros["{mail_mailer}"] == wire.server.per(postfix="error", sendmail="local")
    assert macros["{mail_host}"] == wire.server.per(postfix="nothing leaves this machine", sendmail="")


def test_arguments_of_mail_follow_it_each_ended_by_nul(wire: Wire) -> None:
    with wire.server.session() as session:
        session.command("MAIL FROM:<alice@example.org> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=abc")
    heard = wire.recorder.conversation()
    assert heard.one("MAIL") == b"<alice@example.org>\0SIZE=100\0BODY=8BITMIME\0RET=HDRS\0ENVID=abc\0"


@ONLY_POSTFIX
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


@ONLY_SENDMAIL
def test_raw_utf_8_address_comes_without_smtputf8_which_is_not_offered(wire: Wire) -> None:
    sender = "döner@bücher.example"
    with wire.server.session() as session:
        assert session.command(f"MAIL FROM:<{sender}> SMTPUTF8").code == 555
        assert session.command(f"MAIL FROM:<{sender}>").code == 250
    heard = wire.recorder.conversation()
    assert heard.one("MAIL") == f"<{sender}>\0".encode()
    assert (heard.macros("MAIL") or {})["{mail_addr}"] == sender


def test_recipient_that_the_server_refuses_is_not_shown(wire: Wire) -> None:
    with wire.server.session(OUTSIDE) as session:
        session.command(f"MAIL FROM:<{SENDER}>")
        refusal = session.command("RCPT TO:<x@elsewhere.invalid>")
    assert refusal.code == wire.server.per(postfix=454, sendmail=550)
    assert "RCPT" not in wire.recorder.conversation().commands


def test_refused_recipient_is_shown_as_an_error_by_postfix_when_asked_for(wire: Wire) -> None:
    wire.script(Script(protocol=RCPT_REJ))
    with wire.server.session(OUTSIDE) as session:
        session.command(f"MAIL FROM:<{SENDER}>")
        session.command("RCPT TO:<x@elsewhere.invalid>")
    heard = wire.recorder.conversation()
    shown = [b"<x@elsewhere.invalid>\0"]
    assert heard.all("RCPT") == wire.server.per(postfix=shown, sendmail=[])
    if shown == heard.all("RCPT"):
        assert (heard.macros("RCPT") or {})["{rcpt_mailer}"] == "error"
