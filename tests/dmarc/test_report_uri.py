"""One URI of rua or ruf."""

from __future__ import annotations

import pytest

from inalign.dmarc.report_uri import parse_report_uri


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("mailto:dmarc@example.com", "dmarc@example.com"),
        ("MAILTO:Dmarc@EXAMPLE.com", "Dmarc@EXAMPLE.com"),
        ("mailto:dmarc%40example.com", "dmarc@example.com"),
        ("mailto:d%21m@example.com", "d!m@example.com"),
        ("mailto:a.b+c=d@example.com", "a.b+c=d@example.com"),
        ("mailto:%22a%2Cb%22@example.com", '"a,b"@example.com'),
        ("mailto:a@example.com?subject=report", "a@example.com"),
        ("mailto:a@_dmarc.example", "a@_dmarc.example"),
    ],
)
def test_mailto(text: str, address: str) -> None:
    uri = parse_report_uri(text)
    assert uri is not None
    assert (uri.uri, uri.scheme, uri.address) == (text, "mailto", address)
    assert uri.host == address.rpartition("@")[2].lower()


@pytest.mark.parametrize(
    "text",
    [
        "mailto:",
        "mailto:dmarc",
        "mailto:@example.com",
        "mailto:a@",
        "mailto:a b@example.com",
        "mailto: a@example.com",
        "mailto:a%20@example.com",
        "mailto:a%2Cb@example.com",
        "mailto:a@b@example.com",
        "mailto:.a@example.com",
        "mailto:a@example..com",
        "mailto:a@[192.0.2.1]",
        "mailto://abuse.com",
        "mailto://a@example.com",
        "mailto:ä@example.com",
        "mailto:%C3%A4@example.com",
        "mailto:a@b%C3%BCcher.example",
        "mailto:a@example.com!10m",
        "mailto:a@example.com%",
        "mailto:a@example.com#a#b",
        "mailto:<a@example.com>",
        "mailto:a@example.com\n",
        "mailto:" + "a" * 65 + "@example.com",
        "a@example.com",
        "",
        ":",
        "1a:b",
        "dmarc",
    ],
)
def test_what_is_no_destination(text: str) -> None:
    assert parse_report_uri(text) is None


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://reports.example/dmarc?a=b#c", "reports.example"),
        ("HTTPS://User:x@Reports.example:8443", "reports.example"),
        ("ftp://abuse.com", "abuse.com"),
        ("https://[2001:db8::1]:443/", None),
        ("https://192.0.2.1/", "192.0.2.1"),
        ("file:///tmp/x", None),
        ("urn:isbn:0451450523", None),
        ("foo:", None),
    ],
)
def test_any_scheme_is_a_uri(text: str, host: str | None) -> None:
    uri = parse_report_uri(text)
    assert uri is not None
    assert (uri.host, uri.address) == (host, None)


@pytest.mark.parametrize("text", ["https://a b/", "https://[x]/", "https://a:b/", "http://a/%zz", "http://a/[", "x:é"])
def test_what_breaks_the_grammar_of_uris(text: str) -> None:
    assert parse_report_uri(text) is None


@pytest.mark.parametrize("piece", ["a", "%41", "@", ".", "/", "?", "#", ":", '"', "\\"])
def test_a_megabyte_is_no_trouble(piece: str) -> None:
    for start in ("mailto:", "https://", "x:"):
        parse_report_uri(start + piece * (1_000_000 // len(piece)))
