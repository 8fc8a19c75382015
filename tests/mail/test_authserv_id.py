"""Forged Authentication-Results: what any reader could take for ours, and what nobody can (RFC 8601 section 5)."""

from __future__ import annotations

import pytest

from inalign.mail.authserv_id import claims_authserv_id

OURS = ("mx.example.net",)


@pytest.mark.parametrize(
    "value",
    [
        b" mx.example.net; dkim=pass",
        b"mx.example.net;dkim=pass",
        b" MX.Example.NET ; dkim=pass",
        b"\tmx.example.net; dkim=pass",
        b"\r\n mx.example.net;\r\n dkim=pass",
        b"\n mx.example.net;\n dkim=pass",
        b" mx.example.net 1; dkim=pass",
        b" mx.example.net 99; dkim=pass",
        b" mx.example.net",
        b" mx.example.net dkim=pass",
        b" mx.example.net, dkim=pass",
        b" mx.example.net(x); dkim=pass",
        b" mx.example.net(x",
        b" (checked) mx.example.net; dkim=pass",
        b" (a (nested) \\) one) mx.example.net (b); dkim=pass",
        b" (never closed mx.example.net; dkim=pass",
        b' "mx.example.net"; dkim=pass',
        b' "mx.example\\.net" ; dkim=pass',
        b' "MX.\\E\\xample.net"; dkim=pass',
        b' "mx.example.net; dkim=pass',
        b" 'mx.example.net'; dkim=pass",
        b" <mx.example.net>; dkim=pass",
        b" mx.example.net.; dkim=pass",
        b" mx.example.net/4XyZ; dkim=pass",
        b" ; mx.example.net; dkim=pass",
        b" =mx.example.net; dkim=pass",
        b" mx.\0example.net; dkim=pass",
        b" mx.example.net\0.evil.example; dkim=pass",
        b" \x0bmx.example.net; dkim=pass",
        b" mx.exam\rple.net; dkim=pass",
        b" mx.example.net; this is in no grammar (",
        " ｍｘ.example.net; dkim=pass".encode(),
        "\u00a0mx.example.net; dkim=pass".encode(),
        "\u200bmx.example.net; dkim=pass".encode(),
        b"\xffmx.example.net; dkim=pass",
        b'"mx" ".example.net"; dkim=pass',
        b" mx (x) . example (y) . net; dkim=pass",
    ],
)
def test_claims_to_be_ours(value: bytes) -> None:
    assert claims_authserv_id(value, OURS)


@pytest.mark.parametrize(
    "value",
    [
        b" mx.other.example; dkim=pass",
        b" notmx.example.net; dkim=pass",
        b" mx.example.net.evil.example; dkim=pass",
        b" example.net; dkim=pass",
        b" x.mx.example.net; dkim=pass",
        b" mx.other.example (mx.example.net); dkim=pass",
        b" (mx.example.net) mx.other.example; dkim=pass",
        b' "mx.other.example"; dkim=pass (mx.example.net)',
        b" mx.other.example; mx.example.net=pass",
        b" mx.other.example; spf=pass smtp.helo=mx.example.net",
        b" i=1; mx.example.net; dkim=pass",
        b" mx-example-net; dkim=pass",
        b"",
        b" ",
        b" (",
        b' "',
    ],
)
def test_claims_nothing(value: bytes) -> None:
    assert not claims_authserv_id(value, OURS)


def test_u_labels_and_a_labels_are_one_name() -> None:
    assert claims_authserv_id("bücher.example; spf=pass".encode(), ["xn--bcher-kva.example"])
    assert claims_authserv_id(b"xn--bcher-kva.example; spf=pass", ["bücher.example"])
    assert claims_authserv_id("BÜCHER.example; spf=pass".encode(), ["bücher.example"])


def test_id_that_is_no_domain_name() -> None:
    assert claims_authserv_id(b" MX-1+a; spf=pass", ["mx-1+a"])
    assert not claims_authserv_id(b" mx-1; spf=pass", ["mx-1+a"])


@pytest.mark.parametrize("piece", [b"(", b'"', b";", b"a", b" ", b"\\", b"(()", b"\0", b"(x) "])
def test_a_megabyte_of_one_piece_claims_nothing(piece: bytes) -> None:
    assert not claims_authserv_id(piece * (1_000_000 // len(piece)), OURS)
