"""Authentication-Results, read strictly and leniently, and printed (RFC 8601 section 2.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inalign.errors import LimitError, ParseError
from inalign.mail.authentication_results import MAX_RESULTS, parse_authentication_results
from inalign.mail.results import AuthenticationResults, MethodResult, Property, fold_authentication_results
from tests.helpers import VECTORS

ROWS = [json.loads(line) for line in (VECTORS / "authres" / "authres.jsonl").read_text("utf-8").splitlines()]
# Found in the wild and outside the grammar by so much that only lenient reading takes them: a result without `=`
# between two `;`, a line end without a blank behind it, properties before the first `;`.
LENIENT_ONLY = (
    "spf=pass (sender IP",
    "outlook.com; spf=pass (sender IP",
    "mta4011.mail.gq1",
    "thehesiod.com; dkim=none",
)


def read(text: str, *, lenient: bool = False) -> AuthenticationResults:
    return parse_authentication_results(text.encode("utf-8", "surrogateescape"), lenient=lenient)


@pytest.mark.parametrize("row", [row for row in ROWS if row["ok"]], ids=lambda row: str(row["header"])[:40])
def test_donated_that_must_be_read(row: dict[str, Any]) -> None:
    if not row["header"].startswith(LENIENT_ONLY):
        check(row, read(row["header"]))
    check(row, read(row["header"], lenient=True))


def check(row: dict[str, Any], found: AuthenticationResults) -> None:
    if row["authserv_id"] is not None:
        assert found.authserv_id == row["authserv_id"]
    if row["count"] is not None:
        assert len(found.results) == row["count"]
    if row["results"] is not None:
        assert [[result.method, result.result] for result in found.results] == [entry[:2] for entry in row["results"]]


@pytest.mark.parametrize("row", [row for row in ROWS if row["ok"] is False], ids=lambda row: str(row["header"])[:40])
@pytest.mark.parametrize("lenient", [False, True])
def test_donated_that_must_be_refused(row: dict[str, Any], lenient: bool) -> None:
    with pytest.raises(ParseError):
        read(row["header"], lenient=lenient)


def test_everything_the_grammar_has() -> None:
    found = read(
        ' (c) "mx.example.net" (c) 1 (c) ; (c) dkim (c) / (c) 2 (c) = (c) pass (good (key)) reason = "a b" '
        'header (c) . (c) d (c) = (c) example.org header.i="a b"@example.org (c); spf=fail smtp.mailfrom=@example.org'
    )
    assert found.authserv_id == "mx.example.net"
    assert found.version == 1
    dkim, spf = found.results
    assert (dkim.method, dkim.version, dkim.result, dkim.reason) == ("dkim", 2, "pass", "a b")
    assert dkim.values("header", "d") == ("example.org",)
    assert dkim.values("header", "i") == ('"a b"@example.org',)
    assert spf.values("smtp", "mailfrom") == ("@example.org",)


def test_comment_behind_the_result_is_kept() -> None:
    assert read("mx.example.net; dkim=pass (2048-bit key) header.d=a.example").results[0].comment == "2048-bit key"


@pytest.mark.parametrize(
    "text",
    [
        "", ";", "; spf=pass", "mx.example.net", "mx.example.net;", "mx.example.net; spf", "mx.example.net; spf=",
        "mx.example.net; =pass", "mx.example.net; none; spf=pass", "mx.example.net x; spf=pass",
        "mx.example.net; spf=pass;;",
        "mx.example.net; spf=pass smtp.mailfrom", "mx.example.net; spf=pass smtp.mailfrom=",
        "mx.example.net; spf=pass (open",
        'mx.example.net; spf=pass reason="open', "mx.example.net\0; spf=pass", "mx.example.net; spf=pass\n dkim",
    ],
)  # fmt: skip
def test_strict_reading_refuses(text: str) -> None:
    with pytest.raises(ParseError):
        read(text)


@pytest.mark.parametrize(
    ("text", "authserv_id", "results"),
    [
        ("dmarc=fail (p=quarantine, dis=quarantine) header.from=a.example", "", [("dmarc", "fail")]),
        (
            "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dkim=pass (signature was verified) "
            "header.d=a.example;dmarc=pass action=none header.from=a.example;compauth=pass reason=100",
            "",
            [("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass"), ("compauth", "pass")],
        ),
        ("mx.example.net; spf=pass; nonsense here; dkim=fail", "mx.example.net", [("spf", "pass"), ("dkim", "fail")]),
        ("mx.example.net; spf=pass (never closed smtp.mailfrom=a.example", "mx.example.net", [("spf", "pass")]),
        ("mx.example.net; none", "mx.example.net", []),
    ],
)
def test_lenient_reading_takes_what_is_found(text: str, authserv_id: str, results: list[tuple[str, str]]) -> None:
    found = read(text, lenient=True)
    assert found.authserv_id == authserv_id
    assert [(result.method, result.result) for result in found.results] == results


@pytest.mark.parametrize("lenient", [False, True])
def test_number_of_results_is_bounded(lenient: bool) -> None:
    with pytest.raises(LimitError):
        read("mx.example.net" + "; spf=pass" * (MAX_RESULTS + 1), lenient=lenient)


@pytest.mark.parametrize("piece", ["(", '"', ";", "a=", "=", " ", "\\", "x=y ", "; a=b", "(()", '\\"'])
@pytest.mark.parametrize("lenient", [False, True])
def test_a_megabyte_of_one_piece_is_refused_or_read(piece: str, lenient: bool) -> None:
    try:
        read("mx.example.net; spf=pass " + piece * (1_000_000 // len(piece)), lenient=lenient)
    except ParseError as problem:
        assert len(str(problem)) < 500  # noqa: PT017 - either outcome is right


EVIL = 'x; dmarc=pass (y) "z" \\ \r\nX-Evil: 1\0\u202e\ud800'


def test_printing_cannot_be_made_to_say_more() -> None:
    printed = str(
        AuthenticationResults(
            authserv_id=EVIL,
            results=(
                MethodResult(
                    method="s pf=",
                    result="pa;ss",
                    reason=EVIL,
                    comment=EVIL,
                    properties=(Property("smtp", "mailfrom", EVIL), Property("a.b", "c=d", "")),
                ),
            ),
        )
    )
    found = read(printed)
    assert len(found.results) == 1
    assert printed.isprintable()


def test_lines_are_folded_between_results() -> None:
    printed = str(
        AuthenticationResults(
            authserv_id="mx.example.net",
            results=tuple(
                MethodResult(method="dkim", result="pass", properties=(Property("header", "d", f"{n}.example.org"),))
                for n in range(40)
            ),
        )
    )
    folded = fold_authentication_results(printed)
    assert folded.replace("\n", "") == printed
    assert all(len(line) <= 78 and (number == 0 or line[0] == " ") for number, line in enumerate(folded.split("\n")))
