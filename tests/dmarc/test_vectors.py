"""The vectors: the examples of RFC 9989, and those of other implementations (tests/vectors/dmarc/README.md)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from inalign.dmarc.alignment import Alignment, check_alignment
from inalign.dmarc.discovery import Discovery
from inalign.dmarc.evaluate import evaluate_dmarc
from inalign.dmarc.record import AlignmentMode, DmarcRecordError, parse_dmarc_record
from inalign.dmarc.result import DmarcResult
from inalign.mail.domain import DomainError, parse_domain
from inalign.resolver import ZoneResolver
from inalign.selftest.suites import Row, dmarc_answer
from tests.helpers import VECTORS, run_now, zone

FOLDER = VECTORS / "dmarc"
DEVIATIONS = tomllib.loads((FOLDER / "deviations.toml").read_text())


def rows(name: str) -> list[Row]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


# --- rfc9989.jsonl


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in rows("rfc9989.jsonl")])
def test_rfc9989(row: Row) -> None:
    assert dmarc_answer(row) == row["expect"]


# --- records.jsonl


@pytest.mark.parametrize("row", [pytest.param(row, id=row["record"][:60]) for row in rows("records.jsonl")])
def test_records(row: Row) -> None:
    if row["rfc9989"] == "not-a-record":
        with pytest.raises(DmarcRecordError):
            parse_dmarc_record(row["record"])
        return
    policy = parse_dmarc_record(row["record"]).domain_policy
    expected = None if row["rfc9989"] == "no-processing" else row["rfc9989"]
    if row["ambiguous"]:
        # Contradicting tags: the donor's row has the first one; here the tag is void (see dmarc/record.py).
        assert policy is None
    else:
        assert policy == expected


# --- alignment.jsonl


def alignment_id(row: Row) -> str:
    return f"{row['mode']} {row['a']} {row['b']}"


@pytest.mark.parametrize("row", [pytest.param(row, id=alignment_id(row)) for row in rows("alignment.jsonl")])
def test_alignment(row: Row) -> None:
    is_as_expected = is_aligned(row) is row["aligned"]
    assert is_as_expected is (alignment_id(row) not in DEVIATIONS["alignment"])


def is_aligned(row: Row) -> bool:
    try:
        one, other = parse_domain(row["a"]), parse_domain(row["b"])
    except DomainError:
        return False
    mode = AlignmentMode(row["mode"][0])
    published = {f"_dmarc.{name}": {"TXT": ["v=DMARC1; p=none"]} for name in ("bcx.com", "foo.com", "b.com")}
    return run_now(check_alignment(one, other, mode, Discovery(zone(published)))) is Alignment.ALIGNED


def test_every_alignment_deviation_has_a_row() -> None:
    assert set(DEVIATIONS["alignment"]) <= {alignment_id(row) for row in rows("alignment.jsonl")}


# --- mailauth.jsonl


def checks(row: Row) -> Iterator[tuple[Row, list[list[Any]]]]:
    """Each call with its share of what is asserted."""
    share = len(row["expect"]) // len(row["calls"])
    for number, call in enumerate(row["calls"]):
        yield call, row["expect"][number * share : (number + 1) * share]


def mailauth_zone(published: Row) -> ZoneResolver:
    names: dict[str, Mapping[str, object]] = {}
    for name, types in published.items():
        texts = types.get("TXT", [])
        names[name] = {"error": "servfail"} if isinstance(texts, str) else {"TXT": ["".join(text) for text in texts]}
    return zone(names)


def bare_domain(given: object) -> str:
    text = given["domain"] if isinstance(given, dict) else given[0] if isinstance(given, list) else given
    assert isinstance(text, str)
    return text.rpartition("@")[2]


def evaluate_call(call: Row) -> tuple[str, DmarcResult]:
    author = bare_domain(call.get("headerFrom", call.get("domain")))
    spf = [bare_domain(domain) for domain in call.get("spfDomains", [])]
    dkim = [bare_domain(domain) for domain in call.get("dkimDomains", [])]
    resolver = mailauth_zone(call["zone"])
    return author, run_now(evaluate_dmarc(author, spf[0] if spf else None, dkim, resolver))


def value_at(path: str, author: str, result: DmarcResult) -> object:
    """What our result says where mailauth's has `path`."""
    if path == "":
        return "object" if result.record else False
    if path in PATHS:
        return getattr(result, PATHS[path])
    record = parse_dmarc_record(result.record or "")
    match path.split("."):
        case ["alignment", "dkim", "strict"]:
            return record.adkim is AlignmentMode.STRICT
        case ["alignment", "spf", "strict"]:
            return record.aspf is AlignmentMode.STRICT
        case ["alignment", "dkim", "result"]:
            return author if result.dkim_aligned else None
        case ["alignment", "spf", "result"]:
            return result.organizational_domain if result.spf_aligned else None
        case ["isOrgRecord"]:
            return result.policy_domain != author
        case ["v"]:
            return "DMARC1"
        case ["rua" | "ruf" as tag]:
            return ",".join(uri.uri for uri in getattr(record, tag))
        case ["fo"]:
            return ":".join(record.fo)
        case ["pct" | "ri" as tag]:
            text = dict(record.unknown)[tag]
            return int(text) if text.isdigit() else text
        case ["p" | "sp" | "adkim" | "aspf" as tag]:
            return getattr(record, tag)
    raise AssertionError(f"{path} is neither mapped nor listed")


PATHS = {
    "status.result": "result",
    "status.header.from": "author_domain",
    "status.header.d": "policy_domain",
    "domain": "policy_domain",
    "policy": "policy",
    "rr": "record",
}
MEANINGS = {"false": False, "true": True, "undefined": None, "object": "object"}


def holds(relation: str, wanted: object, got: object) -> bool:
    match relation:
        case "equal":
            return got == wanted
        case "is" | "an":
            return got == MEANINGS[str(wanted)]
        case "not is":
            return not got
    raise AssertionError(relation)


def is_met(row: Row) -> bool:
    for call, expectations in checks(row):
        author, result = evaluate_call(call)
        for path, relation, wanted in expectations:
            if path not in DEVIATIONS["mailauth_paths"] and not holds(relation, wanted, value_at(path, author, result)):
                return False
        if not expectations and result.result != "temperror":
            return False  # the donor's function throws
    return True


def mailauth_id(row: Row) -> str:
    return f"{row['calls'][0]['fn']}: {row['name']}"


@pytest.mark.parametrize("row", [pytest.param(row, id=mailauth_id(row)) for row in rows("mailauth.jsonl")])
def test_mailauth(row: Row) -> None:
    assert is_met(row) is (mailauth_id(row) not in DEVIATIONS["mailauth"])


def test_every_mailauth_deviation_has_a_row() -> None:
    paths = {path for row in rows("mailauth.jsonl") for path, _, _ in row["expect"]}
    assert set(DEVIATIONS["mailauth"]) <= {mailauth_id(row) for row in rows("mailauth.jsonl")}
    assert set(DEVIATIONS["mailauth_paths"]) <= paths
