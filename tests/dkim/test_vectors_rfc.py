"""The signed messages that the RFCs print, and the signatures that our signer must make of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from inalign.dkim.result import DkimResult
from inalign.dkim.sign import SigningKey
from inalign.dkim.verify import verify_dkim
from inalign.mail.fields import parse_message
from tests.dkim.material import ED25519, RSA, sign_as
from tests.helpers import NOW, VECTORS, run_now, zone

FOLDER = VECTORS / "dkim" / "rfc"
ZONE = json.loads((FOLDER / "zone.json").read_text())


def check(name: str) -> tuple[DkimResult, ...]:
    return run_now(verify_dkim((FOLDER / name).read_bytes(), zone(ZONE), now=NOW))


def test_rfc_6376_appendix_a2() -> None:
    # As it was signed: the printed text has two blanks after "game." and other folds, which simple does not forgive.
    (result,) = check("6376-appendix-a2.eml")
    assert (result.result, result.canonicalization) == ("pass", "simple/simple")
    assert (result.domain, result.selector, result.identity) == ("example.com", "brisbane", "joe@football.example.com")
    assert result.signed_fields == ("received", "from", "to", "subject", "date", "message-id")


def test_rfc_8463_appendix_a3() -> None:
    results = check("8463-appendix-a3.eml")
    assert [(result.result, result.algorithm, result.key_bits) for result in results] == [
        ("pass", "ed25519-sha256", 256),
        ("pass", "rsa-sha256", 1024),
    ]
    assert {result.domain for result in results} == {"football.example.com"}
    assert [result.signature_start for result in results] == ["/gCrinpc", "F45dVWDf"]
    assert results[0].timestamp == int(datetime(2018, 6, 10, 13, 38, 29, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(("place", "key"), [(0, ED25519), (1, RSA)], ids=["ed25519", "rsa"])
def test_we_sign_rfc_8463_appendix_a3_with_the_same_octets(place: int, key: SigningKey) -> None:
    """Neither kind of signature has anything random in it."""
    message = parse_message((FOLDER / "8463-appendix-a3.eml").read_bytes())
    printed = message.fields[place].value.decode()
    tags = printed[: printed.rindex("b=")]
    signed_by = {"brisbane": ED25519, "test": RSA}
    assert signed_by[tags.partition("s=")[2].partition(";")[0]] is key
    start, _, rest = tags.partition("bh=")
    written = f"{start}bh={{bh}}{rest[rest.index(';') :]}b={{b}}"
    unsigned = b"".join(field.raw for field in message.fields[2:]) + b"\r\n" + message.body
    made = parse_message(sign_as(written, unsigned, key, before="")).fields[0].value.decode()
    assert "".join(made.split()) == "".join(printed.split())
