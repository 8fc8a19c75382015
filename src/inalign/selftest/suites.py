"""The suites, and what each counts as right.

A suite is a file of cases beside the licence of whoever gave it. A case that we answer otherwise on purpose is listed
with its reason in `deviations.toml`; one that is listed and yet answered as the donor wants counts as wrong, too.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from inalign.arc.seal import SealingOptions, combined_results, seal_arc
from inalign.arc.validate import validate_arc
from inalign.dkim.result import DkimResult
from inalign.dkim.sign import SigningKey
from inalign.dkim.verify import verify_dkim
from inalign.dmarc.evaluate import evaluate_dmarc
from inalign.errors import ParseError, SettingsError
from inalign.mail.authentication_results import parse_authentication_results
from inalign.mail.fields import parse_message
from inalign.net.run import run
from inalign.resolver import ZoneResolver
from inalign.spf.check import check_spf
from inalign.spf.result import SpfResult

Row = dict[str, Any]  # a case as its donor wrote it in JSON

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
"""The day that the cases are judged on: signatures expire, and a self-test must say the same next year."""
WITH_EXPIRY = datetime(2022, 11, 8, 0, 0, tzinfo=UTC)
"""The day for signatures with an expiry that shall pass: when the donor made them."""
OBSOLETE = frozenset({"only-rsa-sha1", "rsa-under-1024", "some-sig-without-v1", "prestandard"})
"""Tags of DKIM cases whose donor passes what RFC 8301 section 3 and RFC 6376 section 6.1.1 forbid."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `is_right` runs it and compares; what it raises is a bug, and counts as wrong."""

    name: str
    is_right: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases of one kind, and the names of those that we answer otherwise on purpose, with the reason."""

    name: str
    cases: Callable[[], Iterator[Case]]
    deviations: Mapping[str, str]


def vectors() -> Path:
    """Where the vectors are: in the installed package, or in the source tree that it runs from."""
    for folder in (Path(__file__).parent / "vectors", Path(__file__).parents[3] / "tests" / "vectors"):
        if folder.is_dir():
            return folder
    raise SettingsError("this installation has no conformance vectors: inalign/selftest/vectors is not there")


def suites(folder: Path) -> list[Suite]:
    """All suites, in the order of the methods."""
    dkim = _deviations(folder, "dkim")
    obsolete = {row["name"] for row in read_rows(folder / "dkim" / "suites.jsonl") if _is_obsolete(row)}
    of_today = {name: reason for name, reason in dkim.items() if name not in obsolete}
    return [
        Suite("SPF: RFC 7208 test suite", partial(_spf, folder), _deviations(folder, "spf")),
        Suite("DKIM: three suites, today's rules", partial(_dkim, folder, legacy_crypto=False), of_today),
        Suite("DKIM: the same with --legacy-crypto", partial(_dkim, folder, legacy_crypto=True), dkim),
        Suite("ARC: validating", partial(_arc, folder), {}),
        Suite("ARC: sealing, octet for octet", partial(_seal, folder), {}),
        Suite("DMARC: examples of RFC 9989", partial(_dmarc, folder), {}),
        Suite("Authentication-Results", partial(_authres, folder), {}),
    ]


def read_rows(file: Path) -> list[Row]:
    """The cases of a file, one JSON object a line."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def _deviations(folder: Path, method: str) -> Mapping[str, str]:
    return tomllib.loads((folder / method / "deviations.toml").read_text("utf-8"))


def _texts(names: Mapping[str, Sequence[str]]) -> ZoneResolver:
    return ZoneResolver.from_json({name: {"TXT": texts} for name, texts in names.items()})


# SPF


def _spf(folder: Path) -> Iterator[Case]:
    for row in read_rows(folder / "spf" / "rfc7208.jsonl"):
        yield Case(row["name"], partial(_spf_is_right, row))


def _spf_is_right(row: Row) -> bool:
    result = spf_result(row)
    return result.result in row["result"] and (not row["explain"] or result.explanation == row["explanation"])


def spf_result(row: Row) -> SpfResult:
    """A case of the suite, run as the suite wants it."""
    resolver = ZoneResolver.from_json({name: _spf_entry(records) for name, records in row["zone"].items()})
    check = check_spf(row["host"], row["helo"], row["mailfrom"], resolver, now=NOW, default_explanation="DEFAULT")
    return run(check)


def _spf_entry(records: Sequence[Any]) -> dict[str, object]:
    """The suite's conventions: SPF stands for TXT unless TXT is there, too, TIMEOUT fails what is not listed, NONE is
    nothing, and a code point below 256 stands for that octet."""
    listed: dict[str, list[object]] = {}
    for record in records:
        if record == "TIMEOUT":
            continue
        kind, value = record
        if kind == "MX":
            listed.setdefault("MX", []).append([int(value[0]), value[1]])
        elif kind in ("TXT", "SPF"):
            text = "".join(value) if isinstance(value, list) else value
            listed.setdefault(kind, []).append(text.encode("latin-1"))
        else:
            listed.setdefault(kind, []).append(value)
    spf = listed.pop("SPF", [])
    listed.setdefault("TXT", spf)
    entry: dict[str, object] = {
        kind: [value for value in values if value not in ("NONE", b"NONE")] for kind, values in listed.items()
    }
    if "CNAME" in listed:
        entry["CNAME"] = listed["CNAME"][0]
    if not entry["TXT"]:
        del entry["TXT"]
    if "TIMEOUT" in records:
        entry["error"] = "timeout"
    return entry


# DKIM


