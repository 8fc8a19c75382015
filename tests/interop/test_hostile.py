"""Mail that is made to confuse: through real mail servers, and what the next reader makes of it."""

from __future__ import annotations

import pytest

from tests.interop.mail import SENDER, STRANGER, Mail
from tests.interop.received import Received
from tests.interop.senders import message
from tests.interop.server import ONLY_POSTFIX
from tests.interop.smtp import Client

AUTHOR = "ann@reject.example"


def claims_of(delivered: Received) -> list[tuple[str, str]]:
    """All our results that could be mistaken for an authenticated identity."""
    methods = {"spf", "dkim", "dmarc", "arc", "auth"}
    found = delivered.results()
    return [(method, each.word) for method in found if method in methods for each in found[method]]


@pytest.mark.parametrize(
    "helo",
    ["x;dkim=pass", "reject.example;dmarc=pass", "(", '"', "x\\", "a" * 300, "[IPv6:::1]", "münchen.example"],
)
def test_helo_says_nothing_in_the_results_but_its_own_result(mail: Mail, helo: str) -> None:
    with mail.server.session(STRANGER) as session:
        session.command(f"EHLO {helo}")
        assert session.send(message(), "", mail.recipient).code == 250
    assert all(word != "pass" for _, word in claims_of(mail.next()))


@pytest.mark.parametrize(
    "path",
    [
        '<"a;dkim=pass header.d=bank.example"@reject.example>',
        '<"(\\""@reject.example>',
        "<@relay.example:ann@reject.example>",
        "<ann@[192.0.2.7]>",
        "<ann@reject.example.>",
        "<ann>",
        "ann@reject.example",
        "< ann@reject.example >",
    ],
)
def test_odd_reverse_path_leaves_one_result_for_each_method(mail: Mail, path: str) -> None:
    with mail.server.session(STRANGER) as session:
        reply = session.command(f"MAIL FROM:{path}")
        if reply.code != 250:
            pytest.skip(f"{mail.server.name} itself refuses it: {reply.text}")
        session.command(f"RCPT TO:<{mail.recipient}>")
        assert session.data(message()).code == 250
    claims = claims_of(mail.next())
    assert sorted(method for method, _ in claims) == ["dkim", "dmarc", "spf"]
    assert all(word != "pass" for _, word in claims)


@pytest.mark.parametrize(
    "author",
    [
        "ann@reject.example;dmarc=pass",
        '"dkim=pass header.d=bank.example;" <ann@reject.example>',
        "ann@reject.example (dmarc=pass)",
        "=?utf-8?q?ann=40bank.example?= <ann@reject.example>",
        '"ann@bank.example" <ann@reject.example>',
        "<ann@bank.example> <ann@reject.example>",
        "ann@reject.example\0@bank.example",
        "friends: ann@reject.example, eve@open.example;",
        "ann@" + "a." * 120 + "example",
        "ann@" + "a" * 64 + ".example",
        "ann@reject.example\u200b",
        "ann@reject\u3002example",
        "@" * 1000,
        "(" * 1000 + "ann@reject.example",
        "<" * 1000 + "ann@reject.example",
        ",".join(f"a@d{number}.example" for number in range(2000)),
    ],
    ids=range(16),
)
def test_author_made_to_confuse_never_passes(mail: Mail, author: str) -> None:
    claims = claims_of(mail.exchange(message(author), client=STRANGER))
    assert sorted(method for method, _ in claims) == ["dkim", "dmarc", "spf"]
    assert all(word != "pass" for _, word in claims)


@pytest.mark.parametrize(
    "tags",
    [
        b"",
        b"v=1",
        b";;;;",
        b"v=1; a=rsa-sha256; d=reject.example; s=rsa; h=from; bh=; b=",
        b"v=1; a=rsa-sha256; d=reject.example; s=x;dkim=pass; h=from; bh=AAAA; b=AAAA",
        b"v=1; a=rsa-sha256; d=reject.example header.d=bank.example; s=rsa; h=from; bh=AAAA; b=AAAA",
        b'v=1; a=rsa-sha256; d="reject.example"; s=(a); h=from; bh=AAAA; b=AAAA',
        "v=1; a=rsa-sha256; d=bücher.example; s=rsä; h=from; bh=AAAA; b=AAAA".encode(),
        b"v=1; a=\xff\xfe; d=\xff; s=\xff; h=from; bh=\xff; b=\xff",
        b"v=1; a=rsa-sha256; d=reject.example; s=" + b"a." * 2000 + b"; h=from; bh=AAAA; b=AAAA",
        b"v=1; a=rsa-sha256; d=reject.example; s=rsa; h=" + b"from:" * 5000 + b"from; bh=AAAA; b=AAAA",
        b"v=1; a=rsa-sha256; d=reject.example; s=rsa; h=from; l=99999999999999999999; bh=AAAA; b=AAAA",
    ],
    ids=range(12),
)
def test_broken_signature_is_one_result_and_no_pass(mail: Mail, tags: bytes) -> None:
    claims = claims_of(mail.exchange(message(fields=[b"DKIM-Signature: " + tags]), client=STRANGER))
    assert sorted(method for method, _ in claims) == ["dkim", "dmarc", "spf"]
    assert all(word != "pass" for _, word in claims)


