"""The same records and identities for libopendmarc and for us: the same answers, or a known reason why not."""

from __future__ import annotations

import ctypes.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from inalign.dmarc.evaluate import evaluate_dmarc
from inalign.dmarc.record import is_dmarc_record
from inalign.dmarc.result import DmarcResult
from tests.differential.differences import CASES, SEED, Difference, unexplained
from tests.differential.policies import PolicyCase, make
from tests.helpers import run_now, zone

pytestmark = pytest.mark.interop
HERE = Path(__file__).parent


class DmarcCase(NamedTuple):
    """One evaluation, with both answers in the words of `word_of`."""

    case: PolicyCase
    ours: str
    theirs: str
    result: DmarcResult


REJECT = "v=DMARC1; p=reject"


def _one(name: str, shows: Callable[[DmarcCase], bool], example: PolicyCase) -> Difference[DmarcCase, PolicyCase]:
    return Difference(name=name, peers=("libopendmarc",), shows=shows, example=lambda: example)


def _record_of(case: DmarcCase) -> str:
    return case.result.record or ""


def _organization(case: DmarcCase) -> str:
    """By the list of public suffixes."""
    return ".".join(case.case.author.split(".")[-2:])


def _walk_matters(case: DmarcCase) -> bool:
    """Whether the organizational domain of the tree walk may be another than that of the list."""
    return "psd" in case.case.traits or not _is_record(case, _organization(case))


def _is_record(case: DmarcCase, domain: str) -> bool:
    return is_dmarc_record(case.case.records.get(f"_dmarc.{domain}", "").encode())


DIFFERENCES = [
    _one("dmarc-tree-walk", _walk_matters, PolicyCase("b.a.example.com", None, [], {"_dmarc.a.example.com": REJECT})),
    _one(
        "dmarc-other-text-ends-discovery",
        lambda case: case.theirs == "no record" and not _is_record(case, case.case.author),
        PolicyCase("a.t.com", None, [], {"_dmarc.t.com": REJECT, "_dmarc.a.t.com": "hello"}, {"no record"}),
    ),
    _one(
        "dmarc-version-read-loosely",
        lambda case: f"_dmarc.{case.case.author}" in case.case.records and not _is_record(case, case.case.author),
        PolicyCase("v.com", None, [], {"_dmarc.v.com": "v=dmarc1; p=reject"}),
    ),
    _one(
        "dmarc-strict-not-strict",
        lambda case: case.theirs == "pass" and re.search("a(spf|dkim) ?= ?[sS]", _record_of(case)) is not None,
        PolicyCase("strict.com", "mail.strict.com", [], {"_dmarc.strict.com": "v=DMARC1; p=reject; aspf=s"}),
    ),
    _one(
        "dmarc-invalid-policy-with-rua",
        lambda case: case.theirs == "no record" and re.search("rua ?=", _record_of(case)) is not None,
        PolicyCase("rua.com", None, [], {"_dmarc.rua.com": "v=DMARC1; p=bogus; rua=mailto:a@b.example"}),
    ),
    _one(
        "dmarc-blank-within-a-word",
        lambda case: "no ne" in _record_of(case),
        PolicyCase("blank.com", None, [], {"_dmarc.blank.com": "v=DMARC1; p=no ne"}),
    ),
    _one(
        "dmarc-empty-value",
        lambda case: case.ours in ("no record", "none") and re.search("s?p ?= *(;|$)", _record_of(case)) is not None,
        PolicyCase("empty.com", None, [], {"_dmarc.empty.com": "v=DMARC1; p=reject; sp=; fo=1"}),
    ),
    _one(
        "dmarc-word-by-its-beginning",
        lambda case: case.ours in ("no record", "none") and re.search("p *= *[nqr]", _record_of(case)) is not None,
        PolicyCase("begin.com", None, [], {"_dmarc.begin.com": "v=DMARC1; p=rej"}),
    ),
    _one(
        "dmarc-other-blanks",
        lambda case: "\x0b" in _record_of(case),
        PolicyCase("vt.com", None, [], {"_dmarc.vt.com": "v=DMARC1;\x0bp=reject"}),
    ),
    _one(
        "dmarc-other-value-invalid",
        lambda case: case.theirs == "no record" and "edited" in case.case.traits,
        PolicyCase("other.com", None, [], {"_dmarc.other.com": "v=DMARC1; p=reject; adkim=sr"}, {"edited"}),
    ),
    _one(
        "dmarc-tag-twice",
        lambda case: "tag twice" in case.case.traits,
        PolicyCase("twice.com", None, [], {"_dmarc.twice.com": "v=DMARC1; p=none; p=reject"}, {"tag twice"}),
    ),
    _one(
        "dmarc-np",
        lambda case: "np" in case.case.traits,
        PolicyCase("x.np.com", None, [], {"_dmarc.np.com": "v=DMARC1; p=none; np=reject"}, {"np"}),
    ),
]


def word_of(result: DmarcResult) -> str:
    """Our answer in the words of the library: what the policy asks for, or that nothing does."""
    if result.result == "fail":
        return str(result.policy)
    return "pass" if result.result == "pass" else "no record"


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[PolicyCase]], list[DmarcCase]]:
    library = ctypes.util.find_library("opendmarc")
    if library is None:
        pytest.skip("libopendmarc is not installed")
    suffixes = tmp_path_factory.mktemp("suffixes") / "list"
    suffixes.write_text("com\nnet\norg\nexample\n")

    def answer(cases: Sequence[PolicyCase]) -> list[DmarcCase]:
        lines = [
            json.dumps({"author": case.author, "spf": case.spf, "dkim": case.dkim, "records": case.records})
            for case in cases
        ]
        run = subprocess.run(
            [sys.executable, str(HERE / "libopendmarc.py"), library, str(suffixes)],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=600,
            check=True,
        )
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        return [compare(case, said) for case, said in zip(cases, answers, strict=True)]

    return answer


def compare(case: PolicyCase, said: dict[str, Any]) -> DmarcCase:
    records: dict[str, dict[str, object]] = {name: {"TXT": [text]} for name, text in case.records.items()}
    result = run_now(evaluate_dmarc(case.author, case.spf, case.dkim, zone(records)))
    return DmarcCase(case, word_of(result), said["result"], result)


def test_libopendmarc_agrees_or_departs_in_a_known_way(
    ask: Callable[[Sequence[PolicyCase]], list[DmarcCase]],
) -> None:
    cases = [case for case in ask([make(SEED, number) for number in range(2 * CASES)]) if case.ours != case.theirs]
    left = unexplained("libopendmarc", cases, DIFFERENCES)
    assert not left, f"{len(left)}, the first: {left[0]}"


def test_each_known_difference_is_still_there(ask: Callable[[Sequence[PolicyCase]], list[DmarcCase]]) -> None:
    cases = ask([difference.example() for difference in DIFFERENCES])
    gone = [
        (difference.name, case)
        for difference, case in zip(DIFFERENCES, cases, strict=True)
        if case.ours == case.theirs or not difference.shows(case)
    ]
    assert not gone
