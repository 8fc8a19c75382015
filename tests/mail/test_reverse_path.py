"""The reverse-path, and that nobody can make two readers see two domains in it."""

from __future__ import annotations

import pytest

from inalign.mail.reverse_path import ReversePathError, parse_reverse_path


@pytest.mark.parametrize(
    ("text", "local_part", "domain"),
    [
        ("<Alice@Example.ORG>", "Alice", "Example.ORG"),
        ("alice@example.org", "alice", "example.org"),
        ('<"a b"@example.org>', '"a b"', "example.org"),
        ('<"a@victim.example"@example.org>', '"a@victim.example"', "example.org"),
        ("<@relay.example:alice@example.org>", "alice", "example.org"),
        ("<@a.example,@b.example:alice@example.org>", "alice", "example.org"),
        ("< alice@example.org >", "alice", "example.org"),
        ("<alice>", "alice", ""),
        ("<>", "", ""),
        ("", "", ""),
        ("<alice@[192.0.2.1]>", "alice", "[192.0.2.1]"),
        ("<alice@[IPv6:2001:db8::1]>", "alice", "[IPv6:2001:db8::1]"),
        ("<a..b.@docomo.example>", "a..b.", "docomo.example"),
        ("<bücher@bücher.example>", "bücher", "bücher.example"),
        ("<b=alice=example.org@bounce.example>", "b=alice=example.org", "bounce.example"),
    ],
)
def test_path(text: str, local_part: str, domain: str) -> None:
    assert parse_reverse_path(text) == (local_part, domain)


@pytest.mark.parametrize(
    "text",
    [
        "<a@b@c>", "<alice@example.org", "alice@example.org>", "<<alice@example.org>>", "<alice@example.org> x",
        "<(alice@victim.example>", "<alice@victim.example(evil.example>", '<"alice@victim.example>',
        "<a b@example.org>",
        "<alice@victim.example,evil.example>", "<alice@victim.example;evil.example>", "<alice@victim .example>",
        "<a\0b@example.org>", "<a@b\r\nc>", "<@>", "<@example.org>", "<alice@>", "<" + "a" * 5000 + "@example.org>",
        "<@relay.example:>", "<x>y@example.org>", "<alice@victim.example\\@evil.example>",
    ],
)  # fmt: skip
def test_no_path(text: str) -> None:
    with pytest.raises(ReversePathError):
        parse_reverse_path(text)
