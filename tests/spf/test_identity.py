"""Which identity is checked, and for which client."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from inalign.spf import SpfScope
from inalign.spf.identity import find_client, helo_identity, mail_from_identity


@pytest.mark.parametrize(
    ("mail_from", "domain", "local_part"),
    [
        ("joe@example.com", "example.com", "joe"),
        ("joe@Example.COM.", "example.com", "joe"),
        ("@example.com", "example.com", "postmaster"),
        ("example.com", "example.com", "postmaster"),
        ("a@b@example.com", "example.com", "a@b"),
        ('"a@b c"@example.com', "example.com", '"a@b c"'),
        ("joe@_x.example.com", "_x.example.com", "joe"),
        ("joe@bücher.example", "xn--bcher-kva.example", "joe"),
        ("jürgen@example.com", "example.com", "jürgen"),
    ],
)
def test_mail_from(mail_from: str, domain: str, local_part: str) -> None:
    identity = mail_from_identity(mail_from, "mail.example.org")
    assert (identity.scope, identity.domain, identity.local_part) == (SpfScope.MFROM, domain, local_part)


@pytest.mark.parametrize(
    "mail_from",
    [
        "joe",
        "joe@",
        "@",
        "joe@localhost",
        "joe@[192.0.2.1]",
        "joe@[IPv6:2001:db8::1]",
        "joe@192.0.2.1",
        "joe@example..com",
        "joe@.example.com",
        "joe@" + "a" * 64 + ".com",
        "joe@" + "a." * 127 + "com",
        "<joe@example.com>",
        "joe@example.com ",
        "joe@exam ple.com",
        "joe@example.com\r\n",
        "joe@\udcff.com",
        "joe@" + "é" * 5000,
        "x" * 1_000_000,
    ],
)
def test_what_is_no_multi_label_name_is_no_domain(mail_from: str) -> None:
    assert mail_from_identity(mail_from, None).domain is None


def test_the_null_reverse_path_is_postmaster_at_helo() -> None:
    identity = mail_from_identity("", "mail.example.org")
    assert identity == helo_identity("mail.example.org")
    assert (identity.scope, identity.domain, identity.local_part) == (SpfScope.HELO, "mail.example.org", "postmaster")


def test_an_unknown_mail_from_is_no_identity() -> None:
    identity = mail_from_identity(None, "mail.example.org")
    assert (identity.scope, identity.domain, identity.written) == (SpfScope.MFROM, None, None)


@pytest.mark.parametrize("helo", [None, "", "localhost", "[192.0.2.1]", "192.0.2.1", "OEMCOMPUTER", "a b.com"])
def test_helo_without_a_domain(helo: str | None) -> None:
    assert helo_identity(helo).domain is None


def test_the_domain_for_macros_keeps_its_case_and_turns_u_labels() -> None:
    assert mail_from_identity("joe@Example.com.", None).macro_domain == "Example.com"
    assert mail_from_identity("joe@Bücher.example", None).macro_domain == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("address", "version", "text"),
    [
        ("192.0.2.1", 4, "192.0.2.1"),
        (IPv4Address("192.0.2.1"), 4, "192.0.2.1"),
        ("::ffff:192.0.2.1", 4, "192.0.2.1"),
        ("::FFFF:C000:201", 4, "192.0.2.1"),
        (IPv6Address("::ffff:192.0.2.1"), 4, "192.0.2.1"),
        ("::192.0.2.1", 6, "::c000:201"),
        ("2001:DB8::1", 6, "2001:db8::1"),
        ("fe80::1%eth0", 6, "fe80::1"),
    ],
)
def test_clients(address: object, version: int, text: str) -> None:
    client = find_client(address)
    assert client is not None
    assert (client.version, client.text) == (version, text)


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "unknown",
        "192.0.2",
        "192.0.2.01",
        "192.0.2.1/32",
        "[192.0.2.1]",
        "1.2.3.4\n",
        b"\1\2\3\4",
        7,
        "1" * 10**6,
    ],
)
def test_what_is_no_address_is_no_client(address: object) -> None:
    assert find_client(address) is None
