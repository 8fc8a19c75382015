"""The same zones for pyspf and for us: the same answers, or a known reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inalign.resolver import Outcome
from inalign.spf import SpfResult
from tests.spf.asking import Zone, check
from tests.spf.oracle import OracleAnswer, ask_pyspf
from tests.spf.strategies import CLIENTS, zones


class Case(NamedTuple):
    """One check, with both answers."""

    text: str
    """All TXT records of the zone."""
    ours: SpfResult
    theirs: OracleAnswer


class Difference(NamedTuple):
    """A way in which pyspf departs from the RFC, and how it shows."""

    reason: str
    shows: Callable[[Case], bool]
    names: Zone
    """A zone where it shows."""
    ours: str
    theirs: str


def _record(text: str, **more: object) -> dict[str, dict[str, object]]:
    return {"example.com": {"TXT": [text], **more}}


def _says(case: Case, *words: str) -> bool:
    return case.theirs.word in ("permerror", "temperror") and all(word in case.theirs.explanation for word in words)


DIFFERENCES = [
    Difference(
        "RFC 7208 section 4.6.4: a loop ends by the count of terms, and only where it is reached;"
        " pyspf refuses an include of the own domain on sight",
        lambda case: _says(case, "trivial recursion"),
        _record("v=spf1 all include:example.com"),
        "pass",
        "permerror",
    ),
    Difference(
        "RFC 7208 section 6: unknown modifiers are ignored however often they stand; pyspf refuses the second",
        lambda case: _says(case, "MUST appear at most once") and not re.search("(redirect|exp)= MUST", case[2][1]),
        _record("v=spf1 x=y x=y all"),
        "pass",
        "permerror",
    ),
    Difference(
        "RFC 7208 section 4.6.4 counts the terms whose look-ups are void; pyspf counts each exchange of an mx",
        lambda case: _says(case, "Void lookup limit") and _void_answers(case.ours) > case.ours.void_lookups,
        {**_record("v=spf1 mx all", MX=[[n, f"m{n}.example"] for n in range(3)])},
        "pass",
        "permerror",
    ),
    Difference(
        "RFC 7208 section 4.6.4 has the names of a PTR record in other hands than the sender's, and section 4.6.2 reads"
        " from left to right; pyspf counts those names, and looks %{p} up before the term is reached",
        lambda case: _says(case, "Void lookup limit") and _reverses(case.text),
        {
            **_record("v=spf1 ptr all"),
            "1.2.0.192.in-addr.arpa": {"PTR": [f"m{n}.example" for n in range(3)]},
        },
        "pass",
        "permerror",
    ),
    Difference(
        "RFC 7208 section 5.5 skips a name whose address look-up fails; pyspf gives up with temperror",
        lambda case: _says(case, "timeout") and _reverses(case.text),
        {
            **_record("v=spf1 ptr all"),
            "1.2.0.192.in-addr.arpa": {"PTR": ["dead.example"]},
            "dead.example": {"error": "timeout"},
        },
        "pass",
        "temperror",
    ),
    Difference(
        "the same for an explanation, RFC 7208 section 7.3: %{p} is then another name or unknown",
        lambda case: case.theirs == ("fail", "DEFAULT") and case.ours.result == "fail" and "%{p}" in case.text,
        {
            **_record("v=spf1 -all exp=e.example"),
            "e.example": {"TXT": ["%{p}"]},
            "1.2.0.192.in-addr.arpa": {"PTR": ["dead.example"]},
            "dead.example": {"error": "timeout"},
        },
        "fail",
        "fail",
    ),
    Difference(
        "RFC 7208 section 4.6.2: processing ends at a match; pyspf looks up all exchanges before it compares one",
        lambda case: _says(case, "timeout") and re.search(r"\bmx\b", case.text) is not None,
        {
            **_record("v=spf1 mx -all", A=["192.0.2.1"], MX=[[1, "example.com"], [2, "dead.example"]]),
            "dead.example": {"error": "timeout"},
        },
        "pass",
        "temperror",
    ),
]


def _void_answers(result: SpfResult) -> int:
    void = (Outcome.NO_DATA, Outcome.NO_NAME)
    return sum(lookup.outcome in void for lookup in result.trace if lookup.term)


def _reverses(text: str) -> bool:
    return "ptr" in text or "%{p}" in text


def compare(names: Zone, ip: str, mail_from: str) -> Case:
    """Both answers for one zone."""
    texts = [str(text) for entry in names.values() for text in _list(entry.get("TXT"))]
    ours = check(names, ip=ip, mail_from=mail_from, default_explanation="DEFAULT")
    return Case(" ".join(texts), ours, ask_pyspf(names, ip, mail_from, "mail.example.org"))


def _list(values: object) -> list[object]:
    return values if isinstance(values, list) else []


def agrees(case: Case) -> bool:
    """Whether word and, on fail, explanation are the same."""
    if case.ours.result != case.theirs.word:
        return False
    return case.theirs.word != "fail" or case.ours.explanation == case.theirs.explanation


@settings(derandomize=True, max_examples=400, deadline=None, database=None)
@given(zones(), st.sampled_from(CLIENTS), st.sampled_from(["joe@example.com", "a-b.c@example.com"]))
def test_pyspf_agrees_or_departs_from_the_rfc_in_a_known_way(
    names: dict[str, dict[str, object]], ip: str, mail_from: str
) -> None:
    case = compare(names, ip, mail_from)
    assert agrees(case) or any(difference.shows(case) for difference in DIFFERENCES), case


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.reason[:60])
def test_each_known_difference_is_still_there(difference: Difference) -> None:
    case = compare(difference.names, "192.0.2.1", "joe@example.com")
    assert (case.ours.result, case.theirs.word) == (difference.ours, difference.theirs)
    assert difference.shows(case)
    assert not agrees(case)


def test_a_missing_local_part_is_postmaster_in_every_macro() -> None:
    # RFC 7208 section 7.3; pyspf has it in %{l} and not in %{s}
    names: Zone = {**_record("v=spf1 -all exp=e.example"), "e.example": {"TXT": ["%{s} %{l}"]}}
    case = compare(names, "192.0.2.1", "example.com")
    assert case.ours.explanation == "postmaster@example.com postmaster"
    assert case.theirs.explanation == "example.com postmaster"
