"""What dkimpy signs we verify; the other way round, see tests/differential."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import dkim
from inalign.dkim.canonical import Canonicalization
from tests.dkim.material import ED25519_SEED, PLAIN, RSA_PEM, verify
from tests.helpers import message

PAIRS = [(header, body) for header in Canonicalization for body in Canonicalization]
MESSAGES = {
    "plain": PLAIN,
    "odd": message("""
From:  Author
\t<author@example.com>
TO:reader@example.net,
  other@example.net
Subject: =?utf-8?q?=C3=A4?=   two  \t
Received: one
Received: two

  indented \t text  \t

\t
end without   a line end"""),
    "empty": message("From: a@example.com\n\n"),
    "line ends": message("From: a@example.com\n\n\n\n\n"),
    "utf-8": message("From: a@example.com\nSubject: äöü\n\nÄ  Ö\n"),
}

each_pair = pytest.mark.parametrize("pair", PAIRS, ids="/".join)
each_message = pytest.mark.parametrize("text", MESSAGES.values(), ids=MESSAGES)


@each_pair
@each_message
def test_we_verify_what_dkimpy_signs(text: bytes, pair: tuple[str, str]) -> None:
    form = tuple(word.encode() for word in pair)
    for selector, key, algorithm in (
        (b"rsa", RSA_PEM, b"rsa-sha256"),
        (b"ed", ED25519_SEED, b"ed25519-sha256"),
    ):
        field = dkim.sign(text, selector, b"example.com", key, canonicalize=form, signature_algorithm=algorithm)
        (result,) = verify(field + text, now=datetime.now(UTC))
        assert result.result == "pass"
