"""Inalign behind real mail servers: messages of all shapes, several in a session, and a milter that is away."""

from __future__ import annotations

from tests.interop.mail import STRANGER, Mail
from tests.interop.received import mailfrom, word, words
from tests.interop.senders import message
from tests.interop.smtp import Client
from tests.interop.wire import fresh_address

AUTHOR = "ann@reject.example"


def test_eight_bit_message_is_delivered_as_it_came(mail: Mail) -> None:
    body = bytes(range(128, 256)) + b"\r\n"
    delivered = mail.exchange(mail.senders.signed(message(body=body)), options=["BODY=8BITMIME"])
    assert words(delivered.results()) == ("pass", "pass", "pass")
    assert delivered.body == body.replace(b"\r\n", b"\n")


def test_message_of_10_megabytes_is_verified(mail: Mail) -> None:
    body = b"0123456789 " * 6 + b"\r\n"
    signed = mail.senders.signed(message(body=body * (10_000_000 // len(body))))
    delivered = mail.exchange(signed)
    assert words(delivered.results()) == ("pass", "pass", "pass")
    assert len(delivered.body) > 9_000_000


def test_every_recipient_gets_the_same_results(mail: Mail) -> None:
    recipients = [fresh_address() for _ in range(3)]
    signed = mail.senders.signed(message())
    assert mail.server.send(signed, AUTHOR, recipients).code == 250
    for recipient in recipients:
        delivered = mail.next(recipient)
        assert words(delivered.results()) == ("pass", "pass", "pass")


def test_several_messages_in_one_session_do_not_mix(mail: Mail) -> None:
    good = mail.senders.signed(message())
    bad = mail.senders.signed(message(body=b"pay 10\r\n")).replace(b"pay 10", b"pay 99")
    # Each with a mailbox of its own, since Sendmail delivers by a process for each, in any order.
    sent = [
        (fresh_address(), good, ("fail", "pass", "pass")),
        (fresh_address(), bad, ("fail", "fail", "fail")),
        (fresh_address(), message(), ("fail", "none", "fail")),
        (fresh_address(), good, ("fail", "pass", "pass")),
    ]
    with mail.server.session(STRANGER) as session:
        for recipient, octets, _ in sent:
            assert session.send(octets, AUTHOR, recipient).code == 250
    assert [words(mail.next(recipient).results()) for recipient, *_ in sent] == [expected for *_, expected in sent]


def test_rset_forgets_the_envelope(mail: Mail) -> None:
    with mail.server.session(Client()) as session:
        session.envelope("eve@quarantine.example", mail.recipient)
        session.command("RSET")
        assert session.send(message(), AUTHOR, mail.recipient).code == 250
    assert mailfrom(mail.next().results()).properties["smtp.mailfrom"].endswith("reject.example")


def test_second_ehlo_is_the_one_that_counts(mail: Mail) -> None:
    with mail.server.session(Client(helo="stranger.example")) as session:
        session.command("EHLO reject.example")
        assert session.send(message(), "", mail.recipient).code == 250
    assert word(mail.next().results(), "dmarc") == "pass"


def test_pipelined_messages_have_their_own_results(mail: Mail) -> None:
    first, second = fresh_address(), fresh_address()
    with mail.server.session(Client()) as session:
        replies = session.pipelined(
            [
                (mail.senders.signed(message()), AUTHOR, first),
                (message("ann@quarantine.example"), "ann@open.example", second),
            ]
        )
    assert [reply.code for reply in replies] == [250, 250]
    assert words(mail.next(first).results()) == ("pass", "pass", "pass")
    assert words(mail.next(second).results()) == ("none", "none", "fail")


def test_client_that_leaves_in_the_middle_disturbs_nobody(mail: Mail) -> None:
    session = mail.server.session(Client())
    session.envelope(AUTHOR, mail.recipient)
    session.command("DATA")
    session.raw(message()[:100])
    session.drop()
    assert words(mail.exchange(mail.senders.signed(message())).results()) == ("pass", "pass", "pass")


# A milter that is away


def test_mail_goes_on_or_waits_while_the_milter_is_away_and_is_verified_again_after(mail: Mail) -> None:
    mail.inalign.stop()
    try:
        assert mail.server.send(message(), AUTHOR, mail.recipient).code == 250
        assert mail.next().values("Authentication-Results") == []
        assert mail.server.send(message(), AUTHOR, mail.recipient, strict=True).code == 451
    finally:
        mail.inalign.start()
    assert words(mail.exchange(message()).results()) == ("pass", "none", "pass")
