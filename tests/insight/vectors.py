"""Stories as files: rows, DNS and names in; classes and the plan out. tests/vectors/insight/README.md has the form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inalign.insight.classify import Judgement, judge_domain
from inalign.insight.context import SourceContext
from inalign.insight.directory import Directory, own_directory
from inalign.insight.facts import DomainFacts, PublishedRecord, ReportedSignature, SourceFacts, SourceMail, SpfIdentity
from inalign.insight.lookups import domain_lookups
from inalign.insight.plan import plan_domain
from inalign.insight.result import Plan
from tests.helpers import VECTORS

FOLDER = VECTORS / "insight"
FIRST_DAY = 739_000


@dataclass(frozen=True)
class Story:
    """A domain and what is expected of it."""

    name: str
    told: dict[str, Any]

    @property
    def expect(self) -> dict[str, Any]:
        expect: dict[str, Any] = self.told["expect"]
        return expect

    def facts(self) -> DomainFacts:
        told = self.told
        rows: dict[str, list[SourceMail]] = {}
        for row in told["mail"]:
            rows.setdefault(row["ip"], []).append(_mail(row, told["domain"]))
        days = _days(told.get("days", "0-89"))
        reporters = told.get("reporters", ["google.com", "outlook.com", "yahoo.co.jp"])
        total = sum(mail.messages for mails in rows.values() for mail in mails)
        shares = [total - (len(reporters) - 1) * (total // (2 * len(reporters)))]
        shares += [total // (2 * len(reporters))] * (len(reporters) - 1)
        published = [
            PublishedRecord(
                seen["p"],
                seen.get("testing", False),
                seen.get("adkim", "r"),
                seen.get("aspf", "r"),
                FIRST_DAY + seen["days"][0],
                FIRST_DAY + seen["days"][1],
            )
            for seen in told.get("published", [])
        ]
        return DomainFacts(
            domain=told["domain"],
            sources=tuple(SourceFacts(address, tuple(mails)) for address, mails in sorted(rows.items())),
            reporters=tuple(zip(reporters, shares, strict=True)),
            days=tuple(FIRST_DAY + day for day in days),
            published=tuple(published),
        )

    def judge(self, directory: Directory | None = None, *, without: tuple[str, ...] = ()) -> Judgement:
        told = {key: value for key, value in self.told.items() if key not in without}
        return judge_domain(
            self.facts(),
            domain_lookups(told["domain"], told.get("zone")),
            directory or own_directory(),
            SourceContext(told.get("ptr", {}), told.get("reputation", {})),
        )

    def plan(self) -> Plan:
        return plan_domain(self.judge(), own_directory())


def _days(text: str | list[int]) -> list[int]:
    """`0-89`, `0-89/7` for every seventh, `3,4`, and these joined by commas."""
    if isinstance(text, list):
        return text
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return sorted(found)


def _mail(row: dict[str, Any], domain: str) -> SourceMail:
    header_from = row.get("from", domain)
    signatures = tuple(
        ReportedSignature(name, "" if selector == "-" else selector, result)
        for name, selector, result in (text.split() for text in row.get("dkim", []))
    )
    spf = tuple(
        SpfIdentity(name, scope == "helo", result)
        for name, scope, result in (text.split() for text in row.get("spf", []))
    )
    aligned = row.get("aligned")
    if aligned is None:
        aligned = "d" if any(s.passes and _is_ours(s.domain, domain) for s in signatures) else ""
        aligned += "s" if any(s.passes and _is_ours(s.domain, domain) for s in spf) else ""
    if "by_day" in row:
        by_day = [tuple(map(int, pair.split(":"))) for pair in row["by_day"].split()]
    else:
        by_day = [(day, row.get("count", 1)) for day in _days(row.get("days", "0-89"))]
    return SourceMail(
        header_from,
        "d" in aligned,
        "s" in aligned,
        signatures,
        spf,
        tuple(row.get("reasons", [])),
        tuple((FIRST_DAY + day, count) for day, count in by_day),
    )


def _is_ours(name: str, domain: str) -> bool:
    return name == domain or name.endswith("." + domain)


def scenarios() -> list[Story]:
    """The reduced scenarios."""
    return [Story(path.stem, json.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("scenarios/*.json"))]


def stories() -> list[Story]:
    """Small stories, one mechanism each; each file is an object of them."""
    found = []
    for path in sorted(Path(FOLDER / "stories").glob("*.json")):
        found += [Story(f"{path.stem}: {name}", told) for name, told in json.loads(path.read_text("utf-8")).items()]
    return found
