"""Failure, abuse and TLS reports: any octets have a typed outcome, what was written is read."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from inalign.reports.fields import decode_words
from inalign.reports.flaw import Flaws
from inalign.reports.report import TlsReport
from inalign.reports.tls.read import RESULT_TYPES, read_tls
from tests.fuzz.reports import feedback, tls
from tests.helpers import VECTORS

FOLDER = VECTORS / "reports"
FEEDBACK = [path.read_bytes() for path in sorted(FOLDER.glob("failure/variants/*"))]
PLAIN_TEXTS = [path.read_bytes() for path in sorted(FOLDER.glob("failure/shown/*.eml"))]
TLS = [path.read_bytes() for path in sorted(FOLDER.glob("tls/variants/*.json")) if path.stat().st_size < 10_000]
WORDS = b"Source-IP: |Arrival-Date: |Auth-Failure: |From: |=?utf-8?q?|?=|IPv6:|[|]|(|)|<|>|;|dmarc=|\r\n|\n |\x1b$B"
PIECES = st.one_of(st.binary(max_size=8), st.sampled_from(WORDS.split(b"|")))
OF_JSON = st.one_of(st.binary(max_size=4), st.sampled_from(b'"|{|}|[|]|:|,|null|1e9|NaN|\\ud800|\\'.split(b"|")))


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes], pieces: st.SearchStrategy[bytes]) -> bytes:
    """Octets of which parts are missing, doubled or replaced."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 60)))
        data = data[:start] + draw(st.sampled_from((b"", data[start:end] * 2)) | pieces) + data[end:]
    return data


@given(damaged(FEEDBACK + PLAIN_TEXTS, PIECES), st.none() | damaged(FEEDBACK, PIECES))
def test_damaged_feedback(data: bytes, sample: bytes | None) -> None:
    feedback(data, sample)


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_any_octets_as_feedback(data: bytes) -> None:
    feedback(b"Feedback-Type: auth-failure\r\n" + data, data)


@given(damaged(TLS, OF_JSON))
def test_damaged_tls(data: bytes) -> None:
    tls(data)


@given(st.binary(max_size=200))
def test_any_octets_as_tls(data: bytes) -> None:
    tls(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
NAMES_OF_TLS = (
    "organization-name report-id contact-info date-range policies policy summary failure-details policy-type mx-host"
    " policy-string total-failure-session-count start-datetime end-datetime result-type failed-session-count"
)
NAMES = NAMES_OF_TLS.split()
OBJECT = st.dictionaries(
    st.sampled_from(NAMES),
    JSON | st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), max_size=2),
    max_size=6,
)


@given(st.data())
def test_any_value_in_any_place_of_tls(data: st.DataObject) -> None:
    value = data.draw(OBJECT) | {
        "organization-name": data.draw(JSON),
        "policies": data.draw(st.lists(OBJECT, max_size=2)),
    }
    tls(json.dumps(value).encode())


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)
COUNT = st.integers(0, 10**12)


@given(
    TEXT.filter(bool),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.tuples(COUNT, COUNT, st.lists(st.tuples(st.sampled_from(sorted(RESULT_TYPES)), COUNT)))),
)
def test_what_was_written_is_read(
    name: str, moment: datetime, policies: list[tuple[int, int, list[tuple[str, int]]]]
) -> None:
    value = {
        "organization-name": name,
        "report-id": name,
        "contact-info": name,
        "date-range": {"start-datetime": moment.isoformat(), "end-datetime": moment.isoformat()},
        "policies": [
            {
                "policy": {"policy-type": "sts", "policy-domain": name, "policy-string": [name], "mx-host": [name]},
                "summary": {"total-successful-session-count": good, "total-failure-session-count": bad},
                "failure-details": [{"result-type": word, "failed-session-count": count} for word, count in details],
            }
            for good, bad, details in policies
        ],
    }
    found = read_tls(json.dumps(value).encode())
    assert isinstance(found, TlsReport)
    assert [flaw.code for flaw in found.flaws] == ["span"]
    assert (found.organization_name, found.report_id, found.begin) == (name, name, moment)
    assert [
        (each.successful, each.failed, [(one.result_type, one.failed_sessions) for one in each.failures])
        for each in found.policies
    ] == policies


@given(
    st.text("abc ?=_äßü請求書のお知らせカタ", max_size=20),
    st.sampled_from(["utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "iso-8859-1"]),
    st.sampled_from("bBqQ"),
)
def test_an_encoded_word_is_decoded(text: str, charset: str, encoding: str) -> None:
    kept = text.encode(charset, "ignore").decode(charset)
    octets = kept.encode(charset)
    inner = b64encode(octets).decode() if encoding in "bB" else "".join(f"={octet:02X}" for octet in octets)
    flaws = Flaws()
    found = decode_words(f"=?{charset}?{encoding}?{inner}?=", flaws)
    assert found == kept or flaws
