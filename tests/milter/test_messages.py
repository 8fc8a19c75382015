"""What the commands of the MTA tell."""

from __future__ import annotations

import pytest

from inalign.errors import RemoteProtocolError
from inalign.milter.messages import (
    Connected,
    EndOfHeader,
    Family,
    HeaderField,
    MailFrom,
    Recipient,
    decode_connect,
    decode_helo,
    decode_mail,
    decode_recipient,
    decode_unknown,
    mailbox_of,
)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"mail.example.org\x004\xc0\x01192.0.2.7\0", ("mail.example.org", Family.INET, "192.0.2.7", 49153)),
        (b"[127.0.0.1]\x004\0\x19127.0.0.1\0", ("[127.0.0.1]", Family.INET, "127.0.0.1", 25)),
        (b"h\x006\0\x192001:db8::7\0", ("h", Family.INET6, "2001:db8::7", 25)),
        (b"h\x006\0\x19IPv6:2001:db8::7\0", ("h", Family.INET6, "2001:db8::7", 25)),
        (b"h\x006\0\x19IPv6:2001:DB8:0:0:0:0:0:7\0", ("h", Family.INET6, "2001:db8::7", 25)),
        (b"h\x006\0\x19IPv6:0:0:0:0:0:0:0:1\0", ("h", Family.INET6, "::1", 25)),
        (b"h\x006\0\x19IPv6:what\0", ("h", Family.INET6, "what", 25)),
        (b"localhost\x004\0\x00127.0.0.1\0", ("localhost", Family.INET, "127.0.0.1", 0)),
        (b"localhost\0L\0\0/run/smtp.sock\0", ("localhost", Family.UNIX, "/run/smtp.sock", 0)),
        (b"h\0U", ("h", Family.UNKNOWN, None, None)),
        (b"h\0U\0\0\0", ("h", Family.UNKNOWN, None, None)),
        (b"caf\xc3\xa9\xff\0U", ("café\udcff", Family.UNKNOWN, None, None)),
    ],
)
def test_connect_has_a_name_and_an_address(
    payload: bytes, expected: tuple[str, Family, str | None, int | None]
) -> None:
    assert decode_connect(payload) == Connected(*expected)


@pytest.mark.parametrize(("family", "ip"), [("4", "192.0.2.7"), ("6", "192.0.2.7"), ("L", None)])
def test_only_an_internet_address_is_a_client_ip(family: str, ip: str | None) -> None:
    assert decode_connect(b"h\0" + family.encode() + b"\0\x19192.0.2.7\0").client_ip == ip


@pytest.mark.parametrize("payload", [b"", b"h", b"h\0", b"h\0X\0\x19a\0", b"h\x004", b"h\x004\0\x19"])
def test_connect_that_cannot_be_read_is_malformed(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed CONNECT"):
        decode_connect(payload)


def test_helo_is_one_string() -> None:
    assert decode_helo(b"mail.example.org\0").name == "mail.example.org"
    assert decode_helo(b"\0").name == ""


def test_mail_has_a_path_and_parameters() -> None:
    assert decode_mail(b"<a@b>\0SIZE=100\0BODY=8BITMIME\0") == MailFrom("<a@b>", ("SIZE=100", "BODY=8BITMIME"))
    assert decode_recipient(b"<c@d>\0") == Recipient("<c@d>", ())
    assert decode_recipient(b"<c@d>\0").address == "c@d"


@pytest.mark.parametrize("decode", [decode_helo, decode_mail, decode_recipient, decode_unknown])
@pytest.mark.parametrize("payload", [b"", b"x", b"x\0y"])
def test_a_string_that_no_nul_ends_is_malformed(decode: object, payload: bytes) -> None:
    assert callable(decode)
    with pytest.raises(RemoteProtocolError, match="malformed"):
        decode(payload)


@pytest.mark.parametrize(
    ("path", "mailbox"),
    [
        ("<Alice@Example.ORG>", "Alice@Example.ORG"),
        ("alice@example.org", "alice@example.org"),
        ('<"a b"@example.org>', '"a b"@example.org'),
        ("<@relay.example:alice@example.org>", "alice@example.org"),
        ("<@a.example,@b.example:alice@example.org>", "alice@example.org"),
        ("< alice@example.org >", "alice@example.org"),
        ("<alice>", "alice"),
        ("<>", ""),
        ("", ""),
        ("root@example.org", "root@example.org"),
        ("<@nonsense>", "@nonsense"),
        ("<álice@example.org>", "álice@example.org"),
    ],
)
def test_the_mailbox_of_a_path_is_what_the_client_meant(path: str, mailbox: str) -> None:
    assert mailbox_of(path) == mailbox
    assert MailFrom(path, ()).address == mailbox


def test_occurrences_count_one_name_from_the_top_without_case() -> None:
    fields = (HeaderField(b"X-a", b"1"), HeaderField(b"B", b"2"), HeaderField(b"x-A", b"3"), HeaderField(b"X-A ", b"4"))
    header = EndOfHeader(fields, 0, {})
    assert [(index, field.value) for index, field in header.occurrences(b"X-A")] == [(1, b"1"), (2, b"3"), (3, b"4")]
    assert list(header.occurrences(b"C")) == []
