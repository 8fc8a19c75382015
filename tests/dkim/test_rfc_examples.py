"""The signed messages that the RFCs print, and the signatures that our signer must make of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from inalign.dkim.result import DkimResult
from inalign.dkim.verify import verify_dkim
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
