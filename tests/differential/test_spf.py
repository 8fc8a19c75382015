"""The same zones for pyspf and for us: the same answers, or a known reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from inalign.spf import SpfResult
from tests.differential.differences import CASES, SEED, Difference, unexplained
from tests.differential.pyspf import OracleAnswer, ask_pyspf
from tests.differential.zones import CLIENTS, SENDERS, zone
from tests.spf.material import Zone, check


class SpfCase(NamedTuple):
    """One check, with both answers."""

    text: str
    """All TXT records of the zone."""
    ours: SpfResult
    theirs: OracleAnswer


def _record(text: str, **more: object) -> Zone:
    return {"example.com": {"TXT": [text], **more}}


def _says(case: SpfCase, *words: str) -> bool:
    return case.theirs.word in ("permerror", "temperror") and all(word in case.theirs.explanation for word in words)


def _one(name: str, shows: Callable[[SpfCase], bool], zone: Zone) -> Difference[SpfCase, Zone]:
    return Difference(name=name, peers=("pyspf",), shows=shows, example=lambda: zone)


DEAD: Zone = {"dead.example": {"error": "timeout"}}
DIFFERENCES = [
    _one(
        "spf-own-domain-included",
        lambda case: _says(case, "trivial recursion"),
        _record("v=spf1 all include:example.com"),
    ),
    _one(
        "spf-unknown-modifier-twice",
        lambda case: (
            _says(case, "MUST appear at most once") and not re.search("(redirect|exp)= MUST", case.theirs.explanation)
        ),
        _record("v=spf1 x=y x=y all"),
    ),
    _one(
        "spf-void-exchanges",
        lambda case: _says(case, "Void lookup limit") and re.search(r"\bmx\b", case.text, re.IGNORECASE) is not None,
        _record("v=spf1 mx all", MX=[[n, f"m{n}.example"] for n in range(3)]),
    ),
    _one(
        "spf-void-reverse-names",
        lambda case: _says(case, "Void lookup limit") and _reverses(case.text),
        {**_record("v=spf1 ptr all"), "1.2.0.192.in-addr.arpa": {"PTR": [f"m{n}.example" for n in range(3)]}},
    ),
    _one(
        "spf-reverse-name-without-answer",
        lambda case: _says(case, "timeout") and _reverses(case.text),
        {**_record("v=spf1 ptr all"), "1.2.0.192.in-addr.arpa": {"PTR": ["dead.example"]}, **DEAD},
    ),
    _one(
        "spf-explanation-without-answer",
        lambda case: case.theirs == ("fail", "DEFAULT") and case.ours.result == "fail" and "%{p}" in case.text,
        {
            **_record("v=spf1 -all exp=e.example"),
            "e.example": {"TXT": ["%{p}"]},
            "1.2.0.192.in-addr.arpa": {"PTR": ["dead.example"]},
            **DEAD,
        },
    ),
    _one(
        "spf-exchange-without-answer",
        lambda case: _says(case, "timeout") and re.search(r"\bmx\b", case.text, re.IGNORECASE) is not None,
        {**_record("v=spf1 mx -all", A=["192.0.2.1"], MX=[[1, "example.com"], [2, "dead.example"]]), **DEAD},
    ),
    _one(
        "spf-syntax-not-reached",
        lambda case: case.ours.reason == "syntax" and "is no macro" in case.ours.detail,
        _record("v=spf1 all exists:%{d1r;.example.com"),
    ),
    _one(
        "spf-macro-of-no-parts",
        lambda case: (
            re.search(r"%\{[A-Za-z]0", case.text) is not None
            and (case.ours.reason == "syntax" or case.ours.explanation == "DEFAULT")
        ),
        _record("v=spf1 all exp=%{l0}.example.com"),
    ),
    _one(
        "spf-explanation-outside-the-grammar",
        lambda case: case.ours.result == case.theirs.word == "fail" and case.ours.explanation == "DEFAULT",
        {**_record("v=spf1 -all exp=e.example"), "e.example": {"TXT": ["no\tway"]}},
    ),
    _one(
        "spf-macro-p-not-counted",
        lambda case: case.ours.reason == "too_many_lookups" and "%{p}" in case.text,
        {
            **_record("v=spf1 " + "a:other.example " * 9 + "exists:%{p}.x.example all"),
            "other.example": {"A": ["203.0.113.1"]},
            "1.2.0.192.in-addr.arpa": {"PTR": ["n.example"]},
            "n.example": {"A": ["192.0.2.1"]},
        },
    ),
    _one(
        "spf-escape-at-the-end",
        lambda case: _says(case, "invalid-macro-char") and re.search(r"%[%_-]( |/|$)", case.text) is not None,
        _record("v=spf1 ?exists:n3.example.com%% all"),
    ),
    _one(
        "spf-null-exchange-counted",
        lambda case: _says(case, "More than 10 MX records"),
        _record("v=spf1 mx all", A=["192.0.2.1"], MX=[[n, "example.com" if n else ""] for n in range(11)]),
    ),
]


def _reverses(text: str) -> bool:
    return "ptr" in text or "%{p}" in text


def compare(names: Zone, ip: str, mail_from: str) -> SpfCase:
    """Both answers for one zone."""
    texts = [str(text) for entry in names.values() for text in _list(entry.get("TXT"))]
    ours = check(names, ip=ip, mail_from=mail_from, default_explanation="DEFAULT")
    return SpfCase(" ".join(texts), ours, ask_pyspf(names, ip, mail_from, "mail.example.org"))


def _list(values: object) -> list[object]:
    return values if isinstance(values, list) else []


def agrees(case: SpfCase) -> bool:
    """Whether word and, on fail, explanation are the same."""
    if case.ours.result != case.theirs.word:
        return False
    return case.theirs.word != "fail" or case.ours.explanation == case.theirs.explanation


def test_pyspf_agrees_or_departs_in_a_known_way() -> None:
    cases = []
    for number in range(2 * CASES):
        chance = Random(f"zone {SEED} {number}")
        case = compare(zone(chance), chance.choice(CLIENTS), chance.choice(SENDERS))
        if not agrees(case):
            cases.append(case)
    left = unexplained("pyspf", cases, DIFFERENCES)
    assert not left, f"{len(left)}, the first: {left[0]}"


def test_each_known_difference_is_still_there() -> None:
    gone = []
    for difference in DIFFERENCES:
        case = compare(difference.example(), CLIENTS[0], SENDERS[0])
        if agrees(case) or not difference.shows(case):
            gone.append((difference.name, case))
    assert not gone


def test_a_missing_local_part_is_postmaster_in_every_macro() -> None:
    # RFC 7208 section 7.3; pyspf has it in %{l} and not in %{s}
    names: Zone = {**_record("v=spf1 -all exp=e.example"), "e.example": {"TXT": ["%{s} %{l}"]}}
    case = compare(names, "192.0.2.1", "example.com")
    assert case.ours.explanation == "postmaster@example.com postmaster"
    assert case.theirs.explanation == "example.com postmaster"
