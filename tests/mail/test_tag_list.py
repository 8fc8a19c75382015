"""Tag lists, RFC 6376 section 3.2."""

from __future__ import annotations

import pytest

from inalign.mail.tag_list import MAX_TAGS, TagError, parse_tag_list


@pytest.mark.parametrize(
    ("octets", "tags"),
    [
        (b"v=1; a=b", {"v": "1", "a": "b"}),
        (b"v=1;a=b;", {"v": "1", "a": "b"}),
        (b"v=1; a=b; \t", {"v": "1", "a": "b"}),
        (b" v = 1 ;\r\n\ta = b c ", {"v": "1", "a": "b c"}),
        (b"a=", {"a": ""}),
        (b"a=b=c", {"a": "b=c"}),
        (b"A=1; a=2", {"A": "1", "a": "2"}),
        (b"b=ab\r\n cd", {"b": "ab cd"}),
        ("d=bücher.example".encode(), {"d": "bücher.example"}),
        (b"d=\xff", {"d": "\udcff"}),
    ],
)
def test_list(octets: bytes, tags: dict[str, str]) -> None:
    assert parse_tag_list(octets) == tags


@pytest.mark.parametrize(
    "octets",
    [b"", b"v", b"v=1;;a=b", b";v=1", b"=1", b"1a=b", b"a-b=c", b"a=1; a=1", b"a=\0", b"a=\nb", b"a=\rb", b"a=b\x1b"],
)
def test_no_list(octets: bytes) -> None:
    with pytest.raises(TagError):
        parse_tag_list(octets)


def test_number_of_tags_is_bounded() -> None:
    fitting = b";".join(b"t%d=1" % number for number in range(MAX_TAGS))
    assert len(parse_tag_list(fitting)) == MAX_TAGS
    with pytest.raises(TagError, match="more than"):
        parse_tag_list(fitting + b";x=1")
    with pytest.raises(TagError, match="more than"):
        parse_tag_list(b"a=1;" * 300_000)