def _dkim(folder: Path, *, legacy_crypto: bool) -> Iterator[Case]:
    for row in read_rows(folder / "dkim" / "suites.jsonl"):
        yield Case(row["name"], partial(_dkim_is_right, folder, row, legacy_crypto=legacy_crypto))


def _dkim_is_right(folder: Path, row: Row, *, legacy_crypto: bool) -> bool:
    results = dkim_results(folder, row, legacy_crypto=legacy_crypto)
    if "domainkeys-only" in row["tags"]:
        return results == ()
    if _is_obsolete(row) and not legacy_crypto:
        return all(result.result != "pass" for result in results)
    return _agrees(row, results)


def _is_obsolete(row: Row) -> bool:
    return not OBSOLETE.isdisjoint(row["tags"])


def dkim_results(folder: Path, row: Row, *, legacy_crypto: bool) -> tuple[DkimResult, ...]:
    """A case of the DKIM suites, run on the day that its donor thinks of."""
    message = (folder / "dkim" / row["eml"]).read_bytes()
    now = WITH_EXPIRY if "has-x" in row["tags"] and row["overall"] == "pass" else NOW
    resolver = ZoneResolver.from_json(_dkim_zone(row["dns"]))
    return run(verify_dkim(message, resolver, now=now, legacy_crypto=legacy_crypto))


def _dkim_zone(records: Mapping[str, str | Sequence[str]]) -> dict[str, dict[str, object]]:
    """The donors' words for DNS trouble as our zone says them."""
    names: dict[str, dict[str, object]] = {}
    for name, value in records.items():
        texts = [value] if isinstance(value, str) else list(value)
        if texts == ["NXDOMAIN"]:
            continue
        failed = any(text == "TEMPERROR" or text.startswith("~~") for text in texts)
        names[name] = {"error": "timeout"} if failed else {"TXT": texts}
    return names


def _agrees(row: Row, results: Sequence[DkimResult]) -> bool:
    words = [result.result.value for result in results] or ["none"]
    if row["sigs"] is not None:
        expected = [set(alternatives.split("|")) for alternatives in row["sigs"]]
        return len(words) == len(expected) and all(word in good for word, good in zip(words, expected, strict=True))
    overall = [row["overall"]] if isinstance(row["overall"], str) else row["overall"]
    return "pass" in overall if "pass" in words else not set(words).isdisjoint(overall)


# ARC


def _arc(folder: Path) -> Iterator[Case]:
    for row in read_rows(folder / "arc" / "validation.jsonl"):
        yield Case(row["name"], partial(_arc_is_right, row))


def _arc_is_right(row: Row) -> bool:
    return run(validate_arc(row["message"].encode(), _texts(row["dns"]), now=NOW)).result in row["cv"]


def _seal(folder: Path) -> Iterator[Case]:
    for row in read_rows(folder / "arc" / "sealing.jsonl"):
        yield Case(row["name"], partial(_seal_is_right, row))


def _seal_is_right(row: Row) -> bool:
    message = row["message"].encode()
    sealed = seal_arc(
        message,
        SigningKey.load(row["domain"], row["sel"], row["privatekey"].encode()),
        now=datetime.fromtimestamp(int(row["t"]), UTC),
        results=combined_results(parse_message(message).fields, row["srv_id"]),
        chain=run(validate_arc(message, _texts(row["dns"]), now=NOW)),
        options=SealingOptions(header_fields=tuple(row["sig_headers"].split(":")), sort_tags=True),
    )
    if not row["as"]:
        return sealed == b""
    found = {field.key: _without_folds(field.value.decode()) for field in parse_message(sealed).fields}
    return found == {
        b"arc-seal": _without_folds(row["as"]),
        b"arc-message-signature": _without_folds(row["ams"]),
        b"arc-authentication-results": _without_folds(row["aar"]),
    }


def _without_folds(text: str) -> str:
    """The value of a field as the suite compares it: one blank for each run of them, none within base64."""
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"\bb=[^;]*", lambda found: found[0].replace(" ", ""), text)


# DMARC and Authentication-Results


def _dmarc(folder: Path) -> Iterator[Case]:
    for row in read_rows(folder / "dmarc" / "rfc9989.jsonl"):
        yield Case(row["name"], partial(_dmarc_is_right, row))


def _dmarc_is_right(row: Row) -> bool:
    expected: Row = row["expect"]
    return dmarc_answer(row) == expected


def dmarc_answer(row: Row) -> Row:
    """What our evaluation says of a case, as far as the case expects something."""
    names: dict[str, Mapping[str, object]] = dict(row.get("zone", {}))
    for domain, published in row["records"].items():
        texts = [published] if isinstance(published, str) else published
        names[f"_dmarc.{domain}"] = texts if isinstance(texts, dict) else {"TXT": texts}
    resolver = ZoneResolver.from_json(names)
    undecided = row.get("undecided", ())
    result = run(evaluate_dmarc(row["author"], row["spf"], row["dkim"], resolver, undecided=undecided))
    found = {name: getattr(result, name) for name in row["expect"]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _authres(folder: Path) -> Iterator[Case]:
    for row in read_rows(folder / "authres" / "authres.jsonl"):
        if row["ok"] is not None:  # those without are examples of what is seen, not of what is right
            yield Case(row["name"], partial(_authres_is_right, row))


def _authres_is_right(row: Row) -> bool:
    try:
        found = parse_authentication_results(row["header"].encode("utf-8", "surrogateescape"), lenient=True)
    except ParseError:
        return not row["ok"]
    words = [[result.method, result.result] for result in found.results]
    return (
        row["ok"] is True
        and row["authserv_id"] in (None, found.authserv_id)
        and row["count"] in (None, len(words))
        and (row["results"] is None or words == [entry[:2] for entry in row["results"]])
    )