def test_fifty_signatures_are_bounded_and_the_mail_goes_on(mail: Mail) -> None:
    signed = message()
    for _ in range(50):
        signed = mail.senders.signed(signed)
    delivered = mail.exchange(signed)
    found = delivered.results()
    assert found["dmarc"][0].word == "pass"
    assert {each.word for each in found["dkim"]} <= {"pass", "policy"}


def test_our_field_has_no_line_that_a_relay_would_break(mail: Mail) -> None:
    signed = message()
    for _ in range(10):
        signed = mail.senders.signed(signed)
    with mail.server.session(SENDER) as session:
        session.send(signed, AUTHOR, mail.recipient)
    (stored,) = mail.server.delivered(mail.recipient)
    field = stored.partition(b"\nReceived:")[0]
    assert field.startswith(b"Authentication-Results: mx.example.net;")
    assert b"\r" not in field
    assert max(map(len, field.split(b"\n"))) <= 998
    assert all(line.strip() for line in field.split(b"\n"))


def test_header_of_thousands_of_fields_is_verified_or_refused_but_never_passed_unread(mail: Mail) -> None:
    forged = b"Authentication-Results: mx.example.net; dmarc=pass"
    filler = [b"X-Filler: %d" % number for number in range(5000)]
    if mail.server.name == "sendmail":
        assert mail.server.send(message(fields=[*filler, forged]), AUTHOR, mail.recipient).code == 552
        filler = filler[:1500]  # some 30 KiB
    delivered = mail.exchange(message(fields=[*filler, forged]), client=STRANGER)
    assert all(word != "pass" for _, word in claims_of(delivered))
    assert len(delivered.values("Authentication-Results")) == 1


@ONLY_POSTFIX
def test_field_that_postfix_cuts_fails_its_signature_and_nothing_else(mail: Mail) -> None:
    huge = b"X-Huge: " + b"\r\n ".join([b"z" * 70] * 1700)
    signed = mail.senders.signed(message(fields=[huge]), names=["from", "x-huge"])
    found = mail.exchange(signed).results()
    assert [each.word for each in found["dkim"]] == ["fail"]
    assert found["dmarc"][0].word == "pass"


@pytest.mark.parametrize("body", [b"bare\rreturn\r\n", b"bare\nfeed\r\n", b"nul\0\r\n", b"\0" * 5000 + b"\r\n"])
def test_octets_that_servers_mend_are_verified_as_the_server_shows_them(mail: Mail, body: bytes) -> None:
    if mail.server.name == "sendmail" and body.startswith(b"bare"):
        assert mail.server.send(message(body=body), AUTHOR, mail.recipient).code == 421
        return
    found = mail.exchange(mail.senders.signed(message(body=body))).results()
    assert found["dkim"][0].word in {"pass", "fail"}
    assert found["dmarc"][0].word == "pass"


@ONLY_POSTFIX
def test_smuggled_message_has_results_of_its_own(mail: Mail) -> None:
    """Postfix 3.7 ends a message at LF . LF; then two came in, and the second must not borrow from the first."""
    smuggled = message("boss@quarantine.example", body=b"smuggled\r\n")
    with mail.server.session(SENDER) as session:
        session.envelope(AUTHOR, mail.recipient)
        session.command("DATA")
        session.raw(message(body=b"outer\n.\n"))
        session.raw(b"MAIL FROM:<boss@open.example>\r\nRCPT TO:<%s>\r\nDATA\r\n" % mail.recipient.encode())
        session.raw(smuggled + b".\r\n")
        assert [session.reply().code for _ in range(5)] == [250, 250, 250, 354, 250]
    outer, inner = claims_of(mail.next()), claims_of(mail.next())
    assert dict(outer) == {"spf": "pass", "dkim": "none", "dmarc": "pass"}
    assert dict(inner) == {"spf": "none", "dkim": "none", "dmarc": "fail"}


@ONLY_POSTFIX
def test_name_that_claims_to_be_local_is_verified(mail: Mail) -> None:
    client = Client(ip="203.0.113.99", helo="localhost", name="localhost")
    claims = dict(claims_of(mail.exchange(message(), client=client)))
    assert claims == {"spf": "fail", "dkim": "none", "dmarc": "fail"}
