"""What a mail server may change, found however the body is cut."""

from __future__ import annotations

import pytest

from inalign.flow.hazards import CURES, Hazard, Hazards
from inalign.mail.fields import parse_message

LINE = b"x" * 998 + b"\r\n"


def found(body: bytes = b"", header: bytes = b"From: a@example.org\r\n", step: int = 1 << 20) -> set[str]:
    hazards = Hazards(parse_message(header + b"\r\n").fields)
    for start in range(0, len(body), step):
        hazards.body(body[start : start + step])
    return set(hazards.found())


@pytest.mark.parametrize("step", [1, 2, 3, 7, 997, 998, 999, 1000, 1001, 1 << 20])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", set()),
        (b"plain\r\n" * 300, set()),
        (LINE * 3, set()),
        (LINE + b"x" * 998, set()),
        (b"x" + LINE, {"long_line"}),
        (LINE + b"x" + LINE, {"long_line"}),
        (b"x" * 1100, {"long_line"}),
        (b"caf\xe9\r\n", {"eight_bit"}),
        (b"a\nb\r\n", {"bare_line_end"}),
        (b"a\rb\r\n", {"bare_line_end"}),
        (b"a\r\r\n", {"bare_line_end"}),
        (b"a\n\r\n", {"bare_line_end"}),
        (b"at the end\r", {"bare_line_end"}),
        (b"\r\n\r\n", set()),
    ],
)
def test_body(body: bytes, expected: set[str], step: int) -> None:
    if step < 7 and len(body) > 2500:
        step = 997
    assert found(body, step=step) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"To: a@example.org, b@example.org", set()),
        (b"To: a@example.org,b@example.org", {"odd_header"}),
        (b'To: "Doe,John" <a@example.org>, b@example.org', set()),
        (b"To: a@example.org,\r\n b@example.org", set()),
        (b'To: "a\\",b" <a@example.org>, b@example.org', set()),
        (b'To: a@example.org,"b" <b@example.org>', {"odd_header"}),
        (b"To: " + b'"\\\\\\' * 50_000, {"long_line"}),
        (b"Subject: a,b", set()),
        (b"Subject : a", {"odd_header"}),
        (b"Subject: a\r\n \r\n b", {"odd_header"}),
        (b"Subject: a\rb", {"bare_line_end"}),
        (b"Subject: " + b"x" * 990, {"long_line"}),
        (b"Subject: " + b"x" * 900 + b"\r\n " + b"x" * 900, set()),
    ],
)
def test_header(field: bytes, expected: set[str]) -> None:
    assert found(header=b"From: a@example.org\r\n" + field + b"\r\n") == expected


def test_every_hazard_has_its_cure() -> None:
    assert set(CURES) == set(Hazard)


def test_quote_that_nobody_closes_is_read_once() -> None:
    # Each `\\"` could begin a quoted string of its own, half a million times.
    header = b'From: "' + b'\\"' * 500_000 + b",a@example.org\r\n"
    assert found(header=header) == {"long_line"}
